"""When plans are looked at by themselves: Stripe is asked about each at its turns, and access ends when its time is over."""

from collections.abc import Callable
from functools import partial

from core import fulfillment
from core.journeys import plans
from core.orders import orders, subscriptions
from core.orders.subscriptions import Subscription
from core.shop import Shop

# Takes what is looked at, and what looks, which returns whether that changed anything.
Attempt = Callable[[str, Callable[[], bool]], None]


def refresh_due(shop: Shop, attempt: Attempt, *, limit: int) -> None:
    """Ask Stripe about the subscriptions whose turn it is: a job that was to ask may have been lost."""
    with shop.reading() as session:
        due = subscriptions.due(session, livemode=shop.settings.livemode, now=shop.now(), limit=limit)
    for subscription_id in due:
        attempt(subscription_id, partial(_refreshed, shop, subscription_id))


def settle_lapsed(shop: Shop, attempt: Attempt, *, limit: int) -> None:
    """Settle the orders of the subscriptions whose days of grace, or whose paid time, are over."""
    with shop.reading() as session:
        lapsed = subscriptions.lapsed(session, now=shop.now(), limit=limit)
    for subscription_id, order_id in lapsed:
        attempt(order_id, partial(_settled, shop, subscription_id, order_id))


def _refreshed(shop: Shop, subscription_id: str) -> bool:
    try:
        return plans.refresh(shop, subscription_id)
    except Exception:
        # One that always fails must not be asked about before all others, pass after pass.
        plans.put_off(shop, subscription_id)
        raise


def _settled(shop: Shop, subscription_id: str, order_id: str) -> bool:
    with shop.transaction() as session:
        orders.lock(session, order_id)
        row = session.get_one(Subscription, subscription_id, with_for_update=True)
        row.lapses_at = subscriptions.next_lapse(row, shop.now())
        session.flush()
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
    return True
