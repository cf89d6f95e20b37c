"""Notes: what the staff write down about an order, for each other alone."""

from datetime import datetime

from sqlmodel import Field, Session, col, select

from core.foundation.errors import OrderNotFound
from core.foundation.records import Record, new_id
from core.orders.orders import Order
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


class OrderNote(Record, table=True):
    """A note about an order, by whoever wrote it. No buyer ever sees it."""

    __tablename__ = "order_notes"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    text: str
    who: str
    created_at: datetime


def write(shop: Shop, order_id: str, text: str, *, deed: Deed) -> None:
    """Keep a note. Raises OrderNotFound, NotPermitted or DoneAlready."""
    now = shop.now()
    with shop.transaction() as session:
        # What was noted stands in the note alone: it may be about a person.
        who = deeds.begin(session, shop.settings, deed, Action.NOTE, subject=order_id, now=now)
        if session.get(Order, order_id) is None:
            raise OrderNotFound(order=order_id)
        session.add(OrderNote(id=new_id("note"), order_id=order_id, text=text.strip(), who=who.email, created_at=now))


def of_order(session: Session, order_id: str) -> list[OrderNote]:
    """What was noted about an order, newest first."""
    query = select(OrderNote).where(OrderNote.order_id == order_id)
    return list(session.exec(query.order_by(col(OrderNote.created_at).desc())))
