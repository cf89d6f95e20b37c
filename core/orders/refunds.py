"""Refunds as facts: rows that only climb, whether they were asked for here or made in Stripe's own dashboard."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from textwrap import wrap
from typing import Any, ClassVar

from sqlalchemy import JSON, ColumnElement, Index, Text, and_, cast, exists, func, literal_column, or_
from sqlalchemy.orm import aliased
from sqlmodel import Field, Session, col, select

from core.foundation.records import index_where, minor_units, text_enum
from core.foundation.signals import corrections
from core.foundation.signals.corrections import Dated
from core.gateway.objects import id_of, moment
from core.orders import orders, payments, setbacks
from core.orders.orders import AdmittedOrder, Order, OrderLine, asked_about
from core.orders.payments import Payment


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
GONE = (RefundStatus.PENDING, RefundStatus.REQUIRES_ACTION, RefundStatus.SUCCEEDED)
_IN_VAIN = (RefundStatus.FAILED, RefundStatus.CANCELED)


class Refund(Dated, table=True):
    """One refund. `id` is our own and the idempotency key at Stripe, or Stripe's id for one that was made there.

    `payment_id` is the payment that it is taken from, null until that is known. `lines` says how much of it, in minor
    units, is for which line, if it was made for lines; `takes_back` ends access to them, or to all, though money is left.
    `ends_subscription` is what an owner said about the plan that it pays back, null where the shop's policy decides.
    Rows of one `request` were asked for at once. `amount_tax` is the tax in it, once its payment is known. `failed_at` is when it
    failed, or was refused or canceled, at Stripe; null where that is not known to have come at a certain moment.
    """

    __tablename__ = "refunds"
    __table_args__ = (Index("ix_refunds_status_created_at_id", "status", "created_at", "id"),)
    dated: ClassVar[str] = "created_at"
    counted: ClassVar[frozenset[str]] = frozenset(("created_at", "amount", "amount_tax", "status", "payment_id"))

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    payment_id: str | None = Field(default=None, foreign_key="payments.id", index=True)
    request: str = Field(default="", index=True)
    stripe_refund_id: str | None = Field(default=None, unique=True)
    stripe_payment_intent_id: str | None = None
    amount: int = minor_units()
    amount_tax: int = minor_units(default=0)
    currency: str
    status: RefundStatus = text_enum(RefundStatus)
    reason: str = ""
    failure: str = ""
    lines: dict[str, int] = Field(default_factory=dict, sa_type=JSON)
    takes_back: bool = False
    ends_subscription: bool | None = None
    actor: str = ""
    created_at: datetime = Field(index=True)
    updated_at: datetime
    failed_at: datetime | None = None


index_where(col(Refund.amount_tax) != literal_column("0"), "ix_refunds_taxed", Refund.created_at)


@dataclass(frozen=True)
class Decided:
    """What was decided of a refund here, as Stripe was told it: for which lines of its order it is, counted from 1, and how much
    for each in minor units; the rest as the refund's row has it."""

    lines: Mapping[int, int]
    takes_back: bool
    ends_subscription: bool | None
    request: str


@dataclass(frozen=True)
class RefundFacts:
    """What Stripe said of a refund. `amount` in minor units; `refund_id` is our own row's, where Stripe was told it. `failed_at` is
    when it did not work, where that is said; `decided` is None where Stripe was not told, as by a version of before."""

    id: str
    refund_id: str
    order_id: str
    shop_id: str
    payment_intent: str | None
    charge: str | None
    amount: int
    currency: str
    status: RefundStatus
    failure: str
    created_at: datetime | None = None
    failed_at: datetime | None = None
    decided: Decided | None = None


# Stripe keeps so much under each name of an object's metadata.
_MOST = 500
_ENDS = {"yes": True, "no": False, "policy": None}


def told_of(refund: Refund, lines: Sequence[OrderLine]) -> dict[str, str]:
    """What Stripe keeps of a refund beside whose it is, so that it is known where the database is lost: for which of these lines of
    its order it is, and what was decided with it. Nothing of a person is in it."""
    positions = {line.id: line.position + 1 for line in lines}
    parts = sorted((positions[line_id], amount) for line_id, amount in refund.lines.items() if line_id in positions)
    listed = wrap(" ".join(f"{position}:{amount}" for position, amount in parts), _MOST)
    said = next(word for word, ends in _ENDS.items() if ends is refund.ends_subscription)
    return {
        "request": refund.request, "takes_back": "yes" if refund.takes_back else "no", "ends_subscription": said,
        **{f"lines_{number}": part for number, part in enumerate(listed, 1)},
    }  # fmt: skip


def _read_decided(metadata: Mapping[str, str]) -> Decided | None:
    """The same, read. What somebody wrote over it at Stripe says nothing."""
    if not metadata.get("refund_id") or metadata.get("ends_subscription") not in _ENDS:
        return None
    said = " ".join(text for name, text in metadata.items() if name.startswith("lines_"))
    lines = [part.split(":") for part in said.split()]
    if not all(len(part) == 2 and all(map(_is_number, part)) for part in lines):
        return None
    return Decided(
        lines={int(position): int(amount) for position, amount in lines},
        takes_back=metadata.get("takes_back") == "yes", ends_subscription=_ENDS[metadata["ends_subscription"]],
        request=metadata.get("request") or "",
    )  # fmt: skip


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def read_refund(refund: dict[str, Any], *, told_at: int | None = None) -> RefundFacts:
    """Read a `refund` as Stripe sends it; a status we do not know is taken for pending. `told_at` is when Stripe wrote the event
    that it came with, if it came with one."""
    metadata = refund.get("metadata") or {}
    status = refund.get("status")
    return RefundFacts(
        id=refund["id"],
        refund_id=metadata.get("refund_id") or "",
        order_id=metadata.get("order_id") or "",
        shop_id=metadata.get("shop_id") or "",
        payment_intent=id_of(refund.get("payment_intent")),
        charge=id_of(refund.get("charge")),
        amount=int(refund.get("amount") or 0),
        currency=refund.get("currency") or "",
        status=RefundStatus(status) if status in set(RefundStatus) else RefundStatus.PENDING,
        failure=refund.get("failure_reason") or "",
        created_at=moment(refund.get("created")),
        failed_at=moment(told_at) if status in _IN_VAIN else None,
        decided=_read_decided(metadata),
    )


def of_order(session: Session, order_id: str) -> list[Refund]:
    """The order's refunds, oldest first, as they are now."""
    return of_orders(session, [order_id])


def of_orders(session: Session, order_ids: Collection[str]) -> list[Refund]:
    """The same of several orders."""
    query = select(Refund).where(col(Refund.order_id).in_(order_ids))
    return sorted(session.exec(query.execution_options(populate_existing=True)), key=_age)


def record(
    session: Session, order_id: AdmittedOrder, known: list[Refund], facts: RefundFacts, *, now: datetime
) -> Refund:
    """Merge what Stripe said into the refund's row among the order's `known` ones. The order must be locked."""
    row = _row_of(known, facts)
    if row is None:
        row = Refund(
            id=facts.id, order_id=order_id, stripe_refund_id=facts.id, amount=facts.amount, currency=facts.currency,
            status=facts.status, actor="stripe", created_at=facts.created_at or now, updated_at=now,
            **_decided(session, order_id, facts),
        )  # fmt: skip
        session.add(row)
        known.append(row)
        known.sort(key=_age)
    if row.stripe_refund_id is None:
        # Taken for refused, and made after all: from here on Stripe's word counts.
        row.status, row.failed_at = RefundStatus.REQUESTED, None
    row.stripe_refund_id = facts.id
    row.stripe_payment_intent_id = facts.payment_intent or row.stripe_payment_intent_id
    if row.payment_id is None and facts.payment_intent is None:
        session.flush()  # the payment may be of this transaction
        row.payment_id = payments.of_charge(session, order_id, facts.charge)
    row.amount = facts.amount or row.amount
    if facts.created_at and facts.created_at > row.created_at:
        # Asked for on one day and made on another, as where Stripe could not be reached: on that one the money went back.
        row.created_at = facts.created_at
        known.sort(key=_age)
    if _RANK.index(facts.status) > _RANK.index(row.status):
        row.status, row.updated_at = facts.status, now
        # What of the others is for which line depends on what went back before them.
        others = (each for each in known if each is not row and each.payment_id == row.payment_id)
        corrections.note(session, [each.created_at for each in others])
    row.failure = facts.failure or row.failure
    # Told more than once, it failed when that was told first.
    row.failed_at = min(filter(None, (row.failed_at, facts.failed_at)), default=None)
    return row


def is_made_good(failed: Refund, all_of_it: Sequence[Refund], emptied: Collection[str]) -> bool:
    """Whether others of its order, which these are, brought what a refund that failed was to bring: of the same payment and lines,
    as much together since it failed, beside what others were to bring that failed meanwhile, or all that there was, which they did
    of the `emptied` payments. Where it is not known when it failed, one of the same amount may have been made before that was
    told: at Stripe it is known at once."""
    if failed.payment_id in emptied:
        return True
    fitting = [other for other in all_of_it if other.id != failed.id and _fits(failed, other)]
    made = [other for other in fitting if other.status not in _IN_VAIN]
    since = [other for other in made if other.created_at >= _failed_at(failed)]
    vain = [other for other in fitting if other.status in _IN_VAIN and _failing(other) > _failing(failed)]
    twin = failed.failed_at is None and any(
        other.amount == failed.amount and other.created_at >= failed.created_at for other in made
    )
    return twin or any(
        sum(each.amount for each in since if each.created_at <= other.created_at)
        - sum(each.amount for each in vain if _failed_at(each) < other.created_at)
        >= failed.amount
        for other in since
    )


def _fits(failed: Refund, other: Refund) -> bool:
    """Whether another one is of the same payment and lines, as far as that is known."""
    return (
        other.order_id == failed.order_id
        and (None in (failed.payment_id, other.payment_id) or failed.payment_id == other.payment_id)
        and (not failed.lines or not other.lines or failed.lines == other.lines)
    )


def _failed_at(failed: Refund) -> datetime:
    return failed.failed_at or failed.updated_at


def _failing(failed: Refund) -> tuple[datetime, str]:
    """By what those that failed stand one after another."""
    return _failed_at(failed), failed.id


def made_good() -> ColumnElement[bool]:
    """The same as the database is asked it of a refund that failed, by those that are gone."""
    last, each, vain = aliased(Refund), aliased(Refund), aliased(Refund)
    at, at_vain = (func.coalesce(row.failed_at, row.updated_at) for row in (Refund, vain))
    gone, since = _gone_and_fitting(each), col(each.created_at) >= at
    together = select(func.coalesce(func.sum(each.amount), 0)).where(
        gone, since, col(each.created_at) <= last.created_at
    )
    meanwhile = select(func.coalesce(func.sum(vain.amount), 0)).where(
        _fitting(vain), col(vain.status).in_(_IN_VAIN), at_vain < last.created_at,
        or_(at_vain > at, and_(at_vain == at, col(vain.id) > Refund.id)),
    )  # fmt: skip
    brought, owed = (query.correlate(Refund, last).scalar_subquery() for query in (together, meanwhile))
    enough = exists().where(_gone_and_fitting(last), col(last.created_at) >= at, brought - owed >= Refund.amount)
    twin = exists().where(
        _gone_and_fitting(each), col(Refund.failed_at).is_(None), col(each.amount) == Refund.amount,
        col(each.created_at) >= Refund.created_at,
    )  # fmt: skip
    emptied = exists().where(col(Payment.id) == Refund.payment_id, *_EMPTIED)
    return or_(twin, enough, emptied)


def _gone_and_fitting(other: Any) -> ColumnElement[bool]:
    return and_(_fitting(other), col(other.status).in_(GONE))


def _fitting(other: Any) -> ColumnElement[bool]:
    nothing, lines, others_lines = "{}", cast(Refund.lines, Text), cast(other.lines, Text)
    return and_(
        col(other.order_id) == Refund.order_id,
        col(other.id) != Refund.id,
        or_(
            col(Refund.payment_id).is_(None), col(other.payment_id).is_(None),
            col(other.payment_id) == Refund.payment_id,
        ),
        or_(lines == nothing, others_lines == nothing, lines == others_lines),
    )  # fmt: skip


def emptied(session: Session, failed: Sequence[Refund]) -> set[str]:
    """The payments of these refunds of which all went back, by others."""
    wanted = {row.payment_id for row in failed if row.payment_id}
    return set(session.exec(select(Payment.id).where(col(Payment.id).in_(wanted), *_EMPTIED))) if wanted else set()


_EMPTIED = (col(Payment.amount_refunded) >= Payment.amount,)


def gone(refunds: Sequence[Refund]) -> int:
    """How much went back, in minor units."""
    return sum(refund.amount for refund in refunds if refund.status in GONE)


def gone_ones(refunds: Sequence[Refund]) -> list[Refund]:
    """Those whose money has left us."""
    return [refund for refund in refunds if refund.status in GONE]


def as_they_stood(refunds: Sequence[Refund], at: datetime) -> list[Refund]:
    """The refunds with those gone that were made at Stripe and had not failed yet at a moment; none if no such has failed since."""
    since = [each for each in refunds if each.status in _IN_VAIN and each.stripe_refund_id and _failed_at(each) >= at]
    if not since:
        return []
    gone_then = [Refund(**each.model_dump() | {"status": RefundStatus.SUCCEEDED}) for each in since]
    return [*(each for each in refunds if each not in since), *gone_then]


def keeps_subscription(refunds: Sequence[Refund]) -> bool:
    """Whether an owner said of money that went back that the plan goes on all the same."""
    return any(refund.ends_subscription is False for refund in gone_ones(refunds))


def claimed(refunds: Sequence[Refund]) -> int:
    """How much went back or was asked for: what is left of a payment is less by this."""
    return sum(refund.amount for refund in refunds if refund.status in (*GONE, RefundStatus.REQUESTED))


def gone_of_line(refunds: Sequence[Refund], line_id: str) -> int:
    """How much went back for this very line, in minor units."""
    return sum(refund.lines.get(line_id, 0) for refund in refunds if refund.status in GONE)


def claimed_of_line(refunds: Sequence[Refund], line_id: str) -> int:
    """How much went back or was asked for, for this very line."""
    return sum(refund.lines.get(line_id, 0) for refund in refunds if refund.status in (*GONE, RefundStatus.REQUESTED))


def takes_back(refunds: Sequence[Refund], line_id: str) -> bool:
    """Whether an owner decided that a refund ends access to this line though money is left."""
    made = (refund for refund in refunds if refund.status in GONE and refund.takes_back)
    return any(not refund.lines or line_id in refund.lines for refund in made)


def of_request(session: Session, request: str) -> list[Refund]:
    """The refunds that were asked for at once, in the order in which they are made."""
    query = select(Refund).where(Refund.request == request)
    return list(session.exec(query.order_by(col(Refund.created_at), col(Refund.id))))


def without_payment(session: Session, *, livemode: bool, now: datetime, limit: int) -> list[tuple[str, str]]:
    """The PaymentIntents that refunds of this mode name, of which it is not known yet which payment they made, each with
    its order."""
    named = col(Refund.stripe_payment_intent_id)
    query = select(named, Refund.order_id).join(Order, col(Order.id) == Refund.order_id)
    query = query.where(
        col(Refund.payment_id).is_(None), named.is_not(None), *asked_about(livemode=livemode),
        ~setbacks.resting(named, now=now),
    )  # fmt: skip
    return [(name, order_id) for name, order_id in session.exec(query.distinct().limit(limit)) if name]


def entry(refund: Refund) -> list[str]:
    """What the order's history says of a refund, from its facts alone."""
    name = refund.stripe_refund_id or refund.id
    if refund.status is RefundStatus.REQUESTED:
        return []
    ended = [f"refund_{refund.status}:{name}"] if refund.status in _IN_VAIN else []
    return [f"refund:{name}", *ended]


def _decided(session: Session, order_id: str, facts: RefundFacts) -> dict[str, Any]:
    """What was decided of a refund whose row is not here: one that was made at Stripe, or one of ours that is lost, as with the
    database."""
    decided = facts.decided
    if decided is None:
        # Of a plan that lives though one of ours paid it back, an owner may have said so.
        return {"ends_subscription": False if facts.refund_id else None}
    found = orders.lines(session, order_id) if decided.lines else []
    lines = {line.id: decided.lines[line.position + 1] for line in found if line.position + 1 in decided.lines}
    return {
        "lines": lines if sum(lines.values()) <= facts.amount else {}, "takes_back": decided.takes_back,
        "ends_subscription": decided.ends_subscription, "request": decided.request,
    }  # fmt: skip


def _row_of(known: Sequence[Refund], facts: RefundFacts) -> Refund | None:
    if by_stripe := next((row for row in known if row.stripe_refund_id == facts.id), None):
        return by_stripe
    # Stripe may report the refund before our own call returns: then only the metadata tells which row it is.
    unnamed = (row for row in known if row.stripe_refund_id is None)
    return next((row for row in unnamed if row.id == facts.refund_id), None)


def _age(refund: Refund) -> tuple[datetime, str]:
    return refund.created_at, refund.id
