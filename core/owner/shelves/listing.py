"""The list of products as owners see it: what each costs, what it brought in, and what it differs in from where it came."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from core.catalog.products import Product
from core.foundation.money import Money
from core.kinds import offers
from core.kinds.offers import Offer
from core.owner.figures import counting, sums
from core.owner.figures.days import Days, day_of
from core.owner.shelves import applied, stripe_prices
from core.owner.shelves.applied import Drift
from core.owner.shelves.stripe_prices import AtStripe

# So many days back sales are summed: ten years.
_DAYS = 3650


@dataclass(frozen=True)
class Sold:
    """What was sold of a product in one currency, without tax and after discounts."""

    quantity: int
    amount: Money


@dataclass(frozen=True)
class ProductRow:
    """A product in the list. `drift` is None for what no catalogue file has named."""

    offer: Offer
    active: bool
    sold: tuple[Sold, ...]
    drift: Drift | None
    at_stripe: tuple[AtStripe, ...]


@dataclass(frozen=True)
class ProductSheet:
    """One product for its own page. `changed_at` is when it changed last, to tell whether somebody changed it meanwhile."""

    row: ProductRow
    changed_at: datetime


def rows(session: Session, *, livemode: bool, zone: ZoneInfo, now: datetime) -> list[ProductRow]:
    """Every product, in the shop's order; what was taken off the shelves comes last."""
    found = session.exec(
        select(Product).order_by(col(Product.active).desc(), col(Product.position), col(Product.id))
    ).all()
    ids = [product.id for product in found]
    by_id = {offer.id: offer for offer in offers.of_products(session, ids, now=now)}
    drift, sold = applied.drift(session, ids), _sold(session, livemode=livemode, zone=zone, today=day_of(now, zone))
    at_stripe = stripe_prices.differing(session)
    return [
        ProductRow(
            by_id[product.id], product.active, sold.get(product.id, ()), drift.get(product.id),
            tuple(each for each in at_stripe if each.product_id == product.id),
        )
        for product in found
    ]  # fmt: skip


def sheet(session: Session, product_id: str, *, livemode: bool, zone: ZoneInfo, now: datetime) -> ProductSheet | None:
    """One product, or None if there never was any."""
    product = session.get(Product, product_id)
    if product is None:
        return None
    every = rows(session, livemode=livemode, zone=zone, now=now)
    return ProductSheet(next(row for row in every if row.offer.id == product_id), product.updated_at)


def _sold(session: Session, *, livemode: bool, zone: ZoneInfo, today: date) -> dict[str, tuple[Sold, ...]]:
    days = Days(today - timedelta(days=_DAYS - 1), today, zone)
    found: dict[str, tuple[Sold, ...]] = {}
    asked = sums.ask(session, zone, livemode=livemode)
    for (currency, product_id), of in sorted(sums.of_all(session, counting.PRODUCTS, days, asked).items()):
        each = Sold(of["quantity"], Money(of["gross"] - of["discounts"], currency))
        found[product_id] = (*found.get(product_id, ()), each)
    return found
