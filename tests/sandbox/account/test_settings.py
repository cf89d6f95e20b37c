"""How a sandbox is set up by its environment."""

from __future__ import annotations

import pytest

from sandbox.account import settings


@pytest.mark.parametrize(
    ("env", "shop"),
    [
        ({}, "http://localhost:8501"),
        ({"STOREFRONT_PORT": "9501"}, "http://localhost:9501"),
        ({"STOREFRONT_PORT": "9501", "APP_URL": ""}, "http://localhost:9501"),
        ({"STOREFRONT_PORT": "9501", "APP_URL": "https://shop.example"}, "https://shop.example"),
    ],
)
def test_links_to_the_shop_lead_where_it_is(env: dict[str, str], shop: str) -> None:
    assert settings.from_environment(env).shop_url == shop


@pytest.mark.parametrize("name", ["STOREFRONT_PORT", "WEBHOOK_PORT", "SANDBOX_PORT", "SANDBOX_SMTP_PORT"])
def test_a_port_that_is_no_number_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        settings.from_environment({name: "http"})
