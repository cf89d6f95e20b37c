"""One host: pages are at APP_URL's name, machines use any, and whoever comes is seen behind the proxies that are trusted."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from core.foundation.settings import Settings
from storefront.serving.hosts import OneHost

HOME = "https://shop.example.com"


async def who(request: Request) -> Response:
    assert request.client
    return JSONResponse({"sender": request.client.host, "scheme": request.url.scheme})


async def stream(socket: WebSocket) -> None:
    assert socket.client
    await socket.accept()
    await socket.send_json({"host": socket.headers["host"], "sender": socket.client.host})
    await socket.close()


def browser(peer: str = "127.0.0.1", **settings: str) -> TestClient:
    chosen = Settings(**{"app_url": HOME, "secret_key": "a secret of sixteen letters", **settings})  # type: ignore[arg-type]
    routes = [Route("/{rest:path}", who), WebSocketRoute("/_stcore/stream", stream)]
    app = Starlette(routes=routes, middleware=[Middleware(OneHost, settings=chosen)])
    return TestClient(app, client=(peer, 1), follow_redirects=False)


@pytest.mark.parametrize("host", ["www.shop.example.com", "shop.onrender.example", "WWW.shop.example.com:443"])
def test_a_page_under_another_name_is_found_at_the_shops(host: str) -> None:
    answer = browser().get("/product?id=guide&x=%2F", headers={"Host": host})
    assert (answer.status_code, answer.headers["location"]) == (307, f"{HOME}/product?id=guide&x=%2F")


def test_what_the_proxy_was_asked_for_counts_and_not_what_it_asks_here() -> None:
    said = {"Host": "www.shop.example.com", "X-Forwarded-Host": "shop.example.com"}
    assert browser().get("/cart", headers=said).status_code == 200
    said = {"Host": "shop.example.com", "X-Forwarded-Host": "www.shop.example.com"}
    assert browser().get("/cart", headers=said).status_code == 307
    # From somebody whom nobody trusts it is a word like any other.
    assert browser("203.0.113.7").get("/cart", headers=said).status_code == 200


@pytest.mark.parametrize("host", ["shop.example.com", "127.0.0.1:8501", "[::1]:8501", "storefronts", "localhost:8501"])
def test_nobody_is_sent_in_a_circle(host: str) -> None:
    assert browser().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/api/webhooks/stripe", "/api/healthz", "/_stcore/health", "/healthz", "/api/licenses/keys", "/static/x.js"],
)
def test_machines_use_any_name(path: str) -> None:
    assert browser().get(path, headers={"Host": "hooks.example.com"}).status_code == 200


def test_a_form_is_not_sent_elsewhere() -> None:
    assert browser().post("/cart", headers={"Host": "www.shop.example.com"}).status_code == 405


def test_without_an_address_of_its_own_the_shop_is_looked_at_under_any_name() -> None:
    assert browser(app_url="").get("/", headers={"Host": "demo.example.com"}).status_code == 200


def test_the_servers_own_figures_are_nobodys() -> None:
    assert browser().get("/_stcore/metrics").status_code == 404


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "sender", "scheme"),
    [
        ("127.0.0.1", "203.0.113.7", "127.0.0.0/8", "203.0.113.7", "https"),
        ("::ffff:10.0.0.2", "::ffff:203.0.113.7", "10.0.0.0/8", "203.0.113.7", "https"),
        ("10.0.0.2", "203.0.113.7", "::ffff:10.0.0.0/104", "203.0.113.7", "https"),
        ("127.0.0.1", "203.0.113.7", "10.0.0.0/8", "127.0.0.1", "http"),
        ("203.0.113.7", "6.6.6.6", "127.0.0.0/8", "203.0.113.7", "http"),
    ],
)
def test_only_a_trusted_proxy_says_who_comes(peer: str, forwarded: str, trusted: str, sender: str, scheme: str) -> None:
    said = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https", "Host": "shop.example.com"}
    answer = browser(peer, trusted_proxies=trusted).get("/cart", headers=said).json()
    assert answer == {"sender": sender, "scheme": scheme}


@pytest.mark.parametrize(
    ("origin", "host", "seen"),
    [
        (HOME, "127.0.0.1:8501", "shop.example.com"),
        ("https://evil.example.com", "127.0.0.1:8501", "127.0.0.1:8501"),
        ("http://shop.example.com", "127.0.0.1:8501", "127.0.0.1:8501"),
    ],
)
def test_the_shops_own_pages_connect_whatever_the_proxy_calls_it(origin: str, host: str, seen: str) -> None:
    said = {"Origin": origin, "Host": host, "X-Forwarded-For": "203.0.113.7"}
    with browser().websocket_connect("/_stcore/stream", headers=said) as socket:
        assert socket.receive_json() == {"host": seen, "sender": "203.0.113.7"}
