"""Past access: what somebody bought in another shop is opened in this one, for no money."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select, update

from core import fulfillment
from core.catalog.products import Price, Product
from core.foundation.errors import UnknownPrice
from core.foundation.jobs import outbox
from core.foundation.records import new_id
from core.gateway.sessions import CheckoutState, Money
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.orders import orders
from core.orders.checkouts import Checkout
from core.orders.orders import LineDraft, Order


@dataclass(frozen=True)
class PastPurchase:
    """Who bought which of our products elsewhere, and when; `key` is how it is known again."""

    key: str
    email: str
    customer_id: str
    product: Product
    currency: str
    placed_at: datetime


def give(session: Session, bought: PastPurchase, *, livemode: bool, prefix: str, actor: str, now: datetime) -> Order:
    """Place an order over nothing for it, and fulfil that as any other: but no letter goes out, and no figure counts it, since
    nothing was paid here. Raises UnknownPrice for a product that never had a price."""
    price = _price_of(session, bought.product)
    order = orders.add(
        session, cart_id=new_id("cart"), browser_id="", email=bought.email, currency=bought.currency,
        livemode=livemode, prefix=prefix, now=bought.placed_at,
    )  # fmt: skip
    order.customer_id, order.external_id, order.attempts = bought.customer_id, bought.key, 1
    line = LineDraft(
        product_id=bought.product.id, price_id=price.id, kind=bought.product.kind, name=bought.product.name, quantity=1,
        unit_amount=0, currency=bought.currency, interval=None, image=bought.product.image, stripe_price_id=None,
    )  # fmt: skip
    orders.write_lines(session, order, [line], instead_of=(), now=now)
    session.add(
        Checkout(
            id=new_id("co"), order_id=order.id, attempt=1, expires_at=now, state=CheckoutState.COMPLETE,
            money=Money.PAID, amount_subtotal=0, amount_total=0, currency=bought.currency, email=bought.email,
            created_at=now, ask_after=now,
        )
    )  # fmt: skip
    session.flush()
    outbox.silence(session)
    fulfillment.resettle(session, order.id, actor=actor, now=now)
    return order


def make_real(session: Session, order_id: str, *, actor: str, now: datetime) -> None:
    """Have an order count that was placed for it while the shop was tried out with a test key."""
    order = orders.lock(session, order_id)
    assert order is not None
    order.livemode, order.updated_at = True, now
    grants = select(Grant.id).where(Grant.order_id == order_id)
    session.exec(update(LicenseKey).where(col(LicenseKey.grant_id).in_(grants)).values(livemode=True))
    session.flush()
    outbox.silence(session)
    fulfillment.resettle(session, order_id, actor=actor, now=now)


def _price_of(session: Session, product: Product) -> Price:
    query = select(Price).where(Price.product_id == product.id).order_by(col(Price.active).desc(), col(Price.position))
    if price := session.exec(query).first():
        return price
    raise UnknownPrice(price=product.id)
