"""The sample backend hears of a person's life in whatever order and however often: what it knows at the end is the same."""

import importlib.util
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.integrations import versions
from core.journeys import refund
from core.orders.orders import Order
from core.outgoing import signatures
from core.outgoing.messages import WebhookMessage
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.outgoing.receiver import listens
from tests.fakes import FakeStripe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

BACKEND = Path(__file__).parents[2] / "docs" / "examples" / "saas_backend.py"


@pytest.fixture
def secret(shop: Shop) -> str:
    return listens(shop, "http://127.0.0.1:9/hooks", "entitlement.changed").secret


@pytest.fixture
def backend(secret: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The sample as a module; the shop that it could ask is away."""
    for name, value in {
        "SHOP": "http://127.0.0.1:9", "SHOP_KEY": "pk_none", "SHOP_SECRET": secret, "SHOP_PRODUCT": "plan",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("saas_backend", BACKEND)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def life(shop: Shop, stripe: FakeStripe, clock: Clock) -> tuple[str, list[bytes]]:
    """Somebody buys a plan, loses it, and buys and loses it again: who they are, and what was told, oldest first."""
    orders = []
    for cart in ("cart_1", "cart_2"):
        order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 2), cart=cart, browser=f"br_{cart}")
        versions.catch_up(shop)
        clock.pass_(minutes=1)
        refund.request(shop, order_id, actor="owner", key=cart)
        builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
        versions.catch_up(shop)
        clock.pass_(minutes=1)
        orders.append(order_id)
    person = next(row.customer_id for row in builders.rows(shop, Order) if row.id == orders[0])
    rows = sorted(builders.rows(shop, WebhookMessage), key=lambda row: orjson.loads(row.body)["data"]["version"])
    return str(person), [row.body.encode() for row in rows]


@builders.on_sqlite
def test_messages_in_any_order_and_twice_leave_the_newest_known_and_revive_nobody(
    backend: ModuleType, secret: str, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    person, told = life(shop, stripe, clock)
    states = [orjson.loads(body)["data"]["products"][0]["state"] for body in told]
    assert states == ["active", "revoked", "active", "revoked"]
    client = TestClient(backend.app)

    def hears(number: int) -> int:
        id = f"msg_{number}"
        headers = signatures.headers(id, told[number], [secret], at=datetime.now(UTC))
        return int(client.post("/hooks", content=told[number], headers=headers).status_code)

    @settings(max_examples=40)
    @given(st.permutations([*range(len(told))] * 2))
    def in_any_order(order: list[int]) -> None:
        backend.known.clear()
        newest = -1
        for number in order:
            assert hears(number) == 204
            newest = max(newest, number)
            assert backend.known[person]["version"] == newest + 1
            assert backend.may_use(person) is (states[newest] == "active")
        assert not backend.may_use(person)

    in_any_order()
    assert client.get(f"/work/{person}").status_code == 402


@builders.on_sqlite
def test_what_the_shop_did_not_sign_changes_nothing(backend: ModuleType, shop: Shop) -> None:
    said: dict[str, Any] = {"type": "entitlement.changed", "data": {"person": "cus_1", "version": 9}}
    forged = signatures.headers("msg_1", orjson.dumps(said), [signatures.new_secret()], at=shop.now())
    answer = TestClient(backend.app).post("/hooks", content=orjson.dumps(said), headers=forged)
    assert (answer.status_code, backend.known) == (400, {})
