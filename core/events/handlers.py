"""What each of Stripe's events means to the shop: facts on an order's rows, and what Stripe must be asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, update

from core import admission, fulfillment
from core.admission import Fate, Refused
from core.catalog.products import Price, Product
from core.foundation import outbox
from core.foundation.outbox import Job
from core.gateway.objects import id_of, moment
from core.gateway.sessions import read_session
from core.orders import disputes, history, orders, payments, refunds, subscriptions
from core.orders.balance import payouts
from core.orders.orders import AdmittedOrder


class EventState(StrEnum):
    """What became of an event. `parked` waits for its order, `failed` for whatever broke; both are tried again."""

    APPLIED = "applied"
    IGNORED = "ignored"
    PARKED = "parked"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What a handler made of an event."""

    state: EventState
    order_id: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Context:
    """An event on its way through the shop."""

    shop_id: str
    event: dict[str, Any]
    actor: str
    now: datetime

    @property
    def subject(self) -> dict[str, Any]:
        """The object that the event is about, as it was when Stripe wrote the event."""
        subject: dict[str, Any] = self.event["data"]["object"]
        return subject


_NAMES_NONE = "names no order of this shop"
LIVE_AT_TEST = "live event, test key"
TEST_AT_LIVE = "test event, live key"


def ignored(reason: str) -> Outcome:
    """Remembered, and nothing else."""
    return Outcome(EventState.IGNORED, reason=reason)


def _on_checkout(session: Session, context: Context) -> Outcome:
    facts = read_session(context.subject, event=context.event["type"], told_at=context.event.get("created"))
    admitted = admission.of_session(session, context.shop_id, facts)
    if isinstance(admitted, Refused):
        return _not_admitted(session, context, admitted)
    settled = fulfillment.apply(session, admitted, actor=context.actor, now=context.now)
    return Outcome(EventState.APPLIED, settled.order_id)


def _on_refund(session: Session, context: Context) -> Outcome:
    order_id = _admitted(session, context)
    if isinstance(order_id, Refused):
        return _not_admitted(session, context, order_id)
    _touch(session, order_id)
    facts = refunds.read_refund(context.subject)
    refunds.record(session, order_id, facts, now=context.now)
    return _settled(session, context, order_id)


def _on_dispute(session: Session, context: Context) -> Outcome:
    order_id = _admitted(session, context)
    if isinstance(order_id, Refused):
        return _not_admitted(session, context, order_id)
    _touch(session, order_id)
    disputes.record(session, order_id, disputes.read_dispute(context.subject, event=context.event["type"]))
    return _settled(session, context, order_id)


def _on_fraud_warning(session: Session, context: Context) -> Outcome:
    order_id = _admitted(session, context)
    if isinstance(order_id, Refused):
        return _not_admitted(session, context, order_id)
    orders.lock(session, order_id)  # its `created` and `updated` may come at once
    disputes.record_warning(session, order_id, context.subject)
    history.note(
        session, order_id, f"fraud_warning:{context.subject['id']}", actor=context.actor,
        detail=context.subject.get("fraud_type") or "", now=context.now,
    )  # fmt: skip
    return Outcome(EventState.APPLIED, order_id)


def _on_refunded_charge(session: Session, context: Context) -> Outcome:
    """The charge tells that refunds exist but, since 2022-11-15, not which: the worker asks."""
    order_id = _admitted(session, context)
    if isinstance(order_id, Refused):
        return _not_admitted(session, context, order_id)
    _ask(session, context, context.subject["id"])
    return Outcome(EventState.APPLIED, order_id)


def _on_decline(session: Session, context: Context) -> Outcome:
    """A try that failed: nothing but a line in the order's history, with the bank's reason."""
    order_id = _admitted(session, context)
    if isinstance(order_id, Refused):
        return _not_admitted(session, context, order_id) if _names_ours(order_id) else ignored(_NAMES_NONE)
    error = context.subject.get("last_payment_error") or context.subject
    reason = error.get("decline_code") or error.get("code") or error.get("failure_code") or ""
    charge = id_of(error.get("charge")) or context.subject["id"]
    history.note(session, order_id, f"declined:{charge}", actor=context.actor, detail=reason, now=context.now)
    return Outcome(EventState.APPLIED, order_id)


def _on_payment(session: Session, context: Context) -> Outcome:
    """Nothing to learn that the Checkout Session does not tell; kept with the order it names."""
    found = _admitted(session, context)
    if isinstance(found, Refused):
        return Outcome(EventState.APPLIED, found.order_id) if _names_ours(found) else ignored(_NAMES_NONE)
    return Outcome(EventState.APPLIED, found)


def _on_subscription(session: Session, context: Context) -> Outcome:
    """Its state is never read off an event, which may be old: the worker fetches it."""
    order_id = _admitted(session, context)
    if isinstance(order_id, Refused):
        return _not_admitted(session, context, order_id)
    _ask(session, context, context.subject["id"])
    return Outcome(EventState.APPLIED, order_id)


def _on_invoice(session: Session, context: Context) -> Outcome:
    subscription = subscriptions.subscription_of(context.subject)
    if subscription is None:
        return ignored("an invoice without a subscription")
    order_id = _admitted(session, context)
    if isinstance(order_id, Refused):
        return _not_admitted(session, context, order_id)
    if context.event["type"] in ("invoice.paid", "invoice.payment_succeeded"):
        facts = payments.read_paid_invoice(context.subject, subscription=subscription, now=context.now)
        fulfillment.receive(session, order_id, facts, actor=context.actor, now=context.now)
    _ask(session, context, subscription)
    return Outcome(EventState.APPLIED, order_id)


def _on_catalogue(session: Session, context: Context) -> Outcome:
    """What Stripe no longer sells under a price or product of ours cannot be bought here either."""
    subject = context.subject
    if subject.get("active") and not context.event["type"].endswith(".deleted"):
        return ignored("still on sale at Stripe")
    named = (
        update(Price).where(col(Price.stripe_price_id) == subject["id"])
        if subject.get("object") == "price"
        else update(Product).where(col(Product.stripe_product_id) == subject["id"])
    )
    changed = session.exec(named.values(active=False)).rowcount
    return Outcome(EventState.APPLIED) if changed else ignored("not in the catalogue")


def _on_payout(session: Session, context: Context) -> Outcome:
    """A payout is the whole account's, and no order's. What is in it the worker asks."""
    told_at = moment(context.event.get("created"))
    if context.event.get("account") or told_at is None:
        return ignored("a payout of another account")
    if not payouts.says_enough(context.subject):
        return ignored("it does not say what was paid out")
    payouts.record(session, payouts.read_payout(context.subject), told_at=told_at)
    return Outcome(EventState.APPLIED)


def _admitted(session: Session, context: Context) -> AdmittedOrder | Refused:
    return admission.of_object(session, context.shop_id, context.subject)


def _names_ours(refused: Refused) -> bool:
    """Whether it names an order that we have, though nothing proves yet that it belongs to it."""
    return refused.fate is Fate.ASK and refused.order_id is not None


def _touch(session: Session, order_id: str) -> None:
    """Lock the order, and say that there is more to its ledger than the payment."""
    order = orders.lock(session, order_id)
    assert order is not None
    if not order.eventful:
        order.eventful = True
        session.flush()


def _settled(session: Session, context: Context, order_id: str) -> Outcome:
    fulfillment.resettle(session, order_id, actor=context.actor, now=context.now)
    return Outcome(EventState.APPLIED, order_id)


def _not_admitted(session: Session, context: Context, refused: Refused) -> Outcome:
    """Somebody else's is ignored. What may yet be ours is parked, and the worker asks Stripe: nothing is lost meanwhile."""
    if refused.fate is Fate.IGNORE:
        return ignored(refused.reason)
    if refused.fate is Fate.ASK:
        _ask(session, context, context.event["id"])
    return Outcome(EventState.PARKED, refused.order_id, refused.reason)


def _ask(session: Session, context: Context, subject: str) -> None:
    outbox.owe(session, Job.ASK_STRIPE, subject, key=f"{subject}:{context.event['id']}")


Handler = Callable[[Session, Context], Outcome]

HANDLERS: Mapping[str, Handler] = {
    "checkout.session.completed": _on_checkout,
    "checkout.session.async_payment_succeeded": _on_checkout,
    "checkout.session.async_payment_failed": _on_checkout,
    "checkout.session.expired": _on_checkout,
    "payment_intent.succeeded": _on_payment,
    "payment_intent.processing": _on_payment,
    "payment_intent.payment_failed": _on_decline,
    "charge.failed": _on_decline,
    "charge.refunded": _on_refunded_charge,
    "charge.updated": _on_payment,
    "charge.succeeded": _on_payment,
    "refund.created": _on_refund,
    "refund.updated": _on_refund,
    "refund.failed": _on_refund,
    "charge.refund.updated": _on_refund,
    "charge.dispute.created": _on_dispute,
    "charge.dispute.updated": _on_dispute,
    "charge.dispute.funds_withdrawn": _on_dispute,
    "charge.dispute.funds_reinstated": _on_dispute,
    "charge.dispute.closed": _on_dispute,
    "radar.early_fraud_warning.created": _on_fraud_warning,
    "radar.early_fraud_warning.updated": _on_fraud_warning,
    "customer.subscription.created": _on_subscription,
    "customer.subscription.updated": _on_subscription,
    "customer.subscription.deleted": _on_subscription,
    "customer.subscription.paused": _on_subscription,
    "customer.subscription.resumed": _on_subscription,
    "customer.subscription.trial_will_end": _on_subscription,
    "invoice.paid": _on_invoice,
    "invoice.payment_succeeded": _on_invoice,
    "invoice.payment_failed": _on_invoice,
    "invoice.payment_action_required": _on_invoice,
    "invoice.marked_uncollectible": _on_invoice,
    "invoice.voided": _on_invoice,
    "payout.created": _on_payout,
    "payout.updated": _on_payout,
    "payout.paid": _on_payout,
    "payout.failed": _on_payout,
    "payout.canceled": _on_payout,
    "payout.reconciliation_completed": _on_payout,
    "product.updated": _on_catalogue,
    "product.deleted": _on_catalogue,
    "price.updated": _on_catalogue,
    "price.deleted": _on_catalogue,
}
