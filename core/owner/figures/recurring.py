"""Monthly recurring revenue: what subscriptions bring in a month, how that has changed and why, and how trials end.

Every subscription's monthly amount is a whole number of minor units: a year's price is divided by twelve and rounded half up once,
for the subscription as a whole. From there on whole numbers are added, so that movements are the difference to the unit.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

from sqlmodel import Session

from core.orders.subscription_changes import Movement
from core.owner.figures import counting, sums
from core.owner.figures.days import BEGINNING, Days
from core.owner.figures.facts import CHURNED_INVOLUNTARILY, TRIALS
from core.owner.figures.sums import Asked

_STARTS = (Movement.NEW, Movement.REACTIVATION)
_ENDS = (Movement.CHURNED, CHURNED_INVOLUNTARILY)
# Over how many days trials are looked at, however long the period is.
_TRIAL_DAYS = 30


@dataclass(frozen=True)
class Moved:
    """Changes of one kind: how many, and by how much they raised the monthly revenue, in minor units; less than 0 if they
    lowered it."""

    changes: int = 0
    amount: int = 0

    def __add__(self, other: "Moved") -> "Moved":
        return Moved(self.changes + other.changes, self.amount + other.amount)


@dataclass(frozen=True)
class Recurring:
    """What subscriptions in one currency bring in a month, in minor units, when the days begin and when they are over.

    `active` are those that bring in anything. `churned` are those whose buyers wanted to end them, `churned_involuntarily` the
    others, such as whose payments failed.
    """

    currency: str
    before: int = 0
    active_before: int = 0
    new: Moved = field(default_factory=Moved)
    expansion: Moved = field(default_factory=Moved)
    contraction: Moved = field(default_factory=Moved)
    churned: Moved = field(default_factory=Moved)
    churned_involuntarily: Moved = field(default_factory=Moved)
    reactivation: Moved = field(default_factory=Moved)

    @property
    def mrr(self) -> int:
        """The monthly recurring revenue when the days are over: what it was, and every movement."""
        return self.before + sum(moved.amount for moved in self.movements.values())

    @property
    def movements(self) -> dict[str, Moved]:
        """All movements of the days, by kind."""
        return {kind: getattr(self, kind) for kind in (*map(str, Movement), CHURNED_INVOLUNTARILY)}

    @property
    def active(self) -> int:
        """How many subscriptions bring in anything when the days are over."""
        begun = sum(self.movements[kind].changes for kind in _STARTS)
        return self.active_before + begun - self.ended

    @property
    def ended(self) -> int:
        """How many ended on these days."""
        return sum(self.movements[kind].changes for kind in _ENDS)

    @property
    def churn(self) -> Fraction | None:
        """Those that ended by those that were active when the days began; None if none was."""
        return Fraction(self.ended, self.active_before) if self.active_before else None

    @property
    def revenue_churn(self) -> Fraction | None:
        """What those that ended brought in by what all of them did when the days began; None if nothing."""
        lost = sum(self.movements[kind].amount for kind in _ENDS)
        return Fraction(-lost, self.before) if self.before else None

    @property
    def per_subscriber(self) -> Fraction | None:
        """ARPU: what one of those that are active brings in a month on average; None if there is none."""
        return Fraction(self.mrr, self.active) if self.active else None


@dataclass(frozen=True)
class Trials:
    """Trials that ended, and how many of them were paid for afterwards."""

    ended: int
    converted: int

    @property
    def conversion(self) -> Fraction | None:
        """Which part of them was paid for; None if none has ended."""
        return Fraction(self.converted, self.ended) if self.ended else None


def of_days(session: Session, days: Days, asked: Asked) -> dict[str, Recurring]:
    """How the monthly recurring revenue moved on these days, by currency."""
    earlier = Days(BEGINNING, days.first - timedelta(days=1), days.zone)
    before: dict[str, dict[str, Moved]] = {}
    for (currency, kind), measures in sums.of_all(session, counting.MOVEMENTS, earlier, asked).items():
        before.setdefault(currency, {})[kind] = Moved(measures["changes"], measures["amount"])
    within: dict[str, dict[str, Moved]] = {currency: {} for currency in before}
    for (currency, kind), measures in sums.of_all(session, counting.MOVEMENTS, days, asked).items():
        within.setdefault(currency, {})[kind] = Moved(measures["changes"], measures["amount"])
    return {currency: _recurring(currency, before.get(currency, {}), within[currency]) for currency in sorted(within)}


def _recurring(currency: str, before: dict[str, Moved], within: dict[str, Moved]) -> Recurring:
    begun = sum(before.get(kind, Moved()).changes for kind in _STARTS)
    ended = sum(before.get(kind, Moved()).changes for kind in _ENDS)
    worth = sum(moved.amount for moved in before.values())
    return Recurring(currency, worth, begun - ended, **within)


def month_of_trials(days: Days, *, now: datetime) -> Days:
    """The thirty days up to the last of these, as far as they have elapsed: a trial that ends later today has not ended."""
    return Days(days.last - timedelta(days=_TRIAL_DAYS - 1), days.last, days.zone, min(days.end, now))


def trials(session: Session, days: Days, *, livemode: bool, now: datetime) -> Trials:
    """The trials that ended in the thirty days up to the last of these, and how many of them were paid for since."""
    month = month_of_trials(days, now=now)
    found = counting.counted(session, TRIALS, [month.start], month.end, livemode=livemode)
    return Trials(sum(row.ended for row in found), sum(row.paid_for for row in found))
