"""The sidecar of a shop that counts nobody's calls."""

import warnings
from dataclasses import replace

import pytest

from core.shop import Shop

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from webhook.app import create_app


@pytest.fixture
def unlimited(shop: Shop) -> TestClient:
    """A client of it."""
    settings = shop.settings.model_copy(update={"rate_limits": "off"})
    return TestClient(create_app(replace(shop, settings=settings)), raise_server_exceptions=False)
