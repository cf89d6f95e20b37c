"""The account's money: what moved because of whom, what reached the bank, and what was in it."""

from datetime import timedelta
from typing import Any

import pytest

from core.foundation.errors import StripeRefused
from core.orders.balance.payouts import PayoutFacts, read_payout
from tests import builders
from tests.contract.sides import LONG_AGO, Side, told


def paid(side: Side, *items: str, cart: str = "cart_1") -> str:
    """Something was paid for, and its money has come; returns the PaymentIntent."""
    _, session_id = builders.opened(side.shop, *items, cart=cart)
    side.pay(session_id)
    side.pass_(minutes=2)
    return str(side.stripe.retrieve_checkout(session_id).payment_intent)


def moved(side: Side) -> list[dict[str, Any]]:
    return list(side.stripe.balance_transactions(since=LONG_AGO))


def payout(side: Side, name: str) -> PayoutFacts:
    (found,) = [each for each in side.stripe.payouts(since=LONG_AGO) if each["id"] == name]
    return read_payout(found)


def test_money_comes_a_moment_after_the_payment_less_a_fee(side: Side) -> None:
    _, session_id = builders.opened(side.shop, "kit-eur")
    side.pay(session_id)
    assert moved(side) == []
    side.pass_(minutes=2)
    (found,) = moved(side)
    assert found["id"].startswith("txn_")
    assert (found["amount"], found["fee"], found["net"], found["currency"]) == (7900, 259, 7641, "eur")
    assert (found["type"], found["reporting_category"], found["exchange_rate"]) == ("charge", "charge", None)
    assert found["available_on"] - found["created"] == 2 * 86400


def test_each_movement_comes_with_all_of_what_caused_it_newest_first(side: Side) -> None:
    payment = paid(side)
    refund = side.refund(payment, 400)
    dispute = side.dispute(paid(side, "kit-eur", cart="cart_2"))
    withdrawn, second, back, first = moved(side)
    assert [each["source"]["object"] for each in (withdrawn, second, back, first)] == [
        "dispute", "charge", "refund", "charge",
    ]  # fmt: skip
    assert (back["source"]["id"], withdrawn["source"]["id"]) == (refund, dispute)
    assert {each["source"]["payment_intent"] for each in (back, first)} == {payment}
    assert first["source"]["metadata"]["shop_id"] == side.shop.id
    assert (withdrawn["net"], withdrawn["fee"], withdrawn["reporting_category"]) == (-9900, 2000, "dispute")


def test_only_what_moved_in_a_span_is_listed(side: Side) -> None:
    paid(side)
    (found,) = moved(side)
    side.pass_(days=1)
    then = side.clock() - timedelta(days=1)
    hour = timedelta(hours=1)
    assert [each["id"] for each in side.stripe.balance_transactions(since=then - hour, before=then + hour)] == [
        found["id"]
    ]
    assert list(side.stripe.balance_transactions(since=then - 2 * hour, before=then - hour)) == []
    assert list(side.stripe.balance_transactions(since=then + hour)) == []


def test_a_payout_tells_what_is_in_it_once_it_is_on_its_way(side: Side) -> None:
    paid(side), paid(side, "kit-eur", cart="cart_2")
    name = side.pay_out()
    assert (payout(side, name).status, payout(side, name).listable) == ("pending", False)
    side.pass_(hours=1)
    sent = payout(side, name)
    assert (sent.status, sent.listable, sent.automatic, sent.amount) == ("in_transit", True, True, 2786 + 7641)
    inside = list(side.stripe.transactions_of_payout(name))
    assert sorted(each["net"] for each in inside) == [-10427, 2786, 7641]
    assert [each["source"]["id"] for each in inside if each["reporting_category"] == "payout"] == [name]
    side.arrive_payout(name)
    assert payout(side, name).status == "paid"
    assert [event["type"] for event in told(side, "payout.")] == ["payout.created", "payout.updated", "payout.paid"]


def test_a_payout_that_comes_back_is_part_of_the_next(side: Side) -> None:
    paid(side)
    name = side.pay_out()
    side.arrive_payout(name)
    side.fail_payout(name)
    failed = payout(side, name)
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert failed.failure_message
    again = side.pay_out()
    side.pass_(minutes=2)
    found = {each["reporting_category"]: each for each in side.stripe.transactions_of_payout(again)}
    assert found.keys() == {"payout_reversal", "payout"}
    assert (found["payout_reversal"]["source"]["id"], found["payout_reversal"]["net"]) == (name, failed.amount)
    assert list(side.stripe.payouts(since=side.clock() + timedelta(hours=1))) == []


def test_what_is_in_a_payout_that_nobody_knows_is_refused(side: Side) -> None:
    with pytest.raises(StripeRefused):
        list(side.stripe.transactions_of_payout("po_nobody"))
