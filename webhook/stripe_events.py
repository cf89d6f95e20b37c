"""Stripe's webhook: the raw bytes, their signature, one transaction, an answer. Most of what reaches a busy shop are its
events, so it stands before whatever else the app does for a request."""

from asyncio import sleep
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from structlog import contextvars

from core.events import inbox
from core.events.handlers import Outcome
from core.events.intake import Intake
from core.foundation import database
from core.foundation.errors import EventRefused
from core.foundation.telemetry import counters
from core.shop import Shop
from webhook.requests import errors

log = structlog.get_logger()

# Stripe's largest events are a few hundred kilobytes.
MOST_BYTES = 1024 * 1024
_PATHS = ("/webhooks/stripe", "/webhooks/stripe/")

_Said = tuple[int, dict[str, Any], dict[str, str]]


def is_meant(scope: Scope) -> bool:
    """Whether a request is for the webhook."""
    return scope["type"] == "http" and scope["path"].removeprefix(scope.get("root_path", "")) in _PATHS


async def receive(shop: Shop, intake: Intake, scope: Scope, messages: Receive, send: Send) -> None:
    """2xx when the event is remembered and applied (or rightly ignored), 400 when it is not Stripe's, 500 to be retried."""
    scope["endpoint"] = receive
    if scope["method"] != "POST":
        await _answer(send, 405, {"error": "MethodNotAllowed"}, {"allow": "POST"})
        return
    signature = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"stripe-signature"), None)
    try:
        raw = await _body(scope, messages)
    except ClientDisconnect:
        return
    if raw is None:
        await _answer(send, 413, {"error": "TooLarge", "most_bytes": MOST_BYTES}, {})
        return
    try:
        outcome = await _taken(shop, intake, raw, signature)
    except Exception as error:
        await _answer(send, *_failed(scope, error))
        return
    await _answer(send, 200, {"state": outcome.state, "order_id": outcome.order_id, "reason": outcome.reason}, {})
    await sleep(0)  # what was sent is on its way before it is spoken of
    log.info("event_taken", state=outcome.state, order=outcome.order_id, reason=outcome.reason)


async def _taken(shop: Shop, intake: Intake, raw: bytes, signature: str | None) -> Outcome:
    told = inbox.opened(shop, raw, signature)
    contextvars.bind_contextvars(event_id=told.id, type=told.event["type"])
    outcome = await intake.take(told)
    counters.event_taken(outcome.state).inc()
    return outcome


def _failed(scope: Scope, error: Exception) -> _Said:
    if isinstance(error, EventRefused):
        # Whoever sends no valid signature learns why; the log keeps nothing of what they sent.
        log.warning("event_refused", reason=str(error))
        counters.event_taken("refused").inc()
        return 400, {"error": type(error).__name__, **vars(error)}, {}
    counters.event_taken("failed").inc()
    if database.is_away(error):
        return errors.without_database(scope["path"], error)
    log.error("event_failed", exc_info=error)
    return 500, {"error": "Failed", "retry": True}, {}


async def _body(scope: Scope, messages: Receive) -> bytes | None:
    """The body as it came, or None as soon as it is longer than any event can be. Raises ClientDisconnect."""
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced) > MOST_BYTES:
        return None
    chunks: list[bytes] = []
    length, more = 0, True
    while more:
        message = await messages()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        length += len(chunk)
        if length > MOST_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _answer(send: Send, status: int, said: dict[str, Any], headers: dict[str, str]) -> None:
    body = orjson.dumps(said)
    length = {"content-type": "application/json", "content-length": str(len(body))}
    raw = [(name.encode(), value.encode()) for name, value in {**length, **headers}.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
