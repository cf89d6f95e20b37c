"""Headers: one signed cookie per browser, given with a page and with nothing else; security headers on every answer."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.web.server.starlette.starlette_gzip_middleware import SelectiveGZipMiddleware

from core.foundation import signing
from core.shop import Shop
from storefront.serving.headers import PageHeaders


async def page(_: Request) -> Response:
    return HTMLResponse("<h1>Shop</h1>")


async def known_already(_: Request) -> Response:
    return Response(status_code=304)


async def health(_: Request) -> Response:
    return PlainTextResponse("ok")


@pytest.fixture
def browser(shop: Shop) -> TestClient:
    routes = [
        Route("/", page), Route("/cart", page), Route("/kept", known_already), Route("/_stcore/health", health),
        Route("/api/page", page), Route("/app/static/page.html", page),
    ]  # fmt: skip
    return TestClient(Starlette(routes=routes, middleware=[Middleware(PageHeaders, shop=shop)]))


def test_a_new_browser_gets_its_cookie_with_the_first_page(browser: TestClient, shop: Shop) -> None:
    given = browser.get("/").headers["set-cookie"]
    assert all(each in given for each in ("Max-Age=34560000", "Path=/", "HttpOnly", "SameSite=Lax"))
    assert "Secure" not in given
    cookie = browser.cookies[signing.BROWSER_COOKIE]
    assert signing.in_cookie(shop.signing_key, signing.BROWSER, cookie).startswith("br_")


def test_no_cache_may_keep_a_page_with_a_cookie(browser: TestClient) -> None:
    assert browser.get("/").headers["cache-control"] == "private, no-store"


def test_a_known_browser_keeps_its_cookie(browser: TestClient) -> None:
    browser.get("/")
    assert "set-cookie" not in browser.get("/cart").headers


def test_a_forged_cookie_is_replaced(browser: TestClient) -> None:
    browser.cookies.set(signing.BROWSER_COOKIE, "forged")
    assert "set-cookie" in browser.get("/").headers


def test_a_browser_that_has_the_page_and_lost_the_cookie_gets_a_new_one(browser: TestClient) -> None:
    assert "set-cookie" in browser.get("/kept").headers


@pytest.mark.parametrize("path", ["/_stcore/health", "/api/page", "/app/static/page.html", "/nowhere"])
def test_machines_and_pictures_get_none(browser: TestClient, path: str) -> None:
    assert "set-cookie" not in browser.get(path).headers


def test_every_answer_bears_the_security_headers(browser: TestClient) -> None:
    headers = browser.get("/_stcore/health").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["content-security-policy"] == "frame-ancestors 'self'"


def test_over_https_the_cookie_stays_on_https(shop: Shop) -> None:
    secure = shop.settings.model_copy(update={"app_url": "https://shop.example"})
    app = PageHeaders(page_app(), Shop(secure, shop.engine, shop.stripe, shop.storage, shop.now))
    assert "Secure" in TestClient(app, base_url="https://shop.example").get("/").headers["set-cookie"]


def page_app() -> Starlette:
    return Starlette(routes=[Route("/", page)])


def test_what_an_answer_varies_by_is_said_once(shop: Shop) -> None:
    async def told(_: Request) -> Response:
        return HTMLResponse("<h1>Shop</h1>" * 100, headers={"Vary": "Accept-Encoding, Accept-Language"})

    middleware = [Middleware(PageHeaders, shop=shop), Middleware(SelectiveGZipMiddleware)]
    browser = TestClient(Starlette(routes=[Route("/p/guide", told)], middleware=middleware))
    for takes in ("gzip", "identity"):
        answer = browser.get("/p/guide", headers={"Accept-Encoding": takes})
        assert answer.headers.get_list("vary") == ["Accept-Encoding, Accept-Language"]
