"""Sending: one turn of a message's job. It is posted, what was answered is kept, and unless it was taken a later turn is owed.

Where the process dies between the two, the same message is sent again under the same id: receivers know it by that.
"""

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from core.foundation.errors import SealBroken
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Notice, Turn
from core.outgoing import attempts, endpoints, messages, posting, signatures
from core.outgoing.endpoints import Off, WebhookEndpoint
from core.outgoing.messages import DeliveryState, WebhookDelivery, WebhookMessage
from core.outgoing.posting import Answer
from core.outgoing.topics import Topic
from core.shop import Shop

log = structlog.get_logger()

# Seconds to wait after each attempt that failed: three days in all, and a little more.
WAITS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
# How far the clocks of two machines may be apart.
_CLOCKS_APART = timedelta(minutes=2)
# Whatever an endpoint asks for, in seconds.
_LONGEST = 86_400.0
_GONE = 410


@dataclass(frozen=True)
class _Task:
    """A message to be sent now; `person` is the customer whom it is about, if it is about one."""

    delivery_id: str
    message_id: str
    person: str
    endpoint_id: str
    url: str
    body: bytes
    headers: dict[str, str]


def deliver(shop: Shop, turn: Turn) -> None:
    """Try once, unless there is nothing left to do."""
    with shop.transaction() as session:
        task = _begin(session, shop, turn)
    if task is None:
        return
    answer = posting.post(task.url, task.body, task.headers, private=shop.settings.private_webhooks_allowed)
    with shop.transaction() as session:
        _note(session, task, turn, answer, now=shop.now())
    if not answer.took_it:
        log.warning("webhook_not_taken", endpoint=task.endpoint_id, delivery=task.delivery_id, status=answer.status)


def _begin(session: Session, shop: Shop, turn: Turn) -> _Task | None:
    now = shop.now()
    delivery = session.get(WebhookDelivery, turn.arguments[0], with_for_update=True)
    if delivery is None or delivery.state is not DeliveryState.WAITING or _is_overtaken(delivery, turn, now=now):
        return None
    row = session.get_one(WebhookEndpoint, delivery.endpoint_id)
    message = session.get_one(WebhookMessage, delivery.message_id)
    if row.removed_at or row.off is Off.GONE:
        _settle(delivery, DeliveryState.DROPPED, now=now)
        return None
    if row.off and message.topic is not Topic.PING:
        _settle(delivery, DeliveryState.HELD, now=None)
        return None
    body = message.body.encode()
    headers = {"content-type": "application/json", "user-agent": "Pushcart"}
    try:
        keys = endpoints.secrets_of(shop.signing_key, row, now=now)
    except SealBroken:
        # SECRET_KEY was changed. Nobody could check what is signed with anything else: a person must rotate the secret.
        _switch_off(session, row, Off.FAILED, now=now)
        row.failure = endpoints.UNREADABLE
        _settle(delivery, DeliveryState.HELD, now=None)
        return None
    signed = headers | signatures.headers(message.id, body, keys, at=now)
    return _Task(delivery.id, message.id, message.person, row.id, row.url, body, signed)


def _is_overtaken(delivery: WebhookDelivery, turn: Turn, *, now: datetime) -> bool:
    """Whether this is a later turn of before the message was sent again by hand: from then on that one's turns count."""
    if turn.number == 0:
        return False
    if delivery.next_at is None or delivery.chain:
        return delivery.next_at is None or delivery.chain != turn.root
    # Noted by a version that did not say whose turn is next.
    return delivery.next_at > now + _CLOCKS_APART


def _note(session: Session, task: _Task, turn: Turn, answer: Answer, *, now: datetime) -> None:
    """Keep what came of it. The endpoint is locked before its deliveries, by everybody: many messages to it may end at once. And
    the message before both, as by whoever erases the person whom it is about."""
    message = session.get_one(WebhookMessage, task.message_id, with_for_update=True)
    if task.person and not message.person:
        answer = replace(answer, text="")  # who was erased meanwhile may be named in it
    row = session.get_one(WebhookEndpoint, task.endpoint_id, with_for_update=True)
    delivery = session.get_one(WebhookDelivery, task.delivery_id, with_for_update=True)
    attempts.note(session, task.delivery_id, task.url, task.headers, answer, now=now)
    delivery.attempts += 1
    delivery.status = answer.status
    if answer.took_it:
        _settle(delivery, DeliveryState.DELIVERED, now=now)
        row.failing_since, row.failure = None, ""
        if not row.off:
            messages.follow(session, row.id, now=now)
        return
    row.failing_since = row.failing_since or now
    row.failure = answer.error or f"answered {answer.status}"
    if answer.status == _GONE:
        _switch_off(session, row, Off.GONE, now=now)
        _settle(delivery, DeliveryState.DROPPED, now=now)
        session.flush()
        messages.drop_waiting(session, row.id, now=now)
    elif turn.number >= len(WAITS):
        if not row.off:
            _switch_off(session, row, Off.FAILED, now=now)
        _settle(delivery, DeliveryState.HELD, now=None)
    else:
        wait = timedelta(seconds=_wait(turn.number, answer, now=now))
        delivery.next_at, delivery.chain = now + wait, turn.root
        outbox.owe_next(session, turn, wait=wait, to=task.endpoint_id)


def _switch_off(session: Session, row: WebhookEndpoint, why: Off, *, now: datetime) -> None:
    """Send it nothing from now on, of which the owners are told at once, unless it was off before."""
    news = row.off is None
    endpoints.switch_off(row, why, now=now)
    if news:
        told = f"{row.id}:{outbox.stamp(now)}"
        outbox.owe(session, Job.SHOP_NOTICE, Notice.WEBHOOK_OFF, told, key=f"{Notice.WEBHOOK_OFF}:{told}")


def _settle(delivery: WebhookDelivery, state: DeliveryState, *, now: datetime | None) -> None:
    delivery.state, delivery.settled_at, delivery.next_at = state, now, None


def _wait(number: int, answer: Answer, *, now: datetime) -> float:
    """Spread, so that what failed together does not come back together; and never sooner than the endpoint asked for."""
    return max(WAITS[number] * random.uniform(1, 1.1), min(answer.wait(now=now.timestamp()), _LONGEST))
