"""The first HTML: the shop's name and the server's address, at every page's address."""

import pytest

from core.shop import Shop
from storefront.serving import first_html
from storefront.serving.crowd import Crowd


def test_the_first_html_bears_the_shop_s_name_and_knows_its_server(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    html = first_html.html(shop.settings)
    assert "<title>Plainwork</title>" in html
    assert "BACKEND_BASE_URL:location.origin" in html
    assert "SourceSans" not in html


def test_every_page_has_a_route(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    paths = {route.path for route in first_html.routes(shop, Crowd(most=0))}
    assert {"/", "/product", "/cart", "/thanks", "/purchases"} <= paths
