"""Whether the sidecar lives, and whether it can work."""

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from core.owner.doctor import readiness
from core.owner.doctor.readiness import Check
from core.shop import Shop
from webhook.requests.dependencies import OpenShop


def register(app: FastAPI) -> None:
    """`/healthz` (the process answers), `/readyz` (so does all that the shop is made of)."""
    for path, answer in (("/healthz", _alive), ("/readyz", _ready), ("/readyz/{name}", _ready)):
        app.add_api_route(path, answer)
        # Monitors that only look whether something answers ask so.
        app.add_api_route(path, answer, methods=["HEAD"], include_in_schema=False)


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
