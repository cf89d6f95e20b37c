"""Refunding: the row before the call, the row's id as the key, and Stripe's word before anything changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session, col, select

from core import admission, fulfillment
from core.foundation.database import new_id
from core.foundation.errors import (
    AmountTooSmall,
    NoSuchLine,
    NothingToRefund,
    OrderNotFound,
    OtherMode,
    RefundChanged,
    RefundTooBig,
    StripeRefused,
)
from core.foundation.money import Money
from core.fulfillment import Foreseen
from core.orders import checkouts, disputes, history, ledger, orders, refunds
from core.orders.orders import AdmittedOrder, Order, OrderLine
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import Payment
from core.shop import Shop

# The reasons that Stripe knows; anything else an owner may say is kept here alone.
_STRIPE_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


@dataclass(frozen=True)
class Refunded:
    """A refund as it stands after asking Stripe for it."""

    id: str
    order_id: str
    amount: Money
    status: RefundStatus


@dataclass(frozen=True)
class RefundPlan:
    """What a refund would send back, from where to whom, and what it would do to the deliveries.

    `payment` is empty while only Stripe knows which payment of `subscription` is the newest. `left` is what could still be
    refunded afterwards.
    """

    order_id: str
    number: str
    customer_id: str | None
    livemode: bool
    payment: str | None
    subscription: str | None
    amount: Money
    left: Money
    line_ids: tuple[str, ...]
    deliveries: tuple[Foreseen, ...]


def preview(
    shop: Shop, order_id: str, amount: int | None = None, *, lines: Sequence[int] = (), take_back: bool = False
) -> RefundPlan:
    """What `request` would do with the same words now. Raises what it raises, but for StripeTrouble."""
    with shop.reading() as session:
        order = _open(session, order_id, livemode=shop.settings.livemode)
        return _plan(session, order, amount, lines, take_back, now=shop.now())


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
    agreed: RefundPlan | None = None,
) -> Refunded:
    """Send money back: `amount` in minor units, else what the `lines` (counted from 1) cost, else all that is left.

    The same `key` is the same refund, however often it is asked for. A full refund ends access as the products' policy
    says; a partial one only with `take_back`, or for the very `lines` it pays back. With `agreed`, only if that is still
    exactly what it would do.
    Raises OrderNotFound, NothingToRefund, OtherMode, RefundChanged, RefundTooBig, AmountTooSmall, NoSuchLine or
    StripeTrouble. After StripeUnreachable the refund stays requested, and the worker asks again under the same key.
    """
    with shop.transaction() as session:
        order = _open(session, order_id, livemode=shop.settings.livemode)
        refund_id = _id_of(order_id, key)
        row = session.get(Refund, refund_id)
        if row is None:
            plan = _plan(session, order, amount, lines, take_back, now=shop.now())
            if agreed not in (None, plan):
                raise RefundChanged(order_id=order_id)
            row = _write(session, order, refund_id, plan, reason, actor, take_back, now=shop.now())
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
    return _left(order, ledger.read(session, order))


def unconfirmed(session: Session, *, livemode: bool, before: datetime) -> list[str]:
    """The refunds of this mode that were asked for before this moment and not confirmed."""
    query = select(Refund.id).join(Order, col(Order.id) == Refund.order_id)
    return list(
        session.exec(
            query.where(Refund.status == RefundStatus.REQUESTED, Refund.created_at < before, Order.livemode == livemode)
        )
    )


def _open(session: Session, order_id: str, *, livemode: bool) -> Order:
    order = orders.lock(session, order_id)
    if order is None:
        raise OrderNotFound(order=order_id)
    if order.livemode is not livemode:
        raise OtherMode(order_id=order_id, livemode=order.livemode)
    return order


def _id_of(order_id: str, key: str) -> str:
    return f"rf_{sha256(f'{order_id}:{key}'.encode()).hexdigest()[:20]}" if key else new_id("rf")


def _plan(
    session: Session, order: Order, amount: int | None, lines: Sequence[int], take_back: bool, *, now: datetime
) -> RefundPlan:
    book = ledger.read(session, order)
    paid_for = _lines(session, order, lines)
    if amount is None and paid_for:
        amount = sum(line.unit_amount * line.quantity for line in paid_for)
    amount = _bounded(order, book, amount)
    line_ids = [line.id for line in paid_for]
    # The deliveries follow Stripe's word: here it has said yes.
    done = _row(order, "", amount, line_ids, take_back, RefundStatus.SUCCEEDED, now=now)
    book.refunds.append(done)
    return RefundPlan(
        order_id=order.id, number=order.number, customer_id=order.customer_id, livemode=order.livemode,
        payment=order.stripe_payment_intent_id, subscription=order.stripe_subscription_id,
        amount=Money(amount, order.currency), left=_left(order, book), line_ids=tuple(line_ids),
        deliveries=fulfillment.foresee(session, order, book, now=now),
    )  # fmt: skip


def _row(
    order: Order,
    refund_id: str,
    amount: int,
    line_ids: list[str],
    take_back: bool,
    status: RefundStatus,
    *,
    now: datetime,
) -> Refund:
    return Refund(
        id=refund_id, order_id=order.id, amount=amount, currency=order.currency, status=status, line_ids=line_ids,
        takes_back=take_back, created_at=now, updated_at=now,
    )  # fmt: skip


def _write(
    session: Session, order: Order, refund_id: str, plan: RefundPlan, reason: str, actor: str, take_back: bool,
    *, now: datetime,
) -> Refund:  # fmt: skip
    order.eventful = True
    amount, line_ids = plan.amount.amount, list(plan.line_ids)
    row = _row(order, refund_id, amount, line_ids, take_back, RefundStatus.REQUESTED, now=now)
    row.reason, row.actor = reason, actor
    session.add(row)
    history.note(session, order.id, f"refund_requested:{row.id}", actor=actor, detail=str(amount), now=now)
    session.flush()
    return row


def _left(order: Order, book: ledger.Ledger) -> Money:
    return Money(book.total - refunds.claimed(book.refunds), order.currency)


def _bounded(order: Order, book: ledger.Ledger, amount: int | None) -> int:
    rest = _left(order, book).amount
    if book.progress is not Payment.PAID or rest <= 0 or disputes.standing(book.disputes) == "lost":
        raise NothingToRefund(order_id=order.id)
    amount = rest if amount is None else amount
    if amount <= 0:
        raise AmountTooSmall(amount=amount, least=1, currency=order.currency)
    if amount > rest:
        raise RefundTooBig(amount=amount, left=rest, currency=order.currency)
    return amount


def _lines(session: Session, order: Order, positions: Sequence[int]) -> list[OrderLine]:
    found = orders.lines(session, order.id)
    for position in positions:
        if not 1 <= position <= len(found):
            raise NoSuchLine(line=position, lines=len(found))
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
        # The answer to our own request, about a payment of this very order.
        ours = AdmittedOrder(row.order_id)
        recorded = refunds.record(session, ours, refunds.read_refund(answer), now=shop.now())
        fulfillment.resettle(session, row.order_id, actor=row.actor, now=shop.now())
        return _view(recorded)


def _payment_of(shop: Shop, row: Refund) -> str:
    """The PaymentIntent that the refund is taken from. Committed before the call: after a renewal it would be another."""
    if row.stripe_payment_intent_id:
        return row.stripe_payment_intent_id
    with shop.reading() as session:
        order = session.get_one(Order, row.order_id)
        paid = checkouts.received(session, order.id)
    # Money that was not what was ordered is not the order's own, and can be sent back all the same.
    payment_intent = order.stripe_payment_intent_id or paid.stripe_payment_intent_id
    subscription = order.stripe_subscription_id or paid.stripe_subscription_id
    if payment_intent is None and subscription:
        payment_intent = shop.stripe.payment_intent_of_subscription(subscription)
    if payment_intent is None:
        raise StripeRefused("nothing_to_refund", "no payment of this order is known at Stripe")
    with shop.transaction() as session:
        orders.lock(session, row.order_id)
        kept = session.get_one(Refund, row.id, with_for_update=True)
        kept.stripe_payment_intent_id = kept.stripe_payment_intent_id or payment_intent
        admission.remember(session, AdmittedOrder(row.order_id), [payment_intent])
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
