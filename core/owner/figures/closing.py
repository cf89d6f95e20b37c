"""Keeping the sums: each day is summed once, when it has been over for a while, and again when something of it was corrected.

Sums are made beside the purchases and not within them: those of one day would all wait for the same row. What a purchase
writes is as much as ever, unless it tells of something that is past (`corrections`).
"""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, update
from sqlmodel import Session, col, select

from core.foundation.signals.corrections import FRESH, Correction
from core.foundation.writes import InsertOnce
from core.owner.figures import sums
from core.owner.figures.day_sums import SummedDays
from core.owner.figures.days import Days, day_of, pieces
from core.owner.figures.sums import Kept
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
    """Sum the next few days that are over, and those that were corrected; return how many days that were."""
    summed = _locked(session, zone, now=now)
    found = session.execute(select(col(Correction.id), col(Correction.at)).limit(_MOST_CORRECTIONS)).all()
    corrected = {day for _, at in found if (day := day_of(at, zone)) < summed.until}
    for run in pieces(corrected, most=_AT_ONCE):
        _sum(session, run, zone, now=now, anew=True)
    session.execute(delete(Correction).where(col(Correction.id).in_([name for name, _ in found])))
    over = min(summed.until + _DAY * _AT_ONCE, day_of(now - _OVER, zone))
    fresh = [summed.until + _DAY * number for number in range((over - summed.until).days)]
    if fresh:
        _sum(session, fresh, zone, now=now, anew=False)
        summed.until = over
    return len(corrected) + len(fresh)


def _locked(session: Session, zone: ZoneInfo, *, now: datetime) -> SummedDays:
    """How far the days of this zone are summed; nobody else sums any before this transaction ends."""
    query = select(SummedDays).where(col(SummedDays.zone) == zone.key).with_for_update()
    if known := session.exec(query).first():
        return known
    _BEGUN(session, [{"zone": zone.key, "until": day_of(_beginning(session) or now, zone)}])
    # Of days that begin at another hour nobody asks any more.
    for kept in sums.ALL:
        session.execute(delete(kept.table).where(col(kept.table.zone) != zone.key))
    session.execute(delete(SummedDays).where(col(SummedDays.zone) != zone.key))
    return session.exec(query).one()


def _beginning(session: Session) -> datetime | None:
    """When the first thing happened that is ever summed."""
    firsts = [
        session.execute(select(func.min(fact.at)).select_from(fact.table)).scalar()
        for kept in sums.ALL
        for fact in kept.facts
        if hasattr(fact.table, "__table__")
    ]
    return min(filter(None, firsts), default=None)


def _sum(session: Session, days: list[date], zone: ZoneInfo, *, now: datetime, anew: bool) -> None:
    run = Days(days[0], days[-1], zone)
    for kept in sums.ALL:
        fresh: dict[date, dict[_Key, dict[str, int]]] = {day: {} for day in days}
        for fact in kept.facts:
            for row in sums.counted(session, fact, days, run):
                key = (row.of_mode, row.of_currency, *(row._mapping[name] for name in fact.keys))
                sum_ = fresh[row.of_day].setdefault(key, dict.fromkeys(kept.measures, 0))
                for name in fact.measures:
                    sum_[name] += row._mapping[name]
        for day in days:
            # What was known when a day had just ended is what could be known on it.
            known_at = now if anew else Days(day, day, zone).end
            _write(session, kept, zone, day, fresh[day], known_at=known_at, anew=anew)


def _write(
    session: Session, kept: Kept, zone: ZoneInfo, day: date, fresh: dict[_Key, dict[str, int]], *, known_at: datetime,
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
            "zone": zone.key, "day": day, "known_at": known_at, "superseded_at": None,
            **dict(zip(names, key, strict=True)), **measures,
        }
        for key, measures in fresh.items()
        if any(measures.values()) and (key not in known or known[key][1] != measures)
    ]  # fmt: skip
    if new:
        session.execute(insert(table), new)
