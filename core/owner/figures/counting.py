"""Counting: what facts come to, asked of their own rows, and the tables in which that is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from sqlalchemy import BigInteger, Boolean, Select, bindparam, case, cast, func, select
from sqlmodel import Session, UTCDateTime

from core.owner.figures import facts
from core.owner.figures.day_sums import BalanceDay, DaySum, MovementDay, ProductDay, SalesDay
from core.owner.figures.facts import Fact


@dataclass(frozen=True)
class Kept:
    """One of the tables of sums, and the facts that it sums."""

    table: type[DaySum]
    facts: tuple[Fact, ...]

    @property
    def name(self) -> str:
        """The name of the table."""
        return str(self.table.__tablename__)

    @property
    def keys(self) -> tuple[str, ...]:
        """What its sums are kept apart by beside the currency."""
        return tuple(self.facts[0].keys)

    @property
    def measures(self) -> tuple[str, ...]:
        """What it sums."""
        return tuple(dict.fromkeys(name for fact in self.facts for name in fact.measures))


SALES = Kept(SalesDay, (facts.PAYMENTS, facts.REFUNDS, facts.DISPUTES, facts.ORDERS, facts.CHECKOUTS))
PRODUCTS = Kept(ProductDay, (facts.LISTED_LINES, facts.UNLISTED_LINES))
BALANCE = Kept(BalanceDay, (facts.BALANCE,))
MOVEMENTS = Kept(MovementDay, (facts.MOVEMENTS,))
ALL = (SALES, PRODUCTS, BALANCE, MOVEMENTS)


def counted(
    session: Session, fact: Fact, parts: Sequence[datetime], end: datetime, *, livemode: bool | None = None
) -> Sequence[Any]:
    """What a fact comes to until `end`, for each of the parts that begin at these moments; of both modes if none is named.

    Rows have `of_part`, `of_currency`, the fact's keys and measures, and `of_mode` if no mode is named.
    """
    values: dict[str, Any] = {f"part_{place}": at for place, at in enumerate(parts)}
    statement = _counting(fact, len(parts), livemode is not None)
    return session.connection().execute(statement, {**values, "end": end, "livemode": livemode}).all()


@lru_cache(maxsize=256)
def _counting(fact: Fact, parts: int, of_one_mode: bool) -> Select[Any]:
    """The statement that does so. To put it together takes longer than most databases take to answer it."""
    starts = [bindparam(f"part_{place}", type_=UTCDateTime()) for place in range(parts)]
    known = [(fact.at < following, start) for start, following in pairwise(starts)]
    of_part = case(*known, else_=starts[-1]) if known else starts[0]
    columns = {"of_part": of_part, "of_currency": fact.currency, **fact.keys, **fact.measures}
    end = bindparam("end", type_=UTCDateTime())
    each = fact.rows(*(value.label(name) for name, value in columns.items())).where(fact.at >= starts[0], fact.at < end)
    # Whose mode it is, is looked up row by row: no more often than it must.
    modes = [] if of_one_mode else ["of_mode"]
    if of_one_mode:
        each = each.where(fact.livemode == bindparam("livemode", type_=Boolean))
    else:
        each = each.add_columns(fact.livemode.label("of_mode"))
    found = each.subquery()
    by = [found.c[name] for name in ("of_part", *modes, "of_currency", *fact.keys)]
    query = select(*by, *(cast(func.sum(found.c[name]), BigInteger).label(name) for name in fact.measures))
    return query.group_by(*by)
