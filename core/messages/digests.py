"""Digests: whether the owners want a letter each Monday about the week before, and which of them are owed already."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Field, Session

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.money import Money
from core.foundation.records import Record
from core.foundation.writes.inserts import InsertOnce

_ONLY = "weekly"
_MONDAY_AT = time(8)
_WEEK = timedelta(days=7)


class DigestChoice(Record, table=True):
    """Whether the digest is wanted, and `since` when: of weeks that were told before that nobody wants to hear. `last` is the
    week that the newest one is about."""

    __tablename__ = "digest_choices"

    id: str = Field(primary_key=True)
    wanted: bool
    since: datetime
    last: str = ""


@dataclass(frozen=True)
class WeekSales:
    """What a week came to in one currency, beside the week before. What each means, the overview's definitions say."""

    net: Money
    net_before: Money
    gross: Money
    discounts: Money
    refunds: Money
    orders: int
    orders_before: int
    mrr: Money


@dataclass(frozen=True)
class Renewals:
    """The plans that are billed again in the days to come, in one currency, and what they come to at their list prices."""

    count: int
    amount: Money


@dataclass(frozen=True)
class Need:
    """Something that needs a person, in words; `due_by` is a deadline of somebody else's."""

    what: str
    detail: str
    due_by: datetime | None = None


@dataclass(frozen=True)
class DigestLetter:
    """What the digest needs: the week from `first` to `last`, both included, what it came to, what needs a person and what is
    coming. `sold` holds the currencies in which there was anything in these two weeks; `test` if no real money moves here."""

    owners: tuple[str, ...]
    first: date
    last: date
    sold: tuple[WeekSales, ...]
    needs: tuple[Need, ...]
    more_needs: int
    due: tuple[Need, ...]
    renewals: tuple[Renewals, ...]
    url: str
    test: bool


_FIRST = InsertOnce(DigestChoice)


def is_due(session: Session, zone: ZoneInfo, *, now: datetime) -> bool:
    """Whether there is something for `owe_due` to do."""
    known = session.get(DigestChoice, _ONLY)
    return known is None or bool(_due(known, zone, now=now))


def owe_due(session: Session, zone: ZoneInfo, *, now: datetime) -> None:
    """Owe the digest of the week that is over, if its Monday morning has come, it is wanted, and nobody owed it before.

    Of weeks before that nothing is owed, however long the shop was away, nor of those before it was there.
    """
    _FIRST(session, [_new(wanted=True, now=now)])
    known = session.get_one(DigestChoice, _ONLY, with_for_update=True, populate_existing=True)
    if week := _due(known, zone, now=now):
        known.last = week
        outbox.owe(session, Job.DIGEST, week, key=week)


def _due(known: DigestChoice, zone: ZoneInfo, *, now: datetime) -> str:
    """The week that a digest is to be owed of now, or an empty string."""
    monday = last_monday(now, zone)
    week = week_of(monday.date() - _WEEK)
    return week if known.wanted and known.since <= monday and known.last != week else ""


def is_wanted(session: Session) -> bool:
    """Whether it is sent. It is, as long as nobody has said otherwise."""
    known = session.get(DigestChoice, _ONLY)
    return known is None or known.wanted


def choose(session: Session, *, wanted: bool, now: datetime) -> None:
    """Have it sent from the next Monday on, or not any more."""
    _FIRST(session, [_new(wanted=wanted, now=now)])
    known = session.get_one(DigestChoice, _ONLY, with_for_update=True)
    if known.wanted is not wanted:
        known.wanted, known.since = wanted, now


def last_monday(now: datetime, zone: ZoneInfo) -> datetime:
    """The newest Monday at eight in the morning of this zone that has come."""
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    morning = datetime.combine(monday, _MONDAY_AT, zone)
    return morning if morning <= now else datetime.combine(monday - _WEEK, _MONDAY_AT, zone)


def week_of(day: date) -> str:
    """The week that a day is in, such as `2026-W48`."""
    return f"{day.isocalendar().year}-W{day.isocalendar().week:02}"


def monday_of(week: str) -> date:
    """The first day of such a week."""
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def _new(*, wanted: bool, now: datetime) -> dict[str, object]:
    return {"id": _ONLY, "wanted": wanted, "since": now, "last": ""}
