"""Access: what a paid line's buyer may do, decided here alone from the facts about the order's money."""

from datetime import datetime

from core.catalog.products import Kind
from core.orders import disputes, refunds
from core.orders.ledger import Ledger
from core.orders.orders import OrderLine
from core.orders.status import GrantState
from core.orders.subscriptions import Subscription


def allowed(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool, now: datetime) -> GrantState:
    """What this paid line's buyer may do as things stand."""
    standing = disputes.standing(ledger.disputes)
    if standing == "lost":
        return GrantState.REVOKED
    if ledger.paid is None:
        return GrantState.BLOCKED if ledger.trouble else GrantState.REVOKED
    # What an owner decided about this very refund goes before the product's policy.
    if refunds.takes_back_all(ledger.refunds) or (ledger.paid_back(line) and not keeps_after_refund):
        return GrantState.REVOKED
    access = _of_plan(ledger.subscription, now=now) if line.kind is Kind.PLAN else GrantState.ACTIVE
    return GrantState.SUSPENDED if standing == "open" and access is GrantState.ACTIVE else access


def _of_plan(subscription: Subscription | None, *, now: datetime) -> GrantState:
    """What a plan's buyer may do while its subscription stands so. Not fetched yet: they have just paid."""
    if subscription is None:
        return GrantState.ACTIVE
    match subscription.status:
        case "active" | "trialing":
            return (
                GrantState.SUSPENDED if subscription.status == "active" and subscription.paused else GrantState.ACTIVE
            )
        case "past_due":
            in_grace = subscription.grace_until is None or subscription.grace_until > now
            return GrantState.ACTIVE if in_grace else GrantState.SUSPENDED
        case "canceled" | "incomplete_expired":
            return GrantState.REVOKED
        case _:
            # unpaid, paused, incomplete, and whatever Stripe may add: not paid for, and not over.
            return GrantState.SUSPENDED
