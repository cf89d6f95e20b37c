"""Opening, paying and ending a Checkout Session, with the very parameters that the shop sends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.catalog.products import Price
from core.foundation.errors import CheckoutNotFound, StripeRefused, StripeUnreachable
from core.gateway.sessions import CheckoutState, Money, SessionFacts
from tests import builders
from tests.contract.sides import BUYER, Side


def asked(side: Side, *items: str | tuple[str, int], cart: str = "cart_1") -> tuple[dict[str, Any], str, SessionFacts]:
    """What the shop asked for when it opened the payment page, under which key, and what Stripe says of it."""
    order_id, session_id = builders.opened(side.shop, *items, cart=cart)
    (attempt,) = [row for row in builders.attempts(side.shop) if row.order_id == order_id]
    return attempt.parameters, attempt.id, side.stripe.retrieve_checkout(session_id)


def money(side: Side, session_id: str) -> tuple[CheckoutState, Money]:
    facts = side.stripe.retrieve_checkout(session_id)
    return facts.state, facts.money


def test_an_open_session_says_what_it_was_asked_for(side: Side) -> None:
    parameters, _, facts = asked(side, "guide-eur", ("clinic-eur", 2))
    assert facts.id.startswith("cs_test_")
    assert facts.url
    address = urlsplit(facts.url)
    assert (address.path, address.fragment[:3]) == (f"/c/pay/{facts.id}", "fid")
    assert int(facts.expires_at.timestamp()) == parameters["expires_at"]
    assert replace(facts, id="", url=None) == SessionFacts(
        id="", metadata=parameters["metadata"], recovered_from=None, livemode=False,
        state=CheckoutState.OPEN, money=Money.UNPAID, amount_subtotal=30900, amount_total=30900, amount_discount=0,
        amount_tax=0, currency="eur", email="", name="", country="", tax_id="", payment_intent=None, invoice=None,
        subscription=None, customer=None, expires_at=facts.expires_at,
    )  # fmt: skip
    named = (facts.order_id, facts.shop_id, facts.attempt)
    assert named == (parameters["client_reference_id"], side.shop.id, 1)


def test_the_payment_leads_to_its_session(side: Side) -> None:
    _, _, facts = asked(side)
    side.pay(facts.id)
    payment_intent = side.stripe.retrieve_checkout(facts.id).payment_intent
    found = side.stripe.find_checkout_of(payment_intent=str(payment_intent))
    assert found
    assert (found["id"], found["recovered_from"]) == (facts.id, None)
    assert side.stripe.find_checkout_of(payment_intent="pi_nobody") is None


def test_a_plan_and_a_file_make_one_session(side: Side) -> None:
    _, _, facts = asked(side, ("plan-year", 2), "guide-eur")
    assert (facts.amount_total, facts.subscription, facts.customer) == (2 * 9000 + 2900, None, None)


def test_the_same_key_is_the_same_session_even_when_it_is_over(side: Side) -> None:
    parameters, key, facts = asked(side)
    assert side.stripe.open_checkout(parameters, key=key) == facts
    assert side.stripe.open_checkout(parameters, key=f"{key}:other").id != facts.id
    side.pay(facts.id)
    assert side.stripe.open_checkout(parameters, key=key).id == facts.id


def test_a_key_that_was_used_for_something_else_is_refused(side: Side) -> None:
    parameters, key, _ = asked(side)
    with pytest.raises(StripeRefused) as refusal:
        side.stripe.open_checkout({**parameters, "expires_at": parameters["expires_at"] - 60}, key=key)
    assert refusal.value.code == "idempotency_error"


def test_a_card_pays_at_once(side: Side) -> None:
    parameters, _, facts = asked(side)
    side.pay(facts.id)
    paid = side.stripe.retrieve_checkout(facts.id)
    assert (paid.state, paid.money, paid.email, paid.url) == (CheckoutState.COMPLETE, Money.PAID, BUYER["email"], None)
    assert (paid.customer, paid.subscription) == (None, None)
    intent = side.payment(str(paid.payment_intent))
    assert intent
    assert (intent["status"], intent["amount"], intent["amount_received"]) == ("succeeded", 2900, 2900)
    assert intent["metadata"] == parameters["payment_intent_data"]["metadata"]
    charge = side.stripe.find_charge(intent["latest_charge"])
    assert charge
    assert charge["id"].startswith("ch_")
    assert (charge["paid"], charge["payment_intent"], charge["metadata"]) == (True, intent["id"], intent["metadata"])


def test_a_declined_card_leaves_the_session_open_for_another(side: Side) -> None:
    _, _, facts = asked(side)
    side.decline(facts.id)
    tried = side.stripe.retrieve_checkout(facts.id)
    assert (tried.state, tried.money, tried.url) == (CheckoutState.OPEN, Money.UNPAID, facts.url)
    intent = side.payment(str(tried.payment_intent))
    assert intent
    assert (intent["status"], intent["last_payment_error"]["decline_code"]) == (
        "requires_payment_method", "generic_decline",
    )  # fmt: skip
    side.pay(facts.id)
    assert side.stripe.retrieve_checkout(facts.id).payment_intent == intent["id"]
    again = side.payment(intent["id"])
    assert again
    assert again["latest_charge"] != intent["latest_charge"]


def test_a_bank_debit_is_processing_until_it_settles(side: Side) -> None:
    _, _, facts = asked(side)
    side.pay(facts.id, slowly=True)
    assert money(side, facts.id) == (CheckoutState.COMPLETE, Money.PROCESSING)
    intent = side.payment(str(side.stripe.retrieve_checkout(facts.id).payment_intent))
    assert intent
    assert intent["status"] == "processing"
    assert intent["latest_charge"].startswith("py_")
    side.settle(facts.id)
    assert money(side, facts.id) == (CheckoutState.COMPLETE, Money.PAID)


def test_a_bounced_debit_stays_complete_and_unpaid_for_ever(side: Side) -> None:
    _, _, facts = asked(side)
    side.pay(facts.id, slowly=True)
    side.bounce(facts.id)
    assert money(side, facts.id) == (CheckoutState.COMPLETE, Money.PROCESSING)
    intent = side.payment(str(side.stripe.retrieve_checkout(facts.id).payment_intent))
    charge = side.stripe.find_charge(intent["latest_charge"]) if intent else None
    assert charge
    assert (charge["status"], charge["failure_code"]) == ("failed", "insufficient_funds")


def test_what_costs_nothing_has_no_payment(side: Side) -> None:
    _, _, facts = asked(side, "gift-eur")
    side.pay(facts.id)
    free = side.stripe.retrieve_checkout(facts.id)
    assert (free.money, free.amount_total, free.payment_intent) == (Money.PAID, 0, None)
    assert str(free.customer).startswith("cus_")


def test_an_open_session_can_be_expired_and_no_other(side: Side) -> None:
    _, _, opened = asked(side)
    assert side.stripe.expire_checkout(opened.id) == replace(opened, state=CheckoutState.EXPIRED, url=None)
    assert side.stripe.expire_checkout(opened.id).state is CheckoutState.EXPIRED
    _, _, paid = asked(side, cart="cart_2")
    side.pay(paid.id)
    assert side.stripe.expire_checkout(paid.id) == side.stripe.retrieve_checkout(paid.id)
    assert money(side, paid.id) == (CheckoutState.COMPLETE, Money.PAID)


def test_a_session_expires_by_itself(side: Side) -> None:
    _, _, facts = asked(side)
    side.expire(facts.id)
    assert money(side, facts.id) == (CheckoutState.EXPIRED, Money.UNPAID)


def test_nothing_is_known_of_what_is_not_there(side: Side) -> None:
    for question in (side.stripe.retrieve_checkout, side.stripe.expire_checkout):
        with pytest.raises(CheckoutNotFound) as refusal:
            question("cs_test_nobody")
        assert refusal.value.session_id == "cs_test_nobody"
    assert side.payment("pi_nobody") is None
    assert side.stripe.find_charge("ch_nobody") is None


def test_a_price_made_at_stripe_is_sold_until_it_is_withdrawn(side: Side) -> None:
    name = side.sell(2900)
    with side.shop.transaction() as session:
        session.get_one(Price, "guide-eur").stripe_price_id = name
    parameters, _, facts = asked(side, ("guide-eur", 3))
    assert (parameters["line_items"], facts.amount_total) == ([{"price": name, "quantity": 3}], 8700)
    side.withdraw(name)
    for items, code in (([{"price": name, "quantity": 1}], "invalid_request_error"),
                        ([{"price": "price_nobody", "quantity": 1}], "resource_missing")):  # fmt: skip
        with pytest.raises(StripeRefused) as refusal:
            side.stripe.open_checkout({**parameters, "line_items": items}, key=code)
        assert refusal.value.code == code


def test_a_price_is_made_under_the_product_of_another_and_that_one_is_archived(side: Side) -> None:
    name = side.sell(2900)
    old = side.stripe.find_price(name)
    assert old
    asked_for = {
        "product": old["product"]["id"], "currency": "eur", "unit_amount": 3500, "metadata": {"price_id": "guide-eur-2"},
    }  # fmt: skip
    made = [side.stripe.create_price(asked_for, key="price:guide-eur-2") for _ in range(2)]
    assert made[0]["id"] == made[1]["id"] != name
    assert side.stripe.archive_price(name)["active"] is False
    new = side.stripe.find_price(made[0]["id"])
    assert new
    assert (new["unit_amount"], new["active"], new["product"]["id"]) == (3500, True, old["product"]["id"])
    assert new["product"]["active"] is True
    assert not side.stripe.find_price(name)["active"]
    assert side.stripe.find_price("price_nobody") is None


def test_a_lost_answer_is_given_again_under_the_same_key(side: Side) -> None:
    parameters, key, first = asked(side)
    side.lose_next_answer()
    with pytest.raises(StripeUnreachable):
        side.stripe.open_checkout(parameters, key=f"{key}:again")
    second = side.stripe.open_checkout(parameters, key=f"{key}:again")
    assert second.id != first.id
    assert side.stripe.open_checkout(parameters, key=f"{key}:again") == second
    side.lose_next_answer()
    with pytest.raises(StripeUnreachable):
        side.stripe.expire_checkout(second.id)
    assert money(side, second.id) == (CheckoutState.EXPIRED, Money.UNPAID)


def test_a_session_may_last_from_half_an_hour_to_a_day(side: Side) -> None:
    parameters, _, _ = asked(side)
    for number, lasting in enumerate((timedelta(minutes=20), timedelta(hours=25))):
        stamp = int((side.clock() + lasting).timestamp())
        with pytest.raises(StripeRefused):
            side.stripe.open_checkout({**parameters, "expires_at": stamp}, key=f"too_{number}")


def test_a_session_names_the_promotion_code_that_was_typed(side: Side) -> None:
    _, _, facts = asked(side, ("guide-eur", 2))
    assert facts.promotion_code == ""
    side.discount(facts.id, 25)
    said = side.stripe.retrieve_checkout(facts.id)
    assert (said.amount_discount, said.amount_total) == (1450, 4350)
    found = side.stripe.find_promotion_code(said.promotion_code)
    assert found
    assert found["promotion"]["coupon"]["percent_off"] == 25.0


@pytest.mark.parametrize("less", [{"percent_off": 25.0}, {"amount_off": 500, "currency": "eur"}], ids=str)
def test_a_promotion_code_is_made_looked_at_and_ended(side: Side, less: dict[str, object]) -> None:
    coupon = side.stripe.create_coupon(
        {**less, "duration": "once", "metadata": {"shop_id": side.shop.id}}, key="coupon:1"
    )
    until = int(side.clock().timestamp()) + 86_400
    asked_for = {
        "promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": "SPRING-1", "max_redemptions": 3,
        "expires_at": until, "restrictions": {"first_time_transaction": True}, "metadata": {"shop_id": side.shop.id},
    }  # fmt: skip
    made = [side.stripe.create_promotion_code(asked_for, key="promotion:1") for _ in range(2)]
    assert made[0]["id"] == made[1]["id"]
    with pytest.raises(StripeRefused):
        side.stripe.create_promotion_code(asked_for, key="promotion:2")
    found = side.stripe.find_promotion_code(made[0]["id"])
    assert found
    said = found["promotion"]["coupon"]
    assert {name: said[name] for name in less} == less
    assert (found["code"], found["active"], found["max_redemptions"], found["expires_at"]) == (
        "SPRING-1",
        True,
        3,
        until,
    )
    assert (found["times_redeemed"], found["restrictions"]["first_time_transaction"]) == (0, True)
    assert side.stripe.end_promotion_code(made[0]["id"])["active"] is False
    assert side.stripe.end_promotion_code(made[0]["id"])["active"] is False
    assert side.stripe.find_promotion_code("promo_nobody") is None
