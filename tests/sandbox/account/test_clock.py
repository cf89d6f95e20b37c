"""Time that can be moved: the sandbox's own, and that of test clocks."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from tests.sandbox.running import SECRET, Endpoint, World, eventually, running

DAY = 86400


def _clock(world: World, frozen_time: int = 1_800_000_000) -> Any:
    return world.api.test_helpers.test_clocks.create({"frozen_time": frozen_time, "name": "a year"})


def _advance(world: World, clock: Any, to: int) -> None:
    assert world.api.test_helpers.test_clocks.advance(clock.id, {"frozen_time": to}).status == "advancing"
    eventually(lambda: world.api.test_helpers.test_clocks.retrieve(clock.id).status == "ready")


def test_the_clock_says_how_far_ahead_it_is(world: World) -> None:
    assert world.http.get("/sandbox/clock").json()["ahead_seconds"] == 0
    moved = world.http.post("/sandbox/clock", json={"advance_seconds": 3600}).json()
    assert moved["ahead_seconds"] == 3600
    assert abs(moved["now"] - time.time() - 3600) < 5
    world.http.post("/sandbox/reset")
    assert world.http.get("/sandbox/clock").json()["ahead_seconds"] == 0


@pytest.mark.parametrize("wrong", [{}, {"advance_seconds": -1}, {"advance_seconds": "1"}, {"advance_seconds": 1e12}])
def test_the_clock_only_moves_ahead(world: World, wrong: dict[str, Any]) -> None:
    assert world.http.post("/sandbox/clock", json=wrong).status_code == 400


def test_events_and_signatures_stay_in_real_time(world: World, endpoint: Endpoint) -> None:
    world.advance(days=40)
    product = world.api.products.create({"name": "x"})
    assert product.created > time.time() + 39 * DAY
    assert abs(world.events("product.created")[0].created - time.time()) < 10
    endpoint.wait_for("product.created")
    headers, body = endpoint.received[-1]
    assert stripe.Webhook.construct_event(body, headers["Stripe-Signature"], SECRET)


def test_sessions_are_opened_by_real_time_and_expire_by_the_moved_clock(world: World) -> None:
    world.advance(days=40)
    session = world.session(expires_at=int(time.time()) + 1860)
    assert abs(session.created - time.time()) < 10
    world.advance(minutes=30)
    assert world.read(session).status == "open"
    world.advance(minutes=2)
    assert world.read(session).status == "expired"


def test_a_moved_clock_survives_a_restart(own_endpoint: Endpoint, tmp_path: Any) -> None:
    data = str(tmp_path / "sandbox.db")
    with running(own_endpoint, data=data) as first:
        subscription = first.subscribed()
        first.advance(days=20)
    with running(own_endpoint, data=data) as second:
        assert second.http.get("/sandbox/clock").json()["ahead_seconds"] == 20 * DAY
        second.advance(days=12)
        assert len(second.api.invoices.list({"subscription": subscription.id}).data) == 2


def test_a_customer_of_a_test_clock_lives_in_its_time(world: World) -> None:
    clock = _clock(world)
    customer = world.api.customers.create({"test_clock": clock.id, "payment_method": "pm_card_visa"})
    assert (customer.created, customer.test_clock) == (clock.frozen_time, clock.id)
    plan = world.plan(1000, "month")
    made = world.api.subscriptions.create({"customer": customer.id, "items": [{"price": plan.id}]})
    assert (made.start_date, made.test_clock) == (clock.frozen_time, clock.id)
    world.advance(days=100)
    assert len(world.api.invoices.list().data) == 1
    for days in (32, 63):
        _advance(world, clock, clock.frozen_time + days * DAY)
    assert [i.status for i in world.api.invoices.list({"subscription": made.id}).data] == ["paid"] * 3
    kinds = [kind for kind in world.kinds() if "test_clock" in kind]
    assert kinds == [f"test_helpers.test_clock.{kind}" for kind in ("created", *("advancing", "ready") * 2)]


def test_checkout_sells_to_a_customer_of_a_test_clock(world: World) -> None:
    clock = _clock(world)
    customer = world.api.customers.create({"test_clock": clock.id, "email": "nora@example.com"})
    lines = [{"price": world.plan(1000, "month").id, "quantity": 1}]
    session = world.session(mode="subscription", line_items=lines, customer=customer.id)
    world.pay(session)
    subscription = world.read(session, "subscription").subscription
    assert subscription.start_date == clock.frozen_time
    world.act("fail-next", subscription.id, times=-1)
    for days in (32, 60):
        _advance(world, clock, clock.frozen_time + days * DAY)
    assert world.api.subscriptions.retrieve(subscription.id).status == "canceled"


def test_a_test_clock_only_moves_ahead_and_takes_its_customers_with_it(world: World) -> None:
    clock = _clock(world)
    customer = world.api.customers.create({"test_clock": clock.id})
    with pytest.raises(stripe.InvalidRequestError, match="after"):
        world.api.test_helpers.test_clocks.advance(clock.id, {"frozen_time": clock.frozen_time - 1})
    assert len(world.api.test_helpers.test_clocks.list().data) == 1
    assert world.api.test_helpers.test_clocks.delete(clock.id).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        world.api.customers.retrieve(customer.id)


def test_a_session_lasts_as_long_as_its_customers_test_clock_says(world: World) -> None:
    clock = _clock(world)
    customer = world.api.customers.create({"test_clock": clock.id, "email": "nora@example.com"})
    session = world.session(customer=customer.id, expires_at=int(time.time()) + 1860)
    world.advance(days=2)
    assert world.read(session).status == "open"
    _advance(world, clock, clock.frozen_time + 1700)
    assert world.read(session).status == "open"
    _advance(world, clock, clock.frozen_time + 1900)
    assert world.read(session).status == "expired"
    assert [event.data.object.id for event in world.events("checkout.session.expired")] == [session.id]


def test_a_dispute_misses_its_deadline_by_the_customers_test_clock(world: World) -> None:
    clock = _clock(world)
    customer = world.api.customers.create({"test_clock": clock.id, "payment_method": "pm_card_visa"})
    intents = [
        world.api.payment_intents.create(
            {"amount": 2000, "currency": "usd", "customer": customer.id, "confirm": True, "payment_method": method}
        )
        for method in ("pm_card_createDispute", "pm_card_createDisputeInquiry")
    ]
    chargeback, inquiry = (world.api.disputes.list({"payment_intent": i.id}).data[0] for i in intents)
    assert chargeback.evidence_details.due_by == clock.frozen_time + 9 * DAY
    world.act("escalate", inquiry.id)
    world.advance(days=20)
    _advance(world, clock, chargeback.evidence_details.due_by - 60)
    for dispute in (chargeback, inquiry):
        assert world.api.disputes.retrieve(dispute.id).status == "needs_response"
    _advance(world, clock, chargeback.evidence_details.due_by + 60)
    for dispute in (chargeback, inquiry):
        lost = world.api.disputes.retrieve(dispute.id)
        assert (lost.status, lost.evidence_details.past_due) == ("lost", True)


def _refused_advance(world: World, clock: Any, days: int) -> str:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.test_helpers.test_clocks.advance(clock.id, {"frozen_time": clock.frozen_time + days * DAY})
    assert refused.value.param == "frozen_time"
    return str(refused.value)


def test_a_clock_goes_two_years_ahead_at_most(world: World) -> None:
    clock = _clock(world)
    assert "two years" in _refused_advance(world, clock, 733)
    _advance(world, clock, clock.frozen_time + 730 * DAY)


def test_a_clock_goes_two_intervals_of_its_shortest_subscription_ahead_at_most(world: World) -> None:
    clock = _clock(world)
    owner = {"test_clock": clock.id, "payment_method": "pm_card_visa"}
    customer = world.api.customers.create({**owner, "invoice_settings": {"default_payment_method": "pm_card_visa"}})
    for interval in ("year", "week"):
        price = world.plan(1000, interval)
        world.api.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    assert "two intervals" in _refused_advance(world, clock, 15)
    _advance(world, clock, clock.frozen_time + 14 * DAY)


@pytest.mark.parametrize("frozen_time", [-1, 99_999_999_999_999])
def test_a_clock_shows_a_time_that_there_is(world: World, frozen_time: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _clock(world, frozen_time)
    assert refused.value.param == "frozen_time"
    assert world.http.get("/").status_code == 200
