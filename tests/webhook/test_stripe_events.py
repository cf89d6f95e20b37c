"""Stripe's knock at the door: what is let in, what is not, and what is left behind by either."""

import time
from collections.abc import Iterator

import orjson
import pytest
import stripe as sdk
from pydantic import ValidationError
from starlette.testclient import TestClient

from core.catalog.products import Kind
from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.settings import Settings
from core.kinds.deliverables import KINDS
from core.shop import Shop
from tests import builders
from tests.fakes import SECRET, FakeStripe, event_about, signed
from webhook.app import create_app
from webhook.stripe_events import MOST_BYTES

HOOK = "/webhooks/stripe"


def post(client: TestClient, event: dict, *, path: str = HOOK, secret: str = SECRET, at: int | None = None):
    body, signature = signed(event, secret=secret, at=at)
    return client.post(path, content=body, headers={"Stripe-Signature": signature})


def paid_event(shop: Shop, stripe: FakeStripe, *items: str) -> tuple[str, dict]:
    order_id, session_id = builders.opened(shop, *items)
    stripe.pay(session_id)
    return order_id, stripe.event("completed", session_id)


def test_a_paid_order_is_fulfilled_by_its_event(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, event = paid_event(shop, stripe, "guide-eur", "kit-eur", "clinic-eur")
    answer = post(client, event)
    assert answer.status_code == 200
    assert answer.json() == {"state": "applied", "order_id": order_id, "reason": ""}
    assert builders.status(shop, order_id) == "fulfilled"
    assert {state for _, state in builders.grants(shop, order_id)} == {"active"}
    assert builders.jobs(shop) == [f"receipt:{order_id}"]


def test_the_same_event_from_eight_threads_fulfils_once(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, event = paid_event(shop, stripe)
    answers = builders.at_once(*[lambda: post(client, event)] * 8)
    assert [answer.status_code for answer in answers] == [200] * 8
    assert [answer.json()["state"] for answer in answers] == ["applied"] * 8
    assert [row.id for row in builders.rows(shop, StripeEvent)] == [event["id"]]
    assert builders.log(shop, order_id) == ["checkout:1", "paid", "granted:1", "fulfilled"]
    assert builders.jobs(shop) == [f"receipt:{order_id}"]


def test_second_delivery_of_an_event_changes_nothing(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, event = paid_event(shop, stripe, "kit-eur")
    post(client, event)
    before = builders.detail(shop, order_id), builders.license_key(shop, order_id)
    assert post(client, event).json()["state"] == "applied"
    assert (builders.detail(shop, order_id), builders.license_key(shop, order_id)) == before
    assert builders.event_row(shop, event["id"]).attempts == 1


def test_a_handler_that_raises_rolls_back_and_is_noted_until_the_next_delivery(
    shop: Shop, stripe: FakeStripe, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, event = paid_event(shop, stripe, "guide-eur", "kit-eur")
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, Kind.LICENSE, builders.Broken)
        answer = post(client, event)
    assert answer.status_code == 500
    assert builders.status(shop, order_id) == "pending"
    assert builders.grants(shop, order_id) == []
    assert builders.log(shop, order_id) == ["checkout:1"]
    assert builders.jobs(shop) == []
    row = builders.event_row(shop, event["id"])
    assert (row.state, row.error, row.attempts) == (EventState.FAILED, "OSError: no more keys", 1)

    assert post(client, event).json()["state"] == "applied"
    assert builders.status(shop, order_id) == "fulfilled"
    row = builders.event_row(shop, event["id"])
    assert (row.state, row.error, row.attempts) == (EventState.APPLIED, "", 2)


@pytest.fixture
def rotating(shop: Shop, settings: Settings) -> TestClient:
    """A sidecar whose secret is being replaced by a new one."""
    both = Settings(**{**settings.model_dump(), "stripe_webhook_secret": f"{SECRET}, whsec_new_secret"})
    return TestClient(create_app(Shop(both, shop.engine, shop.stripe, shop.storage, shop.now)))


@pytest.mark.parametrize("secret", [SECRET, "whsec_new_secret"])
def test_either_secret_opens_while_one_is_rotated(
    shop: Shop, stripe: FakeStripe, rotating: TestClient, secret: str
) -> None:
    _, event = paid_event(shop, stripe)
    assert post(rotating, event, secret=secret).json()["state"] == "applied"


def test_a_header_with_two_signatures_is_accepted_if_one_is_ours(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    _, event = paid_event(shop, stripe)
    body, ours = signed(event)
    _, theirs = signed(event, secret="whsec_somebody_else")
    timestamp, signature = ours.split(",")
    header = f"{timestamp},{theirs.split(',')[1]},{signature},v0=fake"
    assert client.post(HOOK, content=body, headers={"Stripe-Signature": header}).status_code == 200


def _forgeries(event: dict) -> Iterator[tuple[str, bytes, dict[str, str | bytes]]]:
    body, signature = signed(event)
    yield "missing", body, {}
    yield "wrong", body, {"Stripe-Signature": signed(event, secret="whsec_wrong")[1]}
    yield "mangled", body, {"Stripe-Signature": "t=,v1="}
    yield "empty", body, {"Stripe-Signature": ""}
    yield "letters beyond ASCII", body, {"Stripe-Signature": f"t={int(time.time())},v1=é".encode()}
    yield "a time beyond all calendars", body, {"Stripe-Signature": f"t={'9' * 5000},v1=aa"}
    yield "re-serialised", orjson.dumps(orjson.loads(body)), {"Stripe-Signature": signature}
    yield "old", body, {"Stripe-Signature": signed(event, at=int(time.time()) - 301)[1]}
    empty = sdk.WebhookSignature._compute_signature(f"1.{body.decode()}", "x")
    yield "other key", body, {"Stripe-Signature": f"t={int(time.time())},v1={empty}"}


def test_what_stripe_did_not_sign_is_refused_and_leaves_no_trace(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, event = paid_event(shop, stripe)
    for name, body, headers in _forgeries(event):
        answer = client.post(HOOK, content=body, headers=headers)
        assert answer.status_code == 400, name
        assert answer.json()["error"] == "SignatureInvalid", name
    assert builders.rows(shop, StripeEvent) == []
    assert builders.status(shop, order_id) == "pending"


@pytest.mark.parametrize("secret", ["", " ", "whsec_", "whsec_good,", ",", "not-a-secret"])
def test_an_empty_secret_refuses_to_start(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", secret)
    with pytest.raises(ValidationError, match="whsec_"):
        Settings()


@pytest.mark.parametrize("path", [HOOK, HOOK + "/"])
def test_neither_form_of_the_path_redirects(shop: Shop, stripe: FakeStripe, client: TestClient, path: str) -> None:
    order_id, event = paid_event(shop, stripe)
    assert post(client, event, path=path).status_code == 200
    assert builders.status(shop, order_id) == "fulfilled"


def test_a_body_of_more_than_a_megabyte_is_too_large(shop: Shop, client: TestClient) -> None:
    answer = client.post(HOOK, content=b" " * (MOST_BYTES + 1), headers={"Stripe-Signature": "t=1,v1=0"})
    assert answer.status_code == 413


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off_all_the_same(shop: Shop, client: TestClient) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while len(sent) < 64:
            sent.append(1)
            yield b" " * 65536

    answer = client.post(HOOK, content=endless(), headers={"Stripe-Signature": "t=1,v1=0"})
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 413
    assert builders.rows(shop, StripeEvent) == []


THIN = {"id": "evt_1", "object": "v2.core.event", "type": "v1.checkout.session.completed", "related_object": {}}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "snapshot"),
        (orjson.dumps(THIN), "thin"),
        (b'{"id": "evt_1"}', "missing"),
        (b'{"id": "evt_1", "type": "x", "data": {}}', "data.object"),
    ],
)
def test_a_signed_body_that_is_no_snapshot_event_is_refused_with_the_reason(
    shop: Shop, client: TestClient, body: bytes, reason: str
) -> None:
    header = sdk.WebhookSignature.generate_signature_header(body.decode("latin-1"), SECRET)
    answer = client.post(HOOK, content=body, headers={"Stripe-Signature": header})
    assert answer.status_code == 400
    assert answer.json()["error"] == "PayloadInvalid"
    assert reason in answer.json()["reason"]
    assert builders.rows(shop, StripeEvent) == []


def test_types_the_shop_has_no_use_for_are_remembered_as_ignored(shop: Shop, client: TestClient) -> None:
    answer = post(client, event_about({"id": "tr_1", "object": "topup"}, "topup.created", number=1))
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    assert builders.event_row(shop, "evt_test_1").error == "a type the shop has no use for"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata": {}, "client_reference_id": None}, "not an order of this shop"),
        ({"metadata": None, "client_reference_id": "12345"}, "not an order of this shop"),
        ({"metadata": {"order_id": "ord_theirs", "shop_id": "shop_theirs"}}, "an order of another shop"),
    ],
)
def test_other_shops_events_are_ignored(
    shop: Shop, stripe: FakeStripe, client: TestClient, changes: dict, reason: str
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    answer = post(client, stripe.event("completed", session_id, **changes))
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "ignored", reason)
    assert builders.status(shop, order_id) == "pending"


def test_a_live_event_at_a_test_shop_is_ignored_with_the_reason(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id, event = paid_event(shop, stripe)
    answer = post(client, {**event, "livemode": True})
    assert (answer.status_code, answer.json()["state"]) == (200, "ignored")
    assert builders.event_row(shop, event["id"]).error == "live event, test key"
    assert builders.status(shop, order_id) == "pending"


def test_a_test_event_at_a_live_shop_is_ignored_with_the_reason(
    shop: Shop, settings: Settings, stripe: FakeStripe
) -> None:
    order_id, event = paid_event(shop, stripe)
    live = Settings(**{**settings.model_dump(), "stripe_secret_key": "sk_live_1"})
    client = TestClient(create_app(Shop(live, shop.engine, stripe, shop.storage, shop.now)))
    assert post(client, event).json() == {"state": "ignored", "order_id": None, "reason": "test event, live key"}
    assert builders.status(shop, order_id) == "pending"
