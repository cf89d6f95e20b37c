"""Refunds as facts: rows that only climb, whether they were asked for here or made in Stripe's own dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from core.foundation.database import minor_units, text_enum
from core.gateway.objects import id_of
from core.orders.orders import AdmittedOrder


class RefundStatus(StrEnum):
    """How far a refund has come. `requested` is ours alone: Stripe has not confirmed it yet."""

    REQUESTED = "requested"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"


# Later ones win: a refund may fail after it succeeded, never the other way round.
_RANK = list(RefundStatus)
# Confirmed by Stripe and not taken back: this money has left us.
_GONE = (RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION, RefundStatus.SUCCEEDED)


class Refund(SQLModel, table=True):
    """One refund. `id` is our own and the idempotency key at Stripe, or Stripe's id for one that was made there.

    `line_ids` are the lines it pays back, if it was made for lines; `takes_back` ends access though money is left.
    """

    __tablename__ = "refunds"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    stripe_refund_id: str | None = Field(default=None, unique=True)
    stripe_payment_intent_id: str | None = None
    amount: int = minor_units()
    currency: str
    status: RefundStatus = text_enum(RefundStatus, index=True)
    reason: str = ""
    failure: str = ""
    line_ids: list[str] = Field(default_factory=list, sa_type=JSON)
    takes_back: bool = False
    actor: str = ""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class RefundFacts:
    """What Stripe said of a refund. `amount` in minor units; `refund_id` is our own row's, where Stripe was told it."""

    id: str
    refund_id: str
    order_id: str
    shop_id: str
    payment_intent: str | None
    amount: int
    currency: str
    status: RefundStatus
    failure: str


def read_refund(refund: dict[str, Any]) -> RefundFacts:
    """Read a `refund` as Stripe sends it; a status we do not know is taken for pending."""
    metadata = refund.get("metadata") or {}
    status = refund.get("status") or "pending"
    return RefundFacts(
        id=refund["id"],
        refund_id=metadata.get("refund_id") or "",
        order_id=metadata.get("order_id") or "",
        shop_id=metadata.get("shop_id") or "",
        payment_intent=id_of(refund.get("payment_intent")),
        amount=int(refund.get("amount") or 0),
        currency=refund.get("currency") or "",
        status=RefundStatus(status) if status in set(RefundStatus) else RefundStatus.PENDING,
        failure=refund.get("failure_reason") or "",
    )


def of_order(session: Session, order_id: str) -> list[Refund]:
    """The order's refunds, oldest first, as they are now."""
    query = select(Refund).where(Refund.order_id == order_id).order_by(col(Refund.created_at), col(Refund.id))
    return list(session.exec(query.execution_options(populate_existing=True)))


def record(session: Session, order_id: AdmittedOrder, facts: RefundFacts, *, now: datetime) -> Refund:
    """Merge what Stripe said into the refund's row. The order must be locked."""
    row = _row_of(session, facts)
    if row is None or row.order_id != order_id:
        row = Refund(
            id=facts.id, order_id=order_id, stripe_refund_id=facts.id, amount=facts.amount, currency=facts.currency,
            status=facts.status, actor="stripe", created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
    if row.stripe_refund_id is None:
        row.status = RefundStatus.REQUESTED  # taken for refused, and made after all: from here on Stripe's word counts
    row.stripe_refund_id = facts.id
    row.stripe_payment_intent_id = facts.payment_intent or row.stripe_payment_intent_id
    row.amount = facts.amount or row.amount
    if _RANK.index(facts.status) > _RANK.index(row.status):
        row.status, row.updated_at = facts.status, now
    row.failure = facts.failure or row.failure
    session.flush()
    return row


def gone(refunds: Sequence[Refund]) -> int:
    """How much went back, in minor units."""
    return sum(refund.amount for refund in refunds if refund.status in _GONE)


def claimed(refunds: Sequence[Refund]) -> int:
    """How much went back or was asked for: what is left of a payment is less by this."""
    return sum(refund.amount for refund in refunds if refund.status in (*_GONE, RefundStatus.REQUESTED))


def lines_paid_back(refunds: Sequence[Refund]) -> set[str]:
    """The lines whose own money went back."""
    return {line for refund in refunds if refund.status in _GONE for line in refund.line_ids}


def takes_back_all(refunds: Sequence[Refund]) -> bool:
    """Whether an owner decided that a refund ends access though money is left."""
    return any(refund.takes_back and not refund.line_ids for refund in refunds if refund.status in _GONE)


def entry(refund: Refund) -> list[str]:
    """What the order's history says of a refund, from its facts alone."""
    name = refund.stripe_refund_id or refund.id
    if refund.status is RefundStatus.REQUESTED:
        return []
    ended = [f"refund_{refund.status}:{name}"] if refund.status in (RefundStatus.FAILED, RefundStatus.CANCELED) else []
    return [f"refund:{name}", *ended]


def _row_of(session: Session, facts: RefundFacts) -> Refund | None:
    by_stripe = session.exec(select(Refund).where(Refund.stripe_refund_id == facts.id).with_for_update()).first()
    if by_stripe or not facts.refund_id:
        return by_stripe
    # Stripe may report the refund before our own call returns: then only the metadata tells which row it is.
    ours = session.get(Refund, facts.refund_id, with_for_update=True)
    return ours if ours and ours.stripe_refund_id in (None, facts.id) else None
