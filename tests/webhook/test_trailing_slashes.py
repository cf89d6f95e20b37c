"""What programs hear whose addresses end with a slash, or name a call of licences that there is not."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.people import api_keys
from core.people.api_keys import Scope
from core.shop import Shop
from tests.core.licensing.asking import App, sold
from tests.fakes import FakeStripe

ENVELOPE = {"valid", "code", "message", "license", "activation", "server_time", "nonce", "next_check_in"}


@pytest.mark.parametrize("call", ["activate", "validate", "deactivate", "lease", "offline"])
def test_a_call_of_licences_with_a_slash_behind_it_is_the_same_call(
    shop: Shop, stripe: FakeStripe, client: TestClient, call: str
) -> None:
    app = App(client, sold(shop, stripe)[1])
    client.follow_redirects = False
    told = [app.ask(f"{call}{end}", fingerprint="f") for end in ("", "/")]
    plain, slashed = ({name: each.get(name) for name in ("code", "message", "fields")} for each in told)
    assert slashed == plain


@pytest.mark.parametrize("path", ["", "check", "validate/it", "validate//", "Validate"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_no_call_of_licences_locks_nobody_out(client: TestClient, path: str, method: str) -> None:
    answer = client.request(method, f"/licenses/{path}", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert set(answer.json()) == ENVELOPE | {"fields"}
    assert [each["field"] for each in answer.json()["fields"]] == ["address"]
    assert answer.headers["signature"]


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_call_of_licences_by_another_method_has_the_same_form(client: TestClient, method: str, end: str) -> None:
    answer = client.request(method, f"/licenses/validate{end}", follow_redirects=False)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert answer.json()["code"] == "INVALID_REQUEST"
        assert [each["field"] for each in answer.json()["fields"]] == ["method"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/entitlements/nobody", None),
        ("HEAD", "/entitlements/nobody", None),
        ("POST", "/entitlements/lookup", {"email": "nobody@buyer.example"}),
        ("POST", "/seats", {"order": "", "email": "x"}),
        ("DELETE", "/seats/seat_0", None),
    ],
)
def test_what_a_backend_asks_with_a_slash_behind_it_is_the_same_question(
    shop: Shop, client: TestClient, method: str, path: str, body: Any
) -> None:
    with shop.transaction() as session:
        made = api_keys.make(session, "App", [Scope.ENTITLEMENTS, Scope.SEATS], by="terminal", now=shop.now())
    client.headers["Authorization"] = f"Bearer {made.key}"
    plain, slashed = (client.request(method, f"{path}{end}", json=body, follow_redirects=False) for end in ("", "/"))
    assert (slashed.status_code, slashed.content) == (plain.status_code, plain.content)
    assert b'"NotFound"' not in plain.content


def test_who_asks_for_nobody_is_not_told_of_everybody(client: TestClient) -> None:
    assert client.get("/entitlements/", follow_redirects=False).status_code == 404
