"""Monthly or yearly: what the switch costs is shown first, and then the plan is billed for its other interval at Stripe.

The plan, its seats and who has them stay; a new period begins at once, and the rest of the old one is taken off its price.
"""

from dataclasses import dataclass
from datetime import datetime

from core.catalog import plan_prices
from core.catalog.plan_prices import OnSale
from core.foundation.errors import AccessDenied, PlanChanged, PlanNotActive
from core.foundation.money import Money
from core.journeys.billing import billed_plans, plans, plans_at_stripe
from core.journeys.billing.billed_plans import BilledPlan
from core.orders import history
from core.shop import Shop


@dataclass(frozen=True)
class Choice:
    """The other interval for which a `subscription` may bill for a plan, and what each of its periods would cost."""

    grant_id: str
    before: str
    after: str
    then: Money
    price_id: str
    subscription: str


@dataclass(frozen=True)
class Switch:
    """What it comes to: `due` is billed at once, or credited where it is below zero, and nothing where the plan is still `tried`.
    `at` is the moment for which that was worked out, in seconds, in the period that ends at `period_end`; it holds when it is
    carried out soon."""

    choice: Choice
    due: Money
    tried: bool
    at: int
    period_end: datetime | None


def choice(shop: Shop, email: str, grant_id: str, *, subscription: str = "") -> Choice | None:
    """What this buyer's plan could be switched to, as the first bills for it or as this `subscription` does; None
    where there is nothing, or it is not paid, ends or is not theirs."""
    try:
        plan = billed_plans.find(shop, email, grant_id, subscription=subscription)
    except (AccessDenied, PlanNotActive):
        return None
    found = _other(shop, plan)
    if found is None:
        return None
    then = Money(found.price.amount * plan.quantity, found.price.currency)
    return Choice(grant_id, plan.interval, str(found.price.interval), then, found.price.id, plan.subscription)


def preview(shop: Shop, email: str, choice: Choice) -> Switch:
    """What the switch would cost this buyer now. Changes nothing of the plan.

    Raises AccessDenied, PlanNotActive, PlanChanged where it is not to be had any more, or StripeTrouble.
    """
    plan, name = _planned(shop, email, choice)
    at = int(shop.now().timestamp())
    # While it is tried for nothing, nothing is billed for a switch either.
    due = 0 if plan.tried else shop.stripe.preview_item(plan.subscription, plan.item, _changes(plan, name), at=at)
    return Switch(choice, Money(due, plan.unit.currency), plan.tried, at, plan.period_end)


def carry_out(shop: Shop, email: str, switch: Switch) -> None:
    """Have Stripe bill for the other interval from now on, at what was shown. The same switch twice is one.

    Raises PlanChanged where the plan has other seats or another interval by now, or that was shown too long ago, and what `preview`
    raises.
    """
    plan, name = _planned(shop, email, switch.choice)
    billed_plans.check_shown(plan, at=switch.at, period_end=switch.period_end, now=shop.now())
    key = f"interval:{plan.subscription}:{name}:{switch.at}"
    shop.stripe.change_item(plan.subscription, plan.item, _changes(plan, name), at=switch.at, key=key)
    with shop.transaction() as session:
        said = f"{switch.choice.before} -> {switch.choice.after}"
        event = f"plan_switched:{plan.subscription}:{switch.at}"
        history.note(session, plan.order_id, event, actor="buyer", detail=said, now=shop.now())
    plans.refresh(shop, plan.subscription)


def _planned(shop: Shop, email: str, choice: Choice) -> tuple[BilledPlan, str]:
    """The plan as it stands, and Stripe's id of the price that was chosen, which is made known there if it is not yet."""
    plan = billed_plans.find(shop, email, choice.grant_id, subscription=choice.subscription)
    found = _other(shop, plan)
    if found is None or found.price.id != choice.price_id or plan.interval != choice.before:
        raise PlanChanged()
    if found.price.amount * plan.quantity != choice.then.amount:
        raise PlanChanged()
    if found.at_stripe is None:
        plans_at_stripe.bring(shop, plan.product_id)
        found = _other(shop, plan)
    assert found
    assert found.at_stripe
    return plan, found.at_stripe


def _other(shop: Shop, plan: BilledPlan) -> OnSale | None:
    """The price on sale of the same plan in its currency and for another interval; None while it is owed for, or where something
    else is billed with it: all that a subscription bills for has one interval."""
    if plan.owed or not plan.alone:
        return None
    with shop.reading() as session:
        found = plan_prices.on_sale(session, shop.settings.mode, product_id=plan.product_id)
    others = (each for each in found if each.price.currency == plan.unit.currency)
    return next((each for each in others if each.price.interval != plan.interval), None)


def _changes(plan: BilledPlan, stripe_price_id: str) -> dict[str, object]:
    return {"price": stripe_price_id, "quantity": plan.quantity}
