"""Everything that can be made to go wrong, seen from where it hurts."""

from __future__ import annotations

import httpx
import pytest
import stripe

from tests.sandbox.running import KEY, SECRET, Endpoint, World, eventually


def test_faults_are_read_set_and_cleared(world: World) -> None:
    assert world.http.post("/sandbox/faults", json={"twice": True, "hold_seconds": 0.5}).json()["twice"] is True
    assert world.http.get("/sandbox/faults").json()["hold_seconds"] == 0.5
    world.http.post("/sandbox/reset")
    assert world.http.get("/sandbox/faults").json()["twice"] is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"gravity": 1},
        {"twice": 1},
        {"drop_next": True},
        {"drop_next": "1"},
        {"api": "418"},
        {"rate_limit": -1},
        ["twice"],
    ],
)
def test_a_fault_that_does_not_exist_is_refused_and_nothing_changes(world: World, wrong: object) -> None:
    before = world.http.get("/sandbox/faults").json()
    answer = world.http.post("/sandbox/faults", json=wrong)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert world.http.post("/sandbox/faults", content=b"{").status_code == 400
    assert world.http.get("/sandbox/faults").json() == before


def test_every_event_can_arrive_twice(world: World, endpoint: Endpoint) -> None:
    world.faults(twice=True)
    world.api.products.create({"name": "x"})
    assert len({e["id"] for e in endpoint.wait_for("product.created", 2)}) == 1
    eventually(lambda: world.events()[0].pending_webhooks == 0)


def test_a_lost_event_arrives_later_or_never(world: World, endpoint: Endpoint) -> None:
    world.faults(drop_next=1, drop_retry_seconds=0.05)
    world.api.products.create({"name": "x"})
    endpoint.wait_for("product.created")
    world.faults(drop_next=1, drop_retry_seconds=-1)
    lost = world.price()
    endpoint.wait_for("price.created")
    assert len(endpoint.events("product.created")) == 1
    eventually(lambda: _undelivered(world) == [lost.product])


def _undelivered(world: World) -> list[str]:
    return [event.data.object.id for event in world.api.events.list({"delivery_success": False}).data]


def test_deliveries_are_listed_by_what_became_of_them(world: World, endpoint: Endpoint) -> None:
    world.faults(drop_rate=1)
    lost = world.api.products.create({"name": "lost"})
    world.faults(drop_rate=0)
    for n in range(3):
        world.api.products.create({"name": f"n{n}"})
    endpoint.wait_for("product.created", 3)
    eventually(lambda: len(_deliveries(world, state="delivered")) == 3)
    [pending] = _deliveries(world, state="pending")
    [announced] = [event for event in world.events() if event.data.object.id == lost.id]
    assert (pending["event"], pending["next_at"]) == (announced.id, None)
    assert len(_deliveries(world, limit="2")) == 2
    assert world.http.get("/sandbox/deliveries.json", params={"limit": "all"}).status_code == 400


def _deliveries(world: World, **wanted: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = world.http.get("/sandbox/deliveries.json", params=wanted).json()
    return found


def test_events_can_arrive_in_another_order(world: World, endpoint: Endpoint) -> None:
    world.faults(shuffle=True)
    for n in range(4):
        world.api.products.create({"name": f"n{n}"})
    arrived = [e["data"]["object"]["name"] for e in endpoint.wait_for("product.created", 4)]
    assert sorted(arrived) == ["n0", "n1", "n2", "n3"]
    assert arrived != ["n0", "n1", "n2", "n3"]


def test_held_events_arrive_late(world: World, endpoint: Endpoint) -> None:
    world.faults(hold_seconds=0.3)
    world.api.products.create({"name": "x"})
    assert world.events()[0].pending_webhooks == 1
    assert endpoint.received == []
    endpoint.wait_for("product.created")


@pytest.mark.parametrize("fault", ["bad_signature_next", "old_signature_next"])
def test_a_forged_or_stale_signature_does_not_pass(world: World, endpoint: Endpoint, fault: str) -> None:
    world.faults(**{fault: 1})
    endpoint.answers = [400]
    world.api.products.create({"name": "x"})
    eventually(lambda: len(endpoint.received) == 2)
    (forged, body), (good, same) = endpoint.received
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, forged["Stripe-Signature"], SECRET)
    assert stripe.Webhook.construct_event(same, good["Stripe-Signature"], SECRET)


def test_the_api_can_be_busy(world: World) -> None:
    world.faults(api="429", api_next=2)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError):
            world.api.products.list()
    assert world.api.products.list().data == []


def test_a_fault_can_be_limited_to_some_paths(world: World) -> None:
    world.faults(api="500_before", api_next=1, api_path="/v1/refunds")
    assert world.api.products.list().data == []
    with pytest.raises(stripe.APIError):
        world.api.refunds.list()


@pytest.mark.parametrize(("fault", "done"), [("silence_before", 0), ("silence_after", 1)])
def test_the_api_can_stay_silent_with_the_work_done_or_not(world: World, fault: str, done: int) -> None:
    world.faults(api=fault, api_next=1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{world.settings.base_url}/v1/products",
            data={"name": "x"},
            headers={"Authorization": "Bearer sk_test_pushcart_sandbox"},
            timeout=0.3,
        )
    assert len(world.api.products.list().data) == done


def test_a_repeated_request_meets_the_silence_too(world: World) -> None:
    world.faults(api="silence_after", api_next=2)
    sent = {"data": {"name": "x"}, "headers": {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "again"}}
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            world.http.post("/v1/products", **sent, timeout=0.3)
    assert world.http.post("/v1/products", **sent).headers["Idempotent-Replayed"] == "true"
    assert len(world.api.products.list().data) == 1


def test_the_next_payment_can_be_declined_whatever_the_card(world: World) -> None:
    world.faults(decline_next=1)
    session = world.session()
    assert world.pay(session).status_code == 402
    assert world.pay(session).status_code == 303


def test_one_change_can_be_announced_by_two_events(world: World, endpoint: Endpoint) -> None:
    world.faults(double_events_next=1)
    product = world.api.products.create({"name": "x"})
    sent = endpoint.wait_for("product.created", 2)
    assert len({event["id"] for event in sent}) == 2
    assert {event["data"]["object"]["id"] for event in sent} == {product.id}


def test_rates_strike_by_chance_and_the_same_seed_strikes_the_same(world: World, endpoint: Endpoint) -> None:
    struck = []
    for _ in range(2):
        world.http.post("/sandbox/reset")
        endpoint.clear()
        world.faults(drop_rate=0.3, duplicate_rate=0.3, shuffle_rate=0.1, seed=7)
        for n in range(30):
            world.api.products.create({"name": f"n{n}"})
        eventually(lambda: all(d["attempts"] for d in world.http.get("/sandbox/deliveries.json").json()))
        lost = {event.data.object.name for event in _all_undelivered(world)}
        arrived = [event["data"]["object"]["name"] for event in endpoint.events("product.created")]
        assert lost
        assert not lost & set(arrived)
        assert len(arrived) > len(set(arrived))
        struck.append((lost, sorted(arrived)))
    assert struck[0] == struck[1]


def _all_undelivered(world: World) -> list[stripe.Event]:
    return list(world.api.events.list({"delivery_success": False, "limit": 100}).auto_paging_iter())


def test_a_part_of_all_requests_can_fail_with_nothing_done(world: World) -> None:
    world.faults(api_error_rate=0.5, seed=1)
    answers = [world.raw("POST", "/v1/products", f"name=n{n}").status_code for n in range(20)]
    world.faults(api_error_rate=0)
    assert set(answers) == {200, 429, 500}
    assert len(world.api.products.list({"limit": 100}).data) == answers.count(200)


def test_a_refused_event_is_undelivered_until_it_is_accepted(world: World, endpoint: Endpoint) -> None:
    endpoint.answer = 500
    world.api.products.create({"name": "x"})
    eventually(lambda: len(endpoint.received) == 4)
    assert len(_all_undelivered(world)) == 1
    endpoint.answer = 200
    event = _all_undelivered(world)[0]
    world.raw("POST", f"/v1/events/{event.id}/retry")
    eventually(lambda: not _all_undelivered(world))


def _make(world: World, n: int) -> httpx.Response:
    return world.raw("POST", "/v1/products", f"name=n{n}", **{"Idempotency-Key": f"k{n}"})


def test_a_burst_above_the_rate_is_held_up_and_whoever_waits_gets_in(world: World) -> None:
    world.faults(rate_limit=5)
    burst = [_make(world, n) for n in range(20)]
    held_up = [answer for answer in burst if answer.status_code == 429]
    assert 0 < len(held_up) <= 15
    assert {answer.status_code for answer in burst} == {200, 429}
    assert held_up[0].headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    assert held_up[0].json()["error"]["code"] == "rate_limit"
    assert "Stripe-Should-Retry" not in held_up[0].headers
    for n in range(20):
        eventually(lambda n=n: _make(world, n).status_code == 200)
    world.faults(rate_limit=0)
    made = [product.name for product in world.api.products.list({"limit": 100}).data]
    assert sorted(made) == sorted(f"n{n}" for n in range(20))


def test_a_locked_object_is_worth_another_try(world: World) -> None:
    world.faults(lock_timeout_next=1)
    answer = _make(world, 1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "lock_timeout")
    assert answer.headers["Stripe-Should-Retry"] == "true"
    assert _make(world, 1).status_code == 200


def test_stripes_own_library_tries_a_locked_object_again_by_itself(world: World) -> None:
    world.faults(lock_timeout_next=1)
    addresses: stripe.BaseAddresses = {"api": world.settings.base_url}
    client = stripe.StripeClient("sk_test_pushcart_sandbox", base_addresses=addresses, max_network_retries=1)
    assert client.v1.products.create({"name": "x"}).name == "x"
