"""A sidecar that answers already, and imports meanwhile what the first event needs."""

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from tests.fakes import signed
from tests.machine import eventually
from tests.webhook.conftest import TestClient


def test_the_sidecar_has_started_before_it_is_warm(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    warm = Event()
    monkeypatch.setattr("webhook.app._warm_up", lambda _shop, **_: warm.wait(30))
    app: Any = client.app
    try:
        with client:
            assert client.get("/healthz").status_code == 200
            assert app.state.warming.is_alive()
    finally:
        warm.set()


def test_while_the_sidecar_warms_up_it_answers_and_keeps_waiting_who_would_write(client: TestClient) -> None:
    warm = Event()
    app: Any = client.app
    app.state.warming = Thread(target=warm.wait, daemon=True)
    app.state.warming.start()
    body, signature = signed({"id": "evt_1", "type": "plan.created", "livemode": False, "data": {"object": {}}})

    def tell() -> httpx.Response:
        return client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})

    with ThreadPoolExecutor() as pool:
        try:
            told, ready = pool.submit(tell), pool.submit(client.get, "/readyz/database")
            assert client.get("/healthz").status_code == 200
            assert client.get("/products").status_code == 200
            assert not told.done()
            assert not ready.done()
        finally:
            warm.set()
        assert told.result(timeout=30).json()["state"] == "ignored"
        assert ready.result(timeout=30).status_code == 200


def test_the_first_event_finds_what_it_needs_imported(client: TestClient) -> None:
    app: Any = client.app
    app.warm_up()
    eventually(lambda: not app.state.warming.is_alive())
    assert {"dbos", "stripe"} <= set(sys.modules)
