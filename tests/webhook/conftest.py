"""The sidecar as Stripe, browsers and scripts reach it."""

import warnings
from collections.abc import Callable

import pytest
from anyio.from_thread import BlockingPortal

from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe, signed

with warnings.catch_warnings():
    # Starlette would rather have the successor of httpx; the shop itself needs httpx for nothing else.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from webhook.app import create_app


@pytest.fixture
def client(shop: Shop, portal: BlockingPortal) -> TestClient:
    """A browser that follows no redirect, so that the tests see them."""
    made = TestClient(create_app(shop), raise_server_exceptions=False, follow_redirects=False)
    made.portal = portal
    return made


Tell = Callable[[str, dict], str]


@pytest.fixture
def tell(shop: Shop, client: TestClient, stripe: FakeStripe, clock: Clock) -> Tell:
    """Have Stripe tell of an object, and the worker ask what that owes; what became of the event."""

    def telling(kind: str, subject: dict) -> str:
        clock.pass_(seconds=1)
        body, signature = signed(stripe.tell(kind, subject))
        answer = client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})
        assert answer.status_code == 200
        builders.ask_stripe(shop)
        return str(answer.json()["state"])

    return telling
