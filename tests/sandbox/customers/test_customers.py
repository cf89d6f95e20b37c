"""What is written on a customer, and what it does to their invoices."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World


def _invoice(world: World, customer: str, amount: int = 2900) -> Any:
    world.api.invoice_items.create({"customer": customer, "amount": amount, "currency": "eur"})
    draft = world.api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    return world.api.invoices.finalize_invoice(draft.id)


def test_invoices_are_numbered_as_their_customer_wants_and_use_up_the_balance(world: World) -> None:
    given = {"invoice_prefix": "NORA", "next_invoice_sequence": 41, "balance": -900}
    customer = world.api.customers.create({"email": "nora@example.com", **given})
    invoice = _invoice(world, customer.id)
    assert (invoice.number, invoice.amount_due) == ("NORA-0041", 2000)
    again = world.api.customers.update(customer.id, {"invoice_prefix": "LIND", "balance": 100})
    assert (again.balance, again.next_invoice_sequence) == (100, 42)
    assert (_invoice(world, customer.id).number, world.api.customers.retrieve(customer.id).balance) == ("LIND-0042", 0)


@pytest.mark.parametrize("prefix", ["ab", "nora", "WAY-TOO-LONG-IT-IS"])
def test_invoice_prefixes_that_cannot_be_are_refused(world: World, prefix: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.customers.create({"invoice_prefix": prefix})
    assert refused.value.param == "invoice_prefix"


def test_an_invoice_prefix_belongs_to_one_customer(world: World) -> None:
    known = world.api.customers.create({"invoice_prefix": "NORA"})
    with pytest.raises(stripe.InvalidRequestError, match="in use"):
        world.api.customers.create({"invoice_prefix": "NORA"})
    assert world.api.customers.update(known.id, {"invoice_prefix": "NORA"}).invoice_prefix == "NORA"


def test_a_customers_own_words_stand_on_their_invoices(world: World) -> None:
    words = {"custom_fields": [{"name": "Order", "value": "4711"}], "footer": "Thank you"}
    customer = world.api.customers.create({"invoice_settings": words})
    invoice = _invoice(world, customer.id)
    assert (invoice.footer, invoice.custom_fields[0].value) == ("Thank you", "4711")
    world.api.customers.update(customer.id, {"invoice_settings": {"footer": "Goodbye", "custom_fields": ""}})
    invoice = _invoice(world, customer.id)
    assert (invoice.footer, invoice.custom_fields) == ("Goodbye", None)


def test_names_can_be_given_and_taken_back(world: World) -> None:
    customer = world.api.customers.create({"business_name": "Lindqvist AB", "individual_name": "Nora"})
    assert (customer.business_name, customer.individual_name) == ("Lindqvist AB", "Nora")
    changed = world.api.customers.update(customer.id, {"business_name": ""})
    assert (hasattr(changed, "business_name"), changed.individual_name) == (False, "Nora")
    assert world.events("customer.updated")[0].data.previous_attributes.business_name == "Lindqvist AB"


def test_preferences_and_exemptions_can_be_changed(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"})
    changed = world.api.customers.update(customer.id, {"preferred_locales": ["sv"], "tax_exempt": "reverse"})
    assert (changed.preferred_locales, changed.tax_exempt) == (["sv"], "reverse")


def test_the_address_taxes_are_reckoned_from_is_shown_to_who_asks(world: World) -> None:
    customer = world.api.customers.create({"tax": {"ip_address": "203.0.113.7"}})
    assert not hasattr(customer, "tax")
    shown = world.api.customers.retrieve(customer.id, {"expand": ["tax"]}).tax
    assert (shown.ip_address, shown.automatic_tax) == ("203.0.113.7", "not_collecting")


def test_an_event_says_of_which_metadata_there_was_none_before(world: World) -> None:
    customer = world.api.customers.create({"metadata": {"kept": "1", "changed": "1", "gone": "1"}})
    world.api.customers.update(customer.id, {"metadata": {"changed": "2", "gone": "", "added": "2"}})
    previous = world.events("customer.updated")[-1].data.previous_attributes
    assert previous.to_dict()["metadata"] == {"changed": "1", "gone": "1", "added": None}


@pytest.mark.parametrize(
    "address",
    ["name@gmail", "x@example..com", "x@example.com.", "x@.example.com", "x..y@example.com", ".x@example.com", "x@y@z.com",
     "nora", "nora @example.com", "<nora@example.com>", "x@-example.com"],
)  # fmt: skip
def test_what_no_letter_can_be_sent_to_is_no_email_address(world: World, address: str) -> None:
    customer = world.api.customers.create({"email": "Nora.O'Neill+shop@mail.example.co.uk"})
    method = {"type": "card", "card": {"token": "tok_visa"}, "billing_details": {"email": address}}
    intent = {"amount": 2900, "currency": "eur"}
    for param, ask in {
        "email": lambda: world.api.customers.create({"email": address}),
        "customer_email": lambda: world.session(customer_email=address),
        "payment_intent_data[receipt_email]": lambda: world.session(payment_intent_data={"receipt_email": address}),
        "receipt_email": lambda: world.api.payment_intents.create({**intent, "receipt_email": address}),
        "billing_details[email]": lambda: world.api.payment_methods.create(method),
    }.items():
        with pytest.raises(stripe.InvalidRequestError) as refused:
            ask()
        assert (refused.value.code, refused.value.param) == ("email_invalid", param)
        assert refused.value.user_message == f"Invalid email address: {address}"
    with pytest.raises(stripe.InvalidRequestError, match="Invalid email address"):
        world.api.customers.update(customer.id, {"email": address})
    # Whoever looks for one finds none.
    assert world.api.customers.list({"email": address}).data == []
    page = world.pay(world.session(), email=address)
    assert (page.status_code, "Enter the email address" in page.text) == (402, True)
