"""Entitlement records: of each person the version of what they may use, which grows with every change of it.

What they may use is worked out anew whenever it is asked. Kept is only what it came to last, by its digest.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Index, or_, update
from sqlmodel import Field, Session, col, select

from core.foundation.database import lock_names
from core.foundation.records import Record
from core.foundation.writes.inserts import InsertOnce
from core.kinds.grants import Grant
from core.kinds.seats import Seat
from core.orders.orders import Order

# Who has people looked at locks this name. Whoever fills somebody's first record waits for that, since it was not there to be
# marked.
_FIRST = "entitlement records"


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


def wait_for_marks(session: Session) -> None:
    """Wait for those who are having people looked at: a record that is new they do not see."""
    lock_names(session, shared=[_FIRST])


def look(session: Session, customer_ids: Collection[str], *, now: datetime) -> None:
    """Have these people's entitlements looked at soon, because something else about them has changed."""
    lock_names(session, _FIRST)
    theirs = col(EntitlementRecord.customer_id).in_(customer_ids)
    session.exec(update(EntitlementRecord).where(theirs).values(look_at=now))


_DUE = InsertOnce(EntitlementRecord, conflict="(customer_id, livemode) do update set look_at = excluded.look_at")


def look_at(session: Session, people: Collection[tuple[str, bool]], *, now: datetime) -> None:
    """The same of these people, each in one mode, also of those of whom nothing was ever told."""
    rows = [
        {"customer_id": person, "livemode": live, "version": 0, "digest": "", "changed_at": now, "look_at": now}
        for person, live in sorted(set(people))
    ]
    if rows:
        _DUE(session, rows)


def renew(session: Session, customer_id: str, *, now: datetime) -> None:
    """The same where what is told of somebody is news, though what they may use is not: then that has a new version too."""
    look(session, [customer_id], now=now)
    theirs = col(EntitlementRecord.customer_id) == customer_id
    session.exec(update(EntitlementRecord).where(theirs).values(digest=""))


def look_at_holders(session: Session, product_id: str, *, now: datetime) -> None:
    """The same of all who have this product, or a seat of it."""
    lock_names(session, _FIRST)
    bought = (
        select(Order.customer_id).join(Grant, col(Grant.order_id) == Order.id).where(Grant.product_id == product_id)
    )
    seated = select(Seat.customer_id).join(Grant, col(Grant.id) == Seat.grant_id).where(Grant.product_id == product_id)
    theirs = or_(col(EntitlementRecord.customer_id).in_(bought), col(EntitlementRecord.customer_id).in_(seated))
    session.exec(update(EntitlementRecord).where(theirs).values(look_at=now))
