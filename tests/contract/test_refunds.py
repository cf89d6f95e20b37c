"""Money that goes back: asked for by the shop, given in Stripe's dashboard, failing at the bank, taken by a dispute."""

from dataclasses import replace
from typing import Any, cast

import pytest

from core.foundation.errors import StripeRefused, StripeUnreachable
from core.gateway.client import Stripe
from core.journeys import refund, success_page
from core.orders.refunds import RefundStatus
from tests import builders
from tests.contract.sides import Side

TOTAL = 2900 + 7900


class Overheard:
    """Passes on what the shop asks of Stripe, and remembers what it asked to have refunded."""

    def __init__(self, stripe: Stripe) -> None:
        self.stripe = stripe
        self.refunds: list[tuple[dict[str, Any], str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stripe, name)

    def refund(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self.refunds.append((parameters, key))
        return self.stripe.refund(parameters, key=key)


@pytest.fixture
def order(side: Side) -> tuple[str, str]:
    """An order of a file and a key that was paid for: its id, and its PaymentIntent's."""
    order_id, session_id = builders.opened(side.shop, "guide-eur", "kit-eur")
    side.pay(session_id)
    success_page.confirm(side.shop, session_id)
    return order_id, payment_of(side, session_id)


def payment_of(side: Side, session_id: str) -> str:
    return str(side.stripe.retrieve_checkout(session_id).payment_intent)


def charge_of(side: Side, payment_intent: str) -> dict[str, Any]:
    intent = side.payment(payment_intent)
    charge = side.stripe.find_charge(intent["latest_charge"]) if intent else None
    assert charge
    return charge


def refunded(side: Side, payment_intent: str) -> tuple[int, bool]:
    charge = charge_of(side, payment_intent)
    return charge["amount_refunded"], charge["refunded"]


def asked_by_shop(side: Side, order_id: str, amount: int | None = None) -> tuple[dict[str, Any], str]:
    """Let the shop refund so much; what it asked of Stripe, under which key."""
    overheard = Overheard(side.stripe)
    shop = replace(side.shop, stripe=cast(Stripe, overheard))
    done = refund.request(shop, order_id, amount, reason="requested_by_customer", actor="owner")
    assert done.status is RefundStatus.SUCCEEDED
    (asked,) = overheard.refunds
    return asked


def test_a_refund_asked_for_by_the_shop_carries_what_it_asked(side: Side, order: tuple[str, str]) -> None:
    order_id, payment = order
    parameters, key = asked_by_shop(side, order_id, 1000)
    charge = charge_of(side, payment)
    (made,) = side.stripe.refunds_of(charge["id"])
    assert made["id"].startswith("re_")
    assert {name: made[name] for name in ("amount", "currency", "status", "reason", "charge", "payment_intent")} == {
        "amount": 1000, "currency": "eur", "status": "succeeded", "reason": "requested_by_customer",
        "charge": charge["id"], "payment_intent": payment,
    }  # fmt: skip
    assert made["metadata"] == parameters["metadata"]
    assert made["metadata"]["order_id"] == order_id
    assert refunded(side, payment) == (1000, False)
    assert side.stripe.refund(parameters, key=key)["id"] == made["id"]


def test_the_same_key_is_the_same_refund_and_never_another(side: Side, order: tuple[str, str]) -> None:
    parameters, key = asked_by_shop(side, order[0], 1000)
    again = [side.stripe.refund(parameters, key=key)["id"] for _ in range(2)]
    assert len(set(again)) == 1
    with pytest.raises(StripeRefused) as refusal:
        side.stripe.refund({**parameters, "amount": 999}, key=key)
    assert refusal.value.code == "idempotency_error"
    assert side.stripe.refund(parameters, key=f"{key}:other")["id"] != again[0]
    assert refunded(side, order[1]) == (2000, False)


def test_more_than_is_left_is_refused_and_so_is_what_went_back_already(side: Side, order: tuple[str, str]) -> None:
    parameters, key = asked_by_shop(side, order[0], TOTAL - 300)
    with pytest.raises(StripeRefused) as too_much:
        side.stripe.refund({**parameters, "amount": 301}, key=f"{key}:too_much")
    assert too_much.value.code == "invalid_request_error"
    assert side.stripe.refund({**parameters, "amount": 300}, key=f"{key}:rest")["amount"] == 300
    with pytest.raises(StripeRefused) as twice:
        side.stripe.refund({**parameters, "amount": 1}, key=f"{key}:twice")
    assert twice.value.code == "charge_already_refunded"
    assert refunded(side, order[1]) == (TOTAL, True)


def test_a_refusal_is_repeated_under_its_key_though_there_would_be_room_now(side: Side, order: tuple[str, str]) -> None:
    parameters, key = asked_by_shop(side, order[0])
    side.shop_has_refunded()
    for _ in range(2):
        with pytest.raises(StripeRefused) as refusal:
            side.stripe.refund(parameters, key=f"{key}:again")
        assert refusal.value.code == "charge_already_refunded"
        for made in side.stripe.refunds_of(charge_of(side, order[1])["id"]):
            if made["status"] == "succeeded":
                side.fail_refund(made["id"])
    assert side.stripe.refund(parameters, key=f"{key}:third")["amount"] == TOTAL


def test_only_what_was_paid_can_be_refunded(side: Side, order: tuple[str, str]) -> None:
    parameters, key = asked_by_shop(side, order[0], 1)
    _, waiting = builders.opened(side.shop, cart="cart_2")
    side.pay(waiting, slowly=True)
    wrong = {"pi_nobody": "resource_missing", payment_of(side, waiting): "invalid_request_error"}
    for payment, code in wrong.items():
        with pytest.raises(StripeRefused) as refusal:
            side.stripe.refund({**parameters, "payment_intent": payment}, key=f"{key}:{payment}")
        assert refusal.value.code == code
    assert side.stripe.refunds_of("ch_nobody") == []


def test_refunds_of_the_dashboard_are_listed_newest_first_and_name_nobody(side: Side, order: tuple[str, str]) -> None:
    made = [side.refund(order[1], amount) for amount in (500, 700)]
    listed = side.stripe.refunds_of(charge_of(side, order[1])["id"])
    assert [(each["id"], each["amount"], each["metadata"]) for each in listed] == [
        (made[1], 700, {}), (made[0], 500, {}),
    ]  # fmt: skip


def test_a_refund_that_fails_gives_the_money_back_to_us(side: Side, order: tuple[str, str]) -> None:
    made = side.refund(order[1], TOTAL)
    assert refunded(side, order[1]) == (TOTAL, True)
    side.fail_refund(made)
    (failed,) = side.stripe.refunds_of(charge_of(side, order[1])["id"])
    assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
    assert refunded(side, order[1]) == (0, False)
    assert side.refund(order[1], TOTAL) != made


def test_a_bank_debit_goes_back_under_another_kind_of_id(side: Side) -> None:
    _, session_id = builders.opened(side.shop)
    side.pay(session_id, slowly=True)
    side.settle(session_id)
    assert side.refund(payment_of(side, session_id), 400).startswith("pyr_")


@pytest.mark.parametrize(("verdict", "refundable"), [("", False), ("lost", False), ("won", True)])
def test_a_disputed_payment_can_be_refunded_only_once_it_is_won(
    side: Side, order: tuple[str, str], verdict: str, refundable: bool
) -> None:
    parameters, key = asked_by_shop(side, order[0], 100)
    dispute = side.dispute(order[1])
    assert dispute.startswith("du_")
    assert charge_of(side, order[1])["disputed"] is True
    if verdict:
        side.decide(dispute, verdict)
    if refundable:
        assert side.stripe.refund(parameters, key=f"{key}:again")["amount"] == 100
        return
    with pytest.raises(StripeRefused) as refusal:
        side.stripe.refund(parameters, key=f"{key}:again")
    assert refusal.value.code == "charge_disputed"


def test_a_question_of_the_bank_stops_no_refund(side: Side, order: tuple[str, str]) -> None:
    side.inquire(order[1])
    side.refund(order[1], 400)
    assert refunded(side, order[1]) == (400, False)


def test_a_lost_answer_is_given_again_under_the_same_key(side: Side, order: tuple[str, str]) -> None:
    parameters, key = asked_by_shop(side, order[0], 400)
    side.lose_next_answer()
    with pytest.raises(StripeUnreachable):
        side.stripe.refund(parameters, key=f"{key}:again")
    made = side.stripe.refund(parameters, key=f"{key}:again")
    assert side.stripe.refund(parameters, key=f"{key}:again")["id"] == made["id"]
    assert refunded(side, order[1]) == (800, False)


def test_a_broken_answer_is_all_that_its_key_ever_gets_though_it_was_done(side: Side, order: tuple[str, str]) -> None:
    parameters, key = asked_by_shop(side, order[0], 400)
    side.break_next_answer()
    for _ in range(2):
        with pytest.raises(StripeUnreachable):
            side.stripe.refund(parameters, key=f"{key}:again")
    assert refunded(side, order[1]) == (800, False)
    assert len(side.stripe.refunds_of(charge_of(side, order[1])["id"])) == 2
