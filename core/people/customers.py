"""Customers are known by their mail address alone, case-folded."""

from datetime import datetime
from hashlib import sha256

from sqlmodel import Field, Session, SQLModel

from core.foundation.database import insert_once


class Customer(SQLModel, table=True):
    """Somebody who bought. The id follows from the address, so that meeting them again needs no look-up."""

    __tablename__ = "customers"

    id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    created_at: datetime


_REMEMBER = insert_once(Customer)


def fold(email: str) -> str:
    """The form in which addresses are compared: a capital letter does not make another person."""
    return email.strip().casefold()


def id_of(email: str) -> str:
    """The id that the customer with this address has, or would have."""
    return "cus_" + sha256(fold(email).encode()).hexdigest()[:24]


def remember(session: Session, email: str, *, now: datetime) -> str:
    """Return the id of the customer with this address, known or new."""
    session.execute(_REMEMBER, {"id": id_of(email), "email": fold(email), "created_at": now})
    return id_of(email)
