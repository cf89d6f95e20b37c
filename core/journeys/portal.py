"""The customer portal: Stripe's page on which a plan's buyer changes its seats and its card, or ends it."""

from sqlmodel import col, select

from core.foundation.errors import AccessDenied
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from core.people import customers
from core.shop import Shop


def open_page(shop: Shop, email: str, order_id: str) -> str:
    """The address of Stripe's portal for this buyer's own plan. Raises AccessDenied for anybody else's, or StripeTrouble."""
    with shop.reading() as session:
        customer = session.exec(
            select(Subscription.stripe_customer_id)
            .join(Order, col(Order.stripe_subscription_id) == Subscription.id)
            .where(Order.id == order_id, Order.customer_id == customers.whose(session, email))
        ).first()
    if not customer:
        raise AccessDenied()
    return shop.stripe.open_portal(customer, return_url=f"{shop.settings.public_url}/purchases")
