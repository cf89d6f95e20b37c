"""What buyers see of their orders: right after paying, and whenever they come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.foundation.money import Money
from core.kinds import deliverables, workshops
from core.kinds.grants import Delivery
from core.kinds.workshops import Times
from core.orders import orders
from core.orders.orders import Order, OrderLine
from core.orders.status import Status
from core.people import customers


@dataclass(frozen=True)
class PurchasedLine:
    """One line of a receipt."""

    name: str
    quantity: int
    total: Money
    interval: str | None
    product_id: str
    times: Times | None = None


@dataclass(frozen=True)
class Purchase:
    """An order as its buyer sees it. `deliveries`, `email` and `lines` are empty for anybody else (`mine` is False).

    `total` is what was really paid once it was, else what is due.
    """

    order_id: str
    number: str
    status: Status
    mine: bool
    total: Money
    email: str
    placed_at: datetime
    fulfilled_at: datetime | None
    cart_id: str
    lines: tuple[PurchasedLine, ...]
    deliveries: tuple[Delivery, ...]


def seen_by_browser(session: Session, order_id: str, browser_id: str, *, signing_key: str) -> Purchase | None:
    """The order as this browser may see it: whole if it is the one that bought, else number and status alone."""
    order = session.get(Order, order_id)
    if order is None:
        return None
    mine = bool(browser_id) and order.browser_id == browser_id
    return _purchases(session, [order], signing_key=signing_key)[0] if mine else _purchase(order, mine=False)


def library(session: Session, email: str, *, livemode: bool, signing_key: str) -> tuple[Purchase, ...]:
    """What the customer with this address paid for, under any of theirs, newest first.

    Test money buys nothing in a shop that is live.
    """
    query = (
        select(Order)
        .where(
            Order.customer_id == customers.whose(session, email),
            col(Order.customer_id).is_not(None),
            Order.livemode == livemode,
            col(Order.status).not_in(_NEVER_PAID),
        )
        .order_by(col(Order.created_at).desc())
    )
    return tuple(_purchases(session, session.exec(query).all(), signing_key=signing_key))


_NEVER_PAID = (Status.PENDING, Status.FAILED)


def _purchases(session: Session, theirs: Sequence[Order], *, signing_key: str) -> list[Purchase]:
    """These orders as their buyer sees them; what belongs to them is read for all at once."""
    ids = [order.id for order in theirs]
    lines = orders.lines_of(session, ids)
    times = workshops.times(session, [line for each in lines.values() for line in each])
    given = deliverables.deliveries_of(session, ids, signing_key=signing_key)
    return [
        _purchase(
            order, mine=True, deliveries=given[order.id],
            lines=tuple(_line(line, times.get(line.workshop_date_id)) for line in lines[order.id]),
        )
        for order in theirs
    ]  # fmt: skip


def _purchase(
    order: Order, *, mine: bool, lines: tuple[PurchasedLine, ...] = (), deliveries: tuple[Delivery, ...] = ()
) -> Purchase:
    due = order.amount_expected if order.amount_total is None else order.amount_total
    return Purchase(
        order_id=order.id, number=order.number, status=order.status, mine=mine, total=Money(due, order.currency),
        email=order.email if mine else "", placed_at=order.created_at, fulfilled_at=order.fulfilled_at,
        cart_id=order.cart_id if mine else "", lines=lines, deliveries=deliveries,
    )  # fmt: skip


def _line(line: OrderLine, times: Times | None) -> PurchasedLine:
    total = Money(line.unit_amount * line.quantity, line.currency)
    return PurchasedLine(line.name, line.quantity, total, line.interval, line.product_id, times)
