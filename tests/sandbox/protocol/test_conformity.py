"""The check that runs inside every other test of the sandbox can itself fail, and then nothing wrong leaves."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest

from sandbox import app
from sandbox.account import events
from sandbox.account.account import Account
from sandbox.account.settings import Settings
from sandbox.protocol import changelog, conformity, versions
from tests.sandbox.running import KEY, World

QUIET = Settings(data=":memory:", webhook_url="", check=True)


@pytest.fixture
def product(world: World) -> dict[str, Any]:
    world.api.products.create({"name": "The Quiet Launch"})
    found: dict[str, Any] = world.checking.last.json() if world.checking.last else {}
    return found


def test_an_object_as_stripe_describes_it_passes(product: dict[str, Any]) -> None:
    assert product["object"] == "product"
    conformity.check_object("product", product)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": None}, "name"),
        ({"active": "yes"}, "active"),
        ({"surprise": 1}, "surprise"),
        ({"metadata": {"order": 7}}, "metadata"),
    ],
)
def test_an_object_with_a_wrong_or_unknown_key_does_not(
    product: dict[str, Any], change: dict[str, Any], named: str
) -> None:
    with pytest.raises(conformity.NotAsDescribed, match=named):
        conformity.check_object("product", {**product, **change})


def test_an_object_that_lacks_a_nullable_key_does_not(product: dict[str, Any]) -> None:
    del product["description"]
    with pytest.raises(conformity.NotAsDescribed, match="description"):
        conformity.check_object("product", product)


def test_a_part_may_leave_keys_out_but_not_have_others() -> None:
    conformity.check_part("product", {"object": "product", "id": "prod_1"})
    with pytest.raises(conformity.NotAsDescribed, match="surprise"):
        conformity.check_part("product", {"object": "product", "id": "prod_1", "surprise": 1})


def test_an_event_is_held_to_its_own_shape_and_to_its_objects(product: dict[str, Any]) -> None:
    account = Account(QUIET, {})
    assert events.record(account, "product.updated", product, {"name": "Quiet"})["type"] == "product.updated"
    with pytest.raises(conformity.NotAsDescribed, match="active"):
        events.record(account, "product.updated", {**product, "active": None})


async def _ask(path: str, handler: Any) -> httpx.Response:
    application = app.make(QUIET)
    application.state.api.handlers = {("GET", "/v1/products/{id}"): handler}
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        return await client.get(path, headers={"Authorization": f"Bearer {KEY}"})


def test_a_wrong_answer_is_withheld_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "sandbox"):
        answer = asyncio.run(_ask("/v1/products/prod_1", lambda account, call: {"object": "product", "id": call.id}))
    assert answer.status_code == 500
    assert "GET /v1/products/{id} is not as Stripe describes it" in answer.json()["error"]["message"]
    assert "is not as Stripe describes it" in caplog.text


def test_versions_in_which_everything_looks_the_same_are_checked_by_the_same_means() -> None:
    """However many versions are spoken, what is kept for them is bounded: each means takes ten megabytes."""
    error = {"error": {"type": "api_error", "message": "x"}}
    for version in versions.known():
        conformity.check_object("error", error, version)
        for name in ("charge", "invoice", "checkout.session"):
            with pytest.raises(conformity.NotAsDescribed, match=name):
                conformity.check_object(name, {"object": name}, version)
        with pytest.raises(conformity.NotAsDescribed, match="GET /v1/charges"):
            conformity.check_answer("GET", "/v1/charges", 200, {"object": "list"}, version)
    changes = {change.since for change in changelog.CHANGES}
    assert len(versions.known()) > 100
    assert conformity._objects.cache_info().currsize <= len(changes) + 1 < 10
