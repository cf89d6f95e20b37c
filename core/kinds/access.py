"""Access: what a paid line's buyer may do, decided here alone from the facts about the order's money."""

from collections.abc import Sequence
from datetime import datetime

from core.catalog.products import Kind
from core.orders import refunds
from core.orders.ledger import Ledger
from core.orders.orders import OrderLine
from core.orders.payments import Payment
from core.orders.status import GrantState
from core.orders.subscriptions import Subscription


def allowed(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool, now: datetime) -> GrantState:
    """What this paid line's buyer may do as things stand."""
    if ended_by_money(ledger, line, keeps_after_refund=keeps_after_refund):
        return GrantState.REVOKED
    if ledger.paid is None:
        return GrantState.BLOCKED
    access = _of_plan(ledger.subscription, now=now) if line.kind is Kind.PLAN else GrantState.ACTIVE
    disputed = access is GrantState.ACTIVE and _is_disputed(ledger, line, keeps_after_refund=keeps_after_refund)
    return GrantState.SUSPENDED if disputed else access


def ended_by_money(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool) -> bool:
    """Whether what paid for this line was lost or went back, or an owner took it back, whatever a subscription says."""
    if ledger.is_taken_back(line):
        return True
    if ledger.paid is None:
        return not ledger.trouble
    # What an owner decided about this very refund goes before the product's policy.
    if refunds.takes_back(ledger.refunds, line.id):
        return True
    purchases = _purchases(ledger, line)
    return bool(purchases) and not _standing(ledger, line, purchases, keeps_after_refund=keeps_after_refund)


def _is_disputed(ledger: Ledger, line: OrderLine, *, keeps_after_refund: bool) -> bool:
    """Whether a bank has yet to decide about whatever paid for this line. Of what was bought twice, once is enough."""
    standing = _standing(ledger, line, _purchases(ledger, line), keeps_after_refund=keeps_after_refund)
    return bool(standing) and all(
        any(ledger.standing(payment) == "open" for payment in purchase) for purchase in standing
    )


def _purchases(ledger: Ledger, line: OrderLine) -> list[list[Payment]]:
    # Nothing was ever said of most payments but that they came in.
    return ledger.purchases(line) if ledger.refunds or ledger.disputes else []


def _standing(
    ledger: Ledger, line: OrderLine, purchases: Sequence[list[Payment]], *, keeps_after_refund: bool
) -> list[list[Payment]]:
    """The purchases of which no payment was lost, and whose newest has not gone back: that of a period is over by then."""
    return [
        purchase
        for purchase in purchases
        if not any(ledger.standing(payment) == "lost" for payment in purchase)
        and (keeps_after_refund or not ledger.is_paid_back(purchase[-1], line))
    ]


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
