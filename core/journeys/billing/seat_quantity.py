"""The number of a plan's seats: what another one costs is shown first, and then it is changed at Stripe.

Stripe bills the difference for the rest of the period at once, or credits it. Taking a seat from somebody is another matter.
"""

from dataclasses import dataclass
from datetime import datetime

from core.foundation.errors import BadQuantity, PlanChanged, PlanChangeUnsure, StripeUnreachable
from core.foundation.money import Money
from core.journeys.billing import billed_plans, plans
from core.journeys.billing.billed_plans import BilledPlan
from core.orders import history
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


@dataclass(frozen=True)
class Change:
    """What another number of seats by a `subscription` comes to: `due` is billed at once for the rest of the period, or
    credited where it is below zero; `then` each period. `at` is the moment for which that was worked out, in seconds, in the period
    that ends at `period_end`; it holds when it is carried out soon."""

    grant_id: str
    before: int
    after: int
    due: Money
    then: Money
    interval: str
    at: int
    period_end: datetime | None
    subscription: str


def preview(shop: Shop, email: str, grant_id: str, quantity: int, *, subscription: str = "") -> Change:
    """What so many seats would cost this buyer, by the first that bills for the plan or by this `subscription`. Changes nothing.

    Raises AccessDenied, BadQuantity, PlanNotActive for a plan that ends or is not paid, or StripeTrouble.
    """
    return _worked_out(shop, billed_plans.find(shop, email, grant_id, subscription=subscription), grant_id, quantity)


def preview_for_staff(shop: Shop, grant_id: str, quantity: int, *, subscription: str = "") -> Change:
    """The same for somebody at the owner's side. Raises SeatNotFound, BadQuantity, PlanNotActive, or StripeTrouble."""
    return _worked_out(shop, billed_plans.of_grant(shop, grant_id, subscription=subscription), grant_id, quantity)


def _worked_out(shop: Shop, plan: BilledPlan, grant_id: str, quantity: int) -> Change:
    if not 1 <= quantity <= plan.most or quantity == plan.quantity:
        raise BadQuantity(product=plan.product, quantity=quantity, most=plan.most)
    at = int(shop.now().timestamp())
    # While it is tried for nothing, nothing is billed for a change either.
    due = 0 if plan.tried else shop.stripe.preview_item(plan.subscription, plan.item, {"quantity": quantity}, at=at)
    unit = plan.unit
    return Change(
        grant_id, plan.quantity, quantity, Money(due, unit.currency), Money(unit.amount * quantity, unit.currency),
        plan.interval, at, plan.period_end, plan.subscription,
    )  # fmt: skip


def carry_out(shop: Shop, email: str, change: Change) -> None:
    """Have Stripe bill for so many seats, at what was shown. The same change twice is one change.

    Raises PlanChanged where the plan has other seats by now, or that was shown too long ago, and what `preview` raises.
    """
    plan = billed_plans.find(shop, email, change.grant_id, subscription=change.subscription)
    _check(shop, plan, change)
    _tell_stripe(shop, plan, change)


def carry_out_by_staff(shop: Shop, change: Change, *, deed: Deed) -> None:
    """The same on an owner's word: its buyer is billed, as was shown. It is noted on the order.

    Raises NotPermitted, DoneAlready, SeatNotFound, PlanChanged, PlanNotActive, StripeRefused, or PlanChangeUnsure where Stripe
    gave no answer.
    """
    plan, now = billed_plans.of_grant(shop, change.grant_id, subscription=change.subscription), shop.now()
    _check(shop, plan, change)
    said = f"{change.before} to {change.after}"
    with shop.transaction() as session:
        who = deeds.begin(session, shop.settings, deed, Action.CHANGE_PLAN, subject=plan.order_id, detail=said, now=now)
    try:
        with deeds.refusals_noted(shop, deed):
            _tell_stripe(shop, plan, change)
    except StripeUnreachable:
        raise PlanChangeUnsure() from None
    # Only now: of what Stripe refused the order's history says nothing, and that it was tried stands in the audit log.
    with shop.transaction() as session:
        history.note(session, plan.order_id, f"seats_changed:{deed.token}", actor=who.role, detail=said, now=now)


def _check(shop: Shop, plan: BilledPlan, change: Change) -> None:
    billed_plans.check_shown(plan, at=change.at, period_end=change.period_end, now=shop.now())
    if plan.quantity != change.before:
        raise PlanChanged()


def _tell_stripe(shop: Shop, plan: BilledPlan, change: Change) -> None:
    key = f"seats:{plan.subscription}:{change.before}:{change.after}:{change.at}"
    shop.stripe.change_item(plan.subscription, plan.item, {"quantity": change.after}, at=change.at, key=key)
    plans.refresh(shop, plan.subscription)
