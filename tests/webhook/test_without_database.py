"""While the database is away, restarts, or has no connection to spare: whoever asks is told to come back."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.testclient import TestClient

from core.foundation import database
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
