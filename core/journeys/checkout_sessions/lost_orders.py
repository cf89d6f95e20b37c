"""Lost orders: those that were paid for at Stripe, are not in this database, and cannot be written again as things stand."""

from datetime import datetime, timedelta

from sqlmodel import Field, Session, col, delete, select

from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Notice
from core.foundation.records import Record, minor_units
from core.foundation.writes.inserts import InsertOnce
from core.gateway.sessions import SessionFacts

# Perhaps the catalogue was applied meanwhile: so often it is tried anew.
_AGAIN = timedelta(minutes=5)


class LostOrder(Record, table=True):
    """A Session that was paid, or is being paid, for an order that is lost: what it came to in minor units, and why the order
    could not be written again. It names nobody: Stripe knows who paid."""

    __tablename__ = "lost_orders"

    id: str = Field(primary_key=True)
    order_id: str = Field(index=True)
    number: str
    amount: int = minor_units()
    currency: str
    livemode: bool
    reason: str
    found_at: datetime
    try_after: datetime


_FIRST = InsertOnce(LostOrder, returning="id")


def note(session: Session, facts: SessionFacts, *, number: str, reason: str, now: datetime) -> None:
    """Keep that this Session's order is lost, and why it still is; the owners get a letter about it once."""
    row = LostOrder(
        id=facts.id, order_id=facts.order_id, number=number, amount=facts.amount_total or 0, currency=facts.currency,
        livemode=facts.livemode, reason=reason, found_at=now, try_after=now + _AGAIN,
    )  # fmt: skip
    if _FIRST(session, [row.model_dump()]):
        outbox.owe(session, Job.SHOP_NOTICE, Notice.ORDER_LOST, facts.id, key=f"{Notice.ORDER_LOST}:{facts.id}")
    else:
        known = session.get_one(LostOrder, facts.id)
        known.number, known.reason, known.try_after = number, reason, now + _AGAIN


def clear(session: Session, session_id: str) -> str | None:
    """It is lost no more, or need not be found any more; return the order's id, if it was."""
    gone = delete(LostOrder).where(col(LostOrder.id) == session_id)
    return session.exec(gone.returning(col(LostOrder.order_id))).scalar_one_or_none()


def everything(session: Session, *, livemode: bool) -> list[LostOrder]:
    """All of them, the oldest first."""
    query = select(LostOrder).where(LostOrder.livemode == livemode)
    return list(session.exec(query.order_by(col(LostOrder.found_at), col(LostOrder.id))))


def due(session: Session, *, livemode: bool, now: datetime | None) -> list[str]:
    """The Sessions to be tried again; all of them where `now` is None."""
    return [row.id for row in everything(session, livemode=livemode) if now is None or row.try_after <= now]
