"""Customers: who bought, and the addresses that were found to be theirs."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, ForeignKey, String, bindparam, text
from sqlmodel import Field, Session, SQLModel, col, select

from core.foundation.addresses import fold
from core.foundation.database import insert_once, new_id, text_enum


class Customer(SQLModel, table=True):
    """Somebody who bought. `email` is the folded form of their main address: one is found by `whose`, never by it."""

    __tablename__ = "customers"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    created_at: datetime


class How(StrEnum):
    """How an address came to be a customer's: Stripe reported it for what they paid, a code proved it, an owner said so."""

    CHECKOUT = "checkout"
    CODE = "code"
    OWNER = "owner"


class CustomerAddress(SQLModel, table=True):
    """An address of one customer and of no other. `address` is what letters go to, `folded` what is compared."""

    __tablename__ = "customer_addresses"

    folded: str = Field(primary_key=True)
    address: str
    # Looked at when the transaction ends: whether the customer is new is known only when the address was written.
    customer_id: str = Field(
        sa_column=Column(
            String, ForeignKey("customers.id", deferrable=True, initially="DEFERRED"), nullable=False, index=True
        )
    )
    how: How = text_enum(How)
    verified_at: datetime


_NEW_CUSTOMER = insert_once(Customer)
# The update changes nothing; without it the row that is there already would not be returned.
_TAKE = text(
    "insert into customer_addresses (folded, address, customer_id, how, verified_at)"
    " values (:folded, :address, :customer_id, :how, :now)"
    " on conflict (folded) do update set folded = excluded.folded returning customer_id"
).bindparams(bindparam("now", type_=CustomerAddress.__table__.c.verified_at.type))  # type: ignore[attr-defined]


def remember(session: Session, address: str, *, how: How, now: datetime) -> str:
    """Return the id of the customer whose address this is, known or new from now on."""
    new = new_id("cus")
    found = take(session, address, new, how=how, now=now)
    if found == new:
        session.execute(_NEW_CUSTOMER, {"id": new, "email": fold(address), "created_at": now})
    return found


def take(session: Session, address: str, customer_id: str, *, how: How, now: datetime) -> str:
    """Let the address be this customer's if it is nobody's yet; return whose it is, which nobody else changes meanwhile."""
    row = {
        "folded": fold(address),
        "address": address.strip(),
        "customer_id": customer_id,
        "how": how.value,
        "now": now,
    }
    return str(session.execute(_TAKE, row).scalar_one())


def whose(session: Session, address: str) -> str | None:
    """The id of the customer whose address this is, or None."""
    found = select(CustomerAddress.customer_id).where(CustomerAddress.folded == fold(address))
    return session.exec(found).first()


def as_stored(session: Session, address: str) -> str:
    """The address as its customer's is kept, whatever the capitals of this one; itself if it is nobody's."""
    kept = session.exec(select(CustomerAddress.address).where(CustomerAddress.folded == fold(address))).first()
    return kept or address


def addresses_of(session: Session, customer_id: str) -> Sequence[CustomerAddress]:
    """The customer's addresses, oldest first."""
    query = select(CustomerAddress).where(CustomerAddress.customer_id == customer_id)
    return session.exec(query.order_by(col(CustomerAddress.verified_at), col(CustomerAddress.folded))).all()
