"""Sums of facts over days: those that are kept of days and hours that are over, and the rest counted now: nothing is missing.

Counted now are the last two hours and whatever was corrected since it was summed: however long the shop's past, that is little.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, and_, cast, func, not_, or_, select
from sqlmodel import Session, col

from core.foundation.signals.corrections import Correction
from core.owner.figures.counting import SALES, Kept, counted
from core.owner.figures.day_sums import MEASURES, HourSum, SalesDay, SummedDays
from core.owner.figures.days import Days, day_of, hour_of, hours, midnight, pieces

_DAY = timedelta(days=1)

# A currency, and what its sums are kept apart by beside it.
Key = tuple[str, ...]
Sums = Mapping[Key, Mapping[str, int]]
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Asked:
    """Of which orders figures are asked for, live ones or tests, and as of when.

    `known_at` is the moment whose knowledge counts, None for all that is known. Days before `until` and hours before
    `hours_until` are summed, but for those in which something was `corrected`.
    """

    livemode: bool
    known_at: datetime | None
    until: date | None
    hours_until: datetime | None
    corrected: frozenset[datetime]


def ask(session: Session, zone: ZoneInfo, *, livemode: bool, known_on: date | None = None) -> Asked:
    """What figures of these orders are to be read with in this session: of live ones, or of tests.

    With `known_on` those of days that are summed are told as they were known when that day ended.
    """
    known = session.get(SummedDays, zone.key)
    until, hours_until = (known.until, known.hours_until) if known else (None, None)
    if known_on is not None:
        return Asked(livemode, Days(known_on, known_on, zone).end, until, None, frozenset())
    corrected = session.execute(select(col(Correction.at)).distinct()).scalars()
    return Asked(livemode, None, until, hours_until, frozenset(corrected))


def of_days(session: Session, kept: Kept, days: Days, asked: Asked) -> dict[date, Sums]:
    """The sums of each day on which there is anything to sum."""
    found: dict[date, dict[Key, Counter[str]]] = defaultdict(dict)
    for day, key, measures in _found(session, kept, days, asked, by_day=True):
        found[day].setdefault(key, Counter()).update(measures)
    return dict(found)


def of_all(session: Session, kept: Kept, days: Days, asked: Asked) -> Sums:
    """The sums of all these days together."""
    found: dict[Key, Counter[str]] = {}
    for _, key, measures in _found(session, kept, days, asked, by_day=False):
        found.setdefault(key, Counter()).update(measures)
    return found


def is_outdated(session: Session, days: Days, asked: Asked) -> bool:
    """Whether some of the sums of these days are of an earlier version, for which figures meant something else: until the worker
    has made them anew, and for ever as they were known on a day before."""
    table = SalesDay.__table__  # type: ignore[attr-defined]
    query = select(table.c.day).where(
        table.c.zone == days.zone.key, table.c.livemode == asked.livemode, table.c.day.between(days.first, days.last),
        _at_that_time(table, asked.known_at), table.c.measures < MEASURES,
    )  # fmt: skip
    return asked.until is not None and session.execute(query.limit(1)).first() is not None


@dataclass
class _Sources:
    """Where the sums of some days come from: which days are not as they are kept, which hours are, and what is counted now."""

    not_kept: list[Days] = field(default_factory=list)
    hours: list[Span] = field(default_factory=list)
    now: list[Span] = field(default_factory=list)


def _sources(kept: Kept, days: Days, asked: Asked) -> _Sources:
    if asked.until is None:
        return _Sources(now=[(days.start, days.end)])
    found, until = _Sources(), asked.until
    corrected = {day_of(at, days.zone) for at in asked.corrected}
    lost = [day for day in corrected if days.first <= day <= days.last and day < until]
    for each in pieces(lost):
        found.not_kept.append(Days(each[0], each[-1], days.zone))
        found.now.append((found.not_kept[-1].start, min(found.not_kept[-1].end, days.end)))
    if days.cut and days.last < until and days.last not in corrected:
        found.not_kept.append(Days(days.last, days.last, days.zone))
        _in_hours(found, midnight(days.last, days.zone), days, asked, kept=kept is SALES)
    if days.last >= until:
        _in_hours(found, midnight(max(days.first, until), days.zone), days, asked, kept=True)
    return found


def _in_hours(found: _Sources, start: datetime, days: Days, asked: Asked, *, kept: bool) -> None:
    """From there on the whole hours as they are kept, if they are, and what comes after the last of them counted now."""
    last = max(start, min(asked.hours_until, hour_of(days.end, days.zone))) if kept and asked.hours_until else start
    lost = sorted({hour_of(at, days.zone) for at in asked.corrected if start <= at < last})
    begin = start
    for hour in lost:
        following = next(at for at in (*hours(day_of(hour, days.zone), days.zone), last) if at > hour)
        found.hours.append((begin, hour))
        found.now.append((hour, following))
        begin = following
    found.hours.append((begin, last))
    found.now.append((last, days.end))


def _found(
    session: Session, kept: Kept, days: Days, asked: Asked, *, by_day: bool
) -> Iterator[tuple[date, Key, Mapping[str, int]]]:
    sources = _sources(kept, days, asked)
    if asked.until is not None:
        yield from _of_days(session, kept, days, asked, sources.not_kept, by_day=by_day)
    wanted = [span for span in sources.hours if span[0] < span[1]]
    for at, sums in _of_hours(session, kept, days, asked, wanted) if wanted else ():
        for key, measures in sums:
            yield day_of(at, days.zone), tuple(key), measures
    for start, until in sources.now:
        # What came to be only later was not known then, whatever was summed of it since.
        end = min(until, asked.known_at) if asked.known_at else until
        if start < end:
            parts = _parts(start, end, days.zone) if by_day else [start]
            for fact in kept.facts:
                for row in counted(session, fact, parts, end, livemode=asked.livemode):
                    values = row._mapping
                    key = (row.of_currency, *(values[name] for name in kept.keys))
                    yield day_of(row.of_part, days.zone), key, {name: values[name] for name in fact.measures}


def _parts(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """A span by its days: when it begins, and each midnight in it."""
    first, last = day_of(start, zone), day_of(end, zone)
    later = [midnight(first + _DAY * number, zone) for number in range(1, (last - first).days + 1)]
    return [start, *(at for at in later if at < end)]


def _of_days(
    session: Session, kept: Kept, days: Days, asked: Asked, not_kept: list[Days], *, by_day: bool
) -> Iterator[tuple[date, Key, Mapping[str, int]]]:
    assert asked.until is not None
    table = kept.table.__table__  # type: ignore[attr-defined]
    by = [table.c.currency, *(table.c[name] for name in kept.keys)]
    measures = [
        table.c[name] if by_day else cast(func.sum(table.c[name]), BigInteger).label(name) for name in kept.measures
    ]
    query = select(*([table.c.day] if by_day else []), *by, *measures).where(
        table.c.zone == days.zone.key, table.c.livemode == asked.livemode, table.c.day >= days.first,
        table.c.day <= min(days.last, asked.until - _DAY), _at_that_time(table, asked.known_at),
    )  # fmt: skip
    for run in not_kept:
        query = query.where(not_(table.c.day.between(run.first, run.last)))
    for row in session.execute(query if by_day else query.group_by(*by)):
        values = row._mapping
        key = tuple(values[column.name] for column in by)
        yield row.day if by_day else days.first, key, {name: values[name] for name in kept.measures}


def _at_that_time(table: Any, known_at: datetime | None) -> ColumnElement[bool]:
    current: ColumnElement[bool] = table.c.superseded_at.is_(None)
    if known_at is None:
        return current
    return and_(table.c.known_at <= known_at, or_(current, table.c.superseded_at > known_at))


def _of_hours(session: Session, kept: Kept, days: Days, asked: Asked, wanted: list[Span]) -> Iterator[Any]:
    within = [and_(col(HourSum.at) >= start, col(HourSum.at) < end) for start, end in wanted]
    query = select(col(HourSum.at), col(HourSum.sums)).where(
        col(HourSum.zone) == days.zone.key, col(HourSum.kept) == kept.name,
        col(HourSum.livemode) == asked.livemode, or_(*within),
    )  # fmt: skip
    yield from session.execute(query)
