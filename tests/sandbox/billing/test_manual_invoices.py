"""Invoices made by hand, from the draft to its end."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

DAY = 86400


@pytest.fixture
def customer(world: World) -> Any:
    return world.api.customers.create({"email": "nora@example.com", "name": "Nora"})


def _billed(world: World, customer: Any, amount: int = 2000, **more: Any) -> Any:
    """A draft with one line."""
    world.api.invoice_items.create({"customer": customer.id, "amount": amount, "currency": "usd"})
    given = {"customer": customer.id, "pending_invoice_items_behavior": "include", **more}
    return world.api.invoices.create(given)


def _sent(world: World, customer: Any, **more: Any) -> Any:
    return _billed(world, customer, collection_method="send_invoice", **{"days_until_due": 7, **more})


def _with_card(world: World, alias: str = "pm_card_visa") -> Any:
    return world.api.customers.create({"email": "nora@example.com", "payment_method": alias})


def _refused(call: Any, *given: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(*given)
    return refused.value


def test_a_draft_is_empty_unless_the_pending_items_are_asked_for(world: World, customer: Any) -> None:
    world.api.invoice_items.create({"customer": customer.id, "amount": 500, "currency": "usd"})
    empty = world.api.invoices.create({"customer": customer.id})
    assert (empty.status, empty.total, empty.lines.data, empty.currency) == ("draft", 0, [], "usd")
    invoice = _billed(world, customer, description="Two things", metadata={"order": "7"}, footer="Thanks")
    assert [line.amount for line in invoice.lines.data] == [2000, 500]
    assert (invoice.total, invoice.amount_due, invoice.billing_reason, invoice.parent) == (2500, 2500, "manual", None)
    assert (invoice.auto_advance, invoice.number, invoice.effective_at, invoice.due_date) == (False, None, None, None)
    assert (invoice.description, invoice.footer, invoice.metadata.to_dict()) == (
        "Two things", "Thanks", {"order": "7"},
    )  # fmt: skip
    assert invoice.period_start == invoice.period_end == invoice.created
    assert world.api.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "include"}).total == 0
    assert world.events("invoice.created")[1].data.object.total == 2500


def test_an_invoice_of_a_subscription_takes_only_what_waits_for_it(world: World) -> None:
    subscription = world.subscribed(world.price(1000, "usd", recurring={"interval": "month"}))
    owner = {"customer": subscription.customer, "currency": "usd"}
    world.api.invoice_items.create({**owner, "amount": 300})
    world.api.invoice_items.create({**owner, "amount": 50, "subscription": subscription.id})
    given = {**owner, "subscription": subscription.id, "pending_invoice_items_behavior": "include"}
    invoice = world.api.invoices.create(given)
    assert (invoice.total, invoice.parent.subscription_details.subscription) == (50, subscription.id)
    assert invoice.lines.data[0].subscription == subscription.id
    # It fails or not: the subscription itself goes on.
    with pytest.raises(stripe.CardError):
        world.api.invoices.pay(invoice.id, {"payment_method": "pm_card_chargeCustomerFail"})
    assert world.api.subscriptions.retrieve(subscription.id).status == "active"


def test_a_finalized_invoice_has_a_number_and_waits_to_be_paid(world: World, customer: Any) -> None:
    invoice = world.api.invoices.finalize_invoice(_billed(world, customer).id)
    assert (invoice.status, invoice.attempted, invoice.amount_due) == ("open", False, 2000)
    assert invoice.number.endswith("-0001")
    assert invoice.effective_at == invoice.status_transitions.finalized_at
    expanded = world.api.invoices.retrieve(invoice.id, {"expand": ["payments.data.payment.payment_intent"]})
    intent = expanded.payments.data[0].payment.payment_intent
    assert (intent.amount, intent.description, intent.status) == (
        2000,
        "Payment for Invoice",
        "requires_payment_method",
    )
    assert world.last_kind() == "invoice.finalized"
    again = _refused(world.api.invoices.finalize_invoice, invoice.id)
    assert again.user_message == "This invoice is already finalized, you can't re-finalize a non-draft invoice."
    named = world.api.invoices.finalize_invoice(
        _billed(world, customer, number="2026-7", effective_at=1_790_000_000).id
    )
    assert (named.number, named.effective_at) == ("2026-7", 1_790_000_000)


def test_what_comes_to_nothing_is_paid_when_it_is_finalized(world: World, customer: Any) -> None:
    invoice = world.api.invoices.create({"customer": customer.id})
    paid = world.api.invoices.finalize_invoice(invoice.id)
    assert (paid.status, paid.attempted, paid.attempt_count) == ("paid", True, 0)


def test_a_draft_can_be_paid_at_once(world: World, customer: Any) -> None:
    method = world.api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    paid = world.api.invoices.pay(_billed(world, customer).id, {"payment_method": method.id})
    assert (paid.status, paid.amount_paid, paid.attempt_count) == ("paid", 2000, 1)
    kinds = [kind for kind in world.kinds() if kind.startswith(("invoice.", "payment_intent."))]
    assert kinds == [
        "invoice.created", "invoice.finalized", "payment_intent.succeeded", "payment_intent.created", "invoice.paid",
        "invoice.payment_succeeded",
    ]  # fmt: skip
    assert _refused(world.api.invoices.pay, paid.id).user_message == "Invoice is already paid"
    assert _refused(world.api.invoices.void_invoice, paid.id).user_message == (
        "Invoices with `paid` payments cannot be voided."
    )


def test_the_card_is_the_invoices_own_or_that_of_its_customer(world: World, customer: Any) -> None:
    assert world.api.invoices.pay(_billed(world, _with_card(world)).id).status == "paid"
    own = world.api.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    paid = world.api.invoices.pay(_billed(world, customer, default_payment_method=own.id).id)
    assert paid.status == "paid"
    with pytest.raises(stripe.InvalidRequestError) as nobody:
        world.api.invoices.pay(_billed(world, customer).id)
    assert nobody.value.code == "invoice_no_payment_method"


def test_invoices_are_paid_by_card_only(world: World, customer: Any) -> None:
    iban = {"type": "sepa_debit", "sepa_debit": {"iban": "AT321904300235473204"}}
    debit = world.api.payment_methods.create({**iban, "billing_details": {"name": "Nora", "email": "n@example.com"}})
    world.api.payment_methods.attach(debit.id, {"customer": customer.id})
    refused = _refused(world.api.invoices.pay, _billed(world, customer).id, {"payment_method": debit.id})
    assert "by card only" in refused.user_message


def test_a_draft_says_where_to_ship(world: World) -> None:
    address = {"line1": "Gasse 1", "city": "Wien"}
    shipped = world.api.customers.create({"shipping": {"name": "Nora", "address": address}})
    invoice = world.api.invoices.create(
        {"customer": shipped.id, "shipping_details": {"name": "Jonas", "address": address}}
    )
    assert (invoice.customer_shipping.name, invoice.shipping_details.name) == ("Nora", "Jonas")
    assert world.api.invoices.update(invoice.id, {"shipping_details": ""}).shipping_details is None


def test_a_declined_invoice_stays_open_and_can_be_paid_elsewhere(world: World, customer: Any) -> None:
    invoice = _billed(world, customer)
    with pytest.raises(stripe.CardError) as declined:
        world.api.invoices.pay(invoice.id, {"payment_method": "pm_card_chargeCustomerFail"})
    assert declined.value.http_status == 402
    assert world.last_kind() == "invoice.payment_failed"
    still = world.api.invoices.retrieve(invoice.id)
    assert (still.status, still.attempted, still.attempt_count) == ("open", True, 1)
    assert world.api.invoices.pay(invoice.id, {"paid_out_of_band": True}).status == "paid"


def test_a_card_that_must_be_asked_about_is_announced(world: World, customer: Any) -> None:
    invoice = _billed(world, customer)
    with pytest.raises(stripe.CardError) as asked:
        world.api.invoices.pay(invoice.id, {"payment_method": "pm_card_threeDSecure2Required"})
    assert asked.value.code == "authentication_required"
    assert world.kinds()[-2:] == ["invoice.payment_action_required", "invoice.payment_failed"]


def test_an_invoice_is_paid_by_the_buyers_answer_to_their_bank(world: World, customer: Any) -> None:
    invoice = _billed(world, customer)
    given = {"payment_method": "pm_card_threeDSecure2Required", "off_session": False}
    with pytest.raises(stripe.CardError) as asked:
        world.api.invoices.pay(invoice.id, given)
    assert asked.value.code == "invoice_payment_intent_requires_action"
    intent = asked.value.error.payment_intent
    assert intent.status == "requires_action"
    world.http.post(f"/challenge/{intent.id}", data={"result": "complete"})
    assert world.api.invoices.retrieve(invoice.id).status == "paid"


def test_an_invoice_is_paid_by_confirming_its_payment(world: World, customer: Any) -> None:
    plan = world.plan(1000, "month")
    given = {"customer": customer.id, "items": [{"price": plan.id}], "payment_behavior": "default_incomplete"}
    made = world.api.subscriptions.create({**given, "expand": ["latest_invoice.payments"]})
    intent = made.latest_invoice.payments.data[0].payment.payment_intent
    world.api.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert world.api.invoices.retrieve(made.latest_invoice.id).status == "paid"
    assert world.api.subscriptions.retrieve(made.id).status == "active"


def test_an_invoice_is_sent_and_due_some_days_after_it_was_made(world: World, customer: Any) -> None:
    invoice = _sent(world, customer)
    assert (invoice.collection_method, invoice.due_date) == ("send_invoice", invoice.created + 7 * DAY)
    sent = world.api.invoices.send_invoice(invoice.id)
    assert (sent.status, sent.number is None) == ("open", False)
    assert world.kinds()[-2:] == ["invoice.finalized", "invoice.sent"]
    world.api.invoices.send_invoice(invoice.id)
    assert len(world.events("invoice.sent")) == 2
    world.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    cannot = "This invoice cannot be sent right now. Please contact us via"
    assert cannot in _refused(world.api.invoices.send_invoice, invoice.id).user_message
    assert cannot in _refused(world.api.invoices.send_invoice, _billed(world, customer).id).user_message


@pytest.mark.parametrize(
    ("given", "param", "sentence"),
    [
        ({"customer": ""}, "customer", "empty string for 'customer'"),
        ({"customer": "cus_no"}, "customer", "No such customer: 'cus_no'"),
        (
            {"collection_method": "send_invoice"},
            None,
            "If invoice collection method is 'send_invoice', you must specify 'due_date' or 'days_until_due'.",
        ),
        (
            {"days_until_due": 5},
            None,
            "You can only specify 'due_date' or 'days_until_due' if invoice collection method is 'send_invoice'.",
        ),
        (
            {"collection_method": "send_invoice", "days_until_due": 5, "due_date": 1_990_000_000},
            "days_until_due",
            "You may only specify one of these parameters: days_until_due, due_date.",
        ),
        ({"collection_method": "send_invoice", "due_date": 1_000}, "due_date", "in the future"),
        ({"pending_invoice_items_behavior": "all"}, "pending_invoice_items_behavior", "must be one of exclude"),
        ({"default_payment_method": "pm_no"}, "default_payment_method", "No such PaymentMethod: 'pm_no'"),
        ({"subscription": "sub_no"}, "subscription", "No such subscription: 'sub_no'"),
        ({"discounts": [{"coupon": "none"}]}, "discounts[0][coupon]", "No such coupon: 'none'"),
        ({"default_tax_rates": ["txr_1"]}, "default_tax_rates", "does not imitate"),
        ({"issuer": {"type": "account"}}, "issuer[type]", "own account only"),
    ],
)
def test_invoices_that_cannot_be_made_are_refused(
    world: World, customer: Any, given: dict[str, Any], param: str | None, sentence: str
) -> None:
    refused = _refused(world.api.invoices.create, {"customer": customer.id, **given})
    assert (refused.http_status, refused.param) == (400, param)
    assert sentence in refused.user_message
    assert world.api.invoices.list().data == []


def test_an_invoice_needs_a_customer_and_to_be_sent_their_address(world: World) -> None:
    assert _refused(world.api.invoices.create, {}).user_message == "Missing required param: customer."
    nobody = world.api.customers.create({})
    given = {"customer": nobody.id, "collection_method": "send_invoice", "days_until_due": 7}
    assert _refused(world.api.invoices.create, given).user_message == (
        "Missing email. In order to create invoices that are sent to the customer, the customer must have a valid email."
    )


def test_a_draft_can_be_changed_altogether(world: World, customer: Any) -> None:
    invoice = _billed(world, customer, metadata={"a": "1"})
    given = {"description": "For May", "metadata": {"a": "", "b": "2"}, "custom_fields": [{"name": "PO", "value": "9"}]}
    changed = world.api.invoices.update(invoice.id, given)
    assert (changed.description, changed.metadata.to_dict()) == ("For May", {"b": "2"})
    assert changed.custom_fields[0].to_dict() == {"name": "PO", "value": "9"}
    [event] = world.events("invoice.updated")
    assert event.data.previous_attributes.to_dict() == {
        "custom_fields": None, "description": None, "metadata": {"a": "1", "b": None},
    }  # fmt: skip
    world.api.invoices.update(invoice.id, {"description": "For May"})
    assert len(world.events("invoice.updated")) == 1
    assert "must specify 'due_date'" in (
        _refused(world.api.invoices.update, invoice.id, {"collection_method": "send_invoice"}).user_message
    )
    to_send = world.api.invoices.update(invoice.id, {"collection_method": "send_invoice", "days_until_due": 3})
    assert to_send.due_date == invoice.created + 3 * DAY
    assert world.api.invoices.update(invoice.id, {"collection_method": "charge_automatically"}).due_date is None


def test_of_a_finalized_invoice_only_the_metadata_can_be_changed(world: World, customer: Any) -> None:
    invoice = world.api.invoices.finalize_invoice(_billed(world, customer).id)
    refused = _refused(world.api.invoices.update, invoice.id, {"description": "Late", "metadata": {"a": "1"}})
    assert (refused.user_message, refused.param) == ("Finalized invoices can't be updated in this way", "description")
    assert world.api.invoices.retrieve(invoice.id).metadata.to_dict() == {}
    assert world.api.invoices.update(invoice.id, {"metadata": {"a": "1"}}).metadata.to_dict() == {"a": "1"}
    assert world.events("invoice.updated")[-1].data.previous_attributes.to_dict() == {"metadata": {"a": None}}


def test_a_draft_can_be_deleted_and_nothing_else(world: World, customer: Any) -> None:
    draft = _billed(world, customer, auto_advance=True)
    assert world.api.invoices.delete(draft.id).deleted
    assert world.events("invoice.deleted")[0].data.object.id == draft.id
    with pytest.raises(stripe.InvalidRequestError, match="No such invoice"):
        world.api.invoices.retrieve(draft.id)
    world.advance(hours=2)
    assert world.last_kind() == "invoice.deleted"
    finalized = world.api.invoices.finalize_invoice(_billed(world, customer).id)
    assert _refused(world.api.invoices.delete, finalized.id).user_message == "You can only delete draft invoices."
    subscription = world.subscribed()
    world.api.subscriptions.update(subscription.id, {"pause_collection": {"behavior": "keep_as_draft"}})
    world.act("renew", subscription.id)
    kept = world.api.invoices.list({"subscription": subscription.id, "status": "draft"}).data[0]
    assert "Invoices of a subscription cannot be deleted." in _refused(world.api.invoices.delete, kept.id).user_message


def test_an_invoice_can_be_voided_or_given_up(world: World, customer: Any) -> None:
    draft = _billed(world, customer)
    not_open = "You can only pass in open invoices. This invoice isn't open."
    assert _refused(world.api.invoices.void_invoice, draft.id).user_message == not_open
    assert _refused(world.api.invoices.mark_uncollectible, draft.id).user_message == not_open
    invoice = world.api.invoices.finalize_invoice(draft.id)
    assert world.api.invoices.mark_uncollectible(invoice.id).status == "uncollectible"
    assert _refused(world.api.invoices.mark_uncollectible, invoice.id).user_message == (
        "This invoice has already been marked uncollectible."
    )
    other = world.api.invoices.finalize_invoice(_billed(world, customer).id)
    assert world.api.invoices.void_invoice(other.id).status == "void"
    assert world.last_kind() == "invoice.voided"
    intents = world.api.payment_intents.list().data
    assert sorted((i.status, i.cancellation_reason) for i in intents if i.status == "canceled") == [
        ("canceled", "void_invoice")
    ]


def test_an_invoice_that_advances_by_itself_is_charged_after_an_hour(world: World) -> None:
    invoice = _billed(world, _with_card(world), auto_advance=True)
    assert invoice.automatically_finalizes_at == invoice.created + 3601
    assert invoice.next_payment_attempt == invoice.created + 3600
    stopped = world.api.invoices.update(invoice.id, {"auto_advance": False})
    assert (stopped.automatically_finalizes_at, stopped.next_payment_attempt) == (None, None)
    world.api.invoices.update(invoice.id, {"auto_advance": True})
    world.advance(minutes=55)
    assert world.api.invoices.retrieve(invoice.id).status == "draft"
    world.advance(minutes=10)
    paid = world.api.invoices.retrieve(invoice.id)
    assert (paid.status, paid.automatically_finalizes_at, paid.attempt_count) == ("paid", None, 1)


def test_an_invoice_that_advances_by_itself_is_sent_after_an_hour(world: World, customer: Any) -> None:
    invoice = _sent(world, customer, auto_advance=True)
    assert (invoice.next_payment_attempt, invoice.automatically_finalizes_at) == (None, invoice.created + 3601)
    world.advance(hours=2)
    assert world.api.invoices.retrieve(invoice.id).status == "open"
    assert world.kinds()[-2:] == ["invoice.finalized", "invoice.sent"]


def test_what_is_finalized_early_is_still_charged_and_tried_again(world: World) -> None:
    invoice = _billed(world, _with_card(world, "pm_card_chargeCustomerFail"))
    opened = world.api.invoices.finalize_invoice(invoice.id, {"auto_advance": True})
    assert (opened.status, opened.attempted) == ("open", False)
    world.advance(hours=2)
    failed = world.api.invoices.retrieve(invoice.id)
    assert (failed.status, failed.attempt_count) == ("open", 1)
    assert failed.next_payment_attempt > failed.created + 2 * DAY
    world.api.invoices.update(invoice.id, {"auto_advance": False})
    world.advance(days=30)
    assert world.api.invoices.retrieve(invoice.id).attempt_count == 1


def test_a_discount_is_taken_off_what_is_discountable(world: World, customer: Any) -> None:
    coupon = world.api.coupons.create({"percent_off": 25})
    no_discount = {"customer": customer.id, "amount": 1000, "currency": "usd", "discountable": False}
    world.api.invoice_items.create(no_discount)
    invoice = _billed(world, customer, discounts=[{"coupon": coupon.id}])
    assert (invoice.subtotal, invoice.total, invoice.amount_due) == (3000, 2500, 2500)
    assert [part.amount for part in invoice.total_discount_amounts] == [500]
    assert world.api.coupons.retrieve(coupon.id).times_redeemed == 1
    expanded = world.api.invoices.retrieve(invoice.id, {"expand": ["discounts"]})
    assert (expanded.discounts[0].source.coupon, expanded.discounts[0].invoice) == (coupon.id, invoice.id)
    without = world.api.invoices.update(invoice.id, {"discounts": ""})
    assert (without.total, without.discounts) == (3000, [])
    kept = {"discounts": [{"discount": expanded.discounts[0].id}]}
    assert world.api.invoices.update(invoice.id, kept).total == 2500


def test_invoices_of_a_test_clocks_customer_live_in_its_time(world: World) -> None:
    clock = world.api.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000})
    owner = world.api.customers.create({"test_clock": clock.id, "email": "nora@example.com"})
    invoice = _sent(world, owner, auto_advance=True)
    assert (invoice.created, invoice.due_date, invoice.test_clock) == (
        1_800_000_000, 1_800_000_000 + 7 * DAY, clock.id,
    )  # fmt: skip
    world.advance(hours=3)
    assert world.api.invoices.retrieve(invoice.id).status == "draft"
