"""The number of a plan's seats: what another one costs is shown first, and then it is changed at Stripe.

Stripe bills the difference for the rest of the period at once, or credits it. Taking a seat from somebody is another matter.
"""

from dataclasses import dataclass

from sqlmodel import col, select

from core.catalog.products import Product
from core.foundation.errors import AccessDenied, BadQuantity, PlanChanged, PlanNotActive
from core.foundation.money import Money
from core.journeys.billing import plans
from core.kinds.grants import Grant
from core.orders.orders import Order
from core.orders.status import GrantState
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import RENEWING, Subscription
from core.people import customers
from core.shop import Shop


@dataclass(frozen=True)
class Change:
    """What another number of seats comes to: `due` is billed at once for the rest of the period, or credited where it is below
    zero; `then` each period. `at` is the moment for which that was worked out, in seconds, and holds when it is carried out."""

    grant_id: str
    before: int
    after: int
    due: Money
    then: Money
    interval: str
    at: int


@dataclass(frozen=True)
class _Plan:
    """What Stripe bills for a grant's seats."""

    subscription: str
    item: str
    quantity: int
    unit: Money
    interval: str
    most: int
    product: str
    tried: bool


def preview(shop: Shop, email: str, grant_id: str, quantity: int) -> Change:
    """What so many seats would cost this buyer. Changes nothing.

    Raises AccessDenied, BadQuantity, PlanNotActive for a plan that ends or is not paid, or StripeTrouble.
    """
    plan = _plan(shop, email, grant_id)
    if not 1 <= quantity <= plan.most or quantity == plan.quantity:
        raise BadQuantity(product=plan.product, quantity=quantity, most=plan.most)
    at = int(shop.now().timestamp())
    # While it is tried for nothing, nothing is billed for a change either.
    due = 0 if plan.tried else shop.stripe.preview_quantity(plan.subscription, plan.item, quantity, at=at)
    unit = plan.unit
    return Change(
        grant_id, plan.quantity, quantity, Money(due, unit.currency), Money(unit.amount * quantity, unit.currency),
        plan.interval, at,
    )  # fmt: skip


def carry_out(shop: Shop, email: str, change: Change) -> None:
    """Have Stripe bill for so many seats, at what was shown. The same change twice is one change.

    Raises PlanChanged where the plan has other seats by now, and what `preview` raises.
    """
    plan = _plan(shop, email, change.grant_id)
    if plan.quantity != change.before:
        raise PlanChanged()
    key = f"seats:{plan.subscription}:{change.before}:{change.after}:{change.at}"
    shop.stripe.change_quantity(plan.subscription, plan.item, change.after, at=change.at, key=key)
    plans.refresh(shop, plan.subscription)


def _plan(shop: Shop, email: str, grant_id: str) -> _Plan:
    with shop.reading() as session:
        mine = customers.whose(session, email)
        grant = session.get(Grant, grant_id)
        order = session.get(Order, grant.order_id) if grant else None
        if grant is None or order is None or mine is None or order.customer_id != mine:
            raise AccessDenied()
        query = (
            select(SubscriptionItem, Subscription)
            .join(Subscription, col(Subscription.id) == SubscriptionItem.subscription_id)
            .where(
                SubscriptionItem.order_line_id == grant.order_line_id, col(Subscription.status).in_(RENEWING),
                col(Subscription.ends_at).is_(None), col(Subscription.paused).is_(False),
            )
            .order_by(col(Subscription.created_at))
        )  # fmt: skip
        found = session.exec(query).first()
        if found is None or grant.state is not GrantState.ACTIVE or order.livemode is not shop.settings.livemode:
            raise PlanNotActive()
        item, subscription = found
        product = session.get_one(Product, grant.product_id)
    return _Plan(
        subscription.id, item.id, item.quantity, Money(item.unit_amount, subscription.currency), item.interval or "",
        max(product.max_quantity, item.quantity), product.name, subscription.status == "trialing",
    )  # fmt: skip
