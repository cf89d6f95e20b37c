"""Entitlement records: of each person the version of what they may use, which grows with every change of it.

What they may use is worked out anew whenever it is asked. Kept is only what it came to last, by its digest.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Index, or_, update
from sqlmodel import Field, Session, col, select

from core.foundation.database import Record
from core.kinds.grants import Grant
from core.kinds.seats import Seat
from core.orders.orders import Order


class EntitlementRecord(Record, table=True):
    """The version of one customer's entitlements, in one mode. `look_at` is the next moment at which time alone changes them."""

    __tablename__ = "entitlement_records"
    __table_args__ = (Index("ix_entitlement_records_changed_at", "livemode", "changed_at", "customer_id"),)

    customer_id: str = Field(primary_key=True, foreign_key="customers.id")
    livemode: bool = Field(primary_key=True)
    version: int
    digest: str
    changed_at: datetime
    look_at: datetime | None = Field(default=None, index=True)


def look(session: Session, customer_ids: Collection[str], *, now: datetime) -> None:
    """Have these people's entitlements looked at soon, because something else about them has changed."""
    theirs = col(EntitlementRecord.customer_id).in_(customer_ids)
    session.exec(update(EntitlementRecord).where(theirs).values(look_at=now))


def look_at_holders(session: Session, product_id: str, *, now: datetime) -> None:
    """The same of all who have this product, or a seat of it."""
    bought = (
        select(Order.customer_id).join(Grant, col(Grant.order_id) == Order.id).where(Grant.product_id == product_id)
    )
    seated = select(Seat.customer_id).join(Grant, col(Grant.id) == Seat.grant_id).where(Grant.product_id == product_id)
    theirs = or_(col(EntitlementRecord.customer_id).in_(bought), col(EntitlementRecord.customer_id).in_(seated))
    session.exec(update(EntitlementRecord).where(theirs).values(look_at=now))
