"""The list of orders as a file, with the columns of the owner's screen."""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from core.kinds.grants import Grant
from core.orders import orders
from core.orders.orders import Order
from core.owner.accounting import spreadsheet
from core.owner.accounting.pieces import in_turn
from core.owner.figures.days import Days

COLUMNS = (
    "order", "date", "time", "zone", "email", "name", "products", "status", "deliveries", "expected", "total", "refunded",
    "tax", "currency", "country", "paid", "mode", "order_id",
)  # fmt: skip


def lines(session: Session, days: Days, *, livemode: bool | None) -> Iterator[str]:
    """The orders that were placed on these days, oldest first, line by line; of both modes if none is named."""
    return spreadsheet.lines(COLUMNS, _rows(session, days, livemode))


def _rows(session: Session, days: Days, livemode: bool | None) -> Iterator[list[object]]:
    query = select(Order) if livemode is None else select(Order).where(Order.livemode == livemode)
    at, name = col(Order.created_at), col(Order.id)
    for found in in_turn(session, query, at, name, since=days.start, before=days.end):
        names = [order.id for order in found]
        bought, delivered = orders.lines_of(session, names), _deliveries(session, names)
        for order in found:
            products = ", ".join(f"{line.quantity} × {line.name}" for line in bought[order.id])
            yield _row(order, products, ", ".join(delivered.get(order.id, [])), days)


def _deliveries(session: Session, names: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    query = select(Grant).where(col(Grant.order_id).in_(names)).order_by(col(Grant.order_id), col(Grant.id))
    for grant in session.exec(query):
        found.setdefault(grant.order_id, []).append(f"{grant.product_id} {grant.state.value}")
    return found


def _row(order: Order, products: str, deliveries: str, days: Days) -> list[object]:
    day, time = spreadsheet.moment(order.created_at, days.zone)
    amounts = (order.amount_expected, order.amount_total, order.amount_refunded, order.amount_tax)
    return [
        spreadsheet.text(order.number), day, time, days.zone.key, spreadsheet.text(order.email), spreadsheet.text(order.name),
        spreadsheet.text(products), order.status.value, deliveries,
        *(spreadsheet.major(amount, order.currency) for amount in amounts), order.currency, order.country,
        spreadsheet.moment(order.paid_at, days.zone)[1] if order.paid_at else "", "live" if order.livemode else "test",
        order.id,
    ]  # fmt: skip
