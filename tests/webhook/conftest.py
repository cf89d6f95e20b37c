"""The sidecar as Stripe, browsers and scripts reach it."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
from anyio.from_thread import BlockingPortal
from fastapi.routing import APIRoute, _EffectiveRouteContext, _RouterIncludeContext

from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe, signed

with warnings.catch_warnings():
    # Starlette would rather have the successor of httpx; the shop itself needs httpx for nothing else.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from webhook.app import create_app

# What a route of a router comes to in an app FastAPI finds out anew for each app, at its first request, which takes longer than
# most answers. It is the same in all of ours, which include their routers as they are and override no dependency.
_KNOWN: dict[int, tuple[APIRoute, _EffectiveRouteContext]] = {}
_find_out = _EffectiveRouteContext.from_api_route


def _find_out_once(*, original_route: APIRoute, include_context: _RouterIncludeContext) -> _EffectiveRouteContext:
    if include_context.prefix or include_context.dependencies or include_context.tags:
        return _find_out(original_route=original_route, include_context=include_context)
    if id(original_route) not in _KNOWN:
        found = _find_out(original_route=original_route, include_context=include_context)
        _KNOWN[id(original_route)] = original_route, found
    return _KNOWN[id(original_route)][1]


_EffectiveRouteContext.from_api_route = _find_out_once  # type: ignore[method-assign]


@pytest.fixture
def client(shop: Shop, portal: BlockingPortal) -> TestClient:
    """A browser that follows no redirect, so that the tests see them."""
    made = TestClient(create_app(shop), raise_server_exceptions=False, follow_redirects=False)
    made.portal = portal
    return made


@pytest.fixture
def unlimited(shop: Shop, portal: BlockingPortal) -> TestClient:
    """The sidecar of a shop that counts nobody's calls."""
    settings = shop.settings.model_copy(update={"rate_limits": "off"})
    made = TestClient(create_app(replace(shop, settings=settings)), raise_server_exceptions=False)
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
