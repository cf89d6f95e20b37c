"""What `stripe listen` and `stripe logs tail` are given: sessions, frames over a WebSocket, and what their answers do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import stripe
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from sandbox.account import deliveries
from sandbox.protocol import conformity
from sandbox.protocol.spec import API_VERSION
from tests.sandbox.running import Endpoint, World, eventually, running

FORWARD = "http://127.0.0.1:4242/hook"


class Listener:
    """As much of Stripe's command line as speaks to the sandbox."""

    def __init__(self, world: World, session: dict[str, Any]) -> None:
        self.session = session
        self.id = session["websocket_id"]
        self.connections = ExitStack()
        self.connection = self.dial()

    def dial(self) -> ClientConnection:
        dialled = connect(
            f"{self.session['websocket_url']}?websocket_feature={self.session['websocket_authorized_feature']}",
            additional_headers={"Websocket-Id": self.id},
            subprotocols=[Subprotocol("stripecli-devproxy-v1")],
        )
        return self.connections.enter_context(dialled)

    def next(self) -> dict[str, Any]:
        frame: dict[str, Any] = json.loads(self.connection.recv(timeout=30))
        return frame

    def event(self) -> dict[str, Any]:
        """The next event, as it comes for the account's own version and for the latest."""
        frame, latest = self.next(), self.next()
        assert (frame["endpoint"]["api_version"], latest["endpoint"]["api_version"]) == (None, API_VERSION)
        assert latest["event_payload"] == frame["event_payload"]
        conformity.check_event(json.loads(frame["event_payload"]))
        return frame

    def say(self, kind: str, frame: dict[str, Any], **more: Any) -> None:
        named = {key: frame[key] for key in ("webhook_conversation_id", "webhook_id")}
        self.connection.send(json.dumps({"type": kind, **named, **more}))

    def take(self) -> dict[str, Any]:
        frame = self.event()
        self.say("event_ack", frame, event_id=json.loads(frame["event_payload"])["id"])
        return frame

    def answer(self, status: int, body: str = "thank you") -> dict[str, Any]:
        frame = self.take()
        self.say("webhook_response", frame, status=status, body=body, forward_url=FORWARD, http_headers={})
        return frame


def _session(world: World, **given: str) -> dict[str, Any]:
    form = "&".join(f"{name}={value}" for name, value in {"device_name": "bench", **given}.items())
    answer = world.raw("POST", "/v1/stripecli/sessions", form)
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()
    return session


@contextmanager
def _listening(world: World, forward_to: str = FORWARD, **given: str) -> Iterator[Listener]:
    more = {"forward_to_url": forward_to} if forward_to else {}
    listener = Listener(world, _session(world, **{"websocket_features[]": "webhooks", **more, **given}))
    with listener.connections:
        yield listener
        listener.connection.close(1000, "Connection Done")


def _deliveries(world: World, to: str) -> list[dict[str, Any]]:
    return [each for each in world.http.get("/sandbox/deliveries.json").json() if each["endpoint"] == to]


def _ended(world: World, to: str) -> dict[str, Any]:
    """The newest delivery to a listener, once it is over."""
    found: dict[str, Any] = eventually(lambda: [d for d in _deliveries(world, to)[:1] if d["state"] != "pending"])[0]
    return found


def _pending(world: World) -> int:
    pending: int = world.events()[-1].pending_webhooks
    return pending


def test_an_older_account_tells_listeners_in_its_own_version_and_in_the_latest(own_endpoint: Endpoint) -> None:
    with running(own_endpoint, webhook_url="", api_version="2024-06-20") as world, _listening(world) as listener:
        world.raw("POST", "/v1/payment_intents", "amount=1000&currency=eur")
        frames = {frame["endpoint"]["api_version"]: frame for frame in (listener.next(), listener.next())}
        told = {version: json.loads(frame["event_payload"]) for version, frame in frames.items()}
        assert (told[None]["api_version"], told[API_VERSION]["api_version"]) == ("2024-06-20", API_VERSION)
        assert "invoice" in told[None]["data"]["object"]
        assert "invoice" not in told[API_VERSION]["data"]["object"]
        for frame in frames.values():
            signature, secret = frame["http_headers"]["Stripe-Signature"], listener.session["secret"]
            assert stripe.WebhookSignature.verify_header(frame["event_payload"], signature, secret, 300)


def test_the_same_device_and_key_always_get_the_same_secret(world: World) -> None:
    first, again, other = _session(world), _session(world), _session(world, device_name="bank")
    assert len(first["secret"]) == len("whsec_") + 64
    assert first["secret"] == again["secret"] != other["secret"]
    assert first["websocket_id"] != again["websocket_id"]
    of_another_key = world.raw(
        "POST", "/v1/stripecli/sessions", "device_name=bench", Authorization="Bearer sk_test_9876"
    )
    assert of_another_key.json()["secret"] != first["secret"]


def test_a_listener_is_handed_events_signed_with_its_own_secret(world: World) -> None:
    with _listening(world) as listener:
        assert listener.connection.subprotocol == "stripecli-devproxy-v1"
        world.api.products.create({"name": "Gürtel"})
        assert _pending(world) >= 1
        frame = listener.answer(200)
        payload, headers = frame["event_payload"], frame["http_headers"]
        event = stripe.Webhook.construct_event(payload, headers["Stripe-Signature"], listener.session["secret"])
        assert event.type == "product.created"
        assert payload.startswith('{\n  "id": "evt_')
        assert headers["Content-Type"] == "application/json; charset=utf-8"
        delivery = _ended(world, listener.id)
        assert delivery["state"] == "delivered"
        assert [(a["status"], a["answer"]) for a in delivery["attempts"]] == [(200, "thank you")]
        eventually(lambda: _pending(world) == 0)
        page = world.http.get(f"/panel/events/{event.id}").text
        assert f"{FORWARD} (stripe listen on bench)" in page
        assert "thank you" in page


def test_the_buyer_is_sent_back_once_the_listener_has_answered(world: World) -> None:
    session = world.session()
    with _listening(world) as listener, ThreadPoolExecutor(1) as buyer:
        paying = buyer.submit(world.pay, session)
        while json.loads((frame := listener.take())["event_payload"])["type"] != "checkout.session.completed":
            pass
        assert not paying.done()
        listener.say("webhook_response", frame, status=200, body="", http_headers={})
        assert paying.result().status_code == 303


def test_who_only_looks_has_accepted_an_event_by_taking_it(world: World) -> None:
    with _listening(world, forward_to="") as listener:
        world.api.products.create({"name": "x"})
        listener.take()
        delivery = _ended(world, listener.id)
        assert (delivery["state"], delivery["attempts"][0]["status"]) == ("delivered", None)
        assert "Taken" in world.http.get("/").text


def test_what_was_refused_is_not_sent_again_and_counts_until_the_listener_leaves(world: World) -> None:
    with _listening(world) as listener:
        world.api.products.create({"name": "x"})
        listener.answer(500, "ouch")
        delivery = _ended(world, listener.id)
        assert delivery["state"] == "failed"
        assert [(a["status"], a["answer"]) for a in delivery["attempts"]] == [(500, "ouch")]
        eventually(lambda: _pending(world) == 1)
        undelivered = world.api.events.list({"delivery_success": False}).data
        assert [event.type for event in undelivered] == ["product.created"]
    eventually(lambda: _pending(world) == 0)
    assert world.api.events.list({"delivery_success": False}).data == []


def test_what_is_not_taken_in_time_has_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "ATTEMPT_TIMEOUT", 0.1)
    with _listening(world) as listener:
        world.api.products.create({"name": "x"})
        listener.event()
        delivery = _ended(world, listener.id)
        assert (delivery["state"], delivery["attempts"][0]["answer"]) == ("failed", "not taken within 0.1 seconds")


def test_what_a_listener_filters_out_is_accepted_and_holds_up_nobody(
    world: World, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _listening(world) as listener:
        for number in range(deliveries.AT_ONCE + 4):
            world.api.products.create({"name": str(number)})
            listener.take()
        endpoint.wait_for("product.created", deliveries.AT_ONCE + 4)
        assert {d["state"] for d in _deliveries(world, listener.id)} == {"pending"}
    eventually(lambda: {d["state"] for d in _deliveries(world, listener.id)} == {"given up"})
    monkeypatch.setattr(deliveries, "ATTEMPT_TIMEOUT", 1.5)
    with _listening(world) as listener:
        world.api.products.create({"name": "x"})
        listener.take()
        delivery = _ended(world, listener.id)
        assert (delivery["state"], delivery["attempts"][0]["status"]) == ("delivered", None)
        assert "not forwarded" in delivery["attempts"][0]["answer"]


def test_several_listen_at_once_and_one_may_leave_in_the_middle(world: World) -> None:
    with _listening(world) as one:
        with _listening(world, device_name="other") as other:
            world.api.products.create({"name": "x"})
            frame = other.event()
            header = frame["http_headers"]["Stripe-Signature"]
            assert stripe.WebhookSignature.verify_header(frame["event_payload"], header, other.session["secret"])
            assert _pending(world) >= 2
        given_up = _ended(world, other.id)
        assert given_up["state"] == "given up"
        assert [a["answer"] for a in eventually(lambda: _deliveries(world, other.id)[0]["attempts"])] == [
            "the listener has gone"
        ]
        one.answer(200)
        assert _ended(world, one.id)["state"] == "delivered"
    eventually(lambda: _pending(world) == 0)


def test_a_listener_whose_connection_broke_comes_back_and_misses_nothing(own_endpoint: Endpoint) -> None:
    with running(own_endpoint, listener_seconds=60) as world, _listening(world) as listener:
        world.api.products.create({"name": "taken before"})
        before = listener.take()
        listener.connection.close(1000, "Resetting the connection")
        world.api.products.create({"name": "meanwhile"})
        assert _deliveries(world, listener.id)[0]["state"] == "pending"
        listener.connection = listener.dial()
        assert json.loads(listener.answer(200)["event_payload"])["data"]["object"]["name"] == "meanwhile"
        listener.say("webhook_response", before, status=200, body="late", http_headers={})
        eventually(lambda: {d["state"] for d in _deliveries(world, listener.id)} == {"delivered"})
        assert _deliveries(world, listener.id)[1]["attempts"][0]["answer"] == "late"


def test_a_listener_that_does_not_come_back_is_no_endpoint_any_more(world: World) -> None:
    with _listening(world) as listener:
        world.api.products.create({"name": "x"})
        listener.event()
        listener.connection.socket.close()
        assert _ended(world, listener.id)["state"] == "given up"
        eventually(lambda: _pending(world) == 0)
        world.api.products.create({"name": "y"})
        assert len(_deliveries(world, listener.id)) == 1
        with pytest.raises(InvalidStatus) as refused:
            listener.dial()
        assert json.loads(refused.value.response.body or b"")["error"]["message"] == "Unknown WebSocket ID."


def test_what_a_listener_had_not_taken_is_given_up_when_the_sandbox_starts_again(
    own_endpoint: Endpoint, tmp_path: Path
) -> None:
    data = str(tmp_path / "sandbox.db")
    with running(own_endpoint, data=data, listener_seconds=60) as world:
        listener = Listener(world, _session(world, forward_to_url=FORWARD))
        world.api.products.create({"name": "x"})
        listener.event()
        assert _deliveries(world, listener.id)[0]["state"] == "pending"
    with listener.connections, running(own_endpoint, data=data) as world:
        eventually(lambda: {d["state"] for d in _deliveries(world, listener.id)} == {"given up"})
        eventually(lambda: {event.pending_webhooks for event in world.events()} == {0})


def test_a_second_connection_of_the_same_listener_takes_over(world: World) -> None:
    with _listening(world) as listener:
        before, listener.connection = listener.connection, listener.dial()
        with pytest.raises(ConnectionClosed):
            before.recv(timeout=30)
        world.api.products.create({"name": "x"})
        listener.answer(200)
        assert _ended(world, listener.id)["state"] == "delivered"


def test_a_session_that_never_connected_is_no_endpoint(world: World) -> None:
    session = _session(world)
    world.api.products.create({"name": "x"})
    assert _deliveries(world, session["websocket_id"]) == []


def test_an_event_is_sent_again_to_whoever_listens_or_to_one_endpoint(world: World, endpoint: Endpoint) -> None:
    world.api.products.create({"name": "x"})
    event = endpoint.wait_for("product.created")[0]["id"]
    path = f"/v1/events/{event}/retry"
    with _listening(world) as listener:
        assert world.raw("POST", path, "for_stripecli=true").status_code == 200
        assert json.loads(listener.answer(200)["event_payload"])["id"] == event
        assert len(endpoint.received) == 1
        assert world.raw("POST", path, "webhook_endpoint=we_default").status_code == 200
        endpoint.wait_for("product.created", 2)
        assert len(_deliveries(world, listener.id)) == 1
    refused = world.raw("POST", path, "webhook_endpoint=we_nobody")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "webhook_endpoint")


def test_faults_strike_listeners_too_and_they_outlast_a_reset(world: World) -> None:
    with _listening(world) as listener:
        world.http.post("/sandbox/reset").raise_for_status()
        world.faults(bad_signature_next=-1, twice=True)
        world.api.products.create({"name": "x"})
        for _ in range(2):
            frame = listener.answer(400)
            with pytest.raises(stripe.SignatureVerificationError):
                stripe.WebhookSignature.verify_header(
                    frame["event_payload"], frame["http_headers"]["Stripe-Signature"], listener.session["secret"]
                )


def test_what_makes_no_sense_is_passed_over(world: World) -> None:
    with _listening(world) as listener:
        for text in ("not JSON", "[]", "{}", '{"type": "webhook_response", "webhook_conversation_id": "wc_1"}'):
            listener.connection.send(text)
        world.api.products.create({"name": "x"})
        listener.answer(200)
        assert _ended(world, listener.id)["state"] == "delivered"


@pytest.mark.parametrize(
    ("form", "param"),
    [("websocket_features[]=v2_events", "websocket_features"), ("filters={%22filter_source%22:1}", "filters")],
)
def test_what_cannot_be_listened_for_is_refused(world: World, form: str, param: str) -> None:
    more = "&websocket_features[]=request_logs" if param == "filters" else ""
    refused = world.raw("POST", "/v1/stripecli/sessions", form + more)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


def test_who_tails_the_log_hears_of_every_request_and_of_no_event(world: World) -> None:
    given = {"websocket_features[]": "request_logs", "filters": "{}"}
    with _listening(world, forward_to="", **given) as listener:
        world.api.products.create({"name": "x"})
        with pytest.raises(stripe.InvalidRequestError):
            world.api.products.retrieve("prod_nope")
        frames = [listener.next() for _ in range(2)]
        assert {frame["type"] for frame in frames} == {"request_log_event"}
        created, missing = (json.loads(frame["event_payload"]) for frame in frames)
        assert (created["method"], created["url"], created["status"]) == ("POST", "/v1/products", 200)
        assert frames[0]["request_log_id"] == created["request_id"] == world.events()[0].request.id
        assert (missing["status"], missing["error"]["code"]) == (404, "resource_missing")
        assert _deliveries(world, listener.id) == []
