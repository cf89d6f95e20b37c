"""Sums of facts over days: those of days that are over as they are kept, the others counted now, so that nothing is ever missing.

The days that are counted now are today, yesterday until two hours after midnight, and those of which a correction is not
worked in yet: however long the shop's past, they are few.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    not_,
    or_,
    select,
)
from sqlmodel import Session, UTCDateTime, col

from core.foundation.signals.corrections import Correction
from core.owner.figures import facts
from core.owner.figures.day_sums import BalanceDay, DaySum, MovementDay, ProductDay, SalesDay, SummedDays
from core.owner.figures.days import Days, day_of, midnight, pieces
from core.owner.figures.facts import Fact

_DAY = timedelta(days=1)

# A currency, and what its sums are kept apart by beside it.
Key = tuple[str, ...]
Sums = Mapping[Key, Mapping[str, int]]


@dataclass(frozen=True)
class Kept:
    """One of the tables of sums, and the facts that it sums."""

    table: type[DaySum]
    facts: tuple[Fact, ...]

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


@dataclass(frozen=True)
class Asked:
    """Of which orders figures are asked for, live ones or tests, and as of when.

    `known_at` is the moment whose knowledge counts, None for all that is known. Days before `until` are summed, and those of
    them that are `corrected` must be summed anew.
    """

    livemode: bool
    known_at: datetime | None
    until: date | None
    corrected: frozenset[date]

    def counted_now(self, days: Days) -> list[Days]:
        """The days of which no sums are kept that hold, those in one piece that follow each other."""
        broken = {days.last} if days.cut else set()
        lost = [
            day for day in self.corrected | broken if self.until and days.first <= day <= days.last and day < self.until
        ]
        runs = [(each[0], each[-1]) for each in pieces(lost)]
        first = max(days.first, self.until or days.first)
        if first <= days.last:
            runs.append((first, days.last))
        return [Days(first, last, days.zone, days.cut if last == days.last else None) for first, last in runs]


def ask(session: Session, zone: ZoneInfo, *, livemode: bool, known_on: date | None = None) -> Asked:
    """What figures of these orders are to be read with in this session: of live ones, or of tests.

    With `known_on` those of days that are summed are told as they were known when that day ended.
    """
    until = session.execute(select(col(SummedDays.until)).where(col(SummedDays.zone) == zone.key)).scalar()
    if known_on is not None:
        return Asked(livemode, Days(known_on, known_on, zone).end, until, frozenset())
    corrected = session.execute(select(col(Correction.at)).distinct()).scalars()
    return Asked(livemode, None, until, frozenset(day_of(at, zone) for at in corrected))


def of_days(session: Session, kept: Kept, days: Days, asked: Asked) -> dict[date, Sums]:
    """The sums of each day on which there is anything to sum."""
    found: dict[date, dict[Key, Counter[str]]] = defaultdict(dict)
    for row in _kept(session, kept, days, asked, by_day=True):
        _add(found[row.of_day], kept.keys, row._mapping)
    for run in asked.counted_now(days):
        for fact in kept.facts:
            for row in counted(session, fact, run.each(), run, livemode=asked.livemode):
                _add(found[row.of_day], kept.keys, row._mapping)
    return dict(found)


def of_all(session: Session, kept: Kept, days: Days, asked: Asked) -> Sums:
    """The sums of all these days together."""
    found: dict[Key, Counter[str]] = {}
    for row in _kept(session, kept, days, asked, by_day=False):
        _add(found, kept.keys, row._mapping)
    for run in asked.counted_now(days):
        for fact in kept.facts:
            for row in counted(session, fact, [run.first], run, livemode=asked.livemode):
                _add(found, kept.keys, row._mapping)
    return found


def counted(
    session: Session, fact: Fact, days: list[date], run: Days, *, livemode: bool | None = None
) -> Sequence[Any]:
    """What a fact comes to over a run of days, for each of these that are its parts; of both modes if none is named."""
    values: dict[str, Any] = {"since": run.start, "until": run.end, "livemode": livemode}
    for place, day in enumerate(days):
        values |= {f"day_{place}": day, f"before_{place}": midnight(day, run.zone)}
    return session.connection().execute(_counting(fact, len(days), livemode is not None), values).all()


@lru_cache(maxsize=256)
def _counting(fact: Fact, parts: int, of_one_mode: bool) -> Select[Any]:
    """The statement that does so. To put it together takes longer than most databases take to answer it."""
    days = [bindparam(f"day_{place}", type_=Date) for place in range(parts)]
    starts = [bindparam(f"before_{place}", type_=UTCDateTime()) for place in range(parts)]
    known = [(fact.at < start, day) for day, start in zip(days, starts[1:], strict=False)]
    columns = {
        "of_day": case(*known, else_=days[-1]) if known else days[0], "of_currency": fact.currency,
        **fact.keys, **fact.measures,
    }  # fmt: skip
    since, until = bindparam("since", type_=UTCDateTime()), bindparam("until", type_=UTCDateTime())
    each = fact.rows(*(value.label(name) for name, value in columns.items())).where(fact.at >= since, fact.at < until)
    # Whose mode it is, is looked up row by row: no more often than it must.
    modes = [] if of_one_mode else ["of_mode"]
    if of_one_mode:
        each = each.where(fact.livemode == bindparam("livemode", type_=Boolean))
    else:
        each = each.add_columns(fact.livemode.label("of_mode"))
    found = each.subquery()
    by = [found.c[name] for name in ("of_day", *modes, "of_currency", *fact.keys)]
    query = select(*by, *(cast(func.sum(found.c[name]), BigInteger).label(name) for name in fact.measures))
    return query.group_by(*by)


def _add(found: dict[Key, Counter[str]], keys: tuple[str, ...], row: Mapping[Any, Any]) -> None:
    key = (row["of_currency"], *(row[name] for name in keys))
    named = ("of_day", "of_mode", "of_currency", *keys)
    measures = {name: value for name, value in row.items() if name not in named}
    found.setdefault(key, Counter()).update(measures)


def _kept(session: Session, kept: Kept, days: Days, asked: Asked, *, by_day: bool) -> Iterable[Any]:
    """The sums that are kept of these days."""
    if asked.until is None:
        return []
    table = kept.table.__table__  # type: ignore[attr-defined]
    by = [table.c.currency.label("of_currency"), *(table.c[name] for name in kept.keys)]
    sums = [
        table.c[name] if by_day else cast(func.sum(table.c[name]), BigInteger).label(name) for name in kept.measures
    ]
    query = select(*([table.c.day.label("of_day")] if by_day else []), *by, *sums).where(
        table.c.zone == days.zone.key, table.c.livemode == asked.livemode, table.c.day >= days.first,
        table.c.day <= min(days.last, asked.until - _DAY), _at_that_time(table, asked.known_at),
    )  # fmt: skip
    for run in asked.counted_now(days):
        query = query.where(not_(table.c.day.between(run.first, run.last)))
    return session.execute(query if by_day else query.group_by(*by))


def _at_that_time(table: Any, known_at: datetime | None) -> ColumnElement[bool]:
    current: ColumnElement[bool] = table.c.superseded_at.is_(None)
    if known_at is None:
        return current
    return and_(table.c.known_at <= known_at, or_(current, table.c.superseded_at > known_at))
