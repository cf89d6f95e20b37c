"""Attempts: each request to an endpoint with what was sent and what was answered, kept for a month."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, delete, update
from sqlmodel import Field, Session, col, select

from core.foundation.records import Record, new_id
from core.outgoing.messages import WebhookDelivery, WebhookMessage
from core.outgoing.posting import Answer

KEPT = timedelta(days=30)
# Of what is too old so many messages go at once, that nobody waits for it.
_AT_ONCE = 500


class WebhookAttempt(Record, table=True):
    """One request. `headers` are those that were sent; the body is the message's own. `took` is in milliseconds."""

    __tablename__ = "webhook_attempts"

    id: str = Field(primary_key=True)
    delivery_id: str = Field(foreign_key="webhook_deliveries.id", index=True)
    url: str
    headers: dict[str, Any] = Field(sa_type=JSON)
    status: int
    answer: str
    error: str
    took: int
    at: datetime


def note(
    session: Session, delivery_id: str, url: str, headers: dict[str, str], answer: Answer, *, now: datetime
) -> None:
    """Keep what came of one request."""
    session.add(
        WebhookAttempt(
            id=new_id("wha"), delivery_id=delivery_id, url=url, headers=headers, status=answer.status,
            answer=answer.text, error=answer.error, took=int(answer.took * 1000), at=now,
        )
    )  # fmt: skip


def forget_answers(session: Session, message_ids: Collection[str]) -> None:
    """What endpoints answered to these messages goes: their programs may have said who somebody is."""
    theirs = select(WebhookDelivery.id).where(col(WebhookDelivery.message_id).in_(message_ids))
    session.exec(update(WebhookAttempt).where(col(WebhookAttempt.delivery_id).in_(theirs)).values(answer=""))


def of(session: Session, delivery_id: str) -> list[WebhookAttempt]:
    """The attempts at one delivery, the newest first."""
    query = select(WebhookAttempt).where(WebhookAttempt.delivery_id == delivery_id)
    return list(session.exec(query.order_by(col(WebhookAttempt.at).desc(), col(WebhookAttempt.id))))


def forget(session: Session, *, now: datetime) -> int:
    """Remove messages older than KEPT with all that is known of them; return how many there were, some at a time."""
    old = select(WebhookMessage.id).where(WebhookMessage.created_at < now - KEPT)
    oldest = old.order_by(col(WebhookMessage.created_at)).limit(_AT_ONCE)
    ids = session.exec(oldest.with_for_update(skip_locked=True)).all()
    if ids:
        theirs = session.exec(select(WebhookDelivery.id).where(col(WebhookDelivery.message_id).in_(ids))).all()
        session.exec(delete(WebhookAttempt).where(col(WebhookAttempt.delivery_id).in_(theirs)))
        session.exec(delete(WebhookDelivery).where(col(WebhookDelivery.id).in_(theirs)))
        session.exec(delete(WebhookMessage).where(col(WebhookMessage.id).in_(ids)))
    return len(ids)
