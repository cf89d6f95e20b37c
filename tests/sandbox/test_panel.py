from __future__ import annotations

import re

import pytest

from sandbox.acts import ACTS
from sandbox.scenarios import SCENARIOS, Switch
from tests.sandbox.running import Endpoint, World, eventually

SWITCHES = [name for group in SCENARIOS.values() for name, button in group.items() if isinstance(button, Switch)]


def _press(world: World, name: str, id: str = "") -> int:
    return world.http.post(f"/panel/act/{name}", data={"id": id}).status_code


def test_an_empty_panel_says_what_would_fill_it(world: World) -> None:
    page = world.http.get("/").text
    for text in ("No sessions yet.", "No payments yet.", "No events yet."):
        assert text in page


def test_the_panel_lists_sessions_payments_and_deliveries(world: World) -> None:
    session = world.paid()
    opened = world.session(customer_email="jonas@example.com")
    page = world.http.get("/").text
    for text in ("nora@example.com", "jonas@example.com", "visa 4242", "€29.00", "checkout.session.completed"):
        assert text in page
    assert session.payment_intent in page
    assert opened.url in page


@pytest.mark.parametrize("name", SWITCHES)
def test_a_fault_is_armed_by_its_button_and_disarmed_by_the_same(world: World, name: str) -> None:
    before = world.http.get("/sandbox/faults").json()
    for pressed in (True, False):
        assert _press(world, name) == 303
        assert bool(re.search(r'aria-pressed="true"', world.http.get("/").text)) is pressed
    after = world.http.get("/sandbox/faults").json()
    assert {k: v for k, v in after.items() if v} == {k: v for k, v in before.items() if v}


def test_every_form_of_the_panel_leads_somewhere(world: World) -> None:
    world.session()
    world.paid(number="AT321904300235473204")
    world.act("refund", world.paid().payment_intent)
    world.act("dispute", world.paid().payment_intent)
    world.act("inquire", world.paid().payment_intent)
    world.act("warn", world.paid().payment_intent)
    world.subscribed()
    world.act("cancel-later", world.subscribed().id)
    world.act("pause", world.subscribed().id)
    unpaid = world.subscribed().id
    world.act("fail-next", unpaid)
    world.act("renew", unpaid)
    offered = set(re.findall(r'action="/panel/act/([\w-]+)"', world.http.get("/").text))
    only_by_script = {"pause", "quantity", "jump", "refund-finish", "roll-secret"}
    assert offered == {name for group in SCENARIOS.values() for name in group} | set(ACTS) - only_by_script
    assert _press(world, "nothing") == 404


def test_the_newest_session_can_be_paid_and_refunded_from_the_panel(world: World) -> None:
    session = world.session()
    _press(world, "pay-newest")
    paid = world.read(session)
    assert paid.payment_status == "paid"
    _press(world, "refund-some")
    _press(world, "refund", paid.payment_intent)
    assert [r.amount for r in world.api.refunds.list().data] == [2610, 290]
    assert world.api.refunds.list().data[0].metadata.to_dict() == {}


def test_open_sessions_can_be_expired_from_the_panel(world: World) -> None:
    one, other = world.session(), world.session()
    _press(world, "expire", one.id)
    _press(world, "expire-all")
    assert {world.read(s).status for s in (one, other)} == {"expired"}


def test_debits_can_be_settled_and_bounced_from_the_panel(world: World) -> None:
    good, bad = (world.paid(number="AT321904300235473204") for _ in range(2))
    _press(world, "settle", good.payment_intent)
    _press(world, "bounce", bad.payment_intent)
    assert (world.read(good).payment_status, world.read(bad).payment_status) == ("paid", "unpaid")


def test_what_cannot_be_done_is_said_and_not_a_broken_page(world: World) -> None:
    session = world.paid()
    _press(world, "refund", session.payment_intent)
    answer = world.http.post("/panel/act/refund", data={"id": session.payment_intent}, follow_redirects=True)
    assert answer.status_code == 200
    assert "has already been refunded" in answer.text


def test_an_event_is_shown_with_its_attempts_and_sent_again(world: World, endpoint: Endpoint) -> None:
    world.api.products.create({"name": "x"})
    event = endpoint.wait_for("product.created")[0]["id"]
    page = eventually(lambda: text if "thank you" in (text := world.http.get(f"/panel/events/{event}").text) else None)
    assert endpoint.url in page
    _press(world, "resend", event)
    endpoint.wait_for("product.created", 2)
    assert world.http.get("/panel/events/evt_x").status_code == 404


def test_everything_can_be_forgotten(world: World) -> None:
    world.paid()
    _press(world, "reset")
    assert world.api.checkout.sessions.list().data == []
    assert world.events() == []
