"""Outgoing webhooks as lists: the endpoints with how they stand, and what each was told, with every attempt."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core.outgoing import attempts, endpoints, messages
from core.outgoing.attempts import WebhookAttempt
from core.outgoing.endpoints import Off, WebhookEndpoint
from core.outgoing.messages import DeliveryState, WebhookDelivery, WebhookMessage
from core.registers import paging
from core.registers.paging import Page, Place

STATES = tuple(DeliveryState)


@dataclass(frozen=True)
class EndpointRow:
    """An endpoint in the list. `held` messages wait for it; `variable` is the setting that it comes from, if any."""

    id: str
    name: str
    url: str
    topics: tuple[str, ...]
    variable: str
    off: Off | None
    off_at: datetime | None
    failing_since: datetime | None
    failure: str
    both_until: datetime | None
    held: int
    created_at: datetime


@dataclass(frozen=True)
class DeliveryRow:
    """A message to an endpoint. `status` is what was answered last, 0 if nothing was."""

    id: str
    message: str
    topic: str
    endpoint: str
    state: DeliveryState
    attempts: int
    status: int
    next_at: datetime | None
    settled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class DeliverySheet:
    """One of them whole: what was sent, and every attempt, the newest first."""

    row: DeliveryRow
    body: str
    attempts: tuple[WebhookAttempt, ...]


def listed(session: Session) -> list[EndpointRow]:
    """The endpoints there are, oldest first."""
    return [_endpoint(row, messages.held(session, row.id) if row.off else 0) for row in endpoints.everything(session)]


def page(
    session: Session, *, endpoint: str = "", state: str = "", place: Place, size: int = paging.PAGE
) -> Page[DeliveryRow]:
    """The newest messages, of this endpoint and of this state if they are ones."""
    query = select(WebhookDelivery)
    if endpoint:
        query = query.where(WebhookDelivery.endpoint_id == endpoint)
    if wanted := paging.one_of(DeliveryState, state):
        query = query.where(WebhookDelivery.state == wanted)
    found = paging.page(session, query, WebhookDelivery, by="created_at", place=place, size=size)
    named = select(WebhookMessage.id, WebhookMessage.topic).where(
        col(WebhookMessage.id).in_([row.message_id for row in found.rows])
    )
    topics: dict[str, Any] = dict(session.exec(named).all())
    names = {
        row.id: row.name
        for row in session.exec(
            select(WebhookEndpoint).where(col(WebhookEndpoint.id).in_({row.endpoint_id for row in found.rows}))
        )
    }
    return found.each(lambda row: _delivery(row, str(topics[row.message_id]), names[row.endpoint_id]))


def sheet(session: Session, delivery_id: str) -> DeliverySheet | None:
    """One message with its attempts, or None once it was forgotten."""
    row = session.get(WebhookDelivery, delivery_id)
    if row is None:
        return None
    message, endpoint = (
        session.get_one(WebhookMessage, row.message_id),
        session.get_one(WebhookEndpoint, row.endpoint_id),
    )
    told = _delivery(row, message.topic, endpoint.name)
    return DeliverySheet(told, message.body, tuple(attempts.of(session, row.id)))


def described(row: EndpointRow) -> dict[str, Any]:
    """An endpoint as `hooks list --json` prints it."""
    moments = {"failing_since": row.failing_since, "off_at": row.off_at, "created_at": row.created_at}
    said = {name: moment.isoformat() if moment else None for name, moment in moments.items()}
    return {
        "id": row.id, "name": row.name, "url": row.url, "topics": list(row.topics), "variable": row.variable or None,
        "off": row.off, "held": row.held, "failure": row.failure, **said,
    }  # fmt: skip


def described_delivery(row: DeliveryRow) -> dict[str, Any]:
    """A message to an endpoint as `hooks log --json` prints it."""
    moments = {"next_at": row.next_at, "settled_at": row.settled_at, "created_at": row.created_at}
    said = {name: moment.isoformat() if moment else None for name, moment in moments.items()}
    return {
        "id": row.id, "message": row.message, "topic": row.topic, "endpoint": row.endpoint, "state": row.state,
        "attempts": row.attempts, "status": row.status, **said,
    }  # fmt: skip


def _endpoint(row: WebhookEndpoint, held: int) -> EndpointRow:
    return EndpointRow(
        row.id, row.name, row.url, tuple(row.topics), row.variable, row.off, row.off_at, row.failing_since, row.failure,
        row.both_until, held, row.created_at,
    )  # fmt: skip


def _delivery(row: WebhookDelivery, topic: str, endpoint: str) -> DeliveryRow:
    return DeliveryRow(
        row.id, row.message_id, topic, endpoint, row.state, row.attempts, row.status, row.next_at, row.settled_at,
        row.created_at,
    )  # fmt: skip
