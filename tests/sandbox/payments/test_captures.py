"""Payments whose money is held first and captured later."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World, eventually


def _held(world: World, amount: int = 2000, **more: Any) -> Any:
    given = {"amount": amount, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa", **more}
    return world.api.payment_intents.create({**given, "capture_method": "manual"})


def _refusal(world: World, id: str, **given: Any) -> Any:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.payment_intents.capture(id, given)
    return refused.value


def test_money_is_held_until_it_is_captured(world: World) -> None:
    intent = _held(world, metadata={"order": "7"})
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 2000, 0)
    charge = world.api.charges.retrieve(intent.latest_charge)
    assert (charge.paid, charge.captured, charge.amount_captured, charge.balance_transaction) == (True, False, 0, None)
    assert charge.payment_method_details.card.capture_before == charge.created + 7 * 86400
    captured = world.api.payment_intents.capture(intent.id, {"metadata": {"sent": "yes"}})
    assert (captured.status, captured.amount_capturable, captured.amount_received) == ("succeeded", 0, 2000)
    assert captured.metadata.to_dict() == {"order": "7", "sent": "yes"}
    charge = world.api.charges.retrieve(intent.latest_charge, {"expand": ["balance_transaction"]})
    assert (charge.captured, charge.amount_captured, charge.balance_transaction.amount) == (True, 2000, 2000)
    assert world.kinds() == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "payment_intent.created",
        "charge.captured",
        "payment_intent.succeeded",
    ]


def test_a_part_can_be_captured_and_only_that_be_refunded(world: World) -> None:
    intent = _held(world)
    captured = world.api.payment_intents.capture(intent.id, {"amount_to_capture": 750})
    assert (captured.amount, captured.amount_received, captured.amount_capturable) == (2000, 750, 0)
    charge = world.api.charges.retrieve(intent.latest_charge)
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (750, 0, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        world.api.refunds.create({"payment_intent": intent.id, "amount": 751})
    assert world.api.refunds.create({"payment_intent": intent.id}).amount == 750
    assert world.api.charges.retrieve(intent.latest_charge).refunded


def test_what_is_held_is_let_go_by_canceling(world: World) -> None:
    intent = _held(world)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge to refund"):
        world.api.refunds.create({"charge": intent.latest_charge})
    canceled = world.api.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.amount_capturable) == ("canceled", 0)
    charge = world.api.charges.retrieve(intent.latest_charge)
    assert (charge.captured, charge.refunded, charge.amount_refunded) == (False, False, 0)
    assert world.last_kind() == "payment_intent.canceled"
    assert _refusal(world, intent.id).user_message == (
        "This PaymentIntent could not be captured because it has a status of canceled. Only a PaymentIntent with one "
        "of the following statuses may be captured: requires_capture."
    )


def test_what_nobody_captures_expires_after_a_week(world: World) -> None:
    intent = _held(world)
    world.advance(days=6)
    assert world.api.payment_intents.retrieve(intent.id).status == "requires_capture"
    world.advance(days=2)
    expired = world.api.payment_intents.retrieve(intent.id)
    assert (expired.status, expired.cancellation_reason) == ("canceled", "automatic")
    assert world.kinds()[-2:] == ["charge.expired", "payment_intent.canceled"]


@pytest.mark.parametrize(
    ("amount", "code", "param", "sentence"),
    [
        (2001, "amount_too_large", None, "requested capture amount is greater than the amount you can capture"),
        (0, "parameter_invalid_integer", "amount", "This value must be greater than or equal to 1."),
        (-1, None, "amount_to_capture", "Invalid non-negative integer"),
    ],
)
def test_only_what_is_held_can_be_captured(
    world: World, amount: int, code: str | None, param: str | None, sentence: str
) -> None:
    intent = _held(world)
    refused = _refusal(world, intent.id, amount_to_capture=amount)
    assert (refused.code, refused.param) == (code, param)
    assert sentence in refused.user_message
    assert refused.error.payment_intent.status == "requires_capture"


def test_a_payment_is_captured_once(world: World) -> None:
    intent = _held(world)
    world.api.payment_intents.capture(intent.id)
    refused = _refusal(world, intent.id)
    assert refused.code == "payment_intent_unexpected_state"
    assert "the remainder of the authorized amount has been released" in refused.user_message
    paid = world.api.payment_intents.create(
        {"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    )
    assert "has a status of succeeded" in _refusal(world, paid.id).user_message
    assert _refusal(world, _held(world).id, final_capture=False).param == "final_capture"


def test_a_bank_debit_cannot_be_held(world: World) -> None:
    iban = {"type": "sepa_debit", "sepa_debit": {"iban": "AT321904300235473204"}}
    method = world.api.payment_methods.create({**iban, "billing_details": {"name": "Nora", "email": "n@example.com"}})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _held(world, currency="eur", payment_method=method.id)
    assert refused.value.param == "capture_method"


def test_checkout_can_hold_the_money_too(world: World) -> None:
    session = world.paid(payment_intent_data={"capture_method": "manual"})
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    assert session.payment_method_types == ["card"]
    assert world.kinds()[:2] == ["charge.succeeded", "payment_intent.amount_capturable_updated"]
    world.api.payment_intents.capture(session.payment_intent)
    assert world.read(session).payment_status == "paid"


def test_a_challenge_may_come_before_the_money_is_held(world: World) -> None:
    intent = _held(world, payment_method="pm_card_authenticationRequired")
    assert intent.status == "requires_action"
    world.http.post(f"/challenge/{intent.id}", data={"result": "complete"})
    assert world.api.payment_intents.retrieve(intent.id).status == "requires_capture"
    assert "payment_intent.amount_capturable_updated" in world.kinds()


def test_a_card_that_is_disputed_is_disputed_once_its_money_is_captured(world: World) -> None:
    intent = _held(world, payment_method="pm_card_createDispute")
    assert world.api.disputes.list({"payment_intent": intent.id}).data == []
    world.api.payment_intents.capture(intent.id, {"amount_to_capture": 900})
    assert [d.amount for d in world.api.disputes.list({"payment_intent": intent.id}).data] == [900]


def test_a_payment_by_the_api_is_disputed_before_it_is_answered(world: World) -> None:
    body = "amount=100&currency=usd&confirm=true&payment_method=pm_card_createDisputeInquiry"
    intent = world.raw("POST", "/v1/payment_intents", body).json()
    inquiry = world.api.disputes.list({"payment_intent": intent["id"]}).data[0]
    assert (inquiry.status, inquiry.charge) == ("warning_needs_response", intent["latest_charge"])


def test_one_card_brings_money_that_is_available_at_once(world: World) -> None:
    def transaction(method: str) -> Any:
        intent = world.api.payment_intents.create(
            {"amount": 1000, "currency": "usd", "confirm": True, "payment_method": method}
        )
        source = {"source": intent.latest_charge}
        return eventually(lambda: world.api.balance_transactions.list(source).data)[0]

    quick, slow = transaction("pm_card_bypassPending"), transaction("pm_card_visa")
    assert (quick.status, quick.available_on) == ("available", quick.created)
    assert (slow.status, slow.available_on) == ("pending", slow.created + 2 * 86400)
    assert world.pay(world.session(), "4000000000000077").status_code == 303
