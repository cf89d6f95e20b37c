"""Taxes by country and rate for a page: each day's are counted once it is summed, and kept, so that a year is read from its days.

What a payment was for, and a refund takes back, line by line, no statement of a database tells: a day of some thousand orders
takes seconds. So what is not kept yet is counted for whoever looks only where it is little, and else named.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, exists, func, update
from sqlmodel import Session, col, select

from core.foundation.records import new_id
from core.foundation.writes.inserts import InsertOnce
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.owner.accounting import journal, tax
from core.owner.accounting.journal import Movement
from core.owner.accounting.tax import Taxed, Taxes, TaxKey
from core.owner.figures.day_sums import SalesDay, TaxDay
from core.owner.figures.days import Days, day_of, hours, pieces
from core.owner.figures.rows import Place
from core.owner.figures.sums import Asked
from core.shop import Shop

# So many sales and refunds nobody waits for while they are counted.
MOST_COUNTED = 300
# How many days in a row are looked at, to see whether they are as few as that.
_MOST_SPANS = 20
# So long the worker goes on: to count a long past takes several turns, and others have theirs between them.
_TURN = timedelta(seconds=30)
_CLAIMED = InsertOnce(TaxDay)


@dataclass(frozen=True)
class TaxesOfDays:
    """The taxes of some days by quarter, in the order of the file, and the days that are `left_out` since they are not counted
    yet."""

    taxes: Taxes
    left_out: tuple[Days, ...]


@dataclass(frozen=True)
class TaxRow:
    """A sale, or a refund, or what of one is taxed alike: what it adds, in minor units."""

    what: str
    id: str
    at: datetime
    order_id: str
    number: str
    net: int
    tax: int


@dataclass(frozen=True)
class TaxPage:
    """Rows, and where the next ones begin; None after the last."""

    rows: tuple[TaxRow, ...]
    next: Place | None


def keep(shop: Shop) -> int:
    """Count the taxes of days that are summed, the latest first, for some time; return how many days that were."""
    done, end = 0, shop.now() + _TURN
    while shop.now() < end and _keep_next(shop):
        done += 1
    return done


def of_days(session: Session, days: Days, asked: Asked) -> TaxesOfDays:
    """The taxes of these days, as they are known by now."""
    kept, open_days = _kept(session, days, asked)
    found = {day: _read(row) for day, row in kept.items() if day not in open_days}
    left_out, budget = [], MOST_COUNTED
    for place, span in enumerate(_spans(open_days, days)):
        many = _count(session, span, budget + 1) if place < _MOST_SPANS else budget + 1
        if many <= budget:
            budget -= many
            found |= tax.by_day(session, span, livemode=asked.livemode)
            continue
        # What was corrected since it was counted is better than nothing.
        found |= {day: _read(kept[day]) for day in span.each() if day in kept}
        left_out += [Days(run[0], run[-1], days.zone) for run in pieces(day for day in span.each() if day not in kept)]
    return TaxesOfDays(tax.together(found.items()), tuple(sorted(left_out, key=lambda each: each.first)))


def rows(
    session: Session, days: Days, asked: Asked, key: TaxKey, *, after: Place | None = None, limit: int = 50
) -> TaxPage:
    """The sales and refunds of these days that are taxed like this, the newest first, at most so many, after this place."""
    found: list[tuple[Place, TaxRow]] = []
    for day in _days_with(session, days, asked, key):
        for part in _parts(session, Days(day, day, days.zone), after):
            if len(found) > limit:
                break
            of_part = _of_part(session, Days(day, day, days.zone), part, asked.livemode, key)
            found += [each for each in of_part if after is None or _rank(each[0]) < _rank(after)]
    return TaxPage(tuple(row for _, row in found[:limit]), found[limit - 1][0] if len(found) > limit else None)


def _days_with(session: Session, days: Days, asked: Asked, key: TaxKey) -> list[date]:
    """The days on which anything is taxed like this, or may be, the latest first."""
    kept, open_days = _kept(session, days, asked)
    return sorted({*open_days, *(day for day, row in kept.items() if key in _read(row))}, reverse=True)


def _parts(session: Session, day: Days, after: Place | None) -> list[tuple[datetime, datetime]]:
    """A day in its hours, the latest first, or as a whole if little was sold on it; without what comes before this place."""
    if after and day.start > after.at:
        return []
    if _count(session, day, MOST_COUNTED + 1) <= MOST_COUNTED:
        return [(day.start, day.end)]
    parts = list(pairwise([*hours(day.first, day.zone), day.end]))
    return [part for part in reversed(parts) if after is None or part[0] <= after.at]


def _of_part(
    session: Session, day: Days, part: tuple[datetime, datetime], livemode: bool, key: TaxKey
) -> Iterator[tuple[Place, TaxRow]]:
    """What of a part of a day is taxed like this, the newest first, each with its place."""
    parts: dict[str, int] = {}
    found: list[tuple[Place, Movement]] = []
    for each in journal.taxed(session, day, livemode=livemode, country=key.country, within=part):
        if tax.key_of(each) == key:
            number = parts[each.source] = parts.get(each.source, -1) + 1
            found.append((Place(each.at, number, each.source), each))
    for place, each in sorted(found, key=lambda one: _rank(one[0]), reverse=True):
        order = each.order
        yield place, TaxRow(
            each.kind, each.source, each.at, order.id if order else "", order.number if order else "", each.net or 0,
            each.tax or 0,
        )  # fmt: skip


def _rank(place: Place) -> tuple[datetime, str, int]:
    return place.at, place.id, place.part


def _kept(session: Session, days: Days, asked: Asked) -> tuple[dict[date, TaxDay], list[date]]:
    """What is kept of these days, and those of them of which it is not, or may have changed, though there may be anything."""
    if asked.until is None:
        return {}, days.each()
    of_these = (
        col(TaxDay.zone) == days.zone.key, col(TaxDay.livemode) == asked.livemode,
        col(TaxDay.day).between(days.first, days.last), col(TaxDay.counted_at).is_not(None),
    )  # fmt: skip
    kept = {row.day: row for row in session.exec(select(TaxDay).where(*of_these))}
    corrected = {day_of(at, days.zone) for at in asked.corrected}
    query = _uncounted(days.zone.key, col(SalesDay.day)).where(
        col(SalesDay.livemode) == asked.livemode, col(SalesDay.day).between(days.first, days.last)
    )
    uncounted = set(session.exec(query))
    return kept, [day for day in days.each() if day >= asked.until or day in corrected or day in uncounted]


def _uncounted(zone: str, *columns: Any) -> Any:
    """The days that are summed and of which the taxes are not counted yet."""
    counted = exists().where(
        col(TaxDay.zone) == SalesDay.zone, col(TaxDay.livemode) == SalesDay.livemode, col(TaxDay.day) == SalesDay.day,
        col(TaxDay.counted_at).is_not(None),
    )  # fmt: skip
    return select(*columns).where(col(SalesDay.zone) == zone, col(SalesDay.superseded_at).is_(None), ~counted)


def _spans(open_days: list[date], days: Days) -> list[Days]:
    return [Days(run[0], run[-1], days.zone) for run in reversed(pieces(open_days))]


def _count(session: Session, span: Days, most: int) -> int:
    """How many sales and refunds there are in it, of both modes; beyond so many it is not counted further."""
    many = 0
    for at in (col(Payment.paid_at), col(Refund.created_at)):
        each = select(at).where(at >= span.start, at < span.end).limit(most).subquery()
        many += session.execute(select(func.count()).select_from(each)).scalar_one()
    return many


def _read(row: TaxDay) -> Mapping[TaxKey, Taxed]:
    return {TaxKey(*key): Taxed(*amounts) for key, amounts in row.sums}


def _keep_next(shop: Shop) -> bool:
    """Count the latest day whose taxes are not counted, with no lock held meanwhile; False if there is none."""
    with shop.transaction() as session:
        claimed = _claim(session, shop)
    if claimed is None:
        return False
    with shop.reading(patiently=True) as session:
        day = Days(claimed.day, claimed.day, shop.settings.zone)
        found = tax.by_day(session, day, livemode=claimed.livemode).get(claimed.day, {})
    sums = [[list(key), list(vars(taxed).values())] for key, taxed in found.items()]
    still = update(TaxDay).where(col(TaxDay.id) == claimed.id)
    with shop.transaction() as session:
        # If the day was summed anew meanwhile the row is gone, and the day's turn comes again.
        session.execute(still.values(sums=sums, counted_at=shop.now()))
    return True


def _claim(session: Session, shop: Shop) -> TaxDay | None:
    """The latest day whose taxes are not counted, as one that is counted now. Who claims it last is who counts it."""
    columns = (col(SalesDay.zone), col(SalesDay.livemode), col(SalesDay.day))
    query = (
        _uncounted(shop.settings.zone.key, *columns).order_by(col(SalesDay.day).desc(), col(SalesDay.livemode)).limit(1)
    )
    found = session.execute(query).first()
    if found is None:
        return None
    row = TaxDay(**found._mapping, id=new_id("txd"))
    _CLAIMED(session, [row.model_dump()])
    session.execute(update(TaxDay).where(*_is(row)).values(id=row.id))
    return row


def _is(row: TaxDay) -> tuple[ColumnElement[bool], ...]:
    return (col(TaxDay.zone) == row.zone, col(TaxDay.livemode) == row.livemode, col(TaxDay.day) == row.day)
