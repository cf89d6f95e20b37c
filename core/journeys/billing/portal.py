"""Stripe's own pages for a buyer: its customer portal, where a plan's seats and card are changed or it is ended, and the receipt
of each payment."""

from contextlib import suppress

from sqlmodel import col, select

from core.foundation.errors import AccessDenied, StripeRefused
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from core.people import customers
from core.shop import Shop


def open_page(shop: Shop, email: str, order_id: str, *, cancel: bool = False) -> str:
    """The address of Stripe's portal for this buyer's own plan; with `cancel`, of the page there that asks nothing but whether
    to cancel it, unless it is told to end already. Raises AccessDenied for anybody else's, or StripeTrouble."""
    with shop.reading() as session:
        row = session.exec(
            select(Subscription)
            .join(Order, col(Order.stripe_subscription_id) == Subscription.id)
            .where(Order.id == order_id, Order.customer_id == customers.whose(session, email))
        ).first()
    if row is None or not row.stripe_customer_id:
        raise AccessDenied()
    back = f"{shop.settings.public_url}/purchases"
    if cancel and row.bills_on:
        # Where the portal lets nobody cancel by itself, or Stripe knows of an end that we do not, its own page says so.
        with suppress(StripeRefused):
            return shop.stripe.open_portal(row.stripe_customer_id, return_url=back, cancel=row.id)
    return shop.stripe.open_portal(row.stripe_customer_id, return_url=back)
