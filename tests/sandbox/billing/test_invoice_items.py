"""Invoice items by the API: what waits for an invoice, and what is put on a draft."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World


@pytest.fixture
def customer(world: World) -> Any:
    return world.api.customers.create({"email": "nora@example.com"})


def _item(world: World, customer: Any, amount: int = 2000, **more: Any) -> Any:
    given = {"customer": customer.id, "amount": amount, "currency": "usd", **more}
    return world.api.invoice_items.create(given)


def _draft(world: World, customer: Any, **more: Any) -> Any:
    return world.api.invoices.create({"customer": customer.id, "currency": "usd", **more})


def _refused(call: Any, *given: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(*given)
    return refused.value


def test_an_item_waits_for_an_invoice(world: World, customer: Any) -> None:
    item = _item(world, customer, description="An hour", metadata={"job": "7"})
    assert (item.amount, item.currency, item.invoice, item.proration, item.quantity) == (2000, "usd", None, False, 1)
    assert item.period.start == item.period.end == item.date
    price = world.api.prices.retrieve(item.pricing.price_details.price, {"expand": ["product"]})
    assert (price.active, price.unit_amount, price.product.name) == (False, 2000, "An hour")
    assert world.api.customers.retrieve(customer.id).currency == "usd"
    assert [i.id for i in world.api.invoice_items.list({"pending": True}).data] == [item.id]
    assert world.events("invoiceitem.created")[0].data.object.id == item.id


def test_an_item_may_be_so_many_of_a_price(world: World, customer: Any) -> None:
    price = world.price(2900, "usd")
    sold = world.api.invoice_items.create(
        {"customer": customer.id, "pricing": {"price": price.id}, "quantity": 3, "currency": "usd"}
    )
    assert (sold.amount, sold.quantity, sold.description) == (8700, 3, "The Quiet Launch")
    given = {"customer": customer.id, "currency": "usd", "quantity": 2}
    assert world.api.invoice_items.create({**given, "unit_amount_decimal": "150"}).amount == 300
    data = {"currency": "usd", "product": price.product, "unit_amount": 400}
    assert world.api.invoice_items.create({"customer": customer.id, "price_data": data, "quantity": 2}).amount == 800
    assert _item(world, customer, -500).amount == -500


@pytest.mark.parametrize(
    ("given", "param", "sentence"),
    [
        ({"customer": None, "amount": 5}, "customer", "Missing required param: customer."),
        ({"customer": "cus_no", "amount": 5}, "customer", "No such customer: 'cus_no'"),
        ({}, "amount", "Missing required param: amount."),
        ({"amount": 5, "currency": None}, "currency", "Missing required param: currency."),
        ({"amount": 5, "quantity": 2}, "amount", "You may only specify one of these parameters: amount, quantity."),
        ({"pricing": {"price": "price_no"}}, "pricing[price]", "No such price: 'price_no'"),
        ({"amount": 5, "invoice": "in_no"}, "invoice", "No such invoice: 'in_no'"),
        ({"unit_amount_decimal": "5", "quantity": 0}, "quantity", "greater than or equal to 1"),
        ({"amount": 5, "tax_code": "txcd_1"}, "tax_code", "does not imitate"),
    ],
)
def test_items_that_cannot_be_made_are_refused(
    world: World, customer: Any, given: dict[str, Any], param: str, sentence: str
) -> None:
    whole = {"customer": customer.id, "currency": "usd", **given}
    refused = _refused(world.api.invoice_items.create, {k: v for k, v in whole.items() if v is not None})
    assert (refused.http_status, refused.param) == (400, param)
    assert sentence in refused.user_message


def test_plans_cannot_be_invoice_items(world: World, customer: Any) -> None:
    given = {"customer": customer.id, "pricing": {"price": world.plan().id}}
    assert "only accepts prices with `type=one_time`" in _refused(world.api.invoice_items.create, given).user_message


def test_an_item_put_on_a_draft_changes_its_total(world: World, customer: Any) -> None:
    invoice = _draft(world, customer)
    first, second = _item(world, customer, invoice=invoice.id), _item(world, customer, 500, invoice=invoice.id)
    counted = world.api.invoices.retrieve(invoice.id)
    assert (counted.subtotal, counted.total, counted.amount_due, counted.amount_remaining) == (2500,) * 4
    named = [line.parent.invoice_item_details.invoice_item for line in counted.lines.data]
    assert named == [second.id, first.id]
    assert world.events("invoice.updated")[-1].data.previous_attributes.total == 2000
    world.api.invoice_items.delete(second.id)
    assert world.api.invoices.retrieve(invoice.id).total == 2000
    assert world.last_kind() == "invoiceitem.deleted"


def test_an_item_is_changed_where_it_stands(world: World, customer: Any) -> None:
    waiting = _item(world, customer, metadata={"a": "1"})
    changed = world.api.invoice_items.update(waiting.id, {"amount": 700, "description": "Less", "metadata": {"b": "2"}})
    assert (changed.amount, changed.description, changed.metadata.to_dict()) == (700, "Less", {"a": "1", "b": "2"})
    assert changed.pricing.price_details.product == waiting.pricing.price_details.product
    invoice = _draft(world, customer, pending_invoice_items_behavior="include")
    line = invoice.lines.data[0]
    world.api.invoice_items.update(waiting.id, {"quantity": 3, "period": {"start": 1, "end": 2}})
    counted = world.api.invoices.retrieve(invoice.id)
    assert (counted.total, counted.lines.data[0].id, counted.lines.data[0].quantity) == (2100, line.id, 3)
    assert counted.lines.data[0].period.to_dict() == {"start": 1, "end": 2}
    # Stripe has no event for a changed item, only for its invoice.
    assert world.last_kind() == "invoice.updated"


def test_items_of_finalized_and_deleted_invoices_stay_as_they_are(world: World, customer: Any) -> None:
    item = _item(world, customer)
    invoice = _draft(world, customer, pending_invoice_items_behavior="include")
    world.api.invoices.finalize_invoice(invoice.id)
    late = _refused(world.api.invoice_items.update, item.id, {"amount": 1})
    assert (late.code, late.user_message) == (
        "invoice_not_editable",
        "Invalid invoice: This invoice is no longer editable",
    )
    sentence = "Can't delete an invoice item that is attached to an invoice that is no longer editable"
    assert _refused(world.api.invoice_items.delete, item.id).user_message == sentence
    more = {"customer": customer.id, "amount": 5, "currency": "usd", "invoice": invoice.id}
    assert _refused(world.api.invoice_items.create, more).code == "invoice_not_editable"

    gone = _item(world, customer)
    world.api.invoices.delete(_draft(world, customer, pending_invoice_items_behavior="include").id)
    assert _refused(world.api.invoice_items.update, gone.id, {"amount": 1}).user_message == (
        "This invoice item has been deleted."
    )
    assert world.api.invoice_items.list({"pending": True}).data == []


def test_an_item_belongs_on_an_invoice_of_its_own_customer(world: World, customer: Any) -> None:
    other = world.api.customers.create({})
    given = {"customer": other.id, "amount": 5, "currency": "usd", "invoice": _draft(world, customer).id}
    assert _refused(world.api.invoice_items.create, given).param == "invoice"


def test_the_next_period_bills_what_waits_for_no_other_invoice(world: World) -> None:
    subscription = world.subscribed(world.price(1000, "usd", recurring={"interval": "month"}))
    owner = world.api.customers.retrieve(subscription.customer)
    _item(world, owner, 300)
    _item(world, owner, 50, subscription=subscription.id, description="Only here")
    _item(world, owner, 7, currency="eur")
    world.act("renew", subscription.id)
    renewed = world.api.invoices.list({"subscription": subscription.id}).data[0]
    assert (renewed.billing_reason, renewed.total, renewed.status) == ("subscription_cycle", 1350, "paid")
    assert [i.currency for i in world.api.invoice_items.list({"pending": True}).data] == ["eur"]
