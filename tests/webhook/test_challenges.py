"""The question before the payment page: whoever answers it goes on, and nobody else learns where that page is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from core.shop import Shop
from core.traffic import challenges
from tests import builders
from tests.machine import free_port
from webhook.app import create_app

pytestmark = builders.on_sqlite
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BASKET = {"cart_id": "cart_1", "items": [{"price": "guide-eur"}]}


class Judge(BaseHTTPRequestHandler):
    """A stand-in for both providers: one answer is right, and is right once."""

    heard: list[dict[str, list[str]]]
    answers: set[str]

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        self.heard.append(asked)
        right = asked["response"][0] in self.answers
        self.answers.discard(asked["response"][0])
        body = json.dumps({"success": right}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture(params=["turnstile", "hcaptcha"])
def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Judge.heard, Judge.answers = [], {"right"}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    Thread(target=server.serve_forever, daemon=True).start()
    stub = replace(challenges.PROVIDERS[request.param], verify=f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setitem(challenges.PROVIDERS, request.param, stub)
    yield request.param
    server.shutdown()
    server.server_close()


@pytest.fixture
def guarded(shop: Shop, provider: str) -> Shop:
    said = {"challenge": provider, "challenge_site_key": "site-key", "challenge_secret_key": SecretStr("kept to us")}
    return replace(shop, settings=shop.settings.model_copy(update=said))


def browser(shop: Shop) -> TestClient:
    return TestClient(create_app(shop), client=("192.0.2.1", 1), follow_redirects=False)


def test_every_way_to_pay_leads_by_the_question(guarded: Shop) -> None:
    client = browser(guarded)
    by_script = client.post("/checkout", json=BASKET).json()["url"]
    by_form = client.post("/checkout/form", content="product=guide&price=guide-eur", headers=FORM).headers["location"]
    for url in (by_script, by_form):
        assert url.startswith("http://localhost:8501/api/checkout/person/")
        assert "cs_test_" not in url
        path = urlsplit(url).path.removeprefix("/api")
        assert "site-key" in client.get(path).text
        assert "kept to us" not in client.get(path).text


def test_only_the_right_answer_leads_on_and_it_does_so_once(guarded: Shop) -> None:
    client = browser(guarded)
    path = urlsplit(client.post("/checkout", json=BASKET).json()["url"]).path.removeprefix("/api")
    provider = challenges.asked(guarded)
    assert provider
    for content in ("", f"{provider.field}=", f"{provider.field}=wrong", "another=right"):
        answer = client.post(path, content=content, headers=FORM)
        assert (answer.status_code, "Try once more" in answer.text, "cs_test_" in answer.text) == (403, True, False)
    answer = client.post(path, content=f"{provider.field}=right", headers=FORM)
    assert (answer.status_code, "cs_test_" in answer.headers["location"]) == (303, True)
    assert Judge.heard[-1] == {"secret": ["kept to us"], "response": ["right"], "remoteip": ["192.0.2.1"]}
    assert client.post(path, content=f"{provider.field}=right", headers=FORM).status_code == 403
    assert client.post("/checkout/person/made-up", content=f"{provider.field}=right", headers=FORM).status_code == 403


def test_a_provider_that_is_away_keeps_nobody_from_paying(guarded: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = challenges.asked(guarded)
    assert provider
    gone = replace(provider, verify=f"http://127.0.0.1:{free_port()}")
    monkeypatch.setitem(challenges.PROVIDERS, guarded.settings.challenge, gone)
    assert challenges.is_person(guarded, "anything", address="192.0.2.1")
    assert not challenges.is_person(guarded, "", address="192.0.2.1")


def test_without_it_nobody_is_asked(shop: Shop, guarded: Shop) -> None:
    assert "cs_" in browser(shop).post("/checkout", json=BASKET).json()["url"]
    sealed = challenges.way_to(guarded, "https://pay.example/cs_1").rpartition("/")[2]
    answer = browser(shop).get(f"/checkout/person/{sealed}")
    assert (answer.status_code, answer.headers["location"]) == (303, "https://pay.example/cs_1")
