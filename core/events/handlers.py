"""What each of Stripe's events means to the shop: facts on an order's rows, and what Stripe must be asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlmodel import Session

from core import admission, fulfillment
from core.admission import Fate, Refused
from core.catalog import plan_prices
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Notice
from core.gateway.objects import id_of, moment
from core.invoicing import invoices
from core.orders import checkouts, disputes, history, payments, refunds, subscriptions
from core.orders.balance import payouts
from core.orders.ledger import Locked
from core.orders.orders import AdmittedOrder
from core.traffic import rate_limits
from core.traffic.rate_limits import DECLINES


class EventState(StrEnum):
    """What became of an event. `parked` waits for its order, `failed` for whatever broke; both are tried again."""

    APPLIED = "applied"
    IGNORED = "ignored"
    PARKED = "parked"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """What a handler made of an event. `erased` if it is about somebody who was erased."""

    state: EventState
    order_id: str | None = None
    reason: str = ""
    erased: bool = False


@dataclass(frozen=True)
class Context:
    """An event on its way through the shop. `request` is the one that brought it, as `requests.carried` says it."""

    shop_id: str
    event: dict[str, Any]
    actor: str
    now: datetime
    request: str = ""

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


@dataclass(frozen=True)
class Plain:
    """An event that is about no order."""

    apply: Callable[[Session, Context], Outcome]


@dataclass(frozen=True)
class OfSession:
    """An event about a Checkout Session: what it says is recorded, and settles its order."""


class Reach(StrEnum):
    """How much of its order an event needs: nothing, the order locked, or its ledger too, which is settled by it."""

    NONE = "none"
    LOCK = "lock"
    SETTLE = "settle"


class Record(Protocol):
    """Takes down what an event says of an order that it was admitted to."""

    def __call__(
        self, session: Session, context: Context, order_id: AdmittedOrder, locked: Locked | None, /
    ) -> None: ...


@dataclass(frozen=True)
class OfOrder:
    """An event about something else that belongs to an order.

    `record` takes the order, with its ledger if that is in reach. `refused` is what becomes of what is not admitted;
    `ignores` why it is not even asked whose it is, if there is a reason.
    """

    record: Record
    reach: Reach = Reach.NONE
    refused: Callable[[Session, Context, Refused], Outcome] | None = None
    ignores: Callable[[Context], str] | None = None


Handler = Plain | OfSession | OfOrder


def _record_refund(session: Session, context: Context, order_id: AdmittedOrder, locked: Locked | None) -> None:
    assert locked is not None
    facts = refunds.read_refund(context.subject, told_at=context.event.get("created"))
    refunds.record(session, order_id, locked.book.refunds, facts, now=context.now)


def _record_dispute(session: Session, context: Context, order_id: AdmittedOrder, locked: Locked | None) -> None:
    assert locked is not None
    facts = disputes.read_dispute(context.subject, event=context.event["type"])
    disputes.record(session, order_id, locked.book.disputes, facts)


def _record_fraud_warning(session: Session, context: Context, order_id: AdmittedOrder, _: Locked | None) -> None:
    warning = disputes.record_warning(session, order_id, context.subject)
    topic = f"fraud_warning:{warning.id}"
    history.note(session, order_id, topic, actor=context.actor, detail=warning.fraud_type, now=context.now)
    if warning.actionable:
        # Within days it becomes a dispute: the weekly digest may be too late.
        outbox.owe(session, Job.OWNER_NOTICE, order_id, topic, key=f"{order_id}:{topic}")


def _ask_for_refunds(session: Session, context: Context, _: AdmittedOrder, __: Locked | None) -> None:
    """The charge tells that refunds exist but, since 2022-11-15, not which: the worker asks."""
    _ask(session, context, context.subject["id"])


def _note_decline(session: Session, context: Context, order_id: AdmittedOrder, _: Locked | None) -> None:
    """A try that failed: nothing but a line in the order's history, with the bank's reason."""
    error = context.subject.get("last_payment_error") or context.subject
    reason = error.get("decline_code") or error.get("code") or error.get("failure_code") or ""
    charge = id_of(error.get("charge")) or context.subject["id"]
    history.note(session, order_id, f"declined:{charge}", actor=context.actor, detail=reason, now=context.now)
    if context.event["type"] == "payment_intent.payment_failed":  # `charge.failed` tells of the same one
        rate_limits.hit(session, DECLINES, "cards", now=context.now)


def _note_nothing(session: Session, context: Context, _: AdmittedOrder, __: Locked | None) -> None:
    """Nothing to learn that the Checkout Session does not tell; kept with the order it names."""


def _ask_for_subscription(session: Session, context: Context, _: AdmittedOrder, __: Locked | None) -> None:
    """Its state is never read off an event, which may be old: the worker fetches it."""
    _ask(session, context, admission.subscription_of(context.subject) or "")


def _record_invoice(session: Session, context: Context, order_id: AdmittedOrder, locked: Locked | None) -> None:
    assert locked is not None
    subscription = subscriptions.subscription_of(context.subject)
    facts = payments.read_paid_invoice(context.subject, subscription=subscription, now=context.now)
    fulfillment.record_payment(session, order_id, locked.book, facts)
    if context.subject.get("number"):
        payment = payments.named(locked.book.payments, facts.id)
        assert payment is not None
        invoices.keep(session, context.subject, order_id=order_id, payment_id=payment.id, now=context.now)
    _ask_for_subscription(session, context, order_id, locked)


def _record_credit_note(session: Session, context: Context, order_id: AdmittedOrder, locked: Locked | None) -> None:
    assert locked is not None
    fulfillment.record_credit_note(session, order_id, locked.book, context.subject, now=context.now)


def _credits_nothing(context: Context) -> str:
    note = context.subject
    if (note.get("metadata") or {}).get("corrected_by"):
        return "it takes back an invoice that the shop wrote anew"
    void = note.get("status") == "void"
    return "" if void or payments.kept_by(note) else "what it credits was not paid, or is a refund"


def _without_subscription(context: Context) -> str:
    return "" if subscriptions.subscription_of(context.subject) else "an invoice without a subscription"


def _refuse_decline(session: Session, context: Context, refused: Refused) -> Outcome:
    return not_admitted(session, context, refused) if _names_ours(refused) else ignored(_NAMES_NONE)


def _refuse_payment(session: Session, context: Context, refused: Refused) -> Outcome:
    """The Session tells what was paid. Where all that the order has are decided, it is one that Stripe made of an expired
    one, and of which nobody has told yet: Stripe is asked, or the money would be nobody's if nobody ever does."""
    if not _names_ours(refused):
        return ignored(_NAMES_NONE)
    assert refused.order_id
    arrived = context.event["type"].endswith(".succeeded")
    if arrived and not checkouts.awaits_word(session, refused.order_id):
        return not_admitted(session, context, refused)
    return Outcome(EventState.APPLIED, refused.order_id)


def _on_catalogue(session: Session, context: Context) -> Outcome:
    """What Stripe no longer sells under a price or product of ours cannot be bought here either, which its owners hear of."""
    subject = context.subject
    if subject.get("active") and not context.event["type"].endswith(".deleted"):
        return ignored("still on sale at Stripe")
    kind = "product" if subject.get("object") == "product" else "price"
    for sold in plan_prices.sold_as(session, subject["id"], of_product=kind == "product"):
        told = f"{kind}:{sold}:{context.event['id']}"
        outbox.owe(session, Job.SHOP_NOTICE, Notice.SOLD_NO_MORE, told, key=f"{Notice.SOLD_NO_MORE}:{told}")
    changed = plan_prices.withdraw(session, subject["id"], of_product=kind == "product")
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


def _names_ours(refused: Refused) -> bool:
    """Whether it names an order that we have, though nothing proves yet that it belongs to it."""
    return refused.fate is Fate.ASK and refused.order_id is not None


def not_admitted(session: Session, context: Context, refused: Refused) -> Outcome:
    """Somebody else's is ignored. What may yet be ours is parked, and the worker asks Stripe: nothing is lost meanwhile."""
    if refused.fate is Fate.IGNORE:
        return ignored(refused.reason)
    if refused.fate is Fate.ASK:
        _ask(session, context, context.event["id"])
    return Outcome(EventState.PARKED, refused.order_id, refused.reason)


def _ask(session: Session, context: Context, subject: str) -> None:
    outbox.owe(session, Job.ASK_STRIPE, subject, key=f"{subject}:{context.event['id']}")


_REFUND = OfOrder(_record_refund, Reach.SETTLE)
_DISPUTE = OfOrder(_record_dispute, Reach.SETTLE)
_WARNING = OfOrder(_record_fraud_warning, Reach.LOCK)  # its `created` and `updated` may come at once
_DECLINE = OfOrder(_note_decline, refused=_refuse_decline)
_PAYMENT = OfOrder(_note_nothing, refused=_refuse_payment)
_REFUNDED = OfOrder(_ask_for_refunds)
_SUBSCRIPTION = OfOrder(_ask_for_subscription)
_PAID_INVOICE = OfOrder(_record_invoice, Reach.SETTLE, ignores=_without_subscription)
_INVOICE = OfOrder(_ask_for_subscription, ignores=_without_subscription)
_CREDIT_NOTE = OfOrder(_record_credit_note, Reach.SETTLE, ignores=_credits_nothing)
_CATALOGUE = Plain(_on_catalogue)
_PAYOUT = Plain(_on_payout)

HANDLERS: Mapping[str, Handler] = {
    "checkout.session.completed": OfSession(),
    "checkout.session.async_payment_succeeded": OfSession(),
    "checkout.session.async_payment_failed": OfSession(),
    "checkout.session.expired": OfSession(),
    "payment_intent.succeeded": _PAYMENT,
    "payment_intent.processing": _PAYMENT,
    "payment_intent.payment_failed": _DECLINE,
    "charge.failed": _DECLINE,
    "charge.refunded": _REFUNDED,
    "charge.updated": _PAYMENT,
    "charge.succeeded": _PAYMENT,
    "refund.created": _REFUND,
    "refund.updated": _REFUND,
    "refund.failed": _REFUND,
    "charge.refund.updated": _REFUND,
    "charge.dispute.created": _DISPUTE,
    "charge.dispute.updated": _DISPUTE,
    "charge.dispute.funds_withdrawn": _DISPUTE,
    "charge.dispute.funds_reinstated": _DISPUTE,
    "charge.dispute.closed": _DISPUTE,
    "radar.early_fraud_warning.created": _WARNING,
    "radar.early_fraud_warning.updated": _WARNING,
    "customer.subscription.created": _SUBSCRIPTION,
    "customer.subscription.updated": _SUBSCRIPTION,
    "customer.subscription.deleted": _SUBSCRIPTION,
    "customer.subscription.paused": _SUBSCRIPTION,
    "customer.subscription.resumed": _SUBSCRIPTION,
    "customer.subscription.trial_will_end": _SUBSCRIPTION,
    "invoice.paid": _PAID_INVOICE,
    "invoice.payment_succeeded": _PAID_INVOICE,
    "invoice.payment_failed": _INVOICE,
    "invoice.payment_action_required": _INVOICE,
    "invoice.finalization_failed": _INVOICE,
    "invoice.marked_uncollectible": _INVOICE,
    "invoice.voided": _INVOICE,
    "credit_note.created": _CREDIT_NOTE,
    "credit_note.updated": _CREDIT_NOTE,
    "credit_note.voided": _CREDIT_NOTE,
    "payout.created": _PAYOUT,
    "payout.updated": _PAYOUT,
    "payout.paid": _PAYOUT,
    "payout.failed": _PAYOUT,
    "payout.canceled": _PAYOUT,
    "payout.reconciliation_completed": _PAYOUT,
    "product.updated": _CATALOGUE,
    "product.deleted": _CATALOGUE,
    "price.updated": _CATALOGUE,
    "price.deleted": _CATALOGUE,
}
