"""What other programs read: the shelves, and whether the sidecar can work."""

import dataclasses
from dataclasses import replace

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from core.events import reconciliation
from core.foundation import database
from core.shop import Shop
from tests import builders
from tests.builders import begun, pause_worker
from tests.conftest import Clock
from webhook.app import create_app

PARTS = ("database", "worker", "sweep")


def test_the_shelves_hold_everything_on_sale_with_its_prices(shop: Shop, client: TestClient) -> None:
    products = {product["id"]: product for product in client.get("/products").json()}
    assert list(products) == ["guide", "kit", "plan", "clinic", "full", "yen", "dinar", "gift"]
    asked = {product: [each["clause"] for each in products[product].pop("consents")] for product in ("plan", "guide")}
    assert asked == {"plan": ["service", "renewal"], "guide": ["digital"]}
    assert products["plan"] == {
        "id": "plan",
        "name": "Plan",
        "kind": "plan",
        "available": True,
        "prices": [
            {"id": "plan-month", "amount": 900, "currency": "eur", "interval": "month"},
            {"id": "plan-year", "amount": 9000, "currency": "eur", "interval": "year"},
        ],
    }
    assert products["guide"]["prices"][0]["interval"] is None
    assert not products["full"]["available"]


def test_the_last_places_held_make_a_workshop_unavailable(shop: Shop, client: TestClient) -> None:
    builders.opened(shop, ("clinic-eur", 4), cart="cart_1")
    builders.opened(shop, ("clinic-eur", 1), cart="cart_2")
    assert {p["id"]: p["available"] for p in client.get("/products").json()}["clinic"] is False


def test_a_shop_of_which_every_part_is_at_work_is_ready(shop: Shop, client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert {name: check["ok"] for name, check in answer.json()["checks"].items()} == dict.fromkeys(PARTS, True)


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/readyz/database", "/products", "/.well-known/jwks.json"])
def test_a_monitor_that_only_looks_whether_it_answers_hears_what_others_would(client: TestClient, address: str) -> None:
    asked, looked = client.get(address), client.head(address)
    assert (looked.status_code, looked.content) == (asked.status_code, b"")
    assert looked.headers["content-type"] == asked.headers["content-type"]


def test_a_shop_whose_worker_is_gone_is_not_ready_and_says_which_part_and_for_how_long(
    shop: Shop, client: TestClient
) -> None:
    pause_worker(shop, days=20)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    checks = answer.json()["checks"]
    assert (checks["database"], checks["worker"]["ok"]) == ({"ok": True}, False)
    assert 0 <= checks["worker"]["age_seconds"] - 20 * 24 * 3600 < 600
    # A balancer asks for what this very process needs: without its worker the shop still takes Stripe's events.
    assert client.get("/readyz/database").json() == {"status": "ok", "checks": {"database": {"ok": True}}}
    assert client.get("/readyz/worker").status_code == 503
    assert client.get("/readyz/nothing").status_code == 404


@builders.on_sqlite
def test_a_shop_that_never_had_a_worker_is_not_ready(bare_shop: Shop) -> None:
    answer = TestClient(create_app(bare_shop)).get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["worker"]) == (503, {"ok": False})


@builders.on_sqlite
def test_a_worker_that_does_not_get_through_a_pass_is_not_ready(shop: Shop, client: TestClient, clock: Clock) -> None:
    reconciliation.sweep(shop)
    begun(shop, hours=2)
    assert client.get("/readyz").status_code == 200
    clock.pass_(minutes=16)
    checks = client.get("/readyz").json()["checks"]
    assert (checks["worker"]["ok"], checks["sweep"]) == (True, {"ok": False, "age_seconds": 960})


@builders.on_sqlite
def test_a_sidecar_without_its_database_lives_and_is_not_ready(shop: Shop) -> None:
    away = dataclasses.replace(shop, engine=database.connect("postgresql://nobody@127.0.0.1:1/nothing"))
    client = TestClient(create_app(away))
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["database"] == {"ok": False, "error": "OperationalError"}
    assert "127.0.0.1" not in answer.text


@builders.on_sqlite
def test_figures_are_this_machines_or_whoevers_has_the_token(shop: Shop) -> None:
    def asked(peer: str, token: str = "", **headers: str) -> int:
        settings = shop.settings.model_copy(update={"metrics_token": SecretStr(token)})
        client = TestClient(create_app(replace(shop, settings=settings)), client=(peer, 1))
        return client.get(
            "/metrics", headers={name.replace("_", "-"): text for name, text in headers.items()}
        ).status_code

    assert (asked("127.0.0.1"), asked("::1"), asked("::ffff:127.0.0.1")) == (200, 200, 200)
    assert (asked("203.0.113.7"), asked("203.0.113.7", x_forwarded_for="127.0.0.1")) == (404, 404)
    # A proxy on this machine brings strangers, whether it says so well, badly or by the way.
    assert asked("127.0.0.1", x_forwarded_for="203.0.113.7") == 404
    assert asked("127.0.0.1", x_forwarded_for="127.0.0.1") == 404
    assert (asked("127.0.0.1", via="1.1 caddy"), asked("127.0.0.1", x_forwarded_proto="https")) == (404, 404)
    token = "a token of its own"
    assert asked("203.0.113.7", token, authorization=f"Bearer {token}") == 200
    assert (asked("127.0.0.1", token), asked("127.0.0.1", token, authorization="Bearer another")) == (401, 401)


@builders.on_sqlite
def test_what_is_not_there_is_404_in_json(shop: Shop, client: TestClient) -> None:
    assert client.get("/nothing").status_code == 404
    assert client.get("/docs").status_code == 404
    assert client.get("/webhooks/stripe").status_code == 405
