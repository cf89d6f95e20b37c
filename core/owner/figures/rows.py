"""The very rows that a figure sums, newest first and page by page: what they add is the figure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, literal_column, or_
from sqlmodel import Session, col, select

from core.orders.orders import Order
from core.owner.figures import recurring
from core.owner.figures.days import BEGINNING, Days
from core.owner.figures.definitions import DEFINITIONS, Figure, Part

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Microseconds up to the year 2200, a part, and any id.
_PLACE = re.compile(r"([0-9]{1,16})\.([0-9])\.([\x21-\x7e]{1,200})", re.ASCII)


@dataclass(frozen=True)
class FigureRow:
    """A fact: what it is, under which id, of which order if of any, and what it adds, in minor units or pieces."""

    what: str
    id: str
    at: datetime
    order_id: str | None
    number: str
    currency: str
    amount: int


@dataclass(frozen=True)
class Place:
    """Where a page ends: after this row, which was of that part of the figure."""

    at: datetime
    part: int
    id: str

    def __str__(self) -> str:
        """As it stands in an address."""
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.part}.{self.id}"


@dataclass(frozen=True)
class Page:
    """Rows, and where the next ones begin; None after the last."""

    rows: tuple[FigureRow, ...]
    next: Place | None


def place_of(text: str) -> Place | None:
    """The place that stands in an address; None for whatever is none."""
    found = _PLACE.fullmatch(text)
    return Place(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2]), found[3]) if found else None


def of_figure(
    session: Session, figure: Figure, days: Days, *, livemode: bool, now: datetime, currency: str = "",
    after: Place | None = None, limit: int = 50,
) -> Page:  # fmt: skip
    """The rows that a figure of these days sums in one currency, in all if none is named, at most so many, after this place.

    Those of MRR and ARPU are all changes that there ever were up to the last day, those of trial conversion of a month.
    """
    definition = DEFINITIONS[figure]
    if definition.since_ever:
        days = Days(BEGINNING, days.last, days.zone, days.cut)
    elif figure is Figure.TRIAL_CONVERSION:
        days = recurring.month_of_trials(days, now=now)
    found = [
        (place, row)
        for place, part in enumerate(definition.parts)
        for row in session.execute(_statement(part, place, days, livemode, currency, after).limit(limit + 1))
    ]
    # Each part comes in its own order; those of one moment stand part by part.
    found.sort(key=lambda each: (-each[1].at.timestamp(), each[0]))
    wanted = {row.order_id for _, row in found[:limit]}
    numbers = dict(session.exec(select(Order.id, Order.number).where(col(Order.id).in_(wanted))).all())
    rows = [
        FigureRow(definition.parts[place].fact.name, **row._mapping, number=numbers.get(row.order_id, ""))
        for place, row in found[:limit]
    ]
    last = found[limit - 1] if len(found) > limit else None
    return Page(tuple(rows), Place(last[1].at, last[0], last[1].id) if last else None)


def _statement(part: Part, place: int, days: Days, livemode: bool, currency: str, after: Place | None) -> Any:
    fact = part.fact
    query = fact.rows(
        fact.id.label("id"), fact.at.label("at"), fact.order_id.label("order_id"),
        fact.currency.label("currency"), part.amount.label("amount"),
    )  # fmt: skip
    query = query.where(
        fact.at >= days.start, fact.at < days.end, part.amount != literal_column("0"), fact.livemode == livemode,
        *part.conditions,
    )  # fmt: skip
    if currency:
        query = query.where(fact.currency == currency)
    if after:
        behind = fact.at < after.at
        if place >= after.part:
            same = fact.at == after.at
            behind = or_(behind, same if place > after.part else and_(same, fact.id < after.id))
        query = query.where(fact.at <= after.at, behind)
    return query.order_by(fact.at.desc(), fact.id.desc())
