from __future__ import annotations

import asyncio
import html
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.ground.changes import Changes
from sandbox.panel import action_messages
from sandbox.panel.actions import ACTIONS
from sandbox.panel.scenario_buttons import SCENARIOS, Switch
from tests.sandbox.running import Endpoint, World, eventually, running

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
    world.paid(payment_intent_data={"capture_method": "manual"})
    made = world.api.webhook_endpoints.create({"url": world.endpoint.url, "enabled_events": ["*"]})
    world.api.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["invoice.paid"]})
    world.act("disable", made.id)
    world.api.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000})
    world.act("make-code", code="SPRING", percent_off=10)
    world.act("payout")
    page = world.http.get("/", params={"sessions": 100, "payments": 100}).text
    offered = set(re.findall(r'action="/panel/act/([\w-]+)"', page))
    only_by_script = {"pause", "quantity", "jump", "recover", "refund-finish"}
    # One has a form of its own, and one a button where the price is shown.
    elsewhere = {"make-code", "delete-price"}
    assert (
        offered == {name for group in SCENARIOS.values() for name in group} | set(ACTIONS) - only_by_script - elsewhere
    )
    assert 'action="/panel/promotion-codes"' in page
    assert 'action="/panel/act/delete-price"' in world.http.get(f"/panel/objects/{world.price().id}").text
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


def test_held_money_is_captured_or_let_go_from_the_panel(world: World) -> None:
    taken, returned = (world.paid(payment_intent_data={"capture_method": "manual"}) for _ in range(2))
    _press(world, "capture", taken.payment_intent)
    _press(world, "let-go", returned.payment_intent)
    found = [world.api.payment_intents.retrieve(each.payment_intent) for each in (taken, returned)]
    assert [(each.status, each.amount_received) for each in found] == [("succeeded", 2900), ("canceled", 0)]
    assert "Nothing is held for this payment." in world.http.post("/sandbox/act/let-go", json={"id": found[0].id}).text


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


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_act_says_what_it_did(name: str) -> None:
    kinds = {"jump-month": "jump", "reset": "jump"}
    only_by_script = {"pause", "quantity", "recover", "refund-finish"}
    assert name in only_by_script or kinds.get(name, name) in action_messages.TEXTS


def _said(world: World, name: str, id: str = "", back: str = "/") -> str:
    answer = world.http.post(f"/panel/act/{name}", data={"id": id, "back": back}, follow_redirects=True)
    found = re.search(r'<div id="said"[^>]*><span>(.*?)</span>', answer.text)
    assert found, answer.text[:2000]
    return re.sub("<[^>]+>", "", html.unescape(found[1])).strip()


def test_what_was_done_is_said_with_its_amount_and_payment(world: World) -> None:
    payment = world.paid().payment_intent
    assert re.fullmatch(rf"Refunded €2\.90 of {payment}: re_\w+\.", _said(world, "refund-some"))
    assert re.fullmatch(
        rf"{payment} was disputed and lost: €26\.10 and the fee are gone\. See du_\w+\.",
        _said(world, "story-dispute-lost"),
    )
    world.session()
    assert _said(world, "expire-all") == "Expired 1 session."
    assert _said(world, "hold") == "Hold events for 30 seconds: on."
    assert "whatever fell due on the way has happened" in _said(world, "jump-day")
    assert re.match(r"Forgot 2 sessions, 1 payment and \d+ events", _said(world, "reset"))
    assert _said(world, "reset") == "There was nothing to forget. All faults are off."


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("pay-newest", "Put something in the cart"),
        ("story-debit-bounces", "Put something in the cart"),
        ("story-refund-fails", "Pay for something first"),
        ("story-dispute-lost", "Pay for something first"),
        ("story-renewal", "Buy one first"),
    ],
)
def test_a_scenario_that_cannot_be_played_says_what_is_missing(world: World, name: str, missing: str) -> None:
    said = _said(world, name)
    assert said.startswith("That did not work")
    assert missing in said


def test_a_button_leads_back_to_its_page_and_never_to_another_site(world: World) -> None:
    for back, leads_to in (
        ("/panel/events?type=a#events", "/panel/events?type=a&said="),
        ("//example.com", "/?said="),
        ("/\\example.com", "/?said="),
        ("https://example.com/", "/?said="),
    ):
        answer = world.http.post("/panel/act/expire-all", data={"back": back})
        assert answer.headers["location"].startswith(leads_to)


def test_events_are_found_by_type_text_and_answer(world: World, endpoint: Endpoint) -> None:
    endpoint.answers = [500]
    product = world.api.products.create({"name": "A rare thing"})
    other = world.price()
    eventually(lambda: len(endpoint.received) == 4)

    def found(**wanted: str) -> set[str]:
        page = world.http.get("/panel/events", params=wanted).text
        return {event.data.object.id for event in world.events() if f'id="row-{event.id}"' in page}

    everything = {product.id, other.product, other.id}
    eventually(lambda: found(state="waiting") == set())
    assert found() == everything
    assert found(type="product.*") == {product.id, other.product}
    assert found(type="price.created") == {other.id}
    assert found(q="a RARE thing") == {product.id}
    assert found(q=other.product) == {other.product, other.id}
    assert len(found(state="refused")) == 1
    assert found(state="unwanted") == set()
    assert "No event matches." in world.http.get("/panel/events", params={"q": "nothing"}).text


def test_events_that_no_endpoint_wanted_are_shown_too(own_endpoint: Endpoint) -> None:
    with running(own_endpoint, webhook_url="") as world:
        world.api.products.create({"name": "x"})
        for address in ("/", "/panel/events", "/panel/events?state=unwanted"):
            page = world.http.get(address).text
            assert "product.created" in page
            assert "Not wanted" in page


def test_an_object_is_shown_with_what_it_names_what_names_it_and_its_events(world: World) -> None:
    session = world.paid()
    charge = world.api.charges.list().data[0]
    page = world.http.get(f"/panel/objects/{session.payment_intent}").text
    for id in (charge.id, session.id, charge.payment_method):
        assert f'href="/panel/objects/{id}"' in page
    assert "payment_intent.succeeded" in page
    assert "charge.succeeded" not in page
    assert f'aria-label="Refund {session.payment_intent}"' in page
    event = world.events()[0].id
    assert world.http.get(f"/panel/objects/{event}").headers["location"] == f"/panel/events/{event}"
    for unknown in ("pi_x", "clock", world.http.get("/sandbox/deliveries.json").json()[0]["id"]):
        assert world.http.get(f"/panel/objects/{unknown}").status_code == 404


def test_an_event_of_a_request_shows_its_cause_and_what_changed(world: World) -> None:
    product = world.api.products.create({"name": "Before"})
    world.api.products.update(product.id, {"name": "After"}, {"idempotency_key": "rename-it"})
    [event] = world.events("product.updated")
    page = world.http.get(f"/panel/events/{event.id}").text
    for text in (event.request.id, "rename-it", "previous_attributes", "&#34;Before&#34;", product.id):
        assert text in page


def test_endpoints_are_listed_with_their_secrets_and_switched_off_and_on(world: World) -> None:
    made = world.api.webhook_endpoints.create({"url": "http://127.0.0.1:9/x", "enabled_events": ["invoice.paid"]})
    page = world.http.get("/").text
    for text in (world.settings.webhook_url, world.settings.webhook_secret, made.secret, "http://127.0.0.1:9/x"):
        assert text in page
    _press(world, "disable", made.id)
    assert world.api.webhook_endpoints.retrieve(made.id).status == "disabled"
    _press(world, "enable", made.id)
    assert world.api.webhook_endpoints.retrieve(made.id).status == "enabled"


def test_a_test_clock_is_advanced_from_the_panel(world: World) -> None:
    clock = world.api.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000})
    for name, reached in (("clock-day", 1_800_086_400), ("clock-month", 1_802_764_800)):
        _press(world, name, clock.id)
        eventually(lambda: world.api.test_helpers.test_clocks.retrieve(clock.id).status == "ready")
        assert world.api.test_helpers.test_clocks.retrieve(clock.id).frozen_time == reached


def test_pages_run_no_scripts_but_the_sandboxs_own(world: World) -> None:
    session = world.session()
    for address in ("/", "/panel/faults", "/panel/events", "/inbox", f"/c/pay/{session.id}"):
        page = world.http.get(address)
        policy = page.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert re.findall(r"<script(?! src=\"/static/)|<style| style=| on\w+=\"", page.text) == []


def _number(world: World) -> int:
    return int(world.http.get("/panel/changes").json()["number"])


@pytest.mark.parametrize(
    "happens",
    [
        lambda world: world.api.products.create({"name": "x"}),
        lambda world: world.faults(decline_next=2),
        lambda world: world.advance(hours=1),
        lambda world: world.http.post("/sandbox/reset"),
    ],
)
def test_whoever_waits_for_changes_is_told_at_once(world: World, happens: Any) -> None:
    with ThreadPoolExecutor(1) as pool:
        before = _number(world)
        told = pool.submit(world.http.get, "/panel/changes", params={"since": before})
        happens(world)
        assert told.result(timeout=10).json()["number"] > before


def test_counts_of_faults_that_go_down_are_changes_too(world: World) -> None:
    world.faults(api="429", api_next=1)
    before = _number(world)
    assert world.raw("GET", "/v1/products").status_code == 429
    assert _number(world) > before


def test_nobody_waits_for_changes_when_the_sandbox_stops() -> None:
    async def ask() -> int:
        changes = Changes()
        waiting = asyncio.create_task(changes.newer(changes.number, 60))
        await asyncio.sleep(0)
        changes.close()
        assert await waiting == changes.number
        return await changes.newer(changes.number, 60)

    assert asyncio.run(asyncio.wait_for(ask(), 5))


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


def test_what_a_deleted_customer_left_is_still_shown(world: World) -> None:
    begun = world.subscribed()
    world.api.customers.delete(begun.customer)
    assert begun.id in world.http.get("/").text
    for path in (f"/panel/objects/{begun.id}", f"/panel/objects/{begun.latest_invoice}"):
        assert world.http.get(path).status_code == 200
