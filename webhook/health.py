"""Whether the sidecar lives, whether it can work, and what it has counted."""

import hmac

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from starlette.concurrency import run_in_threadpool

from core.owner.doctor import readiness
from core.owner.doctor.readiness import Check
from core.shop import Shop
from core.traffic.senders import LOOPBACK, is_one_of
from webhook.requests import senders
from webhook.requests.dependencies import OpenShop

_EVENTS = Counter("pushcart_stripe_events", "Webhook requests by what became of their event.", ["state"])


_BY_PROXY = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def count_event(state: str) -> None:
    """Count one webhook request: applied, ignored, parked, failed or refused."""
    _EVENTS.labels(state=state).inc()


def register(app: FastAPI) -> None:
    """`/healthz` (the process answers), `/readyz` (so does all that the shop is made of), `/metrics` (Prometheus)."""
    app.add_api_route("/healthz", _alive)
    app.add_api_route("/readyz", _ready)
    app.add_api_route("/readyz/{name}", _ready)
    app.add_api_route("/metrics", _metrics)


async def _alive() -> dict[str, str]:
    return {"status": "ok"}


async def _ready(shop: OpenShop, name: str = "") -> Response:
    """Every check by its name, or the one that is named; 503 if one fails, 404 if there is none of that name."""
    if name and name not in readiness.CHECKS:
        return JSONResponse({"error": "NotFound", "checks": list(readiness.CHECKS)}, 404)
    found = await run_in_threadpool(_look, shop, name)
    ready = all(check.ok for check in found)
    answer = {"status": "ok" if ready else "unavailable", "checks": {check.name: _told(check) for check in found}}
    return JSONResponse(answer, 200 if ready else 503, {"Cache-Control": "no-store"})


def _look(shop: Shop, name: str) -> list[Check]:
    return [readiness.check(shop, name)] if name else readiness.checks(shop)


def _told(check: Check) -> dict[str, object]:
    """What a monitor may know: nothing that an error says, which may name hosts."""
    told: dict[str, object] = {"ok": check.ok}
    if check.age is not None:
        told["age_seconds"] = round(check.age.total_seconds())
    return told | ({"error": check.error} if check.error else {})


async def _metrics(request: Request, shop: OpenShop) -> Response:
    """For whoever has METRICS_TOKEN or, where none is set, for this machine alone: they tell how the shop fares."""
    token = shop.settings.metrics_token.get_secret_value()
    if not _may_measure(request, token):
        if token:
            return JSONResponse({"error": "TokenInvalid"}, 401, {"WWW-Authenticate": "Bearer"})
        return JSONResponse({"error": "NotFound"}, 404)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _may_measure(request: Request, token: str) -> bool:
    if token:
        return hmac.compare_digest(f"Bearer {token}".encode(), request.headers.get("authorization", "").encode())
    # What came by a proxy of this machine is somebody else's, whether or not the proxy says whose.
    by_proxy = any(name in request.headers for name in _BY_PROXY)
    return is_one_of(senders.address_of(request), LOOPBACK) and not by_proxy
