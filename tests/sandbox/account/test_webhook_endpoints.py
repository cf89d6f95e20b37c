"""Endpoints while their secrets are replaced, while they are disabled, and when they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from core.foundation.errors import SignatureInvalid
from core.gateway.signature import verified
from tests.sandbox.running import SECRET, Endpoint, World, eventually, running


@pytest.fixture
def other() -> Iterator[Endpoint]:
    """A second receiver."""
    made = Endpoint()
    yield made
    made.close()


def _made(world: World, receiver: Endpoint, *events: str) -> Any:
    return world.api.webhook_endpoints.create({"url": receiver.url, "enabled_events": list(events or ("*",))})


def _next(world: World, receiver: Endpoint) -> tuple[str, bytes]:
    """Signature and body of an event that happens now."""
    before = len(receiver.received)
    world.api.products.create({"name": "x"})
    eventually(lambda: len(receiver.received) > before)
    headers, body = receiver.received[before]
    return headers["Stripe-Signature"], body


def _verifies(signed: tuple[str, bytes], secret: str) -> bool:
    header, body = signed
    try:
        return bool(stripe.WebhookSignature.verify_header(body.decode(), header, secret))
    except stripe.SignatureVerificationError:
        return False


def _schemes(signed: tuple[str, bytes]) -> list[str]:
    return [part.partition("=")[0] for part in signed[0].split(",")]


def test_both_secrets_are_good_until_the_former_one_expires(world: World, other: Endpoint) -> None:
    endpoint = _made(world, other)
    before = _next(world, other)
    assert _schemes(before) == ["t", "v1", "v0"]
    rolled = world.act("roll-secret", endpoint.id)
    assert rolled["id"] == endpoint.id
    assert rolled["secret"] != endpoint.secret
    both = _next(world, other)
    assert _schemes(both) == ["t", "v1", "v1", "v0"]
    assert _verifies(both, rolled["secret"])
    assert _verifies(both, endpoint.secret)
    newest = both[0].split(",")[1].removeprefix("v1=")
    assert newest == _digest(both, rolled["secret"])
    world.advance(hours=23)
    assert _verifies(_next(world, other), endpoint.secret)
    world.advance(hours=2)
    after = _next(world, other)
    assert _schemes(after) == ["t", "v1", "v0"]
    assert _verifies(after, rolled["secret"])
    assert not _verifies(after, endpoint.secret)


def _digest(signed: tuple[str, bytes], secret: str) -> str:
    stamp = int(signed[0].split(",")[0].removeprefix("t="))
    made = stripe.WebhookSignature.generate_signature_header(signed[1].decode(), secret, stamp)
    return made.partition("v1=")[2]


def test_the_shops_own_verification_accepts_a_delivery_in_rotation_with_either_secret(
    world: World, endpoint: Endpoint
) -> None:
    new = world.act("roll-secret", "we_default")["secret"]
    header, body = _next(world, endpoint)
    for secrets in ([SECRET], [new], [SECRET, new], [new, SECRET]):
        assert verified(body, header, secrets)["type"] == "product.created"
    with pytest.raises(SignatureInvalid):
        verified(body, header, ["whsec_neither"])
    only_v0 = ",".join(part for part in header.split(",") if not part.startswith("v1="))
    with pytest.raises(SignatureInvalid):
        verified(body, only_v0, [SECRET, new])


def test_a_secret_can_be_rolled_again_before_the_former_one_has_expired(world: World, other: Endpoint) -> None:
    first = _made(world, other)
    second = world.act("roll-secret", first.id, expires_in=3600)["secret"]
    third = world.act("roll-secret", first.id)["secret"]
    signed = _next(world, other)
    assert [_verifies(signed, secret) for secret in (first.secret, second, third)] == [True, True, True]
    world.advance(hours=2)
    signed = _next(world, other)
    assert [_verifies(signed, secret) for secret in (first.secret, second, third)] == [False, True, True]


def test_a_leaked_secret_can_be_replaced_at_once(world: World, other: Endpoint) -> None:
    endpoint = _made(world, other)
    new = world.act("roll-secret", endpoint.id, expires_in=0)["secret"]
    signed = _next(world, other)
    assert (_verifies(signed, new), _verifies(signed, endpoint.secret)) == (True, False)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"id": "we_default", "expires_in": 86401}, "a day at most"),
        ({"id": "we_default", "expires_in": -1}, "a day at most"),
        ({"id": "we_default", "expires_in": "soon"}, "number of seconds"),
        ({"id": "we_nobody"}, "No such webhook endpoint: 'we_nobody'"),
    ],
)
def test_a_secret_that_cannot_be_rolled_so_stays_as_it_is(
    world: World, endpoint: Endpoint, given: dict[str, Any], why: str
) -> None:
    refused = world.http.post("/sandbox/act/roll-secret", json=given)
    assert refused.status_code == 400
    assert why in refused.json()["error"]
    assert _schemes(_next(world, endpoint)) == ["t", "v1", "v0"]


def test_a_rolled_secret_of_the_default_endpoint_survives_a_restart_and_not_a_reset(
    own_endpoint: Endpoint, tmp_path: Path
) -> None:
    data = str(tmp_path / "sandbox.db")
    with running(own_endpoint, data=data) as world:
        new = world.act("roll-secret", "we_default", expires_in=60)["secret"]
    with running(own_endpoint, data=data) as world:
        signed = _next(world, own_endpoint)
        assert (_verifies(signed, new), _verifies(signed, SECRET)) == (True, True)
        world.http.post("/sandbox/reset").raise_for_status()
        signed = _next(world, own_endpoint)
        assert (_verifies(signed, new), _verifies(signed, SECRET)) == (False, True)


def test_a_secret_configured_since_counts_more_than_one_that_was_rolled(own_endpoint: Endpoint, tmp_path: Path) -> None:
    data = str(tmp_path / "sandbox.db")
    with running(own_endpoint, data=data) as world:
        new = world.act("roll-secret", "we_default", expires_in=0)["secret"]
    with running(own_endpoint, data=data, webhook_secret=new) as world:
        assert _verifies(_next(world, own_endpoint), new)
    with running(own_endpoint, data=data, webhook_secret="whsec_another") as world:
        signed = _next(world, own_endpoint)
        assert (_verifies(signed, new), _verifies(signed, "whsec_another")) == (False, True)


def test_a_disabled_endpoint_is_told_nothing_and_its_retries_are_given_up(
    own_endpoint: Endpoint, other: Endpoint
) -> None:
    other.answer = 500
    with running(own_endpoint, retry_seconds=(60,)) as world:
        endpoint = _made(world, other)
        world.api.products.create({"name": "x"})
        other.wait_for("product.created")
        eventually(lambda: _to(world, endpoint.id)["attempts"])
        disabled = world.api.webhook_endpoints.update(endpoint.id, {"disabled": True})
        assert disabled.status == "disabled"
        assert (_to(world, endpoint.id)["state"], _to(world, endpoint.id)["next_at"]) == ("given up", None)
        world.api.products.create({"name": "y"})
        own_endpoint.wait_for("product.created", 2)
        assert len(other.received) == 1
        # It never accepted the first event, and was not asked about the second.
        eventually(lambda: [e.pending_webhooks for e in world.events()] == [1, 0])
        assert len(world.api.events.list({"delivery_success": False}).data) == 1
        enabled = world.api.webhook_endpoints.update(endpoint.id, {"disabled": False})
        assert enabled.status == "enabled"
        other.answer = 200
        world.api.products.create({"name": "z"})
        assert [e["data"]["object"]["name"] for e in other.wait_for("product.created", 2)] == ["x", "z"]


def test_nothing_waits_for_an_endpoint_that_was_deleted(own_endpoint: Endpoint, other: Endpoint) -> None:
    other.answer = 500
    with running(own_endpoint, retry_seconds=(60,)) as world:
        retried = _made(world, other)
        world.api.products.create({"name": "x"})
        eventually(lambda: _to(world, retried.id)["attempts"])
        eventually(lambda: world.events()[0].pending_webhooks == 1)
        world.act("roll-secret", retried.id)
        assert world.api.webhook_endpoints.delete(retried.id).deleted
        assert _to(world, retried.id)["state"] == "given up"
        assert world.events()[0].pending_webhooks == 0
        assert world.api.events.list({"delivery_success": False}).data == []
        with pytest.raises(stripe.InvalidRequestError, match="No such webhook endpoint"):
            world.api.webhook_endpoints.retrieve(retried.id)


def test_what_failed_for_good_no_longer_counts_once_the_endpoint_is_deleted(world: World, other: Endpoint) -> None:
    other.answer = 500
    endpoint = _made(world, other)
    world.api.products.create({"name": "x"})
    eventually(lambda: _to(world, endpoint.id)["state"] == "failed" and world.events()[0].pending_webhooks == 1)
    world.api.webhook_endpoints.delete(endpoint.id)
    assert world.events()[0].pending_webhooks == 0


def test_each_endpoint_is_told_of_the_events_it_named(world: World, endpoint: Endpoint, other: Endpoint) -> None:
    named = _made(world, other, "price.created", "price.updated")
    price = world.price()
    assert [e["type"] for e in other.wait_for("price.created")] == ["price.created"]
    by_type = {event.type: event.id for event in world.events()}
    told = {kind: {d["endpoint"] for d in _of(world, id)} for kind, id in by_type.items()}
    assert told == {"product.created": {"we_default"}, "price.created": {"we_default", named.id}}
    world.api.webhook_endpoints.update(named.id, {"enabled_events": ["*"]})
    world.api.products.update(price.product, {"name": "now everything"})
    other.wait_for("product.updated")


def test_without_an_address_on_the_command_line_nothing_is_owed(own_endpoint: Endpoint) -> None:
    with running(own_endpoint, webhook_url="") as world:
        world.api.products.create({"name": "x"})
        assert world.events()[0].pending_webhooks == 0
        refused = world.http.post("/sandbox/act/roll-secret", json={"id": "we_default"})
        assert refused.status_code == 400


def _of(world: World, event: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.http.get("/sandbox/deliveries.json", params={"event": event}).json()
    return found


def _to(world: World, endpoint: str) -> dict[str, Any]:
    """The newest delivery to an endpoint."""
    return next(d for d in world.http.get("/sandbox/deliveries.json").json() if d["endpoint"] == endpoint)
