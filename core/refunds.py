"""Refunding: the row before the call, the row's id as the key, and Stripe's word before anything changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session, select

from core import disputes, fulfillment, history, ledger, orders, refund_facts
from core.database import new_id
from core.errors import BadInput, NothingToRefund, OrderNotFound, RefundTooBig, StripeRefused
from core.money import Money
from core.orders import Order, OrderLine
from core.refund_facts import Refund, RefundStatus
from core.shop import Shop
from core.status import Payment

# The reasons that Stripe knows; anything else an owner may say is kept here alone.
_STRIPE_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


@dataclass(frozen=True)
class Refunded:
    """A refund as it stands after asking Stripe for it."""

    id: str
    order_id: str
    amount: Money
    status: RefundStatus


def request(
    shop: Shop,
    order_id: str,
    amount: int | None = None,
    *,
    reason: str = "",
    actor: str,
    lines: Sequence[int] = (),
    take_back: bool = False,
    key: str = "",
) -> Refunded:
    """Send money back: `amount` in minor units, else what the `lines` (counted from 1) cost, else all that is left.

    The same `key` is the same refund, however often it is asked for. A full refund ends access as the products' policy
    says; a partial one only with `take_back`, or for the very `lines` it pays back.
    Raises OrderNotFound, NothingToRefund, RefundTooBig, BadInput or StripeTrouble. After StripeUnreachable the refund
    stays requested, and the worker asks again under the same key.
    """
    with shop.transaction() as session:
        row = _write(session, order_id, amount, lines, reason, actor, take_back, key, now=shop.now())
    return _carry_out(shop, row)


def resume(shop: Shop, refund_id: str) -> Refunded:
    """Ask again for a refund of which Stripe's answer was lost. Raises StripeTrouble."""
    with shop.reading() as session:
        row = session.get_one(Refund, refund_id)
    return _carry_out(shop, row)


def left(session: Session, order_id: str) -> Money:
    """What may still be refunded. Raises OrderNotFound."""
    order = orders.lock(session, order_id)
    if order is None:
        raise OrderNotFound(order=order_id)
    book = ledger.read(session, order)
    return Money(book.total - refund_facts.claimed(book.refunds), order.currency)


def unconfirmed(session: Session, *, before: datetime) -> list[str]:
    """The refunds that were asked for before this moment and not confirmed."""
    query = select(Refund.id).where(Refund.status == RefundStatus.REQUESTED, Refund.created_at < before)
    return list(session.exec(query))


def _write(
    session: Session, order_id: str, amount: int | None, lines: Sequence[int], reason: str, actor: str,
    take_back: bool, key: str, *, now: datetime,
) -> Refund:  # fmt: skip
    order = orders.lock(session, order_id)
    if order is None:
        raise OrderNotFound(order=order_id)
    refund_id = f"rf_{sha256(f'{order_id}:{key}'.encode()).hexdigest()[:20]}" if key else new_id("rf")
    if known := session.get(Refund, refund_id):
        return known
    order.eventful = True
    session.flush()
    book = ledger.read(session, order)
    paid_for = _lines(session, order, lines)
    if amount is None and paid_for:
        amount = sum(line.unit_amount * line.quantity for line in paid_for)
    amount = _bounded(order, book, amount)
    row = Refund(
        id=refund_id, order_id=order_id, amount=amount, currency=order.currency, status=RefundStatus.REQUESTED,
        reason=reason, line_ids=[line.id for line in paid_for], takes_back=take_back, actor=actor, created_at=now,
        updated_at=now,
    )  # fmt: skip
    session.add(row)
    history.note(session, order_id, f"refund_requested:{row.id}", actor=actor, detail=str(amount), now=now)
    session.flush()
    return row


def _bounded(order: Order, book: ledger.Ledger, amount: int | None) -> int:
    rest = book.total - refund_facts.claimed(book.refunds)
    if book.progress is not Payment.PAID or rest <= 0 or disputes.standing(book.disputes) == "lost":
        raise NothingToRefund(order_id=order.id)
    amount = rest if amount is None else amount
    if amount <= 0:
        raise BadInput()
    if amount > rest:
        raise RefundTooBig(amount=amount, left=rest, currency=order.currency)
    return amount


def _lines(session: Session, order: Order, positions: Sequence[int]) -> list[OrderLine]:
    found = orders.lines(session, order.id)
    if not set(positions) <= set(range(1, len(found) + 1)):
        raise BadInput()
    return [found[position - 1] for position in sorted(set(positions))]


def _carry_out(shop: Shop, row: Refund) -> Refunded:
    if row.status is not RefundStatus.REQUESTED:
        return _view(row)
    try:
        answer = shop.stripe.refund(_parameters(shop, row, _payment_of(shop, row)), key=f"refund:{row.id}")
    except StripeRefused as refusal:
        with shop.transaction() as session:
            _refuse(session, row, refusal, now=shop.now())
        raise
    with shop.transaction() as session:
        orders.lock(session, row.order_id)
        recorded = refund_facts.record(session, row.order_id, refund_facts.read_refund(answer), now=shop.now())
        fulfillment.resettle(session, row.order_id, actor=row.actor, now=shop.now())
        return _view(recorded)


def _payment_of(shop: Shop, row: Refund) -> str:
    """The PaymentIntent that the refund is taken from. Committed before the call: after a renewal it would be another."""
    if row.stripe_payment_intent_id:
        return row.stripe_payment_intent_id
    with shop.reading() as session:
        order = session.get_one(Order, row.order_id)
    payment_intent = order.stripe_payment_intent_id
    if payment_intent is None and order.stripe_subscription_id:
        payment_intent = shop.stripe.payment_intent_of_subscription(order.stripe_subscription_id)
    if payment_intent is None:
        raise StripeRefused("nothing_to_refund", "no payment of this order is known at Stripe")
    with shop.transaction() as session:
        kept = session.get_one(Refund, row.id, with_for_update=True)
        kept.stripe_payment_intent_id = kept.stripe_payment_intent_id or payment_intent
        session.flush()
        return kept.stripe_payment_intent_id


def _parameters(shop: Shop, row: Refund, payment_intent: str) -> dict[str, object]:
    """A retry sends exactly the same again: all of it follows from the row."""
    parameters: dict[str, object] = {
        "payment_intent": payment_intent,
        "amount": row.amount,
        "metadata": {"order_id": row.order_id, "refund_id": row.id, "shop_id": shop.id},
    }
    if row.reason in _STRIPE_REASONS:
        parameters["reason"] = row.reason
    return parameters


def _refuse(session: Session, refund: Refund, refusal: StripeRefused, *, now: datetime) -> None:
    """Stripe said no: the row keeps why, and what it claimed is free again."""
    orders.lock(session, refund.order_id)
    row = session.get_one(Refund, refund.id, with_for_update=True)
    if row.status is RefundStatus.REQUESTED:
        row.status, row.failure, row.updated_at = RefundStatus.CANCELED, refusal.code, now
    session.flush()
    fulfillment.resettle(session, refund.order_id, actor=refund.actor, now=now)


def _view(row: Refund) -> Refunded:
    return Refunded(row.id, row.order_id, Money(row.amount, row.currency), row.status)
