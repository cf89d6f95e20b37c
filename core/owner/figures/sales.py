"""Sales: what was sold, what was taken off, what went back and what is left, for each currency by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from fractions import Fraction

from sqlmodel import Session

from core.owner.figures import counting, sums
from core.owner.figures.days import Days, Step, step_of
from core.owner.figures.sums import Asked, Sums


@dataclass(frozen=True)
class Sales:
    """The figures of some days in one currency, in minor units. `definitions` says what each of them means.

    `credit` is what was paid with what Stripe still owed the buyer; `renewals` is what of the sales plans brought in again;
    `spent` is what was paid, before taxes, for `purchases` that cost something.
    """

    currency: str
    gross: int = 0
    discounts: int = 0
    tax: int = 0
    credit: int = 0
    renewals: int = 0
    spent: int = 0
    purchases: int = 0
    refunds: int = 0
    refunded_tax: int = 0
    disputed: int = 0
    disputes_won: int = 0
    orders: int = 0
    opened: int = 0
    converted: int = 0

    def __add__(self, other: "Sales") -> "Sales":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Sales(self.currency, **{name: getattr(self, name) + getattr(other, name) for name in MEASURES})

    @property
    def net(self) -> int:
        """Gross sales less discounts and refunds, without tax."""
        return self.gross - self.discounts - self.refunds

    @property
    def charged(self) -> int:
        """What buyers were charged, with tax: what the payments of these days add up to."""
        return self.gross - self.discounts + self.tax - self.credit

    @property
    def returned(self) -> int:
        """What went back to buyers, with tax."""
        return self.refunds + self.refunded_tax

    @property
    def lost(self) -> int:
        """What banks took back: what was disputed and not won."""
        return self.disputed - self.disputes_won

    @property
    def average_order(self) -> Fraction | None:
        """What a purchase that cost something cost on average, to be rounded where it is printed; None without any."""
        return Fraction(self.spent, self.purchases) if self.purchases else None

    @property
    def conversion(self) -> Fraction | None:
        """Which part of the opened Checkouts was paid; None if none was opened."""
        return Fraction(self.converted, self.opened) if self.opened else None


MEASURES = tuple(each.name for each in fields(Sales) if each.name != "currency")


def of_days(session: Session, days: Days, asked: Asked) -> dict[str, Sales]:
    """The sales of these days together, by currency."""
    return _by_currency(sums.of_all(session, counting.SALES, days, asked))


def day_by_day(session: Session, days: Days, asked: Asked) -> dict[date, dict[str, Sales]]:
    """The sales of each of these days on which there was anything, by currency."""
    found = sums.of_days(session, counting.SALES, days, asked)
    return {day: _by_currency(found[day]) for day in sorted(found)}


def total(each_day: Mapping[date, Mapping[str, Sales]]) -> dict[str, Sales]:
    """What these days come to together, by currency."""
    return _together(each for by_currency in each_day.values() for each in by_currency.values())


def series(
    each_day: Mapping[date, Mapping[str, Sales]], days: Days, step: Step, currency: str
) -> list[tuple[date, Sales]]:
    """The points of a chart in one currency: each day, week or month by its first day, also those without any sales."""
    found: dict[date, Sales] = {}
    for day in days.each():
        point = step_of(day, step)
        sold = each_day.get(day, {}).get(currency, Sales(currency))
        found[point] = found[point] + sold if point in found else sold
    return list(found.items())


def _by_currency(found: Sums) -> dict[str, Sales]:
    return _together(Sales(currency, **measures) for (currency, *_), measures in sorted(found.items()))


def _together(several: Iterable[Sales]) -> dict[str, Sales]:
    found: dict[str, Sales] = {}
    for each in several:
        found[each.currency] = found[each.currency] + each if each.currency in found else each
    return found
