"""Whether the sidecar lives, whether it can work, and what it has counted."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from sqlalchemy import text
from starlette.concurrency import run_in_threadpool

from core.shop import Shop

_EVENTS = Counter("pushcart_stripe_events", "Webhook requests by what became of their event.", ["state"])


def count_event(state: str) -> None:
    """Count one webhook request: applied, ignored, parked, failed or refused."""
    _EVENTS.labels(state=state).inc()


def register(app: FastAPI) -> None:
    """`/healthz` (the process answers), `/readyz` (its database too), `/metrics` (Prometheus)."""
    app.add_api_route("/healthz", _alive)
    app.add_api_route("/readyz", _ready)
    app.add_api_route("/metrics", _metrics)


async def _alive() -> dict[str, str]:
    return {"status": "ok"}


async def _ready(request: Request) -> Response:
    try:
        await run_in_threadpool(_ask_database, request.app.state.shop)
    except Exception as error:
        return JSONResponse({"status": "unavailable", "database": type(error).__name__}, 503)
    return JSONResponse({"status": "ok"})


async def _metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _ask_database(shop: Shop) -> None:
    with shop.reading() as session:
        session.execute(text("select 1"))
