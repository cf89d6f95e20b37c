"""What the owner asks: the contract's answers about orders and events, ready to be printed as JSON."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from core.events.inbox import StripeEvent
from core.foundation.errors import OrderNotFound
from core.kinds.grants import Grant
from core.orders import history, orders, refunds
from core.orders.orders import Order, OrderLine


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
    }


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


def _summary(order: Order) -> dict[str, Any]:
    return {
        "id": order.id, "number": order.number, "status": order.status.value, "email": order.email,
        "currency": order.currency, "amount_expected": order.amount_expected, "amount_total": order.amount_total,
        "amount_refunded": order.amount_refunded, "livemode": order.livemode, "fulfilled_at": _iso(order.fulfilled_at),
        "stripe": {
            "checkout_session": order.stripe_checkout_session_id, "payment_intent": order.stripe_payment_intent_id,
            "subscription": order.stripe_subscription_id,
        },
    }  # fmt: skip


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "product": line.product_id, "kind": line.kind.value, "quantity": line.quantity, "unit_amount": line.unit_amount,
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
