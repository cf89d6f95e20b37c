"""What happened to an order, each thing once. Written from facts, so that it reads the same in whatever order they came."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Field, Session, col, select

from core.foundation.records import Record
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.later import at_the_end


class FulfillmentLog(Record, table=True):
    """One thing that happened: the primary key is the guard against twice. `detail` holds no personal data."""

    __tablename__ = "fulfillment_log"

    order_id: str = Field(primary_key=True, foreign_key="orders.id")
    event: str = Field(primary_key=True)
    stripe_checkout_session_id: str | None = None
    actor: str
    detail: str = ""
    created_at: datetime


_LOG = InsertOnce(FulfillmentLog)


@dataclass
class Entries:
    """The entries that one change of an order has to write."""

    order_id: str
    actor: str
    now: datetime
    session_id: str | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, event: str, detail: str = "") -> None:
        """Note that this happened; that it was noted before is fine."""
        # A microsecond apart, so that what happened at once still reads in its order.
        moment = self.now + timedelta(microseconds=len(self.rows))
        self.rows.append(
            {
                "order_id": self.order_id, "event": event, "stripe_checkout_session_id": self.session_id,
                "actor": self.actor, "detail": detail, "created_at": moment,
            }
        )  # fmt: skip

    def write(self, session: Session) -> None:
        """Write what is new of them, when the transaction ends."""
        at_the_end(session, _LOG, *self.rows)


def note(session: Session, order_id: str, event: str, *, actor: str, detail: str = "", now: datetime) -> None:
    """Write one entry, once."""
    entries = Entries(order_id, actor, now)
    entries.add(event, detail)
    entries.write(session)


def has(session: Session, order_id: str, event: str) -> bool:
    """Whether this has happened to an order."""
    query = select(FulfillmentLog.event).where(FulfillmentLog.order_id == order_id, FulfillmentLog.event == event)
    return session.exec(query).first() is not None


def of_order(session: Session, order_id: str) -> list[FulfillmentLog]:
    """What happened to the order, oldest first."""
    query = select(FulfillmentLog).where(FulfillmentLog.order_id == order_id)
    return list(session.exec(query.order_by(col(FulfillmentLog.created_at), col(FulfillmentLog.event))))
