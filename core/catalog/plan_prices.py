"""Plan prices: which of Stripe's own prices each price of a plan is, in each of Stripe's modes apart.

What is only described to Checkout becomes a new product of Stripe's at every purchase, and none of those can be switched to.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, update
from sqlmodel import Field, Session, col, select

from core.catalog.products import Kind, Price, Priced, Product
from core.foundation.records import Record
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.selections import Selection


class PlanPrice(Record, table=True):
    """One of Stripe's prices that was found or made for a price of a plan. `mode` is whose it is: the sandbox's, or that of
    Stripe's test or live mode. What a catalogue names itself stands with the price."""

    __tablename__ = "plan_prices"

    price_id: str = Field(primary_key=True, foreign_key="prices.id")
    mode: str = Field(primary_key=True)
    stripe_price_id: str = Field(index=True)
    stripe_product_id: str = Field(index=True)


# Two may find or make the same at once.
_KEEP = InsertOnce(
    PlanPrice,
    conflict="(price_id, mode) do update set stripe_price_id = excluded.stripe_price_id,"
    " stripe_product_id = excluded.stripe_product_id",
)


@dataclass(frozen=True)
class OnSale:
    """A price of a plan on sale with its product, and what is known of it at Stripe in one mode."""

    price: Price
    product: Product
    known: PlanPrice | None

    @property
    def at_stripe(self) -> str | None:
        """Stripe's id of it: the one that the catalogue names, or the one that was found or made."""
        return self.price.stripe_price_id or (self.known.stripe_price_id if self.known else None)


_PRICED = Selection(
    Price, Product, more="plan_prices.stripe_price_id",
    of="from prices join products on products.id = prices.product_id"
    " left join plan_prices on plan_prices.price_id = prices.id and plan_prices.mode = {} where prices.id {any}",
)  # fmt: skip


def priced_ahead(session: Session, price_ids: Sequence[str], mode: str) -> None:
    """Have these prices read with what the database is asked next."""
    _PRICED.ahead(session, mode, price_ids)


def priced(session: Session, price_ids: Sequence[str], mode: str = "") -> dict[str, Priced]:
    """The known ones among these prices of any kind, by id; with a `mode`, with what was found or made for them in it."""
    rows = _PRICED.read(session, mode, price_ids)
    return {price.id: Priced(price, product, price.stripe_price_id or known) for price, product, known in rows}


def on_sale(session: Session, mode: str, *, product_id: str = "") -> Sequence[OnSale]:
    """The prices of all plans on sale, or of this one, in the order of the shelves."""
    query = (
        select(Price, Product, PlanPrice)
        .join(Product, col(Product.id) == Price.product_id)
        .outerjoin(PlanPrice, (col(PlanPrice.price_id) == Price.id) & (col(PlanPrice.mode) == mode))
        .where(col(Price.active), col(Product.active), Product.kind == Kind.PLAN)
        .order_by(col(Product.position), col(Price.position), col(Price.id))
    )
    if product_id:
        query = query.where(Product.id == product_id)
    return [OnSale(price, product, known) for price, product, known in session.exec(query)]


def known(session: Session, price_id: str, mode: str) -> PlanPrice | None:
    """What was found or made for this price in this mode."""
    return session.get(PlanPrice, (price_id, mode))


def is_known(session: Session, price_id: str) -> bool:
    """Whether this price was found or made in any mode."""
    return session.exec(select(PlanPrice.mode).where(PlanPrice.price_id == price_id).limit(1)).first() is not None


def keep(session: Session, price_id: str, mode: str, *, stripe_price_id: str, stripe_product_id: str) -> None:
    """Have this one of Stripe's be the price in this mode from now on, in place of what counted before."""
    row = {
        "price_id": price_id, "mode": mode, "stripe_price_id": stripe_price_id, "stripe_product_id": stripe_product_id,
    }  # fmt: skip
    _KEEP(session, [row])


def product_of(session: Session, product_id: str, mode: str) -> str | None:
    """Stripe's product of this plan, by any price that it has or had: one cannot be switched to that of another product."""
    query = (
        select(PlanPrice.stripe_product_id)
        .join(Price, col(Price.id) == PlanPrice.price_id)
        .where(Price.product_id == product_id, PlanPrice.mode == mode)
        .order_by(col(Price.active).desc(), col(Price.position), col(Price.id))
    )
    return session.exec(query).first()


def sold_as(session: Session, stripe_id: str, *, of_product: bool) -> list[str]:
    """The products on the shelves that are this product of Stripe's, or the prices on sale that are this price, by their ids."""
    named = _theirs(stripe_id, of_product=of_product)
    if of_product:
        return list(session.exec(select(Product.id).where(named, col(Product.active))))
    of_shelf = select(Price.id).join(Product, col(Product.id) == Price.product_id).where(col(Product.active))
    return list(session.exec(of_shelf.where(named, col(Price.active))))


def withdraw(session: Session, stripe_id: str, *, of_product: bool) -> int:
    """Sell no more at the price that is this one of Stripe's, or the plan that is this product of Stripe's; how many that were."""
    table = Product if of_product else Price
    named = _theirs(stripe_id, of_product=of_product)
    return int(session.exec(update(table).where(named).values(active=False)).rowcount)


def _theirs(stripe_id: str, *, of_product: bool) -> Any:
    """Which of our products, or of our prices, are this one of Stripe's."""
    theirs = PlanPrice.stripe_product_id if of_product else PlanPrice.stripe_price_id
    prices = select(PlanPrice.price_id).where(theirs == stripe_id)
    if of_product:
        return col(Product.id).in_(select(Price.product_id).where(col(Price.id).in_(prices)))
    return or_(col(Price.stripe_price_id) == stripe_id, col(Price.id).in_(prices))


def forget(session: Session, mode: str, stripe_price_ids: Collection[str]) -> int:
    """Have these of Stripe's prices count no more; how many did."""
    theirs = (col(PlanPrice.mode) == mode, col(PlanPrice.stripe_price_id).in_(stripe_price_ids))
    return int(session.exec(delete(PlanPrice).where(*theirs)).rowcount)
