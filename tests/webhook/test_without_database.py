"""While the database is away, restarts, or has no connection to spare: whoever asks is told to come back."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.testclient import TestClient

from core.foundation import database, signing
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe, signed
from tests.machine import free_port
from webhook.app import create_app

BASKET = {"cart_id": "cart_1", "items": [{"price": "guide-eur", "quantity": 1}]}


@pytest.fixture
def away(shop: Shop) -> Iterator[Shop]:
    """The shop, whose database nobody answers for."""
    engine = database.connect(f"postgresql://127.0.0.1:{free_port()}/shop")
    yield replace(shop, engine=engine)
    engine.dispose()


def calls(shop: Shop, stripe: FakeStripe) -> dict[str, Callable[[TestClient], int]]:
    """Each route that asks the database something."""
    order_id = builders.bought(shop, stripe)
    token = builders.deliveries(shop, order_id)[0].files[0].token
    body, signature = signed(stripe.tell("charge.refunded", {"id": "ch_1", "object": "charge"}))
    return {
        "products": lambda client: client.get("/products").status_code,
        "checkout": lambda client: client.post("/checkout", json=BASKET).status_code,
        "download": lambda client: client.get(f"/downloads/{token}").status_code,
        "head": lambda client: client.head(f"/downloads/{token}").status_code,
        "webhook": lambda client: (
            client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": signature}).status_code
        ),
        "ready": lambda client: client.get("/readyz").status_code,
    }


@builders.on_sqlite
def test_every_route_asks_to_come_back(shop: Shop, away: Shop, stripe: FakeStripe) -> None:
    asked = calls(shop, stripe)
    with TestClient(create_app(away), raise_server_exceptions=False) as client:
        assert {name: call(client) for name, call in asked.items()} == dict.fromkeys(asked, 503)
        assert client.get("/products").headers["retry-after"] == "5"
        assert client.get("/healthz").status_code == 200


@builders.on_sqlite
def test_a_pool_without_a_connection_to_spare_is_no_fault_either(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise PoolTimeout("QueuePool limit reached")

    monkeypatch.setattr(database, "reading", none_left)
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        assert client.get("/products").status_code == 503


def test_a_fault_of_ours_is_a_fault(shop: Shop) -> None:
    with shop.engine.begin() as connection:
        connection.exec_driver_sql("alter table shop_texts rename to elsewhere")
        connection.exec_driver_sql("alter table prices rename to elsewhere_too")
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        assert client.get("/products").status_code == 500


# What is answered without the database: what is static, and what is refused for what it says.
WITHOUT = {
    "GET /openapi.json": 200, "HEAD /openapi.json": 200, "GET /healthz": 200, "HEAD /healthz": 200,
    "GET /metrics": 404,
    "GET /downloads/{token}": 403, "HEAD /downloads/{token}": 403, "GET /pictures/{digest}/{name}": 404,
    "HEAD /pictures/{digest}/{name}": 404, "GET /owner/attendees.csv": 400, "GET /owner/upload": 400,
    "GET /checkout/person/{sealed}": 403, "POST /checkout/person/{sealed}": 403,
    "POST /owner/uploads": 400, "PATCH /owner/uploads/{upload_id}": 400, "POST /waiting/{token}": 400,
    "GET /unsubscribe/{token}": 404, "HEAD /unsubscribe/{token}": 404, "GET /checkout/form": 303,
    "HEAD /checkout/form": 303, "POST /unsubscribe/{token}": 404, "POST /mail-events": 404,
    "GET /withdraw": 200, "POST /withdraw": 400,
}  # fmt: skip
KEY = {"key": "PUSH-0000-0000-0000-0000-0000", "product": "kit", "fingerprint": "fp", "activation_id": "act"}
BODIES: dict[str, dict[str, object]] = {
    "/checkout": BASKET, "/entitlements/lookup": {"email": "nora@lindqvist.example"},
    "/seats": {"order": "ord_1", "email": "nora@lindqvist.example"},
    **{f"/licenses/{call}": KEY for call in ("activate", "validate", "deactivate", "lease", "offline")},
}  # fmt: skip
FORM = "product=guide&price=guide-eur"


def routes_of(router: object) -> Iterator[tuple[str, str]]:
    for route in router.routes:  # type: ignore[attr-defined]
        if hasattr(route, "original_router"):
            yield from routes_of(route.original_router)
        for method in sorted(getattr(route, "methods", None) or ()):
            yield method, route.path


def filled(path: str, key: str) -> str:
    """The address with tokens that are ours, so that nothing is refused for being forged."""
    purpose = {
        "/downloads": signing.DOWNLOAD,
        "/sign-in": signing.ENTRANCE,
        "/owner/uploads": signing.UPLOAD,
        "/order": signing.LETTER,
    }
    said = [signing.sign(key, signing.TICKET, "x"), "br_1"] if path.startswith("/sign-in") else "x"
    token = next((signing.sign(key, each, said) for start, each in purpose.items() if path.startswith(start)), "")
    lasting = {"/ticket": signing.PLACE, "/waiting": signing.WAITING, "/join": signing.PLACE}
    for start, each in lasting.items():
        token = signing.sign_for_good(key, each, "x") if path.startswith(start) else token
    path = path.replace("{file}", "journal").replace("{file:path}", "x.png").replace("{name}", "database")
    return re.sub(r"\{\w+(:\w+)?\}", token or "x", path)


@builders.on_sqlite
def test_no_route_takes_it_for_a_fault(shop: Shop, away: Shop) -> None:
    signed_in = signing.sign(shop.signing_key, signing.SIGN_IN, "in_1")
    app = create_app(away)
    found: dict[str, int] = {}
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        client.cookies.set(signing.SIGN_IN_COOKIE, signed_in)
        client.cookies.set(signing.BROWSER_COOKIE, signing.sign(shop.signing_key, signing.BROWSER, "br_1"))
        for method, path in routes_of(app):
            if "stripe" in path:
                continue  # above, with an event that is signed
            body = {"json": BODIES[path]} if path in BODIES else {"content": FORM} if method == "POST" else {}
            form = {} if path in BODIES else {"Content-Type": "application/x-www-form-urlencoded"}
            headers = {"Authorization": "Bearer pk_" + "0" * 40, **form}
            found[f"{method} {path}"] = client.request(
                method,
                filled(path, shop.signing_key),
                headers=headers,
                **body,  # type: ignore[arg-type]
            ).status_code
    assert {name: status for name, status in found.items() if status != 503} == WITHOUT
