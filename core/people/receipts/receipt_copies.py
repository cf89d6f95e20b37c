"""Copies of receipts: those that the staff send to another address than the order's."""

from datetime import datetime

from sqlmodel import Field, Session

from core.foundation.records import Record
from core.orders.orders import Order


class ReceiptCopy(Record, table=True):
    """Where one more receipt of an order goes. `id` is that of the copy, which its letter has too."""

    __tablename__ = "receipt_copies"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    address: str
    created_at: datetime


def receiver(session: Session, *, order_id: str, copy: str) -> str:
    """The address that a receipt goes to: the one that this copy was made for, else the order's."""
    made = session.get(ReceiptCopy, copy) if copy else None
    return made.address if made else session.get_one(Order, order_id).email
