"""Invoices of what is bought once at Checkout."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

WANTED = {"enabled": True}
INVOICE_EVENTS = ["invoice.created", "invoice.finalized", "invoice.sent", "invoice.paid", "invoice.payment_succeeded"]


def _invoice(world: World, session: Any) -> Any:
    return world.api.invoices.retrieve(session.invoice, {"expand": ["payments"]})


def test_a_session_that_was_paid_has_an_invoice_paid_by_its_payment(world: World) -> None:
    described = {"currency": "eur", "unit_amount": 1000, "product_data": {"name": "The Quiet Launch"}}
    session = world.paid(invoice_creation=WANTED, line_items=[{"price_data": described, "quantity": 3}])
    invoice = _invoice(world, session)
    assert (invoice.status, invoice.billing_reason, invoice.total, invoice.amount_paid) == (
        "paid",
        "manual",
        3000,
        3000,
    )
    assert (invoice.customer, invoice.customer_email) == (session.customer, "nora@example.com")
    assert (invoice.parent, invoice.number is None, invoice.auto_advance) == (None, False, False)
    [line] = invoice.lines.data
    assert (line.description, line.quantity, line.amount) == ("The Quiet Launch", 3, 3000)
    item = world.api.invoice_items.retrieve(line.parent.invoice_item_details.invoice_item)
    assert (item.invoice, item.amount) == (invoice.id, 3000)
    [payment] = invoice.payments.data
    assert (payment.status, payment.payment.payment_intent) == ("paid", session.payment_intent)


def test_its_events_come_after_that_of_the_session_which_knows_it_already(world: World) -> None:
    session = world.paid(invoice_creation=WANTED)
    kinds = [kind for kind in world.kinds() if kind not in ("charge.updated", "product.created", "price.created")]
    assert kinds == [
        "customer.created",
        "customer.updated",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_intent.created",
        "checkout.session.completed",
        *INVOICE_EVENTS,
    ]
    completed = world.events("checkout.session.completed")[0].data.object
    assert (completed.invoice, completed.customer) == (session.invoice, session.customer)
    states = [world.events(kind)[0].data.object.status for kind in INVOICE_EVENTS]
    assert states == ["draft", "open", "open", "paid", "paid"]


def test_the_invoice_bears_what_the_shop_wants_on_it(world: World) -> None:
    data = {
        "metadata": {"order": "ord_1"},
        "description": "Thank you",
        "footer": "VAT included",
        "custom_fields": [{"name": "PO", "value": "77"}],
        "issuer": {"type": "self"},
    }
    session = world.session(invoice_creation={**WANTED, "invoice_data": data}, metadata={"order": "elsewhere"})
    assert session.invoice_creation.to_dict() == {
        "enabled": True,
        "invoice_data": {**data, "account_tax_ids": None, "rendering_options": None},
    }
    world.pay(session)
    invoice = _invoice(world, world.read(session))
    assert invoice.metadata.to_dict() == {"order": "ord_1"}
    assert (invoice.description, invoice.footer) == ("Thank you", "VAT included")
    assert [field.to_dict() for field in invoice.custom_fields] == [{"name": "PO", "value": "77"}]


def test_a_discount_of_the_session_stands_on_the_invoice(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 10})
    session = world.paid(1001, invoice_creation=WANTED, discounts=[{"coupon": coupon.id}])
    invoice = _invoice(world, session)
    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (1001, 901, 901)
    assert [each.amount for each in invoice.total_discount_amounts] == [100]
    assert [each.amount for each in invoice.lines.data[0].discount_amounts] == [100]
    assert world.api.coupons.retrieve(coupon.id).times_redeemed == 1


def test_an_order_that_costs_nothing_has_an_invoice_without_a_payment(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 100})
    session = world.paid(invoice_creation=WANTED, discounts=[{"coupon": coupon.id}])
    invoice = _invoice(world, session)
    assert (session.payment_status, invoice.status, invoice.total) == ("no_payment_required", "paid", 0)
    assert invoice.payments.data == []


def test_a_known_customer_keeps_their_credit_as_all_was_paid(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com", "balance": -500})
    session = world.paid(invoice_creation=WANTED, customer=customer.id)
    invoice = _invoice(world, session)
    assert (invoice.amount_due, invoice.amount_paid) == (2900, 2900)
    assert (invoice.starting_balance, invoice.ending_balance) == (-500, -500)
    assert world.api.customers.retrieve(customer.id).balance == -500
    again = world.kinds().count("customer.updated")
    world.paid(invoice_creation=WANTED, customer=customer.id)
    assert world.kinds().count("customer.updated") == again == 1


def test_a_bank_debit_has_its_invoice_when_it_has_settled(world: World) -> None:
    session = world.paid(number="AT321904300235473204", invoice_creation=WANTED)
    assert (session.invoice, world.api.invoices.list().data) == (None, [])
    world.http.post("/sandbox/settle", json={"payment_intent": session.payment_intent}).raise_for_status()
    assert _invoice(world, world.read(session)).status == "paid"
    assert world.kinds()[-6:] == ["checkout.session.async_payment_succeeded", *INVOICE_EVENTS]


def test_a_bank_debit_that_bounces_has_none(world: World) -> None:
    session = world.paid(number="AT861904300235473202", invoice_creation=WANTED)
    world.http.post("/sandbox/settle", json={"payment_intent": session.payment_intent}).raise_for_status()
    assert (world.read(session).invoice, world.api.invoices.list().data) == (None, [])


def test_a_declined_card_leaves_no_invoice_and_one_customer(world: World) -> None:
    session = world.session(invoice_creation=WANTED)
    world.pay(session, "4000000000000002")
    assert world.api.invoices.list().data == []
    assert world.pay(session).status_code == 303
    assert (len(world.api.invoices.list().data), len(world.api.customers.list().data)) == (1, 1)


def test_a_payment_approved_at_the_bank_has_its_invoice(world: World) -> None:
    session = world.session(invoice_creation=WANTED)
    where = world.pay(session, "4000002760003184").headers["location"]
    world.http.post(where, data={"result": "complete"})
    assert _invoice(world, world.read(session)).status == "paid"


@pytest.mark.parametrize("asked", [{}, {"invoice_creation": {"enabled": False}}])
def test_nobody_gets_an_invoice_who_did_not_ask(world: World, asked: dict[str, Any]) -> None:
    session = world.paid(**asked)
    assert (session.invoice, session.customer, session.invoice_creation.enabled) == (None, None, False)
    assert world.api.invoices.list().data == []


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (
            {"invoice_creation": {**WANTED, "invoice_data": {"issuer": {"type": "account"}}}},
            "[invoice_data][issuer][type]",
        ),
        ({"invoice_creation": WANTED, "payment_intent_data": {"capture_method": "manual"}}, "[enabled]"),
    ],
)
def test_an_invoice_that_cannot_be_made_is_refused(world: World, given: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.session(**given)
    assert refused.value.param == f"invoice_creation{param}"


def test_plans_have_invoices_anyway(world: World) -> None:
    lines = [{"price": world.plan().id, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match="You can only enable invoice creation when"):
        world.session(mode="subscription", line_items=lines, invoice_creation=WANTED)
