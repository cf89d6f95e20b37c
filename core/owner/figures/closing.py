"""Keeping the sums: each day is summed once, when it has been over for a while, and again when something of it was corrected.

Sums are made beside the purchases and not within them: those of one day would all wait for the same row. What a purchase
writes is as much as ever, unless it tells of something that is past (`corrections`).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, update
from sqlmodel import Session, col, select

from core.foundation.signals.corrections import FRESH, Correction
from core.foundation.writes.inserts import InsertOnce
from core.owner.figures.counting import ALL, SALES, Kept, counted
from core.owner.figures.day_sums import MEASURES, HourSum, SummedDays, TaxDay
from core.owner.figures.days import day_of, hour_of, hours, midnight, pieces
from core.shop import Shop

# How long a day has been over when it is summed: what does not note corrections yet is written by then.
_OVER = 2 * FRESH
# How many days are summed in one transaction: on SQLite nobody else writes meanwhile.
_AT_ONCE = 7
_DAY = timedelta(days=1)
_MOST_CORRECTIONS = 10_000
_BEGUN = InsertOnce(SummedDays)

# Of one day: by mode, currency and whatever else its sums are kept apart by.
_Key = tuple[Any, ...]


def keep_all(shop: Shop) -> int:
    """Sum the days that are over and work in what was corrected; return how many days that were."""
    done = 0
    while True:
        with shop.transaction() as session:
            step = keep(session, shop.settings.zone, now=shop.now())
        done += step
        if not step:
            return done


def keep(session: Session, zone: ZoneInfo, *, now: datetime) -> int:
    """Sum the next few days and hours that are over, and those that were corrected; return how many that were."""
    summed = _locked(session, zone, now=now)
    found = session.execute(select(col(Correction.id), col(Correction.at)).limit(_MOST_CORRECTIONS)).all()
    corrected = {day for _, at in found if (day := day_of(at, zone)) < summed.until}
    corrected |= _of_other_measures(session, summed)
    for run in pieces(corrected, most=_AT_ONCE):
        _sum_days(session, run, zone, now=now, anew=True)
    today = midnight(summed.until, zone)
    again = {hour_of(at, zone) for _, at in found if today <= at < summed.hours_until}
    again |= _hours_of_other_measures(session, zone, since=today)
    for hour in sorted(again):
        _sum_hours(session, [hour], _after(hour, zone), zone)
    session.execute(delete(Correction).where(col(Correction.id).in_([name for name, _ in found])))
    return len(corrected) + len(again) + _go_on(session, summed, zone, now=now)


def _of_other_measures(session: Session, summed: SummedDays) -> set[date]:
    """A few of the days that were summed by the measures of an earlier version, the latest first."""
    found: set[date] = set()
    for kept in ALL:
        table = kept.table.__table__  # type: ignore[attr-defined]
        query = select(table.c.day).where(
            table.c.superseded_at.is_(None), table.c.measures < MEASURES, table.c.zone == summed.zone,
            table.c.day < summed.until,
        )  # fmt: skip
        found |= set(session.execute(query.distinct().order_by(table.c.day.desc()).limit(_AT_ONCE)).scalars())
    return set(sorted(found, reverse=True)[:_AT_ONCE])


def _hours_of_other_measures(session: Session, zone: ZoneInfo, *, since: datetime) -> set[datetime]:
    """The same of today's hours."""
    query = select(col(HourSum.at)).where(
        col(HourSum.zone) == zone.key, col(HourSum.kept).in_([kept.name for kept in ALL]),
        col(HourSum.livemode).in_((True, False)), col(HourSum.at) >= since, col(HourSum.measures) < MEASURES,
    )  # fmt: skip
    return set(session.execute(query).scalars())


def _go_on(session: Session, summed: SummedDays, zone: ZoneInfo, *, now: datetime) -> int:
    over = min(summed.until + _DAY * _AT_ONCE, day_of(now - _OVER, zone))
    fresh = [summed.until + _DAY * number for number in range((over - summed.until).days)]
    if fresh:
        _sum_days(session, fresh, zone, now=now, anew=False)
        summed.until, summed.hours_until = over, max(midnight(over, zone), summed.hours_until)
        past = (col(HourSum.at) < midnight(over, zone), col(HourSum.kept) != SALES.name)
        session.execute(delete(HourSum).where(*past))
        return len(fresh)
    today = [at for at in hours(summed.until, zone) if summed.hours_until <= at < hour_of(now - _OVER, zone)]
    if today:
        _sum_hours(session, today, _after(today[-1], zone), zone)
        summed.hours_until = _after(today[-1], zone)
    return len(today)


def _after(hour: datetime, zone: ZoneInfo) -> datetime:
    """When an hour of a day is over."""
    day = day_of(hour, zone)
    return next((at for at in hours(day, zone) if at > hour), midnight(day + _DAY, zone))


def _locked(session: Session, zone: ZoneInfo, *, now: datetime) -> SummedDays:
    """How far the days of this zone are summed; nobody else sums any before this transaction ends."""
    query = select(SummedDays).where(col(SummedDays.zone) == zone.key).with_for_update()
    if known := session.exec(query).first():
        return known
    first = day_of(_beginning(session) or now, zone)
    _BEGUN(session, [{"zone": zone.key, "until": first, "hours_until": midnight(first, zone)}])
    # Of days that begin at another hour nobody asks any more.
    for table in _tables():
        session.execute(delete(table).where(col(table.zone) != zone.key))
    return session.exec(query).one()


def forget(session: Session) -> None:
    """Forget all sums, as after facts were taken away: they are counted anew, and until then from the facts themselves."""
    for table in (*_tables(), Correction):
        session.execute(delete(table))


def _tables() -> list[Any]:
    return [*(kept.table for kept in ALL), TaxDay, HourSum, SummedDays]


def _beginning(session: Session) -> datetime | None:
    """When the first thing happened that is ever summed."""
    firsts = [
        session.execute(select(func.min(fact.at)).select_from(fact.table)).scalar()
        for kept in ALL
        for fact in kept.facts
        if hasattr(fact.table, "__table__")
    ]
    return min(filter(None, firsts), default=None)


def _sum_days(session: Session, days: list[date], zone: ZoneInfo, *, now: datetime, anew: bool) -> None:
    session.execute(delete(TaxDay).where(col(TaxDay.zone) == zone.key, col(TaxDay.day).in_(days)))
    for kept in ALL:
        parts = [at for day in days for at in (hours(day, zone) if kept is SALES else [midnight(day, zone)])]
        found = _count(session, kept, parts, midnight(days[-1] + _DAY, zone))
        if kept is SALES:
            _write_hours(session, kept, zone, found)
        fresh: dict[date, dict[_Key, Counter[str]]] = {day: {} for day in days}
        for at, by_key in found.items():
            for key, measures in by_key.items():
                fresh[day_of(at, zone)].setdefault(key, Counter()).update(measures)
        for day in days:
            # What was known when a day had just ended is what could be known on it.
            known_at = now if anew else midnight(day + _DAY, zone)
            _write(session, kept, zone, day, fresh[day], known_at=known_at, anew=anew)


def _sum_hours(session: Session, parts: list[datetime], end: datetime, zone: ZoneInfo) -> None:
    for kept in ALL:
        _write_hours(session, kept, zone, _count(session, kept, parts, end))


def _count(
    session: Session, kept: Kept, parts: list[datetime], end: datetime
) -> dict[datetime, dict[_Key, Counter[str]]]:
    found: dict[datetime, dict[_Key, Counter[str]]] = {at: {} for at in parts}
    for fact in kept.facts:
        for row in counted(session, fact, parts, end):
            key = (row.of_mode, row.of_currency, *(row._mapping[name] for name in fact.keys))
            into = found[row.of_part].setdefault(key, Counter(dict.fromkeys(kept.measures, 0)))
            into.update({name: row._mapping[name] for name in fact.measures})
    return found


def _write_hours(
    session: Session, kept: Kept, zone: ZoneInfo, found: Mapping[datetime, Mapping[_Key, Counter[str]]]
) -> None:
    of_these = (col(HourSum.zone) == zone.key, col(HourSum.kept) == kept.name, col(HourSum.at).in_(found))
    session.execute(delete(HourSum).where(*of_these))
    new = [
        {
            "zone": zone.key, "kept": kept.name, "livemode": mode, "at": at, "measures": MEASURES,
            "sums": [[key[1:], measures] for key, measures in by_key.items() if key[0] == mode],
        }
        for at, by_key in found.items()
        for mode in {key[0] for key in by_key}
    ]  # fmt: skip
    if new:
        session.execute(insert(HourSum), new)


def _write(
    session: Session, kept: Kept, zone: ZoneInfo, day: date, fresh: Mapping[_Key, Mapping[str, int]], *, known_at: datetime,
    anew: bool,
) -> None:  # fmt: skip
    table = kept.table.__table__  # type: ignore[attr-defined]
    of_day = (table.c.zone == zone.key, table.c.day == day, table.c.superseded_at.is_(None))
    names = ("livemode", "currency", *kept.keys)
    known = {}
    for row in session.execute(select(table).where(*of_day)).mappings() if anew else ():
        known[tuple(row[name] for name in names)] = (row["known_at"], {name: row[name] for name in kept.measures})
    for key, (since, measures) in known.items():
        if fresh.get(key) == measures:
            continue
        this = update(table).where(*of_day, *(table.c[name] == value for name, value in zip(names, key, strict=True)))
        if since < known_at:
            session.execute(this.values(superseded_at=known_at))
        else:  # corrected twice at the same moment
            session.execute(delete(table).where(*this._where_criteria))
    new = [
        {
            "zone": zone.key, "day": day, "known_at": known_at, "superseded_at": None, "measures": MEASURES,
            **dict(zip(names, key, strict=True)), **measures,
        }
        for key, measures in fresh.items()
        if any(measures.values()) and (key not in known or known[key][1] != measures)
    ]  # fmt: skip
    if anew:
        # What comes to the same by the new measures is theirs from now on.
        session.execute(update(table).where(*of_day, table.c.measures < MEASURES).values(measures=MEASURES))
    if new:
        session.execute(insert(table), new)
