"""Notes about customers: what the staff write down about somebody, for each other. Whoever it is about may ask to be told."""

from datetime import datetime

from sqlmodel import Field, Session, col, select, update

from core.foundation.errors import CustomerNotFound
from core.foundation.records import Record, new_id
from core.people import deeds
from core.people.customers import Customer
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


class CustomerNote(Record, table=True):
    """A note about a customer, by whoever wrote it."""

    __tablename__ = "customer_notes"

    id: str = Field(primary_key=True)
    customer_id: str = Field(foreign_key="customers.id", index=True, ondelete="CASCADE")
    text: str
    who: str
    created_at: datetime


def write(shop: Shop, customer_id: str, text: str, *, deed: Deed) -> None:
    """Keep a note. Raises CustomerNotFound, also for somebody who was erased, NotPermitted or DoneAlready."""
    now = shop.now()
    with shop.transaction() as session:
        # What was noted stands in the note alone: it is about a person.
        who = deeds.begin(session, shop.settings, deed, Action.NOTE, subject=customer_id, now=now)
        # Locked: somebody may be erasing, or joining, the customer right now.
        query = select(Customer).where(Customer.id == customer_id, col(Customer.erased_at).is_(None))
        if session.exec(query.with_for_update()).first() is None:
            raise CustomerNotFound()
        note = CustomerNote(
            id=new_id("note"), customer_id=customer_id, text=text.strip(), who=who.email, created_at=now
        )
        session.add(note)


def of_customer(session: Session, customer_id: str) -> list[CustomerNote]:
    """What was noted about a customer, newest first."""
    query = select(CustomerNote).where(CustomerNote.customer_id == customer_id)
    return list(session.exec(query.order_by(col(CustomerNote.created_at).desc(), col(CustomerNote.id))))


def move(session: Session, customer_id: str, to: str) -> None:
    """What was noted about one customer is about another from now on."""
    theirs = col(CustomerNote.customer_id) == customer_id
    session.exec(update(CustomerNote).where(theirs).values(customer_id=to))
