"""Persons: customers as the seller's programs know them, by our id or by the seller's own."""

from sqlmodel import Session, col, or_, select

from core.foundation.errors import CustomerNotFound
from core.people import customers
from core.people.customers import Customer


def find(session: Session, name: str) -> Customer:
    """Who is meant by this id, ours or the seller's own. Raises CustomerNotFound, also for whoever was erased."""
    named = or_(col(Customer.id) == name, col(Customer.seller_reference) == name)
    # An id of ours goes before one of the seller's that looks like it.
    found = sorted(session.exec(select(Customer).where(named)), key=lambda row: row.id != name)
    if not found or found[0].erased_at:
        raise CustomerNotFound()
    return found[0]


def of_address(session: Session, email: str) -> Customer:
    """Whose address this is. Raises CustomerNotFound."""
    customer_id = customers.whose(session, email)
    if customer_id is None:
        raise CustomerNotFound()
    return find(session, customer_id)
