"""Whose a payment method is, and what nobody else can do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.sandbox.running import World

IN_EUROS = {"amount": 2000, "currency": "eur"}
USED_UP = "It may not be used again"
NOT_THEIRS = "The customer does not have a payment method with the ID {}. The payment method must be attached"


def _card(world: World, token: str = "tok_visa") -> str:
    return str(world.api.payment_methods.create({"type": "card", "card": {"token": token}}).id)


def _customer(world: World, **more: Any) -> str:
    return str(world.api.customers.create({"email": "nora@example.com", **more}).id)


def _kept(world: World, customer: str) -> str:
    return str(world.api.payment_methods.attach(_card(world), {"customer": customer}).id)


def _pay(world: World, method: str, **more: Any) -> Any:
    return world.api.payment_intents.create({**IN_EUROS, "confirm": True, "payment_method": method, **more})


def _refused(ask: Callable[..., Any], *given: Any, **more: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        ask(*given, **more)
    assert refused.value.http_status == 400
    return refused.value


def test_only_its_customer_pays_with_a_card(world: World) -> None:
    nora, jonas = _customer(world), _customer(world)
    card = _kept(world, nora)
    for given in ({}, {"customer": jonas}):
        refused = _refused(_pay, world, card, **given)
        assert (refused.param, refused.user_message) == (
            "payment_method",
            f"The `payment_method` parameter supplied {card} belongs to the Customer {nora}. Please include the "
            "Customer in the `customer` parameter on the PaymentIntent.",
        )
    assert world.api.payment_intents.list().data == []
    for _ in range(2):
        assert _pay(world, card, customer=nora).status == "succeeded"


@pytest.mark.parametrize("ask", ["update", "confirm"])
def test_a_payment_that_is_there_already_takes_no_card_of_another_either(world: World, ask: str) -> None:
    card = _kept(world, _customer(world))
    intent = world.api.payment_intents.create({**IN_EUROS, "customer": _customer(world)})
    refused = _refused(getattr(world.api.payment_intents, ask), intent.id, {"payment_method": card})
    assert "belongs to the Customer" in refused.user_message
    assert world.api.payment_intents.retrieve(intent.id).payment_method is None


def test_a_card_of_nobody_is_used_up_by_a_payment(world: World) -> None:
    card = _card(world)
    assert _pay(world, card).status == "succeeded"
    assert USED_UP in _refused(_pay, world, card).user_message
    assert USED_UP in _refused(world.api.payment_methods.attach, card, {"customer": _customer(world)}).user_message


def test_a_card_of_nobody_is_used_up_by_being_declined(world: World) -> None:
    card = _card(world, "tok_chargeDeclined")
    with pytest.raises(stripe.CardError):
        _pay(world, card)
    assert USED_UP in _refused(_pay, world, card).user_message


def test_a_payment_that_was_prepared_takes_no_card_that_was_used_up_since(world: World) -> None:
    card = _card(world)
    intent = world.api.payment_intents.create({**IN_EUROS, "payment_method": card})
    _pay(world, card)
    assert USED_UP in _refused(world.api.payment_intents.confirm, intent.id).user_message


def test_a_card_that_is_kept_by_a_payment_can_be_used_again(world: World) -> None:
    nora, card = _customer(world), _card(world)
    for _ in range(2):
        assert _pay(world, card, customer=nora, setup_future_usage="off_session").status == "succeeded"


def test_a_card_that_was_detached_is_used_up(world: World) -> None:
    nora = _customer(world)
    card = _kept(world, nora)
    world.api.payment_methods.detach(card)
    assert USED_UP in _refused(_pay, world, card, customer=nora).user_message
    assert USED_UP in _refused(world.api.payment_methods.attach, card, {"customer": nora}).user_message


def test_a_card_is_attached_to_one_customer_only(world: World) -> None:
    nora, jonas = _customer(world), _customer(world)
    card = _kept(world, nora)
    refused = _refused(world.api.payment_methods.attach, card, {"customer": jonas})
    assert refused.user_message == "The payment method you provided has already been attached to a customer."
    assert refused.user_message == _refused(world.api.customers.create, {"payment_method": card}).user_message
    assert world.api.payment_methods.attach(card, {"customer": nora}).customer == nora


@pytest.mark.parametrize("whose", ["nobody's", "another's"])
def test_the_default_of_a_customer_is_a_card_of_theirs(world: World, whose: str) -> None:
    card = _card(world) if whose == "nobody's" else _kept(world, _customer(world))
    given = {"invoice_settings": {"default_payment_method": card}}
    for ask in (world.api.customers.create, lambda given: world.api.customers.update(_customer(world), given)):
        refused = _refused(ask, given)
        assert refused.user_message.startswith(NOT_THEIRS.format(card))
        assert (refused.param, refused.code) == ("invoice_settings[default_payment_method]", "resource_missing")


def test_a_customer_can_be_made_with_a_card_that_is_their_default(world: World) -> None:
    card = _card(world)
    given = {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
    nora = world.api.customers.create(given)
    assert nora.invoice_settings.default_payment_method == card
    alias = world.api.customers.update(nora.id, {"invoice_settings": {"default_payment_method": "pm_card_mastercard"}})
    method = world.api.payment_methods.retrieve(alias.invoice_settings.default_payment_method)
    assert (method.customer, method.card.brand) == (nora.id, "mastercard")


@pytest.mark.parametrize("whose", ["nobody's", "another's"])
def test_a_subscription_or_an_invoice_is_paid_with_a_card_of_its_customer(world: World, whose: str) -> None:
    card = _card(world) if whose == "nobody's" else _kept(world, _customer(world))
    nora = _customer(world, payment_method="pm_card_visa")
    order = {"customer": nora, "items": [{"price": world.plan(1000, "month").id}]}
    running, draft = world.api.subscriptions.create(order), world.api.invoices.create({"customer": nora})
    world.api.invoice_items.create({"customer": nora, "amount": 2000, "currency": "eur", "invoice": draft.id})
    default = {"default_payment_method": card}
    for ask, given in (
        (world.api.subscriptions.create, ({**order, **default},)),
        (world.api.subscriptions.update, (running.id, default)),
        (world.api.invoices.create, ({"customer": nora, **default},)),
        (world.api.invoices.update, (draft.id, default)),
        (world.api.invoices.pay, (draft.id, {"payment_method": card})),
    ):
        refused = _refused(ask, *given)
        assert refused.user_message.startswith(NOT_THEIRS.format(card))
        assert refused.param in ("default_payment_method", "payment_method")
    assert len(world.api.subscriptions.list({"customer": nora}).data) == 1


def test_an_alias_makes_a_card_that_is_the_customers_from_then_on(world: World) -> None:
    nora = _customer(world)
    order = {"customer": nora, "items": [{"price": world.plan(1000, "month").id}]}
    made = world.api.subscriptions.create({**order, "default_payment_method": "pm_card_visa"})
    assert made.status == "active"
    changed = world.api.subscriptions.update(made.id, {"default_payment_method": "pm_card_amex"})
    cards = [made.default_payment_method, changed.default_payment_method]
    assert [world.api.payment_methods.retrieve(card).customer for card in cards] == [nora, nora]


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("tok_chargeDeclined", "card_declined"),
        ("tok_chargeDeclinedInsufficientFunds", "card_declined"),
        ("tok_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
def test_a_card_that_is_always_declined_cannot_be_attached(world: World, token: str, code: str) -> None:
    nora = _customer(world)
    card, alias = _card(world, token), token.replace("tok_", "pm_card_")
    for ask in (
        lambda: world.api.payment_methods.attach(card, {"customer": nora}),
        lambda: world.api.payment_methods.attach(alias, {"customer": nora}),
        lambda: world.api.customers.create({"payment_method": alias}),
    ):
        with pytest.raises(stripe.CardError) as declined:
            ask()
        assert (declined.value.http_status, declined.value.code) == (402, code)
    assert world.api.customers.payment_methods.list(nora).data == []
    assert [customer.id for customer in world.api.customers.list().data] == [nora]


@pytest.mark.parametrize("token", ["tok_chargeCustomerFail", "tok_radarBlock", "tok_threeDSecure2Required"])
def test_a_card_that_only_charging_meets_with_trouble_can_be_attached(world: World, token: str) -> None:
    nora = _customer(world)
    assert world.api.payment_methods.attach(_card(world, token), {"customer": nora}).customer == nora


def test_checkout_takes_no_card_of_another_and_keeps_those_of_its_customer(world: World) -> None:
    nora, jonas = _customer(world), _customer(world)
    session = world.session(customer=nora)
    confirm = f"/v1/payment_pages/{session.id}/confirm"
    refused = world.raw("POST", confirm, f"payment_method={_kept(world, jonas)}")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "payment_method")
    assert world.raw("POST", confirm, f"payment_method={_kept(world, nora)}").status_code == 200
    plan = world.session(
        mode="subscription", customer=nora, line_items=[{"price": world.plan(1000, "month").id, "quantity": 1}]
    )
    assert world.pay(plan).status_code == 303
    subscription = world.api.subscriptions.retrieve(world.read(plan).subscription)
    assert world.api.payment_methods.retrieve(subscription.default_payment_method).customer == nora
    assert _pay(world, subscription.default_payment_method, customer=nora).status == "succeeded"
