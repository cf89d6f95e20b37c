"""The shop's days: they begin at local midnight and have 23, 24 or 25 hours."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

# Before anything was sold by anybody.
BEGINNING = date(1970, 1, 1)
_DAY = timedelta(days=1)
# Nothing was ever sold in another, and the day after the last one that can be written is none.
_YEARS = range(2000, 2200)


class Step(StrEnum):
    """What one point of a chart stands for. Weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Days:
    """Days of a shop from the first to the last, both included; `cut` is where the last one is broken off, if it is."""

    first: date
    last: date
    zone: ZoneInfo
    cut: datetime | None = None

    @property
    def start(self) -> datetime:
        """When the first day begins, in UTC."""
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """When the last day is over, or broken off, in UTC."""
        return self.cut or midnight(self.last + _DAY, self.zone)

    @property
    def count(self) -> int:
        """How many days there are."""
        return (self.last - self.first).days + 1

    def each(self) -> list[date]:
        """The days one by one."""
        return [self.first + _DAY * number for number in range(self.count)]

    def before(self, *, now: datetime) -> "Days":
        """As many days that came just before, as far as these have elapsed: today until noon is like yesterday until noon."""
        back = _DAY * self.count
        earlier = Days(self.first - back, self.last - back, self.zone)
        if not self.start <= now < self.end:
            return earlier
        today = now.astimezone(self.zone)
        last = today.date() - back
        same_time = datetime.combine(last, today.time(), self.zone).astimezone(UTC)
        return Days(earlier.first, last, self.zone, cut=same_time)


def read_day(text: str) -> date | None:
    """The day that stands in an address; None for whatever is none that a shop has."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins, in UTC. Where clocks are put forward at midnight, that is when they are."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """The day on which something happened."""
    return moment.astimezone(zone).date()


def hours(day: date, zone: ZoneInfo) -> list[datetime]:
    """When the hours of a day begin, counted from its midnight, in UTC."""
    begin, end = midnight(day, zone), midnight(day + _DAY, zone)
    return [begin + timedelta(hours=number) for number in range(-(-(end - begin) // timedelta(hours=1)))]


def hour_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the hour began in which something happened, counted from its day's midnight, in UTC."""
    begin = midnight(day_of(moment, zone), zone)
    return begin + (moment - begin) // timedelta(hours=1) * timedelta(hours=1)


def pieces(days: Iterable[date], *, most: int = 366) -> list[list[date]]:
    """These days in their order, those together that follow each other, but not more than so many."""
    found: list[list[date]] = []
    for day in sorted(days):
        if found and day - found[-1][-1] == _DAY and len(found[-1]) < most:
            found[-1].append(day)
        else:
            found.append([day])
    return found


def step_of(day: date, step: Step) -> date:
    """The first day of the day, week or month that a day is in."""
    match step:
        case Step.DAY:
            return day
        case Step.WEEK:
            return day - _DAY * day.weekday()
        case Step.MONTH:
            return day.replace(day=1)
