"""Money that needs a person: disputes and warnings of fraud, refunds and payouts that failed, stolen cards that are tried out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

from sqlalchemy import and_, exists, or_
from sqlmodel import Session, col, select

from core.foundation.money import Money
from core.orders.balance import payouts
from core.orders.disputes import ACTIONABLE, Dispute, FraudWarning
from core.orders.payments import Payment
from core.orders.refunds import GONE, Refund, RefundStatus, made_good
from core.owner.needs.items import Item, Kind
from core.traffic import rate_limits
from core.traffic.rate_limits import DECLINES


def card_testing(session: Session, *, now: datetime) -> Iterator[Item]:
    """That very many payments are declined, within the hour in which they are."""
    row = rate_limits.standing(session, DECLINES, "cards")
    if row is None or row.hits <= DECLINES.most or row.began_at < now.timestamp() - DECLINES.seconds:
        return
    since = datetime.fromtimestamp(row.began_at, UTC)
    yield Item(
        "card_testing", "declines", None, since, None, f"{row.hits} payments were declined within an hour", _TESTED,
    )  # fmt: skip


_TESTED = (
    "Somebody may be trying out stolen cards here. Look at the declined payments in Stripe's dashboard, switch on its rules"
    " against card testing, and refund what came through: those payments are disputed later. Should it be a sale that goes"
    " well, nothing is to be done; this item goes an hour after the last such hour."
)


@cache
def disputed() -> Kind:
    """Disputes that wait for an answer."""
    open_ones = col(Dispute.status).in_(("warning_needs_response", "needs_response", "appeal_needs_response"))
    soonest = (col(Dispute.due_by).is_(None), Dispute.due_by, Dispute.created_at, Dispute.id)
    return Kind(select(Dispute).where(open_ones), Dispute.order_id, soonest, _dispute)


def _dispute(row: Dispute) -> Iterator[Item]:
    yield Item(
        "dispute", row.id, row.order_id, row.created_at, row.due_by, row.reason,
        "Answer it in Stripe's dashboard before the deadline. The evidence pack of its order puts the proof together, as does"
        " `pushcart evidence`.",
    )  # fmt: skip


@cache
def warnings() -> Kind:
    """A bank's warnings of fraud, until there is a dispute about the same payment, or money of it went back: what was before it
    settles nothing."""
    payment, charge = col(FraudWarning.stripe_payment_intent_id), col(FraudWarning.stripe_charge_id)
    unknown = and_(payment.is_(None), charge.is_(None))
    disputed = exists().where(
        col(Dispute.order_id) == FraudWarning.order_id, col(Dispute.created_at) >= FraudWarning.created_at,
        or_(unknown, col(Dispute.stripe_payment_intent_id) == payment, col(Dispute.stripe_charge_id) == charge),
    )  # fmt: skip
    paid, made = col(Payment.stripe_payment_intent_id), col(Payment.stripe_charge_id)
    of_it = or_(paid == payment, made == charge, and_(paid.is_(None), made.is_(None)))
    its = exists().where(col(Payment.id) == Refund.payment_id, of_it).correlate(Refund, FraudWarning)
    # What Stripe says of a refund is nearer than what is known of its payment: of a plan's that may be its invoice alone.
    named = col(Refund.stripe_payment_intent_id)
    refunded = exists().where(
        col(Refund.order_id) == FraudWarning.order_id, col(Refund.status).in_(GONE),
        col(Refund.created_at) >= FraudWarning.created_at,
        or_(unknown, named == payment, or_(named.is_(None), payment.is_(None)) & its),
    )  # fmt: skip
    standing = select(FraudWarning).where(ACTIONABLE, ~disputed, ~refunded)
    return Kind(standing, FraudWarning.order_id, (FraudWarning.created_at, FraudWarning.id), _warning)


def _warning(row: FraudWarning) -> Iterator[Item]:
    yield Item(
        "fraud_warning", row.id, row.order_id, row.created_at, None, row.fraud_type,
        "The bank thinks this payment is fraud. Refunding it now avoids a dispute and its fee.",
    )  # fmt: skip


@cache
def refunds() -> Kind:
    """Refunds that did not work, until what they were to bring went back by another one."""
    failed = col(Refund.status).in_((RefundStatus.FAILED, RefundStatus.CANCELED))
    standing = select(Refund).where(failed, ~made_good())
    return Kind(standing, Refund.order_id, (Refund.updated_at, Refund.id), _refund)


def _refund(row: Refund) -> Iterator[Item]:
    yield Item(
        "refund_failed", row.stripe_refund_id or row.id, row.order_id, row.updated_at, None, row.failure,
        _SENT_BACK if row.stripe_refund_id else _REFUSED,
    )  # fmt: skip


_SENT_BACK = (
    "The money is back with you, and what the refund had closed is open again; a plan whose subscription it cancelled, until the"
    " period that was paid for ends. Agree with the buyer on another way to pay it back, and end their access then."
)
_REFUSED = "Stripe refused it, so no money has moved. Mend the reason and refund again, or pay it back another way."


def payouts_failed(session: Session, *, livemode: bool) -> Iterator[Item]:
    """Payouts that the bank sent back."""
    for row in payouts.failed(session, livemode=livemode):
        reason = row.failure_message or row.failure_code or "no reason was given"
        yield Item(
            "payout_failed", row.id, None, row.failed_at or row.told_at, None,
            f"{Money(row.amount, row.currency).format()}: {reason}",
            "The bank sent it back, and the money is on your balance at Stripe again. Stripe pays nothing more out to that "
            "account until you correct it, or confirm it, among the payouts in Stripe's settings: then the next payout "
            "brings it along.",
        )  # fmt: skip
