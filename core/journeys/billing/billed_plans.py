"""Billed plans: what Stripe bills a buyer for the plan that they have, as far as they may change it themselves."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import col, func, select

from core.catalog.products import Product
from core.foundation.errors import AccessDenied, PlanChanged, PlanNotActive, SeatNotFound
from core.foundation.money import Money
from core.kinds.grants import Grant
from core.orders.orders import Order
from core.orders.status import GrantState
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import RENEWING, Subscription
from core.people import customers, purchases
from core.shop import Shop

# So long what a change costs may be agreed to. Stripe reckons it for the moment at which it was shown.
HOLDS = timedelta(minutes=15)


@dataclass(frozen=True)
class BilledPlan:
    """What Stripe bills for a grant's seats, at the latest known until `period_end`. `alone` if nothing else is billed with it,
    `tried` if nothing is yet."""

    order_id: str
    subscription: str
    item: str
    stripe_price_id: str
    quantity: int
    unit: Money
    interval: str
    most: int
    product_id: str
    product: str
    alone: bool
    tried: bool
    owed: bool
    period_end: datetime | None


def find(shop: Shop, email: str, grant_id: str, *, subscription: str = "") -> BilledPlan:
    """This buyer's own plan, as the first that bills for it does or as this `subscription`. Raises AccessDenied, or
    PlanNotActive for one that ends, is paused or is not paid."""
    with shop.reading() as session:
        mine = customers.whose(session, email)
        grant = session.get(Grant, grant_id)
        order = session.get(Order, grant.order_id) if grant else None
        if order is None or mine is None or order.customer_id != mine:
            raise AccessDenied()
    return of_grant(shop, grant_id, subscription=subscription)


def of_grant(shop: Shop, grant_id: str, *, subscription: str = "") -> BilledPlan:
    """The plan of a grant, whoever asks, as `find` finds it. Raises SeatNotFound where there is none, or PlanNotActive."""
    with shop.reading() as session:
        grant = session.get(Grant, grant_id)
        order = session.get(Order, grant.order_id) if grant else None
        if grant is None or order is None:
            raise SeatNotFound(seat=grant_id)
        # What somebody else pays for by a second Session is not theirs to change.
        theirs = [row.stripe_subscription_id for row in purchases.others_sessions(session, [order])]
        theirs = [each for each in theirs if each]
        query = (
            select(SubscriptionItem, Subscription)
            .join(Subscription, col(Subscription.id) == SubscriptionItem.subscription_id)
            .where(
                col(Subscription.id).not_in(theirs),
                SubscriptionItem.order_line_id == grant.order_line_id, col(SubscriptionItem.product_id).is_not(None),
                col(Subscription.status).in_(RENEWING),
                col(Subscription.ends_at).is_(None), col(Subscription.paused).is_(False),
            )
            .order_by(col(Subscription.created_at))
        )  # fmt: skip
        if subscription:
            query = query.where(Subscription.id == subscription)
        found = session.exec(query).first()
        # Of what is made up Stripe bills nothing.
        ours = order.livemode is shop.settings.livemode and not order.from_season
        if found is None or grant.state is not GrantState.ACTIVE or not ours:
            raise PlanNotActive()
        item, billing = found
        product = session.get_one(Product, grant.product_id)
        together = session.exec(
            select(func.count()).where(SubscriptionItem.subscription_id == billing.id)
        ).one()  # fmt: skip
    return BilledPlan(
        order.id, billing.id, item.id, item.stripe_price_id, item.quantity,
        Money(item.unit_amount, billing.currency), item.interval or "", max(product.max_quantity, item.quantity),
        product.id, product.name, together == 1, billing.status == "trialing",
        billing.status == "past_due", billing.period_end,
    )  # fmt: skip


def check_shown(plan: BilledPlan, *, at: int, period_end: datetime | None, now: datetime) -> None:
    """Raise PlanChanged if what a change costs was worked out too long ago, in seconds, or in a period that is over by now: what
    was used meanwhile would be credited, or more be billed than anybody saw."""
    if now.timestamp() - at > HOLDS.total_seconds() or plan.period_end != period_end:
        raise PlanChanged()
