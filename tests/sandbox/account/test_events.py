"""What is told to the shop, in which order, how it is signed, and how often it is tried."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import stripe

from tests.sandbox.running import SECRET, Endpoint, World, eventually, running

CARD = [
    "charge.succeeded",
    "payment_intent.succeeded",
    "payment_intent.created",
    "checkout.session.completed",
    "charge.updated",
]


def _deliveries(world: World, event: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.http.get("/sandbox/deliveries.json", params={"event": event}).json()
    return found


def test_a_card_payment_is_announced_as_stripe_does(world: World, endpoint: Endpoint) -> None:
    session = world.paid()
    eventually(lambda: len(world.kinds()) == 5)
    assert world.kinds() == CARD
    eventually(lambda: len(endpoint.received) == 5)
    assert {event["type"] for event in endpoint.events()} == set(CARD)
    by_type = {event["type"]: event for event in endpoint.events()}
    assert by_type["payment_intent.created"]["data"]["object"]["status"] == "requires_payment_method"
    assert by_type["charge.succeeded"]["data"]["object"]["balance_transaction"] is None
    updated = by_type["charge.updated"]["data"]
    assert updated["previous_attributes"] == {"balance_transaction": None}
    assert updated["object"]["balance_transaction"].startswith("txn_3")
    completed = by_type["checkout.session.completed"]
    assert completed["data"]["object"]["payment_status"] == "paid"
    assert re.fullmatch(r"evt_1\w{23}", completed["id"])
    stem = session.payment_intent.removeprefix("pi_")[:16]
    assert by_type["charge.succeeded"]["id"].startswith(f"evt_{stem}")


def test_what_the_buyer_does_has_no_request_and_what_the_api_does_has_one(world: World) -> None:
    world.api.products.create({"name": "x"}, {"idempotency_key": "k1"})
    created = world.events()[0]
    assert created.request.id.startswith("req_")
    assert created.request.idempotency_key == "k1"
    session = world.paid()
    assert session.id
    assert world.events("checkout.session.completed")[0].request.id is None


def test_an_event_keeps_the_object_as_it_was(world: World) -> None:
    product = world.api.products.create({"name": "before"})
    world.api.products.update(product.id, {"name": "after"})
    created, updated = world.events()
    assert created.data.object.name == "before"
    assert (updated.data.object.name, updated.data.previous_attributes.name) == ("after", "before")
    world.api.products.update(product.id, {"name": "after"})
    assert len(world.events()) == 2


def test_the_signature_passes_stripes_own_verification_on_the_raw_bytes(world: World, endpoint: Endpoint) -> None:
    world.api.products.create({"name": "Gürtel"})
    endpoint.wait_for("product.created")
    headers, body = endpoint.received[0]
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)
    assert event.type == "product.created"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_other")
    serialised_again = json.dumps(json.loads(body)).encode()
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(serialised_again, headers["Stripe-Signature"], SECRET)
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["User-Agent"].startswith("Stripe/1.0")
    assert body.startswith(b'{\n  "id": "evt_')


def test_a_refused_event_is_sent_again_until_it_is_accepted(world: World, endpoint: Endpoint) -> None:
    endpoint.answers = [500, 302]
    world.api.products.create({"name": "x"})
    eventually(lambda: len(endpoint.received) == 3)
    event = eventually(lambda: next((e for e in world.events() if e.pending_webhooks == 0), None))
    attempts = _deliveries(world, event.id)[0]["attempts"]
    assert [a["status"] for a in attempts] == [500, 302, 200]
    assert attempts[0]["answer"] == "thank you"
    assert {body for _, body in endpoint.received} == {endpoint.received[0][1]}


def test_an_event_nobody_accepts_is_given_up_and_found_among_the_undelivered(world: World, endpoint: Endpoint) -> None:
    endpoint.answer = 500
    world.api.products.create({"name": "x"})
    event = world.events()[0]
    eventually(lambda: _deliveries(world, event.id)[0]["state"] == "failed")
    assert len(_deliveries(world, event.id)[0]["attempts"]) == 4
    endpoint.answer = 200
    world.api.products.create({"name": "y"})
    eventually(lambda: world.events()[1].pending_webhooks == 0)
    undelivered = world.api.events.list({"delivery_success": False}).data
    assert [e.id for e in undelivered] == [event.id]
    assert len(world.api.events.list({"delivery_success": True}).data) == 1


def test_an_event_can_be_sent_again_by_hand(world: World, endpoint: Endpoint) -> None:
    world.api.products.create({"name": "x"})
    endpoint.wait_for("product.created")
    event = world.events()[0]
    assert world.raw("POST", f"/v1/events/{event.id}/retry", "for_stripecli=true").json()["id"] == event.id
    assert {e["id"] for e in endpoint.wait_for("product.created", 2)} == {event.id}


def test_an_endpoint_that_is_not_there_is_no_answer(own_endpoint: Endpoint) -> None:
    with running(own_endpoint, webhook_url="http://127.0.0.1:9/webhooks/stripe") as world:
        world.api.products.create({"name": "x"})
        attempts = eventually(lambda: _deliveries(world)[0]["attempts"])
        assert (attempts[0]["status"], attempts[0]["ok"]) == (None, False)
        assert "refused" in attempts[0]["answer"]


def test_events_are_listed_by_kind(world: World) -> None:
    world.price()
    world.paid()
    assert [e.type for e in world.api.events.list({"type": "charge.*"}).data][-1] == "charge.succeeded"
    both = world.api.events.list({"types": ["price.created", "product.created"]}).data
    assert [e.type for e in both] == ["price.created", "product.created"]
    assert world.api.events.retrieve(both[0].id).type == "price.created"
    with pytest.raises(stripe.InvalidRequestError, match="only specify one"):
        world.api.events.list({"type": "a", "types": ["b"]})
    with pytest.raises(stripe.InvalidRequestError, match="up to 20"):
        world.api.events.list({"types": ["a"] * 21})


def test_endpoints_have_their_own_secret_version_and_events(world: World) -> None:
    own = Endpoint()
    try:
        given = {"url": own.url, "enabled_events": ["price.created"], "api_version": "2025-03-31.basil"}
        made = world.api.webhook_endpoints.create(given)
        assert made.secret.startswith("whsec_")
        assert "secret" not in world.api.webhook_endpoints.retrieve(made.id)
        world.price()
        event = own.wait_for("price.created")[0]
        assert event["api_version"] == "2025-03-31.basil"
        headers, body = own.received[0]
        assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], made.secret)
        eventually(lambda: len(world.endpoint.received) == 2)
        assert [e["type"] for e in own.events()] == ["price.created"]
        world.api.webhook_endpoints.update(made.id, {"disabled": True})
        world.price()
        eventually(lambda: len(world.endpoint.received) == 4)
        assert len(own.received) == 1
        assert world.api.webhook_endpoints.delete(made.id).deleted
    finally:
        own.close()


def test_there_are_at_most_sixteen_endpoints(world: World) -> None:
    for _ in range(16):
        world.api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    with pytest.raises(stripe.InvalidRequestError, match="maximum of 16"):
        world.api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
