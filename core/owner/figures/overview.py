"""The overview: all figures of some days at once, beside those of as many days before."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from core.owner.figures import products, received, recurring, sales, sums
from core.owner.figures.days import Days, Step
from core.owner.figures.products import ProductSales
from core.owner.figures.received import Received
from core.owner.figures.recurring import Recurring, Trials
from core.owner.figures.sales import Sales

# Of fewer orders a percentage says nothing.
_ENOUGH = 10


@dataclass(frozen=True)
class InCurrency:
    """The figures in one currency, what they were in as much of the days before as has elapsed of these, and the chart of both."""

    currency: str
    sales: Sales
    before: Sales
    series: list[tuple[date, Sales]]
    series_before: list[tuple[date, Sales]]
    recurring: Recurring

    @property
    def comparable(self) -> bool:
        """Whether there were enough orders for a change in percent to mean anything."""
        return min(self.sales.orders, self.before.orders) >= _ENOUGH


@dataclass(frozen=True)
class Overview:
    """All figures of `days`; no two currencies are ever added. `known_on` is the day as of which they are told, if any.

    `of_product` is the chart of the product that was asked for, by currency. `outdated` if some are told as an earlier version
    understood them.
    """

    days: Days
    before: Days
    known_on: date | None
    currencies: tuple[InCurrency, ...]
    received: tuple[Received, ...]
    products: tuple[ProductSales, ...]
    trials: Trials
    of_product: dict[str, list[tuple[date, ProductSales]]]
    outdated: bool = False


def of_days(
    session: Session, days: Days, *, livemode: bool, now: datetime, step: Step = Step.DAY, known_on: date | None = None,
    product: str = "",
) -> Overview:  # fmt: skip
    """The overview of these days, of live orders or of tests, as is known or as it was known on a past day."""
    asked = sums.ask(session, days.zone, livemode=livemode, known_on=known_on)
    before = days.before(now=now)
    each_day, each_before = sales.day_by_day(session, days, asked), sales.day_by_day(session, before, asked)
    sold, earlier = sales.total(each_day), sales.total(each_before)
    monthly = recurring.of_days(session, days, asked)
    return Overview(
        days, before, known_on,
        tuple(
            InCurrency(
                currency, sold.get(currency, Sales(currency)), earlier.get(currency, Sales(currency)),
                sales.series(each_day, days, step, currency), sales.series(each_before, before, step, currency),
                monthly.get(currency, Recurring(currency)),
            )
            for currency in sorted({*sold, *earlier, *monthly})
        ),
        tuple(received.of_days(session, days, asked).values()),
        tuple(products.top(session, days, asked)),
        recurring.trials(session, days, livemode=livemode, now=now),
        products.series(session, days, asked, step, product) if product else {},
        sums.is_outdated(session, Days(before.first, days.last, days.zone), asked),
    )  # fmt: skip
