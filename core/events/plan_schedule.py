"""When plans are looked at by themselves: Stripe is asked about each at its turns, and access ends when its time is over."""

from functools import partial

from sqlmodel import Session, select

from core import fulfillment
from core.events.attempts import BATCH, Pass
from core.journeys.billing import plans
from core.kinds.grants import Grant
from core.orders import orders, subscriptions
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from core.shop import Shop


def refresh_due(run: Pass) -> None:
    """Ask Stripe about the subscriptions whose turn it is: a job that was to ask may have been lost."""
    livemode, now = run.shop.settings.livemode, run.shop.now()
    with run.shop.reading() as session:
        due = subscriptions.due(session, livemode=livemode, now=now, limit=BATCH)
    for subscription_id, order_id in due:
        refreshed = partial(plans.refresh, run.shop, subscription_id)
        run.ask(subscription_id, refreshed, id=subscription_id, order_id=order_id)


def settle_lapsed(run: Pass) -> None:
    """Settle the orders of the subscriptions whose days of grace, or whose paid time, are over."""
    with run.shop.reading() as session:
        lapsed = subscriptions.lapsed(session, now=run.shop.now(), limit=BATCH)
    for subscription_id, order_id in lapsed:
        settled = partial(_settled, run.shop, subscription_id, order_id)
        run.do(order_id, settled, id=order_id, order_id=order_id)


def _settled(shop: Shop, subscription_id: str, order_id: str) -> bool:
    """Whether that changed anything: of a plan that ended and stays closed the time passes as well."""
    with shop.transaction() as session:
        orders.lock(session, order_id)
        before = _standing(session, order_id)
        row = session.get_one(Subscription, subscription_id, with_for_update=True)
        row.lapses_at = subscriptions.next_lapse(row, shop.now())
        session.flush()
        fulfillment.resettle(session, order_id, actor="worker", now=shop.now())
        session.flush()
        return _standing(session, order_id) != before


def _standing(session: Session, order_id: str) -> tuple[str, set[tuple[object, ...]]]:
    """How an order and what it gave stand in the database."""
    granted = select(Grant.id, Grant.state, Grant.quantity, Grant.reason).where(Grant.order_id == order_id)
    status = session.exec(select(Order.status).where(Order.id == order_id)).one()
    return status, set(map(tuple, session.exec(granted)))
