"""What the owner asks: the contract's answers about orders and events, ready to be printed as JSON."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from core.events.inbox import StripeEvent
from core.foundation.addresses import fold
from core.foundation.errors import CustomerNotFound, OrderNotFound, WithdrawalNotFound
from core.gateway.sessions import Money as Progress
from core.kinds.grants import Grant
from core.orders import history, orders, payments, refunds
from core.orders.checkouts import Checkout, at_stripe
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.people import customers
from core.people.customers import Customer
from core.rights.withdrawals import State, Withdrawal


def order_list(session: Session, *, status: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """The newest orders, at most `limit`, as the contract's `orders --json` prints them."""
    query = select(Order).order_by(col(Order.created_at).desc(), col(Order.id)).limit(limit)
    if status:
        query = query.where(Order.status == status)
    return [_summary(order) for order in session.exec(query)]


def order_detail(session: Session, reference: str) -> dict[str, Any]:
    """One order by id or number, as the contract's `order ORDER --json` prints it. Raises OrderNotFound."""
    order = session.exec(select(Order).where(or_(Order.id == reference, Order.number == reference))).first()
    if order is None:
        raise OrderNotFound(order=reference)
    return {
        **_summary(order),
        "lines": [_line(line) for line in orders.lines(session, order.id)],
        "grants": _grants(session, order.id),
        "refunds": [
            {"id": row.stripe_refund_id or row.id, "amount": row.amount, "status": row.status.value}
            for row in refunds.of_order(session, order.id)
        ],
        "log": [
            {"event": row.event, "at": _iso(row.created_at), "actor": row.actor}
            for row in history.of_order(session, order.id)
        ],
        "amount_subtotal": order.amount_subtotal,
        "amount_discount": order.amount_discount,
        "amount_tax": order.amount_tax,
        "paid_at": _iso(order.paid_at),
        "name": order.name,
        "country": order.country,
        "tax_id": order.tax_id,
        "external_id": order.external_id,
        "payments": [_payment(row) for row in payments.of_order(session, order.id)],
    }


def customer_detail(session: Session, email: str) -> dict[str, Any]:
    """Who bought under this address, as `customer EMAIL --json` prints it. Raises CustomerNotFound.

    `also_paid` are Sessions that were paid under one of their addresses for an order that is somebody else's.
    """
    customer = session.get(Customer, customers.whose(session, email) or "")
    theirs = customers.addresses_of(session, customer.id) if customer else []
    beside = _paid_beside(session, customer, {email, *(each.address for each in theirs)})
    if customer is None and not beside:
        raise CustomerNotFound()
    bought = select(Order).where(col(Order.customer_id).is_not(None), Order.customer_id == (customer and customer.id))
    return {
        "id": customer and customer.id,
        "email": customer.email if customer else fold(email),
        "created_at": _iso(customer.created_at if customer else None),
        "addresses": [
            {"address": each.address, "how": each.how.value, "verified_at": _iso(each.verified_at)} for each in theirs
        ],
        "orders": [
            {**_summary(order), "grants": _grants(session, order.id)}
            for order in session.exec(bought.order_by(col(Order.created_at), col(Order.id))).all()
        ],
        "also_paid": beside,
    }


def _paid_beside(session: Session, customer: Customer | None, addresses: set[str]) -> list[dict[str, Any]]:
    """Paid Sessions with one of these addresses whose orders are not this customer's.

    An order whose address was changed has another one than its Session too.
    """
    folded = {fold(each) for each in addresses}
    query = (
        select(Checkout, Order)
        .join(Order, col(Order.id) == Checkout.order_id)
        .where(col(Checkout.folded).in_(folded), Checkout.money == Progress.PAID, Checkout.email != Order.email)
    )
    return [
        {
            "order_id": order.id, "number": order.number, "checkout_session": row.stripe_checkout_session_id,
            "amount_total": row.amount_total, "currency": row.currency,
        }
        for row, order in session.exec(query.order_by(col(Checkout.created_at), col(Checkout.id)))
        if customer is None or order.customer_id != customer.id
    ]  # fmt: skip


def event_list(session: Session, *, state: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """The newest events, at most `limit`, as the contract's `events --json` prints them."""
    query = select(StripeEvent).order_by(col(StripeEvent.received_at).desc(), col(StripeEvent.id)).limit(limit)
    if state:
        query = query.where(StripeEvent.state == state)
    return [
        {
            "id": row.id, "type": row.type, "state": row.state.value, "order_id": row.order_id,
            "attempts": row.attempts, "error": row.error,
        }
        for row in session.exec(query)
    ]  # fmt: skip


def withdrawal_list(session: Session, *, every: bool, limit: int = 100) -> list[dict[str, Any]]:
    """The newest withdrawals, at most `limit`, as `withdrawals --json` prints them: the open ones, or `every` one."""
    query = select(Withdrawal).order_by(col(Withdrawal.created_at).desc(), col(Withdrawal.id)).limit(limit)
    if not every:
        query = query.where(Withdrawal.state == State.OPEN)
    return [_withdrawal(row) for row in session.exec(query)]


def withdrawal(session: Session, withdrawal_id: str) -> dict[str, Any]:
    """One withdrawal, with the currency of its order; `lines` is empty if all of them are meant. Raises WithdrawalNotFound."""
    row = session.get(Withdrawal, withdrawal_id)
    if row is None:
        raise WithdrawalNotFound(withdrawal=withdrawal_id)
    order = session.get(Order, row.order_id) if row.order_id else None
    among = orders.lines(session, order.id) if order else []
    chosen = row.lines if len(row.lines) < len(among) else []
    return {**_withdrawal(row), "lines": chosen, "currency": order.currency if order else None}


def _withdrawal(row: Withdrawal) -> dict[str, Any]:
    return {
        "id": row.id, "state": row.state.value, "proof": row.proof.value, "order_id": row.order_id,
        "reference": row.reference, "email": row.email, "name": row.name, "words": row.words, "lines": row.lines,
        "declared_at": _iso(row.created_at), "answer_by": _iso(row.answer_by), "decided_at": _iso(row.decided_at),
        "reason": row.reason,
    }  # fmt: skip


def _summary(order: Order) -> dict[str, Any]:
    return {
        "id": order.id, "number": order.number, "status": order.status.value, "email": order.email,
        "currency": order.currency, "amount_expected": order.amount_expected, "amount_total": order.amount_total,
        "amount_refunded": order.amount_refunded, "livemode": order.livemode, "fulfilled_at": _iso(order.fulfilled_at),
        "stripe": {
            "checkout_session": at_stripe(order.stripe_checkout_session_id), "payment_intent": order.stripe_payment_intent_id,
            "subscription": order.stripe_subscription_id,
        },
    }  # fmt: skip


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "product": line.product_id, "kind": line.kind.value, "quantity": line.quantity, "unit_amount": line.unit_amount,
    }  # fmt: skip


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id, "reason": payment.billing_reason, "amount": payment.amount,
        "amount_subtotal": payment.amount_subtotal, "amount_discount": payment.amount_discount,
        "amount_tax": payment.amount_tax, "amount_refunded": payment.amount_refunded, "paid_at": _iso(payment.paid_at),
        "stripe": {
            "payment_intent": payment.stripe_payment_intent_id, "charge": payment.stripe_charge_id,
            "checkout_session": at_stripe(payment.stripe_checkout_session_id), "invoice": payment.stripe_invoice_id,
            "subscription": payment.stripe_subscription_id,
        },
    }  # fmt: skip


def _grants(session: Session, order_id: str) -> list[dict[str, Any]]:
    query = (
        select(Grant)
        .join(OrderLine, col(Grant.order_line_id) == OrderLine.id)
        .where(Grant.order_id == order_id)
        .order_by(col(OrderLine.position))
    )
    return [
        {
            "product": grant.product_id, "kind": grant.kind.value, "state": grant.state.value,
            "quantity": grant.quantity,
        }
        for grant in session.exec(query)
    ]  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
