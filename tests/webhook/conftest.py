"""The sidecar as Stripe, browsers and scripts reach it."""

import warnings

import pytest

from core.shop import Shop

with warnings.catch_warnings():
    # Starlette would rather have the successor of httpx; the shop itself needs httpx for nothing else.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from webhook.app import create_app


@pytest.fixture
def client(shop: Shop) -> TestClient:
    """A browser that follows no redirect, so that the tests see them."""
    return TestClient(create_app(shop), raise_server_exceptions=False, follow_redirects=False)
