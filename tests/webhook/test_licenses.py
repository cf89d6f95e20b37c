"""The licence calls as an app reaches them: codes and statuses, one envelope, limits that all share, signatures, tokens."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from core.journeys import refund, revocation
from core.kinds.licenses import LicenseActivation, LicenseKey
from core.licensing import calls, signing_keys
from core.licensing.offline_tokens import OfflineToken
from core.shop import Shop
from core.traffic import rate_limits
from core.traffic.rate_limits import RateLimit
from tests import builders
from tests.conftest import Clock
from tests.core.licensing.asking import App, sold
from tests.fakes import FakeStripe
from webhook.app import create_app

FIELDS = {"valid", "code", "message", "license", "activation", "server_time", "nonce", "next_check_in"}


@pytest.fixture
def app(shop: Shop, stripe: FakeStripe, client: TestClient) -> App:
    """An app with a key for three machines."""
    return App(client, sold(shop, stripe)[1])


def change(shop: Shop, **columns: Any) -> None:
    with shop.transaction() as session:
        session.get_one(LicenseKey, builders.rows(shop, LicenseKey)[0].id).sqlmodel_update(columns)


def test_a_machine_takes_a_place_is_known_again_and_leaves(app: App, clock: Clock) -> None:
    first = app.ask("activate", fingerprint="fp-1", label="Nora's laptop", meta={"os": "linux"}, nonce="n1")
    assert (app.status, set(first), first["valid"], first["code"], first["nonce"]) == (200, FIELDS, True, "VALID", "n1")
    assert first["license"]["activations"] == {"used": 1, "limit": 3}
    assert first["activation"] == {
        "id": first["activation"]["id"], "label": "Nora's laptop", "fingerprint": "fp-1",
        "created_at": "2026-11-23T10:24:00Z", "last_seen_at": "2026-11-23T10:24:00Z",
    }  # fmt: skip
    assert (first["server_time"], first["next_check_in"]) == ("2026-11-23T10:24:00Z", 86400)
    assert set(first["license"]) == {
        "id", "key_hint", "status", "product", "features", "expires_at", "updates_until", "activations", "test"
    }  # fmt: skip
    assert (first["license"]["status"], first["license"]["product"], first["license"]["test"]) == (
        "active",
        "kit",
        True,
    )
    clock.pass_(hours=2)
    again = app.ask("activate", fingerprint="fp-1")
    assert (again["activation"]["id"], again["activation"]["label"]) == (first["activation"]["id"], "Nora's laptop")
    assert again["license"]["activations"]["used"] == 1
    clock.pass_(hours=2)
    seen = app.ask("validate", fingerprint="fp-1")
    assert (seen["code"], seen["activation"]["last_seen_at"]) == ("VALID", "2026-11-23T14:24:00Z")
    assert app.ask("validate", activation_id=first["activation"]["id"])["activation"]["fingerprint"] == "fp-1"
    left = app.ask("deactivate", fingerprint="fp-1")
    assert (left["code"], left["activation"], left["license"]["activations"]["used"]) == ("VALID", None, 0)
    assert app.code("deactivate", fingerprint="fp-1") == "VALID"
    assert app.code("deactivate", activation_id="act_nobody") == "VALID"
    assert (app.code("validate", fingerprint="fp-1"), app.status) == ("NOT_ACTIVATED", 200)
    assert app.code("validate") == "VALID"


def test_no_answer_names_a_person(shop: Shop, app: App) -> None:
    said = json.dumps([app.ask(call, fingerprint="fp") for call in ("activate", "validate", "offline", "deactivate")])
    assert "nora" not in said.lower()
    assert "@" not in said


def test_where_all_places_are_taken_the_machines_are_named(app: App, clock: Clock) -> None:
    for number in range(3):
        app.ask("activate", fingerprint=f"fp-{number}", label=f"Box {number}")
        clock.pass_(minutes=1)
    full = app.ask("activate", fingerprint="fp-3")
    assert (app.status, full["code"], full["valid"]) == (409, "ACTIVATION_LIMIT", False)
    assert [each["label"] for each in full["machines"]] == ["Box 0", "Box 1", "Box 2"]
    assert set(full["machines"][0]) == {"id", "label", "created_at", "last_seen_at"}
    assert full["license"]["activations"] == {"used": 3, "limit": 3}
    app.ask("deactivate", activation_id=full["machines"][1]["id"])
    assert app.code("activate", fingerprint="fp-3") == "VALID"
    # Whoever has a place keeps it.
    assert (app.code("activate", fingerprint="fp-0"), app.code("offline", fingerprint="fp-9")) == (
        "VALID",
        "ACTIVATION_LIMIT",
    )


def test_five_at_once_of_a_one_machine_key_make_one(shop: Shop, stripe: FakeStripe, unlimited: TestClient) -> None:
    # Without limits: those who are counted wait for each other anyway.
    app = App(unlimited, sold(shop, stripe, machines=1)[1])
    found = builders.at_once(*(lambda n=n: app.code("activate", fingerprint=f"fp-{n}") for n in range(5)))
    assert sorted(map(str, found)) == ["ACTIVATION_LIMIT"] * 4 + ["VALID"]
    assert len(builders.rows(shop, LicenseActivation)) == 1


def test_the_same_machine_five_times_at_once_takes_one_place(shop: Shop, app: App, unlimited: TestClient) -> None:
    app = App(unlimited, app._known["key"])
    found = builders.at_once(*(lambda: app.code("activate", fingerprint="fp") for _ in range(5)))
    assert found == ["VALID"] * 5
    assert len(builders.rows(shop, LicenseActivation)) == 1


def test_a_key_of_another_product_opens_nothing(shop: Shop, client: TestClient, app: App, stripe: FakeStripe) -> None:
    other = App(client, app._known["key"], product="guide")
    for call in ("activate", "validate", "deactivate", "lease", "offline"):
        assert (other.code(call, fingerprint="fp"), other.status) == ("PRODUCT_MISMATCH", 200)
    assert builders.rows(shop, LicenseActivation) == []


def test_a_refund_bites_at_the_very_next_call(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, key = sold(shop, stripe)
    app = App(client, key)
    app.ask("activate", fingerprint="fp")
    refund.request(shop, order_id, actor="owner", key="r1")
    refused = app.ask("validate", fingerprint="fp")
    assert (app.status, refused["code"], refused["valid"], refused["license"]["status"]) == (
        200, "REVOKED", False, "revoked",
    )  # fmt: skip
    assert [app.code(call, fingerprint="fp") for call in ("activate", "offline")] == ["REVOKED", "REVOKED"]
    assert refused["next_check_in"] == 3600


def test_a_dispute_suspends_and_one_that_is_won_brings_the_same_key_and_machines_back(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, key = sold(shop, stripe)
    app = App(client, key)
    activation = app.ask("activate", fingerprint="fp")["activation"]["id"]
    dispute = stripe.dispute(builders.payment_of(shop, order_id))
    builders.deliver(shop, stripe.tell("charge.dispute.created", dispute))
    assert (app.code("validate", fingerprint="fp"), app.code("activate", fingerprint="fp")) == ("SUSPENDED",) * 2
    dispute["status"] = "won"
    builders.deliver(shop, stripe.tell("charge.dispute.closed", dispute))
    assert app.ask("validate", fingerprint="fp")["activation"]["id"] == activation
    assert builders.deliveries(shop, order_id)[0].licenses[0].key == key


def test_access_taken_back_and_given_back_is_asked_each_time(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, key = sold(shop, stripe)
    revocation.revoke(shop, order_id, (1,), reason="shared", actor="owner")
    assert App(client, key).code("validate") == "REVOKED"
    revocation.restore(shop, order_id, (1,), actor="owner")
    assert App(client, key).code("validate") == "VALID"


def test_what_is_switched_off_is_off_at_once(shop: Shop, app: App) -> None:
    app.ask("activate", fingerprint="fp")
    change(shop, disabled_at=shop.now())
    assert (app.code("validate", fingerprint="fp"), app.code("activate", fingerprint="fp-2")) == ("DISABLED",) * 2
    change(shop, disabled_at=None)
    assert app.code("validate", fingerprint="fp") == "VALID"


@pytest.mark.parametrize(("on_expiry", "then"), [("stop", "EXPIRED"), ("keep", "VALID")])
def test_the_end_of_a_licence_stops_it_or_leaves_machines_as_they_are(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock, on_expiry: str, then: str
) -> None:
    app = App(client, sold(shop, stripe, valid_for="30 days", on_expiry=on_expiry)[1])
    app.ask("activate", fingerprint="fp")
    clock.pass_(days=29, hours=23)
    assert app.ask("validate", fingerprint="fp")["next_check_in"] == 3600
    clock.pass_(hours=1)
    ended = app.ask("validate", fingerprint="fp")
    assert (ended["code"], ended["license"]["status"]) == (then, "expired")
    assert app.code("activate", fingerprint="fp") == then
    # Of what has ended nothing new begins, and editing the product revives nothing.
    builders.license_terms(shop, machines=50, valid_for="9 years")
    assert (app.code("activate", fingerprint="fp-2"), app.code("offline", fingerprint="fp-3")) == ("EXPIRED",) * 2
    assert [row.fingerprint for row in builders.rows(shop, LicenseActivation)] == ["fp"]


def test_what_test_money_bought_is_worth_nothing_in_a_live_shop(shop: Shop, app: App) -> None:
    live = App(TestClient(create_app(builders.live(shop))), app._known["key"])
    assert live.code("validate") == "REVOKED"
    change(shop, livemode=True)
    assert live.ask("validate")["license"]["test"] is False


def test_an_unknown_key_is_answered_the_same_whatever_it_is(unlimited: TestClient, shop: Shop, clock: Clock) -> None:
    keys = ("A" * 26, "TALLY-00000-00000-00000-00000-00000-0", "x", "ß" * 400, "' or 1=1 --", "0" * 500, "🗝️")
    answers = []
    for number, key in enumerate(keys):
        clock.pass_(seconds=1)
        for call in ("activate", "validate", "deactivate", "lease", "offline"):
            said = {"key": key, "product": "kit", "fingerprint": f"fp{number}", "nonce": str(number)}
            answers.append(unlimited.post(f"/licenses/{call}", json=said))
    assert {answer.status_code for answer in answers} == {404}
    assert len({(answer.content, answer.headers["signature"]) for answer in answers}) == 1
    assert set(answers[0].json()) == FIELDS
    assert (answers[0].json()["code"], answers[0].json()["valid"]) == ("NOT_FOUND", False)


def test_an_unknown_key_costs_as_many_statements_as_any_other(shop: Shop, app: App) -> None:
    from tests.core.test_statements import statements

    app.ask("validate")
    said = []
    for key in (app._known["key"], "A" * 26, "x", "ß" * 400):
        with statements(shop.engine) as heard:
            App(app._client, key).ask("validate")
        said.append(len(heard))
    assert said[1] == said[2] == said[3]


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_form_and_lemon_squeezys_words_are_understood(shop: Shop, client: TestClient, app: App, prefix: str) -> None:
    if prefix:
        from starlette.applications import Starlette
        from starlette.routing import Mount

        client = TestClient(Starlette(routes=[Mount(prefix, app=create_app(shop))]))
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def post(call: str, **said: str) -> dict[str, Any]:
        body = urlencode({"license_key": app._known["key"], **said})
        answer = client.post(f"{prefix}/licenses/{call}?product=kit", content=body, headers=form)
        found: dict[str, Any] = answer.json()
        return found

    activated = post("activate", instance_name="Nora's Mac", meta='{"os":"mac"}')
    assert (activated["activation"]["label"], activated["activation"]["fingerprint"]) == ("Nora's Mac", "Nora's Mac")
    named = activated["activation"]["id"]
    assert post("validate", instance_id=named)["activation"]["id"] == named
    assert post("deactivate", instance_id=named)["code"] == "VALID"
    assert post("validate", instance_id=named)["code"] == "NOT_ACTIVATED"
    assert post("validate")["code"] == "VALID"
    assert len(client.get(f"{prefix}/.well-known/jwks.json").json()["keys"]) == 1


def _nested(levels: int) -> list[Any]:
    return [_nested(levels - 1)] if levels else []


@pytest.mark.parametrize(
    ("call", "said", "field"),
    [
        ("validate", {}, "key"),
        ("validate", {"key": "x"}, "product"),
        ("validate", {"key": "", "product": "kit"}, "key"),
        ("validate", {"key": "a\0b", "product": "kit"}, "key"),
        ("validate", {"key": ["x"], "product": "kit"}, "key"),
        ("validate", {"key": "x" * 501, "product": "kit"}, "key"),
        ("activate", {"key": "x", "product": "kit"}, "fingerprint"),
        ("activate", {"key": "x", "product": "kit", "activation_id": "act"}, "fingerprint"),
        ("activate", {"key": "x", "product": "kit", "fingerprint": "f", "meta": "text"}, "meta"),
        ("activate", {"key": "x", "product": "kit", "fingerprint": "f", "meta": {"a": "b" * 5000}}, "meta"),
        ("activate", {"key": "x", "product": "kit", "fingerprint": "f", "meta": {"a": "\0"}}, "meta"),
        ("activate", {"key": "x", "product": "kit", "fingerprint": "f", "meta": {"a": _nested(300)}}, "meta"),
        ("lease", {"key": "x", "product": "kit"}, "fingerprint"),
        ("deactivate", {"key": "x", "product": "kit"}, "fingerprint"),
        ("offline", {"key": "x", "product": "kit", "fingerprint": "f", "ttl": 3599}, "ttl"),
        ("offline", {"key": "x", "product": "kit", "fingerprint": "f", "ttl": 90 * 86400 + 1}, "ttl"),
        ("offline", {"key": "x", "product": "kit", "fingerprint": "f", "ttl": "soon"}, "ttl"),
    ],
)
def test_what_is_no_question_is_told_its_fields(client: TestClient, call: str, said: dict, field: str) -> None:
    answer = client.post(f"/licenses/{call}", json=said)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert set(answer.json()) == FIELDS | {"fields"}
    assert field in [each["field"] for each in answer.json()["fields"]]
    assert answer.headers["signature"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"x" * 20_000, b'{"key":"\\ud800","product":"p"}']
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_nonsense_is_refused_and_breaks_nothing(client: TestClient, body: bytes, kind: str) -> None:
    answer = client.post("/licenses/validate", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")


def test_sixty_calls_a_minute_from_one_address_whatever_they_are(client: TestClient, app: App, clock: Clock) -> None:
    for number in range(60):
        assert (app.ask("validate")["code"], app.status) == ("VALID", 200), number
    clock.pass_(seconds=15)
    limited = client.post("/licenses/validate", json=app._known)
    assert (limited.status_code, limited.json()["code"], limited.headers["retry-after"]) == (429, "RATE_LIMITED", "45")
    assert set(limited.json()) == FIELDS
    assert client.post("/licenses/validate", content=b"nonsense").status_code == 429
    clock.pass_(seconds=45)
    assert app.code("validate") == "VALID"


def test_two_processes_count_together(shop: Shop, app: App) -> None:
    other = App(TestClient(create_app(replace(shop))), app._known["key"])
    assert {(app if n % 2 else other).code("validate") for n in range(60)} == {"VALID"}
    assert app.code("validate") == other.code("validate") == "RATE_LIMITED"


def test_ten_activations_a_minute_of_one_key_from_anywhere(shop: Shop, app: App, clock: Clock) -> None:
    client = TestClient(create_app(shop), client=("203.0.113.9", 50000))
    elsewhere = App(client, app._known["key"])
    for number in range(10):
        assert (app if number % 2 else elsewhere).code("activate", fingerprint="fp") == "VALID"
    assert (app.code("activate", fingerprint="fp"), elsewhere.code("offline", fingerprint="fp")) == (
        "RATE_LIMITED",
    ) * 2
    assert app.code("validate", fingerprint="fp") == "VALID"
    clock.pass_(minutes=1)
    assert app.code("activate", fingerprint="fp") == "VALID"


def test_five_unknown_keys_a_minute_from_one_address(app: App, clock: Clock) -> None:
    guesses = [App(app._client, f"{number:026}").code("validate") for number in range(7)]
    assert guesses == ["NOT_FOUND"] * 5 + ["RATE_LIMITED"] * 2
    # Whoever has a key is not kept from it by who guesses beside them.
    assert app.code("validate") == "VALID"
    clock.pass_(minutes=1)
    assert App(app._client, "x").code("validate") == "NOT_FOUND"


def test_the_limits_may_be_off_where_no_money_is_real(unlimited: TestClient, app: App, shop: Shop) -> None:
    free = App(unlimited, app._known["key"])
    assert {free.code("activate", fingerprint="fp") for _ in range(70)} == {"VALID"}
    assert builders.rows(shop, RateLimit) == []


def test_counters_are_forgotten_and_name_nobody(shop: Shop, app: App, clock: Clock) -> None:
    app.ask("validate")
    rows = builders.rows(shop, RateLimit)
    assert rows
    assert not any("testclient" in row.subject for row in rows)
    clock.pass_(minutes=61)
    with shop.transaction() as session:
        assert rate_limits.forget(session, now=shop.now()) == len(rows)
    assert builders.rows(shop, RateLimit) == []


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "counts_as"),
    [
        ("127.0.0.1", "203.0.113.7", "127.0.0.0/8", "203.0.113.7"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.7", "127.0.0.0/8", "203.0.113.7"),
        ("198.51.100.1", "203.0.113.7", "127.0.0.0/8", "198.51.100.1"),
        ("10.0.0.2", "203.0.113.7, 10.0.0.1", "10.0.0.0/8", "203.0.113.7"),
        ("::ffff:127.0.0.1", "::ffff:203.0.113.7", "127.0.0.0/8", "203.0.113.7"),
        ("127.0.0.1", "[2001:db8::1]:443", "127.0.0.0/8", "2001:db8::/64"),
        ("127.0.0.1", "203.0.113.7:5555", "127.0.0.0/8", "203.0.113.7"),
        ("127.0.0.1", "nonsense", "127.0.0.0/8", "127.0.0.1"),
    ],
)
def test_only_a_trusted_proxy_says_who_asks(
    shop: Shop, peer: str, forwarded: str, trusted: str, counts_as: str
) -> None:
    settings = type(shop.settings)(**{**shop.settings.model_dump(), "trusted_proxies": trusted})
    client = TestClient(create_app(replace(shop, settings=settings)), client=(peer, 1))
    client.post("/licenses/validate", json={"key": "x", "product": "kit"}, headers={"X-Forwarded-For": forwarded})
    counted = {row.subject for row in builders.rows(shop, RateLimit)}
    assert rate_limits.subject_of(calls.BY_ADDRESS, counts_as) in counted


def test_a_licence_is_moved_three_times_its_machines_in_thirty_days(
    shop: Shop, stripe: FakeStripe, unlimited: TestClient, clock: Clock
) -> None:
    app = App(unlimited, sold(shop, stripe, machines=1)[1])
    began = shop.now()
    for number in range(3):
        assert app.code("activate", fingerprint=f"fp-{number}") == "VALID"
        assert app.code("activate", fingerprint=f"fp-{number}") == "VALID"
        app.ask("deactivate", fingerprint=f"fp-{number}")
        clock.pass_(days=1)
    answer = unlimited.post("/licenses/activate", json={**app._known, "fingerprint": "fp-3"})
    until = began + timedelta(days=30)
    assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED")
    assert f"{until:%Y-%m-%d}" in answer.json()["message"]
    assert int(answer.headers["retry-after"]) == (until - shop.now()).total_seconds() + 1
    clock.pass_(days=27)
    assert app.code("activate", fingerprint="fp-3") == "VALID"
    clock.pass_(minutes=2)
    assert app.code("activate", fingerprint="fp-3") == "VALID"


def test_a_floating_place_lasts_while_it_is_asked_for(
    shop: Shop, stripe: FakeStripe, unlimited: TestClient, clock: Clock
) -> None:
    app = App(unlimited, sold(shop, stripe, machines=1, floating=True)[1])
    first = app.ask("lease", fingerprint="pod-1")
    assert (first["activation"]["lease_until"], first["next_check_in"]) == ("2026-11-23T10:39:00Z", 300)
    for _ in range(5):
        clock.pass_(minutes=10)
        assert app.code("lease", fingerprint="pod-1") == "VALID"
        assert app.code("lease", fingerprint="pod-2") == "ACTIVATION_LIMIT"
    clock.pass_(minutes=15)
    assert app.code("validate", fingerprint="pod-1") == "NOT_ACTIVATED"
    assert app.ask("validate")["license"]["activations"]["used"] == 0
    # Who had a place until then leaves none.
    assert [app.ask("deactivate", fingerprint="pod-1")["license"]["activations"]["used"] for _ in "12"] == [0, 0]
    # Containers come and go: no number of them is too many, one after the other.
    for number in range(20):
        assert app.code("activate", fingerprint=f"pod-{number}") == "VALID"
        if number % 2:
            app.code("deactivate", fingerprint=f"pod-{number}")
        clock.pass_(minutes=16)
    assert len(builders.rows(shop, LicenseActivation)) == 1


def test_a_licence_that_does_not_float_is_not_leased(app: App) -> None:
    assert (app.code("lease", fingerprint="fp"), app.status) == ("INVALID_REQUEST", 422)


def base64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def public_key(client: TestClient, kid: str) -> Ed25519PublicKey:
    [found] = [key for key in client.get("/.well-known/jwks.json").json()["keys"] if key["kid"] == kid]
    assert {**found, "x": ""} == {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": ""}
    return Ed25519PublicKey.from_public_bytes(base64(found["x"]))


def check(client: TestClient, header: str, body: bytes) -> str:
    parts = dict(part.strip().split("=", 1) for part in header.split(","))
    kid, signature = parts["kid"].strip('"'), parts["sig"].strip('"')
    public_key(client, kid).verify(base64(signature), body)
    return kid


def test_answers_are_signed_and_a_changed_one_is_noticed(client: TestClient, app: App) -> None:
    answer = client.post("/licenses/validate", json=app._known)
    check(client, answer.headers["signature"], answer.content)
    with pytest.raises(InvalidSignature):
        check(client, answer.headers["signature"], answer.content.replace(b"true", b"false"))


def test_a_signing_key_is_replaced_and_both_are_published(
    shop: Shop, client: TestClient, app: App, clock: Clock
) -> None:
    before = client.post("/licenses/validate", json=app._known)
    old = check(client, before.headers["signature"], before.content)
    clock.pass_(seconds=1)
    new = signing_keys.rotate(shop)
    after = client.post("/licenses/validate", json=app._known)
    assert check(client, after.headers["signature"], after.content) == new != old
    check(client, before.headers["signature"], before.content)
    assert [key["kid"] for key in client.get("/.well-known/jwks.json").json()["keys"]] == [new, old]
    clock.pass_(days=101)
    assert [key["kid"] for key in client.get("/.well-known/jwks.json").json()["keys"]] == [new]


def test_another_secret_key_makes_another_signing_key(shop: Shop, client: TestClient, app: App) -> None:
    before = client.post("/licenses/validate", json=app._known)
    settings = shop.settings.model_copy(update={"secret_key": type(shop.settings.secret_key)("quite another secret")})
    settings.__dict__.pop("signing_key", None)
    signing_keys._SIGNERS.clear()
    later = TestClient(create_app(replace(shop, settings=settings)))
    after = later.post("/licenses/validate", json=app._known)
    assert after.json()["code"] == "VALID"
    assert check(later, after.headers["signature"], after.content) != check(
        later, before.headers["signature"], before.content
    )


def test_no_private_key_can_be_read_in_the_database(shop: Shop, app: App) -> None:
    app.ask("validate")
    [row] = builders.rows(shop, signing_keys.LicenseSigningKey)
    assert signing_keys.signer(shop).seed not in str(row.model_dump())


def token_of(client: TestClient, token: str) -> dict[str, Any]:
    head, claims, signature = token.split(".")
    header = json.loads(base64(head))
    assert (header["alg"], header["typ"]) == ("EdDSA", "JWT")
    public_key(client, header["kid"]).verify(base64(signature), f"{head}.{claims}".encode())
    found: dict[str, Any] = json.loads(base64(claims))
    return found


def test_a_machine_without_network_gets_a_token(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    app = App(client, sold(shop, stripe, features={"sso": True}, updates_for="1 year")[1])
    said = app.ask("offline", fingerprint="island")
    now = int(shop.now().timestamp())
    claims = token_of(client, said["token"])
    assert claims == {
        "iss": "http://localhost:8501", "aud": "kit", "sub": said["license"]["id"], "fpr": "island", "iat": now, "nbf": now,
        "features": {"sso": True}, "exp": now + 30 * 86400, "upd": claims["upd"], "jti": claims["jti"],
    }  # fmt: skip
    assert claims["upd"] == builders.rows(shop, LicenseKey)[0].updates_until.timestamp()
    assert said["license"]["activations"]["used"] == 1
    assert [row.id for row in builders.rows(shop, OfflineToken)] == [claims["jti"]]
    short = token_of(client, app.ask("offline", fingerprint="island", ttl=3600)["token"])
    assert short["exp"] == now + 3600
    clock.pass_(hours=2)
    app.ask("offline", fingerprint="island")
    assert short["jti"] not in {row.id for row in builders.rows(shop, OfflineToken)}


@pytest.mark.parametrize(("on_expiry", "days"), [("stop", 10), ("keep", 30)])
def test_a_token_never_outlives_its_licence(
    shop: Shop, stripe: FakeStripe, client: TestClient, on_expiry: str, days: int
) -> None:
    app = App(client, sold(shop, stripe, valid_for="10 days", on_expiry=on_expiry)[1])
    claims = token_of(client, app.ask("offline", fingerprint="island")["token"])
    assert claims["exp"] - claims["iat"] == days * 86400


def test_a_token_keeps_a_floating_place_until_it_ends(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    app = App(client, sold(shop, stripe, machines=1, floating=True)[1])
    app.ask("offline", fingerprint="island", ttl=86400)
    app.ask("lease", fingerprint="island")
    clock.pass_(hours=23)
    assert app.code("lease", fingerprint="pod") == "ACTIVATION_LIMIT"
    clock.pass_(hours=2)
    assert app.code("lease", fingerprint="pod") == "VALID"


def test_a_floating_place_that_is_given_back_makes_no_end_of_tokens(
    shop: Shop, stripe: FakeStripe, unlimited: TestClient, clock: Clock
) -> None:
    app = App(unlimited, sold(shop, stripe, machines=1, floating=True)[1])
    for number in range(3):
        app.ask("lease", fingerprint=f"island-{number}")
        assert app.code("offline", fingerprint=f"island-{number}", ttl=86400) == "VALID"
        app.ask("deactivate", fingerprint=f"island-{number}")
        clock.pass_(hours=1)
    app.ask("lease", fingerprint="island-3")
    refused = app.ask("offline", fingerprint="island-3")
    assert (app.status, refused["code"], "2026-11-24 10:24" in refused["message"]) == (429, "RATE_LIMITED", True)
    # Who has one already has it renewed, and who has network goes on.
    assert app.code("lease", fingerprint="island-3") == "VALID"
    app.ask("deactivate", fingerprint="island-3")
    assert app.code("offline", fingerprint="island-0", ttl=86400) == "VALID"
    app.ask("deactivate", fingerprint="island-0")
    clock.pass_(hours=23)
    assert app.code("offline", fingerprint="island-3") == "VALID"


def test_a_database_that_is_away_is_no_reason_to_lock_anybody_out(
    client: TestClient, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(calls, "reply", away)
    answer = client.post("/licenses/validate", json=app._known)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "UNAVAILABLE", "30")
    assert set(answer.json()) == FIELDS
