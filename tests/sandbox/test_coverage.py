"""The tables of what is covered: up to date, and true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stripe

from docs import sandbox_coverage
from sandbox.api import unsupported
from sandbox.api.operations import HANDLERS
from sandbox.protocol import spec
from sandbox.protocol.event_types import EMITTED
from sandbox.protocol.spec import API_VERSION
from tests.sandbox.requests_by_schema import form, merged
from tests.sandbox.running import World, eventually
from tests.sandbox.stages import stage

DOCUMENT = Path(__file__).parents[2] / "docs" / "sandbox.md"


def test_the_tables_in_the_documentation_are_up_to_date() -> None:
    text = DOCUMENT.read_text()
    assert text == sandbox_coverage.inserted(text), f"docs/sandbox.md is out of date: run `{sandbox_coverage.COMMAND}`"


def test_the_tables_are_put_between_the_marks_and_nothing_else_is_touched(tmp_path: Path) -> None:
    document = tmp_path / "sandbox.md"
    document.write_text("before\n<!-- coverage -->\nold\n<!-- /coverage -->\nafter\n")
    sandbox_coverage.main([str(document)])
    written = document.read_text()
    assert written.startswith("before\n<!-- coverage -->\n")
    assert written.endswith("<!-- /coverage -->\nafter\n")
    assert ("\nold\n" in written, sandbox_coverage.written() in written) == (False, True)


def test_without_a_file_they_are_printed() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "docs.sandbox_coverage"], capture_output=True, text=True, check=True
    )
    assert printed.stdout == f"{sandbox_coverage.written()}\n"


def test_a_document_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="no <!-- coverage -->"):
        sandbox_coverage.inserted("nothing here")


def test_every_request_there_is_stands_in_the_tables() -> None:
    written = sandbox_coverage.written()
    assert [f"{o.method} {o.path}" for o in spec.every() if f"`{o.method} {o.path}`" not in written] == []
    assert {(o.method, o.path) for o in spec.every()} >= HANDLERS.keys()


@pytest.mark.parametrize(
    ("key", "name", "value"),
    [(key, name, value) for key, values in sandbox_coverage.REFUSED_VALUES.items() for name, value in values.items()],
)
def test_values_that_are_said_to_be_refused_are(world: World, key: tuple[str, str], name: str, value: str) -> None:
    method, path = key
    begins = f"{method} {path} {name}"
    world.api.customers.create({"email": "nora@example.com"})
    id, base = stage(world, begins)
    given: Any = value
    for part in reversed(unsupported.segments(name)):
        given = [given] if part == "" else {part: given}
    headers = {"Stripe-Version": API_VERSION}
    answer = world.raw(method, path.replace("{id}", id), form(merged(base, given)), **headers)
    said = answer.json()["error"]
    assert (answer.status_code, said["param"]) == (400, name.removesuffix("[]"))
    assert said["message"].startswith("The sandbox")


def _sell(world: World) -> None:
    world.act("refund-fails", world.act("refund", world.paid().payment_intent)["payment_intent"])
    warned = world.paid().payment_intent
    world.act("warn", warned)
    dispute = world.act("dispute", warned)["id"]
    world.api.disputes.update(dispute, {"evidence": {"product_description": "A kit"}})
    world.act("win", dispute)
    for act in ("settle", "bounce"):
        world.act(act, world.paid(number="AT321904300235473204").payment_intent)
    world.pay(world.session(), "4000002500003155")
    world.pay(world.session(), "4000000000000002")
    world.api.checkout.sessions.expire(world.session().id)
    held = {"amount": 2900, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    world.api.payment_intents.capture(world.api.payment_intents.create({**held, "capture_method": "manual"}).id)
    world.api.payment_intents.create({**held, "capture_method": "manual"})
    world.advance(days=8)
    world.act("payout-fails", world.act("payout")[0]["id"])
    by_hand = {"amount": 100, "currency": "eur"}
    world.api.payouts.cancel(world.api.payouts.create(by_hand).id)
    world.act("payout-arrives", world.api.payouts.create(by_hand).id)
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    draft = world.api.invoices.create({"customer": customer, "currency": "eur"}).id
    world.api.invoices.add_lines(draft, {"lines": [{"amount": 500}]})
    world.api.invoices.pay(draft, {"paid_out_of_band": True})
    note = world.api.credit_notes.create({"invoice": draft, "amount": 500, "out_of_band_amount": 500}).id
    world.api.credit_notes.update(note, {"memo": "Sent back by transfer"})
    owed = world.api.invoices.create({"customer": customer, "currency": "eur"}).id
    world.api.invoices.add_lines(owed, {"lines": [{"amount": 500}]})
    world.api.invoices.finalize_invoice(owed)
    world.api.credit_notes.void_credit_note(world.api.credit_notes.create({"invoice": owed, "amount": 500}).id)


def _keep_a_catalogue(world: World) -> None:
    price = world.price()
    world.api.prices.update(price.id, {"nickname": "Spring"})
    world.api.products.update(price.product, {"name": "The Loud Launch"})
    world.api.products.delete(world.api.products.create({"name": "Nothing"}).id)
    coupon = world.api.coupons.create({"percent_off": 10, "duration": "forever"}).id
    world.api.coupons.update(coupon, {"name": "Spring"})
    code = world.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}}).id
    world.api.promotion_codes.update(code, {"active": False})
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    for other in (coupon, world.api.coupons.create({"percent_off": 20}).id):
        world.raw("POST", f"/v1/customers/{customer}", f"coupon={other}").raise_for_status()
    world.raw("POST", f"/v1/customers/{customer}", "coupon=").raise_for_status()
    world.api.coupons.delete(coupon)
    card = world.api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    world.api.payment_methods.update(card, {"allow_redisplay": "always"})
    world.api.payment_methods.detach(card)
    world.api.customers.delete(customer)
    portal = world.api.billing_portal.configurations.create({"features": {"invoice_history": {"enabled": True}}})
    world.api.billing_portal.configurations.update(portal.id, {"name": "Ours"})
    clock = world.api.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000}).id
    world.api.test_helpers.test_clocks.advance(clock, {"frozen_time": 1_800_000_600})
    eventually(lambda: world.api.test_helpers.test_clocks.retrieve(clock).status == "ready")
    world.api.test_helpers.test_clocks.delete(clock)
    world.act("delete-price", world.price().id)


def _bill(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"}).id
    item = {"customer": customer, "amount": 2900, "currency": "eur"}
    world.api.invoice_items.delete(world.api.invoice_items.create(item).id)
    sent = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 3}

    def opened() -> str:
        world.api.invoice_items.create(item)
        draft = world.api.invoices.create({**sent, "pending_invoice_items_behavior": "include"}).id
        return str(world.api.invoices.finalize_invoice(draft).id)

    world.api.invoices.update(world.api.invoices.create(sent).id, {"footer": "Thank you"})
    world.api.invoices.delete(world.api.invoices.create(sent).id)
    world.api.invoices.void_invoice(opened())
    world.api.invoices.mark_uncollectible(opened())
    world.api.invoices.send_invoice(opened())
    with pytest.raises(stripe.CardError):
        world.api.invoices.pay(opened(), {"payment_method": "pm_card_threeDSecure2Required", "off_session": False})
    world.advance(days=4)


def _subscribe(world: World) -> None:
    trial = world.subscribed(trial_period_days=4)
    world.advance(days=30)
    world.act("pause", trial.id)
    world.api.subscriptions.resume(trial.id)
    world.api.billing_portal.sessions.create({"customer": trial.customer})
    world.act("fail-next", trial.id)
    world.advance(days=32)
    world.api.subscriptions.cancel(trial.id)


def test_every_type_of_event_in_the_list_happens(world: World) -> None:
    for story in (_sell, _keep_a_catalogue, _bill, _subscribe):
        story(world)
    # Some come a moment later.
    eventually(lambda: _happened(world) >= EMITTED)
    assert _happened(world) == EMITTED


def _happened(world: World) -> set[str]:
    return {event.type for event in world.api.events.list({"limit": 100}).auto_paging_iter()}
