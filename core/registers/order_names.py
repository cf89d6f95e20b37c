"""The names of orders: by what people know the orders that the rows of a list are about."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from core.orders.orders import Order


@dataclass(frozen=True)
class OrderName:
    """An order's number and whose it is."""

    id: str
    number: str
    email: str
    name: str


def of(session: Session, order_ids: Iterable[str | None]) -> dict[str | None, OrderName]:
    """These orders by their ids, read all at once."""
    ids = {each for each in order_ids if each}
    query = select(Order.id, Order.number, Order.email, Order.name).where(col(Order.id).in_(ids))
    return {row[0]: OrderName(*row) for row in session.exec(query)} if ids else {}
