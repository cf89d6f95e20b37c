"""Messages: what the seller's programs are to be told, written in the transaction that caused it, a row for each endpoint.

A message keeps its id and its words through all attempts. Nothing in it names a person but by the ids that they have here and
at the seller's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import Index, UniqueConstraint, func, update
from sqlmodel import Field, Session, col, select

from core.foundation.errors import HookNotFound
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, new_id, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.later import at_the_end
from core.outgoing import endpoints
from core.outgoing.endpoints import WebhookEndpoint
from core.outgoing.topics import Topic

# Of a range that is sent again, and of what waited for an endpoint that was off: the oldest so many.
MOST = 5000
# Of what is kept for one that is on after all, so many follow each message that it takes.
_FOLLOW = 100


class WebhookMessage(Record, table=True):
    """What is told. `body` is sent as it is; `person` is the customer whom it is about, if it is about one who was not erased."""

    __tablename__ = "webhook_messages"
    __table_args__ = (Index("ix_webhook_messages_created_at", "created_at"),)

    id: str = Field(primary_key=True)
    topic: Topic = text_enum(Topic)
    body: str
    person: str = Field(default="", index=True)
    created_at: datetime


class DeliveryState(StrEnum):
    """How a message stands with an endpoint: on its way, taken, kept since the endpoint is off, or never to be sent."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    HELD = "held"
    DROPPED = "dropped"


class WebhookDelivery(Record, table=True):
    """A message to one endpoint. `status` is what was answered last, 0 if nothing was; `next_at` when it is tried again, and
    `chain` the first of the turns of which the next one is then: those of any other chain are overtaken."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("message_id", "endpoint_id"),
        Index("ix_webhook_deliveries_created_at_id", "created_at", "id"),
        Index("ix_webhook_deliveries_endpoint_id_created_at_id", "endpoint_id", "created_at", "id"),
        Index("ix_webhook_deliveries_state_created_at_id", "state", "created_at", "id"),
        Index("ix_webhook_deliveries_endpoint_id_state", "endpoint_id", "state"),
    )

    id: str = Field(primary_key=True)
    message_id: str = Field(foreign_key="webhook_messages.id")
    endpoint_id: str = Field(foreign_key="webhook_endpoints.id")
    state: DeliveryState = text_enum(DeliveryState)
    attempts: int = 0
    status: int = 0
    next_at: datetime | None = None
    chain: str | None = None
    settled_at: datetime | None = None
    created_at: datetime


_MESSAGES = InsertOnce(WebhookMessage, conflict="(id) do nothing", returning="id")
_DELIVERIES = InsertOnce(WebhookDelivery, conflict="(message_id, endpoint_id) do nothing")


@dataclass(frozen=True)
class Announcement:
    """Something that endpoints are to be told. What has the same `key` is told once."""

    topic: Topic
    data: Mapping[str, Any]
    key: str
    person: str
    at: datetime

    @property
    def message_id(self) -> str:
        """The id of its message: the same for the same key."""
        return "msg_" + sha256(f"{self.topic}:{self.key}".encode()).hexdigest()[:32]

    @property
    def body(self) -> str:
        """What is sent."""
        said = {"type": self.topic, "timestamp": self.at, "data": dict(self.data)}
        return orjson.dumps(said, option=orjson.OPT_UTC_Z).decode()


def announce(
    session: Session, topic: Topic, data: Mapping[str, Any], *, key: str, person: str = "", now: datetime
) -> None:
    """Owe this to every endpoint that wants it, with this transaction. Under the same `key` it is told once, however often it
    is announced; `person` is the id of the customer whom it is about.

    The data must be of what JSON has, and of moments. By what is made up nobody is told anything.
    """
    if not outbox.is_silent(session):
        at_the_end(session, _write, Announcement(topic, data, key, person, now))


def is_wanted(session: Session, topic: Topic) -> bool:
    """Whether any endpoint is to be told of this; none is where nothing is owed at all."""
    return not outbox.is_silent(session) and any(row.wants(topic) for row in endpoints.listening(session))


def ping(session: Session, endpoint_id: str, *, now: datetime) -> str:
    """Owe one endpoint a test, whatever its filter is; return the delivery's id. Raises HookNotFound."""
    row = endpoints.locked(session, endpoint_id)
    said = Announcement(Topic.PING, {"endpoint": row.id}, new_id("ping"), "", now)
    return _owe(session, [said], [row])[0]


def send_again(session: Session, delivery_id: str, *, now: datetime) -> WebhookDelivery:
    """Owe a message to its endpoint once more, with the id that it has. Raises HookNotFound."""
    # The endpoint first, as whoever notes what came of sending it.
    endpoint = session.exec(select(WebhookDelivery.endpoint_id).where(WebhookDelivery.id == delivery_id)).first()
    if endpoint:
        endpoints.locked(session, endpoint)
    row = session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if row is None:
        raise HookNotFound(endpoint=delivery_id)
    _owe_again(session, [row], now=now)
    return row


def send_range_again(session: Session, endpoint_id: str, *, since: datetime, until: datetime, now: datetime) -> int:
    """Owe an endpoint once more what it was to be told between these moments; return how many messages that are, at most
    MOST. Raises HookNotFound."""
    endpoints.locked(session, endpoint_id)
    query = select(WebhookDelivery).where(
        WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.created_at >= since,
        WebhookDelivery.created_at < until,
    )  # fmt: skip
    rows = session.exec(query.order_by(col(WebhookDelivery.created_at), col(WebhookDelivery.id)).limit(MOST)).all()
    _owe_again(session, rows, now=now)
    return len(rows)


def switch_on(session: Session, endpoint_id: str, *, now: datetime) -> int:
    """Send an endpoint messages again, and first what waited for it; return how many that are. Raises HookNotFound."""
    row = endpoints.locked(session, endpoint_id)
    row.off = row.off_at = row.failing_since = None
    row.failure = ""
    return _release(session, endpoint_id, MOST, now=now)


def follow(session: Session, endpoint_id: str, *, now: datetime) -> None:
    """Send an endpoint, which has just taken a message and is on, some more of what is kept for it. More than are sent at once may
    have waited when it was switched on, and somebody who had read before that it was off may have kept theirs only then."""
    _release(session, endpoint_id, _FOLLOW, now=now)


def _release(session: Session, endpoint_id: str, most: int, *, now: datetime) -> int:
    held = select(WebhookDelivery).where(
        WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.HELD
    )
    rows = session.exec(held.order_by(col(WebhookDelivery.created_at), col(WebhookDelivery.id)).limit(most)).all()
    _owe_again(session, rows, now=now)
    return len(rows)


def held(session: Session, endpoint_id: str) -> int:
    """How many messages wait for an endpoint that is off."""
    waiting = (WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.HELD)
    return session.exec(select(func.count()).where(*waiting)).one()


def drop_waiting(session: Session, endpoint_id: str, *, now: datetime) -> None:
    """What was on its way to an endpoint that is gone is never sent."""
    waiting = (
        col(WebhookDelivery.endpoint_id) == endpoint_id,
        col(WebhookDelivery.state).in_((DeliveryState.WAITING, DeliveryState.HELD)),
    )
    session.exec(
        update(WebhookDelivery).where(*waiting).values(state=DeliveryState.DROPPED, settled_at=now, next_at=None)
    )


def join(session: Session, other: str, customer_id: str) -> None:
    """What was told of somebody who has turned out to be another customer is about that one."""
    theirs = update(WebhookMessage).where(col(WebhookMessage.person) == other)
    session.exec(theirs.values(person=customer_id))


def forget_person(session: Session, customer_id: str) -> list[str]:
    """What was told of somebody who is erased stays without the id that they have at the seller's; return which messages those are,
    to which no answer is kept from now on."""
    theirs = select(WebhookMessage).where(WebhookMessage.person == customer_id).order_by(col(WebhookMessage.id))
    found = session.exec(theirs.with_for_update()).all() if customer_id else []
    for row in found:
        row.person = ""
        said = orjson.loads(row.body)
        if said["data"].get("external_id"):
            said["data"]["external_id"] = None
            row.body = orjson.dumps(said).decode()
    session.flush()
    return [row.id for row in found]


def _write(session: Session, announced: Sequence[Announcement]) -> None:
    listening = endpoints.listening(session)
    wanted = [each for each in announced if any(row.wants(each.topic) for row in listening)]
    if wanted:
        _owe(session, wanted, listening)


def _owe(session: Session, announced: Sequence[Announcement], listening: Sequence[WebhookEndpoint]) -> list[str]:
    by_id = {each.message_id: each for each in announced}
    rows = [
        {"id": name, "topic": each.topic, "body": each.body, "person": each.person, "created_at": each.at}
        for name, each in sorted(by_id.items())
    ]
    new = [by_id[message_id] for (message_id,) in _MESSAGES(session, rows)]
    found = [
        _delivery(each, row) for each in new for row in listening if row.wants(each.topic) or each.topic is Topic.PING
    ]
    _DELIVERIES(session, [delivery.model_dump() for delivery in found])
    for delivery in found:
        if delivery.state is DeliveryState.WAITING:
            outbox.owe(session, Job.WEBHOOK, delivery.id, key=delivery.id, to=delivery.endpoint_id)
    return [delivery.id for delivery in found]


def _delivery(said: Announcement, row: WebhookEndpoint) -> WebhookDelivery:
    # A test is sent also where nothing else is.
    state = DeliveryState.HELD if row.off and said.topic is not Topic.PING else DeliveryState.WAITING
    return WebhookDelivery(
        id=new_id("whd"), message_id=said.message_id, endpoint_id=row.id, state=state, created_at=said.at
    )


def _owe_again(session: Session, rows: Sequence[WebhookDelivery], *, now: datetime) -> None:
    for row in rows:
        row.state, row.settled_at, row.next_at = DeliveryState.WAITING, None, None
        key = f"{row.id}:{row.attempts}:{outbox.stamp(now)}"
        outbox.owe(session, Job.WEBHOOK, row.id, key=key, to=row.endpoint_id)
    session.flush()
