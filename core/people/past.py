"""The past: what was imported of customers, and what they had bought in other shops. None of it is an order of this one, and no
figure counts it."""

from datetime import datetime

from sqlalchemy import Index, update
from sqlmodel import Field, Session, col, select

from core.foundation.records import Record, minor_units


class PastCustomer(Record, table=True):
    """Somebody who was imported, by the folded form of their address. `source` is the shop that the file was of."""

    __tablename__ = "past_customers"
    __table_args__ = (
        Index("ix_past_customers_name", "name", postgresql_ops={"name": "text_pattern_ops"}),
        Index("ix_past_customers_folded", "folded", postgresql_ops={"folded": "text_pattern_ops"}),
    )

    folded: str = Field(primary_key=True)
    customer_id: str = Field(foreign_key="customers.id", index=True)
    name: str = ""
    note: str = ""
    source: str
    imported_at: datetime


class PastOrder(Record, table=True):
    """One product of an order of another shop, under the id by which it is known again: shop, foreign id and product.

    `amount` in minor units is what was paid there. `order_id` is the order of this shop that opens the product, if it was
    imported with access.
    """

    __tablename__ = "past_orders"
    __table_args__ = (Index("ix_past_orders_imported_at_id", "imported_at", "id"),)

    id: str = Field(primary_key=True)
    customer_id: str = Field(foreign_key="customers.id", index=True)
    source: str
    number: str
    placed_at: datetime
    name: str = ""
    email: str
    product: str
    product_id: str | None = Field(default=None, foreign_key="products.id")
    amount: int = minor_units()
    currency: str
    status: str = ""
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)
    imported_at: datetime


def newest_orders(session: Session, *, limit: int = 20) -> list[PastOrder]:
    """Those that were imported last."""
    query = select(PastOrder).order_by(col(PastOrder.imported_at).desc(), col(PastOrder.id).desc())
    return list(session.exec(query.limit(limit)))


def orders_of(session: Session, customer_id: str) -> list[PastOrder]:
    """What a customer had bought elsewhere, newest first."""
    query = select(PastOrder).where(PastOrder.customer_id == customer_id)
    return list(session.exec(query.order_by(col(PastOrder.placed_at).desc())))


def known_of(session: Session, customer_id: str) -> list[PastCustomer]:
    """What was imported of a customer, one row for each of their addresses that a file named."""
    return list(session.exec(select(PastCustomer).where(PastCustomer.customer_id == customer_id)))


def join(session: Session, other: str, customer: str) -> None:
    """Give one customer all of another's past."""
    for table in (PastCustomer, PastOrder):
        session.exec(update(table).where(col(table.customer_id) == other).values(customer_id=customer))
