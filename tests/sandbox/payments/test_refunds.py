from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import Endpoint, World, eventually, running


def _refund(world: World, session: Any, **more: Any) -> Any:
    return world.api.refunds.create({"payment_intent": session.payment_intent, **more})


def _charge(world: World, session: Any) -> Any:
    return world.read(session, "payment_intent.latest_charge.refunds").payment_intent.latest_charge


def test_a_full_refund_returns_everything(world: World) -> None:
    session = world.paid()
    refund = _refund(world, session, metadata={"refund": "r1"}, reason="requested_by_customer")
    assert (refund.status, refund.amount, refund.metadata["refund"]) == ("succeeded", 2900, "r1")
    charge = _charge(world, session)
    assert (charge.refunded, charge.amount_refunded) == (True, 2900)
    assert [r.id for r in charge.refunds.data] == [refund.id]
    eventually(lambda: "charge.refund.updated" in world.kinds())
    kinds = [k for k in world.kinds() if "refund" in k]
    assert kinds == ["refund.created", "charge.refunded", "refund.updated", "charge.refund.updated"]
    assert "refunds" not in world.events("charge.refunded")[0].data.object
    assert world.api.refunds.retrieve(refund.id).destination_details.card.reference_status == "available"
    assert world.api.balance_transactions.retrieve(refund.balance_transaction).amount == -2900


def test_parts_can_be_refunded_until_nothing_is_left(world: World) -> None:
    session = world.paid()
    assert not _charge(world, session).refunded
    _refund(world, session, amount=1000)
    assert (_charge(world, session).refunded, _charge(world, session).amount_refunded) == (False, 1000)
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        _refund(world, session, amount=2000)
    assert too_much.value.param == "amount"
    assert too_much.value.user_message == (
        "Refund amount (€20.00) is greater than unrefunded amount on charge (€19.00)"
    )
    _refund(world, session, amount=1900)
    charge = _charge(world, session)
    with pytest.raises(stripe.InvalidRequestError) as again:
        _refund(world, session)
    assert again.value.code == "charge_already_refunded"
    assert again.value.user_message == f"Charge {charge.id} has already been refunded."


@pytest.mark.parametrize("amount", [0, -5])
def test_nothing_and_less_cannot_be_refunded(world: World, amount: int) -> None:
    session = world.paid()
    with pytest.raises(stripe.InvalidRequestError):
        _refund(world, session, amount=amount)
    assert _charge(world, session).amount_refunded == 0


def test_a_refund_names_a_payment_or_a_charge(world: World) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        world.api.refunds.create({})
    charge = _charge(world, world.paid())
    assert world.api.refunds.create({"charge": charge.id}).charge == charge.id


def test_what_was_not_paid_cannot_be_refunded(world: World) -> None:
    session = world.paid(number="AT321904300235473204")
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        _refund(world, session)


def test_refunds_are_listed_by_charge_and_only_their_metadata_changes(world: World) -> None:
    one, other = world.paid(), world.paid()
    refund, _ = _refund(world, one), _refund(world, other)
    listed = world.api.refunds.list({"payment_intent": one.payment_intent}).data
    assert [r.id for r in listed] == [refund.id]
    assert world.api.refunds.update(refund.id, {"metadata": {"k": "v"}}).metadata["k"] == "v"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        world.api.refunds.cancel(refund.id)


def test_the_same_key_refunds_once(world: World) -> None:
    session = world.paid()
    given = {"payment_intent": session.payment_intent, "amount": 100}
    made = {world.api.refunds.create(given, {"idempotency_key": "refund:o1:1"}).id for _ in range(3)}
    assert len(made) == 1
    assert _charge(world, session).amount_refunded == 100


def test_some_refunds_take_time_and_some_come_back(own_endpoint: Endpoint) -> None:
    with running(own_endpoint, settle_seconds=0.2) as quick:
        slow = quick.paid(number="4000000000007726")
        refund = _refund(quick, slow)
        assert (refund.status, refund.pending_reason) == ("pending", "processing")
        eventually(lambda: quick.api.refunds.retrieve(refund.id).status == "succeeded")
        failing = quick.paid(number="4000000000005126")
        refund = _refund(quick, failing, amount=1000)
        assert refund.status == "succeeded"
        assert _charge(quick, failing).amount_refunded == 1000
        eventually(lambda: quick.events("refund.failed"))
        failed = quick.api.refunds.retrieve(refund.id)
        assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
        assert _charge(quick, failing).amount_refunded == 0
        assert quick.api.balance_transactions.retrieve(failed.failure_balance_transaction).amount == 1000


def test_a_refund_that_went_through_can_still_fail(world: World) -> None:
    session = world.paid()
    refund = _refund(world, session)
    world.act("refund-fails", session.payment_intent)
    failed = world.api.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert (_charge(world, session).refunded, _charge(world, session).amount_refunded) == (False, 0)
    kinds = [kind for kind in world.kinds() if "refund" in kind]
    assert kinds[-3:] == ["refund.failed", "refund.updated", "charge.refund.updated"]
    assert _refund(world, session).status == "succeeded"


def test_a_refund_that_takes_time_is_finished_from_outside(world: World) -> None:
    session = world.paid(number="4000000000007726")
    refund = _refund(world, session)
    assert refund.status == "pending"
    world.act("refund-finish", refund.id)
    assert world.api.refunds.retrieve(refund.id).status == "succeeded"


def test_a_refund_that_waits_for_the_buyer_can_be_canceled(world: World) -> None:
    world.faults(refund_action_next=1)
    session = world.paid()
    refund = _refund(world, session)
    assert refund.status == "requires_action"
    assert world.api.refunds.cancel(refund.id).status == "canceled"
    assert _charge(world, session).amount_refunded == 0


@pytest.mark.parametrize("amount", [0, -5])
def test_a_refund_of_nothing_is_refused_even_when_nothing_is_left(world: World, amount: int) -> None:
    session = world.paid()
    world.api.refunds.create({"payment_intent": session.payment_intent})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.refunds.create({"payment_intent": session.payment_intent, "amount": amount})
    assert (refused.value.param, refused.value.code) == ("amount", "parameter_invalid_integer")


def test_a_refund_names_its_charge_or_its_payment(world: World) -> None:
    payment = world.api.payment_intents.retrieve(world.paid().payment_intent)
    other = world.paid().payment_intent
    with pytest.raises(stripe.InvalidRequestError, match="is not one of the PaymentIntent") as refused:
        world.api.refunds.create({"payment_intent": other, "charge": payment.latest_charge})
    assert refused.value.param == "payment_intent"
    assert world.api.refunds.list().data == []
