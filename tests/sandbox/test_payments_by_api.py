"""PaymentIntents, customers and payment methods without Checkout, as Stripe's command line makes them."""

from __future__ import annotations

import pytest
import stripe

from tests.sandbox.running import World


def test_a_payment_can_be_made_and_confirmed_in_one_request(world: World) -> None:
    body = "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&payment_method_types[]=card"
    made = world.raw("POST", "/v1/payment_intents", body).json()
    assert (made["status"], made["amount_received"]) == ("succeeded", 2000)
    assert world.kinds()[:3] == ["charge.succeeded", "payment_intent.succeeded", "payment_intent.created"]


def test_a_payment_can_be_declined_and_confirmed_again(world: World) -> None:
    intent = world.api.payment_intents.create({"amount": 2000, "currency": "usd"})
    with pytest.raises(stripe.CardError) as declined:
        world.api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"})
    assert (declined.value.code, declined.value.error.decline_code) == ("card_declined", "insufficient_funds")
    assert declined.value.error.payment_intent.status == "requires_payment_method"
    assert world.api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="has a status of succeeded"):
        world.api.payment_intents.confirm(intent.id)


def test_a_payment_without_a_method_cannot_be_confirmed(world: World) -> None:
    intent = world.api.payment_intents.create({"amount": 2000, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        world.api.payment_intents.confirm(intent.id)


def test_a_payment_waits_for_the_bank_and_can_be_canceled(world: World) -> None:
    given = {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_authenticationRequired"}
    intent = world.api.payment_intents.create(given)
    assert intent.status == "requires_action"
    canceled = world.api.payment_intents.cancel(intent.id)
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "requested_by_customer")
    with pytest.raises(stripe.InvalidRequestError, match="has a status of canceled"):
        world.api.payment_intents.cancel(intent.id)


def test_a_payment_without_a_session_can_be_approved_at_the_bank(world: World) -> None:
    given = {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_authenticationRequired"}
    url = world.api.payment_intents.create(given).next_action.redirect_to_url.url
    assert world.http.post(url, data={"result": "complete"}).status_code == 200
    assert world.api.payment_intents.list().data[0].status == "succeeded"


def test_amounts_below_the_minimum_are_refused(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.payment_intents.create({"amount": 10, "currency": "usd"})
    assert refused.value.code == "amount_too_small"


def test_payment_methods_belong_to_customers(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com", "address": {"country": "DE"}})
    attached = world.api.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    assert (attached.customer, attached.card.brand) == (customer.id, "mastercard")
    listed = world.api.customers.payment_methods.list(customer.id, {"type": "card"}).data
    assert [m.id for m in listed] == [attached.id]
    assert world.api.payment_methods.detach(attached.id).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        world.api.payment_methods.detach(attached.id)


def test_customers_are_found_by_email_and_can_be_deleted(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com"})
    world.api.customers.create({"email": "jonas@example.com"})
    assert [c.id for c in world.api.customers.list({"email": "nora@example.com"}).data] == [customer.id]
    assert world.api.customers.update(customer.id, {"name": "Nora"}).name == "Nora"
    assert world.api.customers.delete(customer.id).deleted
    assert world.kinds()[-2:] == ["customer.updated", "customer.deleted"]


@pytest.mark.parametrize("number", ["4242424242424241", "4111111111111111"])
def test_numbers_that_are_no_test_cards_are_refused(world: World, number: str) -> None:
    card = {"number": number, "exp_month": 12, "exp_year": 2034}
    with pytest.raises(stripe.CardError):
        world.api.payment_methods.create({"type": "card", "card": card})


def test_prices_keep_their_amount_but_hand_over_their_lookup_key(world: World) -> None:
    old = world.price(2900, lookup_key="guide")
    with pytest.raises(stripe.InvalidRequestError) as taken:
        world.price(3900, lookup_key="guide")
    assert taken.value.param == "lookup_key"
    new = world.price(3900, lookup_key="guide", transfer_lookup_key=True)
    assert world.api.prices.list({"lookup_keys": ["guide"]}).data[0].id == new.id
    assert world.api.prices.retrieve(old.id).lookup_key is None
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        world.api.prices.update(old.id, {"unit_amount": 1})


def test_a_product_with_prices_cannot_be_deleted(world: World) -> None:
    price = world.price()
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        world.api.products.delete(price.product)
    alone = world.api.products.create({"name": "x", "id": "guide"})
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        world.api.products.create({"name": "x", "id": "guide"})
    assert world.api.products.delete(alone.id).deleted


def test_a_product_may_come_with_its_price(world: World) -> None:
    data = {"currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    product = world.api.products.create({"name": "x", "default_price_data": data, "metadata": {"kind": "plan"}})
    price = world.api.prices.retrieve(product.default_price)
    assert (price.recurring.interval, price.product) == ("month", product.id)
