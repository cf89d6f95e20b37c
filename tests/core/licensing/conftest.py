"""The sidecar of a shop that counts nobody's calls."""

import warnings
from dataclasses import replace

import pytest
from anyio.from_thread import BlockingPortal

from core.shop import Shop

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from webhook.app import create_app


@pytest.fixture
def unlimited(shop: Shop, portal: BlockingPortal) -> TestClient:
    """A client of it."""
    settings = shop.settings.model_copy(update={"rate_limits": "off"})
    made = TestClient(create_app(replace(shop, settings=settings)), raise_server_exceptions=False)
    made.portal = portal
    return made
