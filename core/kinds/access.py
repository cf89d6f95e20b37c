"""Access: what a paid line's buyer may do, decided here alone from the facts about the order's money."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.catalog.products import Kind
from core.kinds.grants import Closing
from core.orders import refunds
from core.orders.ledger import Ledger
from core.orders.orders import OrderLine
from core.orders.payments import Payment
from core.orders.status import GrantState
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription

# Of several subscriptions for one line the one counts that allows most.
_BEST_FIRST = (GrantState.ACTIVE, GrantState.SUSPENDED, GrantState.REVOKED)
# How Stripe calls it that a plan ended because nobody paid for it.
NOT_PAID = "payment_failed"


@dataclass(frozen=True)
class PlanAccess:
    """What a subscription allows for a plan's line: `product_id` is the plan that it has become, `quantity` its seats.

    Both are None where Stripe has not said so, or names a price that is none of ours: then they stay as they are.
    """

    state: GrantState
    product_id: str | None = None
    quantity: int | None = None


def allowed(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool, now: datetime) -> GrantState:
    """What this paid line's buyer may do as things stand."""
    if ended_by_money(ledger, line, keeps_after_refund=keeps_after_refund):
        return GrantState.REVOKED
    if ledger.paid is None:
        return GrantState.BLOCKED
    access = GrantState.ACTIVE
    if line.kind is Kind.PLAN:
        access = of_plan(ledger, line, keeps_after_refund=keeps_after_refund, now=now).state
    disputed = access is GrantState.ACTIVE and _is_disputed(ledger, line, keeps_after_refund=keeps_after_refund)
    return GrantState.SUSPENDED if disputed else access


def closing(
    ledger: Ledger, line: OrderLine, state: GrantState, *, keeps_after_refund: bool, now: datetime
) -> Closing | None:
    """What this line's own state came of, whatever became of the rest of the order; None while it is open, or blocked."""
    match state:
        case GrantState.ACTIVE | GrantState.BLOCKED:
            return None
        case GrantState.SUSPENDED:
            if line.kind is not Kind.PLAN:
                return Closing.DISPUTED
            plan = of_plan(ledger, line, keeps_after_refund=keeps_after_refund, now=now)
            on_hold = plan.state is GrantState.SUSPENDED
            return _why_on_hold(ledger, line, keeps=keeps_after_refund, now=now) if on_hold else Closing.DISPUTED
        case GrantState.REVOKED:
            return _why_ended(ledger, line, keeps_after_refund=keeps_after_refund)


def _why_on_hold(ledger: Ledger, line: OrderLine, *, keeps: bool, now: datetime) -> Closing:
    """Of several subscriptions that do not let this plan be used for now, the newest says why."""
    held = [
        each
        for each in filter(None, ledger.own_subscriptions)
        if _by(ledger, each, line, keeps=keeps, now=now).state is GrantState.SUSPENDED
    ]
    paused = held[-1].paused and held[-1].unpaid_since is None
    return Closing.PAUSED if paused else Closing.UNPAID


def _why_ended(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool) -> Closing:
    if ledger.is_taken_back(line):
        return Closing.TAKEN_BACK
    if ended_by_money(ledger, line, keeps_after_refund=keeps_after_refund):
        payments = [payment for purchase in _purchases(ledger, line) for payment in purchase] or ledger.payments
        lost = any(ledger.standing(payment) == "lost" for payment in payments)
        return Closing.CHARGED_BACK if lost else Closing.REFUNDED
    over = [each for each in ledger.own_subscriptions if each and each.is_over]
    return Closing.UNPAID if over and over[-1].end_reason == NOT_PAID else Closing.ENDED


def ended_by_money(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool) -> bool:
    """Whether what paid for this line was lost or went back, or an owner took it back, whatever a subscription says."""
    return _has_ended(ledger, line, _own_purchases(ledger, line), keeps_after_refund=keeps_after_refund)


def _has_ended(
    ledger: Ledger, line: OrderLine, purchases: Sequence[list[Payment]], *, keeps_after_refund: bool
) -> bool:
    if ledger.is_taken_back(line):
        return True
    if ledger.paid is None:
        return not ledger.trouble
    # What an owner decided about this very refund goes before the product's policy.
    if refunds.takes_back(ledger.refunds, line.id):
        return True
    return bool(purchases) and not _standing(ledger, line, purchases, keeps_after_refund=keeps_after_refund)


def is_sent_back(ledger: Ledger, line: OrderLine) -> bool:
    """Whether what paid for this line was sent back in full, or as far as an owner decided, and none of it lost to a bank."""
    payments = [payment for purchase in _purchases(ledger, line) for payment in purchase]
    if any(ledger.standing(payment) == "lost" for payment in payments):
        return False
    return refunds.takes_back(ledger.refunds, line.id) or any(ledger.is_paid_back(each, line) for each in payments)


def ended_with(ledger: Ledger, line: OrderLine, subscription: Subscription, *, keeps_after_refund: bool) -> bool:
    """Whether what a subscription brought for this line was lost or went back, though another one may still pay for it."""
    purchases = _purchases(ledger, line)
    if _has_ended(ledger, line, purchases, keeps_after_refund=keeps_after_refund):
        return True
    own = [each for each in purchases if each[0].stripe_subscription_id == subscription.id]
    return bool(own) and not _standing(ledger, line, own, keeps_after_refund=keeps_after_refund)


def _is_disputed(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool) -> bool:
    """Whether a bank has yet to decide about whatever paid for this line. Of what was bought twice, once is enough."""
    standing = _standing(ledger, line, _own_purchases(ledger, line), keeps_after_refund=keeps_after_refund)
    return bool(standing) and all(
        any(ledger.standing(payment) == "open" for payment in purchase) for purchase in standing
    )


def _purchases(ledger: Ledger, line: OrderLine) -> list[list[Payment]]:
    # Nothing was ever said of most payments but that they came in.
    return ledger.purchases(line) if ledger.refunds or ledger.disputes else []


def _own_purchases(ledger: Ledger, line: OrderLine) -> list[list[Payment]]:
    """The same, of a plan without what somebody else pays, whose subscription opens nothing here, and without what paid for one
    that is over while another one goes on. What was bought once stays open for as long as any payment of it stands."""
    found = _purchases(ledger, line)
    if line.kind is not Kind.PLAN or not found:
        return found
    over = {each.id for each in ledger.subscriptions if each.is_over}
    own = [purchase for purchase in found if not ledger.is_anothers(purchase[0].stripe_subscription_id)]
    return [purchase for purchase in own if purchase[0].stripe_subscription_id not in over] or own


def _standing(
    ledger: Ledger, line: OrderLine, purchases: Sequence[list[Payment]], *, keeps_after_refund: bool
) -> list[list[Payment]]:
    """The purchases of which no payment was lost, and of which not all that the newest period cost has gone back: what was paid
    for an earlier one is over by then."""
    return [
        purchase
        for purchase in purchases
        if not any(ledger.standing(payment) == "lost" for payment in purchase)
        and (keeps_after_refund or not _is_paid_back(ledger, line, purchase))
    ]


def _is_paid_back(ledger: Ledger, line: OrderLine, purchase: Sequence[Payment]) -> bool:
    """Whether what began the newest period went back, and whatever was billed for a change since: of seats that were added to a
    plan the money may go back without the plan's."""
    begins = [place for place, payment in enumerate(purchase) if not ledger.is_of_change(payment, line)]
    begun, *changes = purchase[begins[-1] if begins else 0 :]
    billed = [change for change in changes if change.amount and ledger.share(change, line) > 0]
    return all(ledger.is_paid_back(payment, line) for payment in (begun, *billed))


def of_plan(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool, now: datetime) -> PlanAccess:
    """What the buyer's subscriptions allow for a plan's line; if the money of some stands, those alone."""
    own = ledger.own_subscriptions
    standing = [
        each
        for each in own
        if each is None or not ended_with(ledger, line, each, keeps_after_refund=keeps_after_refund)
    ]
    found = [_by(ledger, subscription, line, keeps=keeps_after_refund, now=now) for subscription in standing or own]
    # Nothing fetched yet: they have just paid.
    best = min(found, key=lambda each: _BEST_FIRST.index(each.state), default=PlanAccess(GrantState.ACTIVE))
    # Each is paid for by itself: of one and the same plan there are as many seats as the one with most of them has.
    alike = [each for each in found if (each.state, each.product_id) == (best.state, best.product_id)]
    return max(alike, key=lambda each: each.quantity or 0, default=best)


def _by(
    ledger: Ledger, subscription: Subscription | None, line: OrderLine, *, keeps: bool, now: datetime
) -> PlanAccess:
    if subscription is None:
        return PlanAccess(GrantState.ACTIVE)
    state = _state(subscription, now=now)
    if state is GrantState.REVOKED and _is_given_back(ledger, line, subscription, keeps=keeps, now=now):
        state = GrantState.ACTIVE
    items = ledger.items_of(subscription)
    item = next((each for each in items if each.order_line_id == line.id), None)
    if item:
        if item.paid_quantity == 0 and not _is_forgiven(subscription, now=now):
            state = max(state, GrantState.SUSPENDED, key=_BEST_FIRST.index)  # it was added, and never paid for
        return PlanAccess(state, *_as_paid(subscription, item, now=now))
    # Its price may be foreign now. Where all items are known, and none is this line's, it was taken out of the plan.
    taken_out = bool(items) and all(each.product_id for each in items)
    return PlanAccess(GrantState.REVOKED if taken_out else state)


def _state(subscription: Subscription, *, now: datetime) -> GrantState:
    if subscription.is_over:
        return GrantState.REVOKED
    lasts = subscription.access_until is None or subscription.access_until > now
    return GrantState.ACTIVE if lasts else GrantState.SUSPENDED


def _is_given_back(ledger: Ledger, line: OrderLine, subscription: Subscription, *, keeps: bool, now: datetime) -> bool:
    """Whether what a subscription was paid for lasts, and it ended by refunds that have failed since: Stripe takes none up again,
    and the money is ours."""
    if subscription.ended_at is None or subscription.paid_until is None or subscription.paid_until <= now:
        return False
    then = refunds.as_they_stood(ledger.refunds, subscription.ended_at)
    return bool(then) and ended_with(replace(ledger, refunds=then), line, subscription, keeps_after_refund=keeps)


def _is_forgiven(subscription: Subscription, *, now: datetime) -> bool:
    """Whether what is billed counts as it is billed: nothing is owed, or grace lasts."""
    lasts = subscription.grace_until is not None and subscription.grace_until > now
    return subscription.unpaid_since is None or lasts


def _as_paid(subscription: Subscription, item: SubscriptionItem, *, now: datetime) -> tuple[str | None, int | None]:
    """The plan and as many seats as are billed; while these are owed for longer than grace lasts, what was paid for. How much of
    a plan of ours is billed at a foreign price nobody knows."""
    billed = (item.product_id, item.quantity) if item.product_id else (None, None)
    if item.paid_quantity is None or _is_forgiven(subscription, now=now):
        return billed
    if item.paid_product_id not in (None, item.product_id):
        return item.paid_product_id, item.paid_quantity
    return (item.product_id, min(item.quantity, item.paid_quantity)) if item.product_id else billed
