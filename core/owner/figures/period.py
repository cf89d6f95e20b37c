"""Periods: which days figures are shown of. They stand in addresses, so whatever they say is checked, and nonsense counts as not
said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.owner.figures.days import Days, Step, read_day

# Of more days no page draws figures: files have no such limit.
_MOST_DAYS = 3660
# More points than these are no chart any more.
_MOST_POINTS = 400
_LONGEST = 100


class Range(StrEnum):
    """The ranges that can be chosen; all but the own one end today."""

    WEEK = "7"
    MONTH = "30"
    QUARTER = "90"
    YEAR = "year"
    OWN = "own"


@dataclass(frozen=True)
class Period:
    """What figures are asked for. `since` and `until`, both included, count for the own range only.

    An empty `currency` or `product` asks for all. `step` is what a point of a chart stands for, None for what fits the days.
    `known` is the past day as of which they are told, None for as they are known today.
    """

    range: Range = Range.MONTH
    since: date | None = None
    until: date | None = None
    currency: str = ""
    product: str = ""
    step: Step | None = None
    known: date | None = None

    def days(self, zone: ZoneInfo, *, today: date) -> Days:
        """The shop's days that are meant."""
        match self.range:
            case Range.OWN if self.since and self.until:
                last = min(self.until, today)
                return Days(max(self.since, last - timedelta(days=_MOST_DAYS - 1)), last, zone)
            case Range.YEAR:
                return Days(today.replace(month=1, day=1), today, zone)
            case Range.WEEK | Range.QUARTER:
                return Days(today - timedelta(days=int(self.range) - 1), today, zone)
            case _:
                return Days(today - timedelta(days=29), today, zone)

    def step_of(self, days: Days) -> Step:
        """What a point of a chart of these days stands for: what was asked for, unless that would be too many."""
        fits = [
            step for step, length in ((Step.DAY, 1), (Step.WEEK, 7), (Step.MONTH, 28))
            if days.count <= _MOST_POINTS * length
        ]  # fmt: skip
        if self.step in fits:
            return self.step
        return Step.DAY if days.count <= 92 else Step.WEEK if days.count <= 400 else Step.MONTH

    def query(self, **changes: object) -> dict[str, str]:
        """The same as it stands in an address, with these changes, and without what is not asked for."""
        said = {**vars(self), **changes}
        if said["range"] is not Range.OWN:
            said |= {"since": None, "until": None}
        return {name: str(value) for name, value in said.items() if value and value != getattr(_USUAL, name)}


_USUAL = Period()


def read(address: Mapping[str, str], *, today: date) -> Period:
    """The period of an address. Own dates that lie ahead or end before they begin are none."""
    since, until = read_day(address.get("since", "")), read_day(address.get("until", ""))
    range_ = next((each for each in Range if each == address.get("range")), Range.MONTH)
    if range_ is Range.OWN and not (since and until and since <= until and since <= today):
        range_ = Range.MONTH
    if range_ is not Range.OWN:
        since = until = None
    currency, known = address.get("currency", "").lower(), read_day(address.get("known", ""))
    return Period(
        range_, since, until,
        currency if len(currency) == 3 and currency.isascii() and currency.isalpha() else "",
        # PostgreSQL takes no text with a zero in it.
        address.get("product", "").replace("\0", "")[:_LONGEST],
        next((each for each in Step if each == address.get("step")), None),
        # What is known today needs no day, and what will be known nobody knows.
        known if known and known < today else None,
    )  # fmt: skip
