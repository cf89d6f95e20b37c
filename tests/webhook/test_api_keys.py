"""API keys in a request: how one is sent, what is said of one that does not open, and that its use is noted."""

from typing import Annotated

import pytest
from fastapi import Depends
from starlette.testclient import TestClient

from core.people import api_keys
from core.people.api_keys import ApiKey, Caller, Scope
from core.shop import Shop
from tests import builders
from webhook.app import create_app
from webhook.requests.dependencies import caller_for


@pytest.fixture
def asking(shop: Shop) -> TestClient:
    """A sidecar with a route that asks for a key for seats."""
    app = create_app(shop)

    @app.get("/asking")
    def answer(caller: Annotated[Caller, Depends(caller_for(Scope.SEATS))]) -> str:
        return caller.name

    return TestClient(app, raise_server_exceptions=False)


def key(shop: Shop, scope: Scope) -> str:
    with shop.transaction() as session:
        return api_keys.make(session, "The app", [scope], by="terminal", now=shop.now()).key


@pytest.mark.parametrize("word", ["Bearer", "bearer"])
def test_a_key_is_sent_as_a_bearer_and_its_use_is_noted(asking: TestClient, shop: Shop, word: str) -> None:
    answer = asking.get("/asking", headers={"Authorization": f"{word} {key(shop, Scope.SEATS)}"})
    assert (answer.status_code, answer.json()) == (200, "The app")
    assert [row.last_used_at for row in builders.rows(shop, ApiKey)] == [shop.now().replace(second=0)]


def test_without_a_key_that_is_for_it_nothing_opens(asking: TestClient, shop: Shop) -> None:
    good = key(shop, Scope.SEATS)
    for sent in ("", good, f"Basic {good}", "Bearer", "Bearer pk_1", f"Bearer {good}x"):
        answer = asking.get("/asking", headers={"Authorization": sent})
        assert (answer.status_code, answer.json()) == (401, {"error": "ApiKeyInvalid"})
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = asking.get("/asking", headers={"Authorization": f"Bearer {key(shop, Scope.LICENSES)}"})
    assert (answer.status_code, answer.json()) == (403, {"error": "ScopeMissing", "scope": "seats"})
    assert {row.last_used_at for row in builders.rows(shop, ApiKey)} == {None}
