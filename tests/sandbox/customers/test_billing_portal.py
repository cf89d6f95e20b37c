from __future__ import annotations

from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.running import World


def _portal(world: World, subscription: Any, **more: Any) -> Any:
    given = {"customer": subscription.customer, "return_url": "http://127.0.0.1:9/purchases", **more}
    return world.api.billing_portal.sessions.create(given)


def _press(world: World, session: Any, action: str, subscription: Any = None, **typed: str) -> httpx.Response:
    form = {"subscription": subscription.id, **typed} if subscription else typed
    return world.http.post(f"/p/session/{session.id}/{action}", data=form)


def _again(world: World, subscription: Any) -> Any:
    return world.api.subscriptions.retrieve(subscription.id)


def test_the_portal_shows_the_plan_the_card_and_the_invoices(world: World) -> None:
    subscription = world.subscribed(quantity=3)
    session = _portal(world, subscription)
    assert world.last_kind() == "billing_portal.session.created"
    page = world.http.get(httpx.URL(session.url).path).text
    for text in ("The Quiet Launch", "€30.00", "per month", "Visa ending 4242", "Paid", "http://127.0.0.1:9/purchases"):
        assert text in page


def test_the_number_can_be_changed(world: World) -> None:
    subscription = world.subscribed()
    session = _portal(world, subscription)
    assert _press(world, session, "quantity", subscription, quantity="4").status_code == 303
    assert _again(world, subscription)["items"].data[0].quantity == 4
    refused = _press(world, session, "quantity", subscription, quantity="0").headers["location"]
    assert "Choose a number" in world.http.get(refused).text


def test_cancelling_names_the_end_and_can_be_taken_back(world: World) -> None:
    subscription = world.subscribed()
    session = _portal(world, subscription)
    assert 'name="comment"' in world.http.get(f"/p/session/{session.id}").text
    _press(world, session, "cancel", subscription, feedback="unused", comment="Too few of us.")
    ending = _again(world, subscription)
    assert ending.cancellation_details.comment == "Too few of us."
    assert (ending.cancel_at_period_end, ending.cancel_at) == (False, ending["items"].data[0].current_period_end)
    assert ending.cancellation_details.feedback == "unused"
    assert "Keep the plan" in world.http.get(f"/p/session/{session.id}").text
    _press(world, session, "resume", subscription)
    assert _again(world, subscription).cancel_at is None
    _press(world, session, "cancel", subscription)
    world.advance(hours=23)
    world.act("renew", subscription.id)
    assert _again(world, subscription).status == "canceled"
    assert (
        "cannot be changed" in world.http.get(_press(world, session, "resume", subscription).headers["location"]).text
    )


def test_another_card_is_used_from_then_on(world: World) -> None:
    subscription = world.subscribed()
    session = _portal(world, subscription)
    _press(world, session, "card", card="fails")
    world.act("renew", subscription.id)
    assert _again(world, subscription).status == "past_due"
    page = world.http.get(f"/p/session/{session.id}").text
    assert "Pay €10.00 now" in page
    assert "Visa ending 0341" in page
    invoice = _again(world, subscription).latest_invoice
    assert "declined" in world.http.get(_press(world, session, "pay", invoice=invoice).headers["location"]).text
    _press(world, session, "card", card="works")
    _press(world, session, "pay", invoice=invoice)
    assert _again(world, subscription).status == "active"


def test_a_configuration_decides_what_is_offered(world: World) -> None:
    subscription = world.subscribed()
    features = {
        "subscription_cancel": {"enabled": True, "mode": "immediately"},
        "subscription_update": {"enabled": False},
    }
    made = world.api.billing_portal.configurations.create({"features": features})
    session = _portal(world, subscription, configuration=made.id)
    page = world.http.get(f"/p/session/{session.id}").text
    assert "Change to this number" not in page
    assert "Use this card" not in page
    # Why somebody leaves is asked only where that is said.
    assert 'name="feedback"' not in page
    _press(world, session, "cancel", subscription)
    assert _again(world, subscription).status == "canceled"
    assert len(world.api.billing_portal.configurations.list().data) == 2
    changed = world.api.billing_portal.configurations.update(
        made.id, {"features": {"payment_method_update": {"enabled": True}}}
    )
    assert changed.features.payment_method_update.enabled
    assert changed.features.subscription_cancel.mode == "immediately"


def test_a_flow_leads_straight_to_one_thing_and_back(world: World) -> None:
    subscription = world.subscribed()
    after = {"type": "redirect", "redirect": {"return_url": "http://127.0.0.1:9/done"}}
    flow = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": subscription.id},
        "after_completion": after,
    }
    session = _portal(world, subscription, flow_data=flow)
    page = world.http.get(f"/p/session/{session.id}").text
    assert "<details open>" in page
    assert "Use this card" not in page
    assert _press(world, session, "cancel", subscription).headers["location"] == "http://127.0.0.1:9/done"


def test_nobody_changes_what_belongs_to_somebody_else(world: World) -> None:
    one, other = world.subscribed(), world.subscribed()
    session = _portal(world, one)
    _press(world, session, "cancel", other)
    assert _again(world, other).cancel_at is None


def test_the_portal_closes_after_a_day(world: World) -> None:
    session = _portal(world, world.subscribed())
    world.advance(hours=25)
    assert world.http.get(f"/p/session/{session.id}").status_code == 404
    assert world.http.get("/p/session/bps_x").status_code == 404


def test_a_portal_needs_a_customer(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="customer"):
        world.api.billing_portal.sessions.create({})
