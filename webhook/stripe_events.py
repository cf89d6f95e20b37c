"""Stripe's webhook: the raw bytes, their signature, one transaction, an answer."""

from asyncio import wrap_future

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from structlog import contextvars

from core.events import inbox
from core.events.intake import Intake
from core.foundation import database
from core.foundation.errors import EventRefused
from core.foundation.telemetry import counters
from core.shop import Shop

log = structlog.get_logger()

# Stripe's largest events are a few hundred kilobytes.
MOST_BYTES = 1024 * 1024


def register(app: FastAPI) -> None:
    """Serve the webhook: as plain routes, since most of what reaches a busy shop are its events."""
    app.state.intake = Intake(lambda: app.state.shop)
    for path in ("/webhooks/stripe", "/webhooks/stripe/"):
        app.add_route(path, _receive, methods=["POST"], include_in_schema=False)


async def _receive(request: Request) -> Response:
    """2xx when the event is remembered and applied (or rightly ignored), 400 when it is not Stripe's, 500 to be retried."""
    shop: Shop = request.app.state.shop
    intake: Intake = request.app.state.intake
    raw = await _body(request)
    if raw is None:
        return JSONResponse({"error": "TooLarge", "most_bytes": MOST_BYTES}, 413)
    try:
        told = inbox.opened(shop, raw, request.headers.get("stripe-signature"))
        contextvars.bind_contextvars(event_id=told.id, type=told.event["type"])
        outcome = await wrap_future(intake.put(told))
    except EventRefused as refusal:
        # Whoever sends no valid signature learns why; the log keeps nothing of what they sent.
        log.warning("event_refused", reason=str(refusal))
        counters.EVENTS.labels("refused").inc()
        return JSONResponse({"error": type(refusal).__name__, **vars(refusal)}, 400)
    except Exception as error:
        counters.EVENTS.labels("failed").inc()
        if database.is_away(error):
            raise
        log.error("event_failed", exc_info=error)
        return JSONResponse({"error": "Failed", "retry": True}, 500)
    counters.EVENTS.labels(outcome.state).inc()
    log.info("event_taken", state=outcome.state, order=outcome.order_id, reason=outcome.reason)
    return JSONResponse({"state": outcome.state, "order_id": outcome.order_id, "reason": outcome.reason})


async def _body(request: Request) -> bytes | None:
    """The body as it came, or None as soon as it is longer than any event can be."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > MOST_BYTES:
        return None
    chunks: list[bytes] = []
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > MOST_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
