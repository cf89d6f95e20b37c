"""What Stripe lists of what happened, what it could not deliver, and how it fails to answer."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.events.handlers import HANDLERS
from core.foundation.errors import StripeUnreachable
from core.gateway.client import Stripe
from tests import builders
from tests.contract.sides import LONG_AGO, Side, told

OURS = tuple(HANDLERS)
QUESTIONS: Mapping[str, Callable[[Stripe, dict[str, Any]], object]] = {
    "open_checkout": lambda stripe, parameters: stripe.open_checkout(parameters, key="again"),
    "retrieve_checkout": lambda stripe, _: stripe.retrieve_checkout("cs_test_nobody"),
    "expire_checkout": lambda stripe, _: stripe.expire_checkout("cs_test_nobody"),
    "undelivered_events": lambda stripe, _: list(stripe.undelivered_events(since=LONG_AGO, types=OURS)),
    "events": lambda stripe, _: list(stripe.events(since=LONG_AGO, types=OURS)),
    "refund": lambda stripe, _: stripe.refund({"payment_intent": "pi_nobody", "amount": 1}, key="rf"),
    "refunds_of": lambda stripe, _: stripe.refunds_of("ch_nobody"),
    "find_charge": lambda stripe, _: stripe.find_charge("ch_nobody"),
    "find_charge_of": lambda stripe, _: stripe.find_charge_of("pi_nobody"),
    "find_invoice": lambda stripe, _: stripe.find_invoice("in_nobody"),
    "find_subscription": lambda stripe, _: stripe.find_subscription("sub_nobody"),
    "find_checkout_of": lambda stripe, _: stripe.find_checkout_of(subscription="sub_nobody"),
    "find_invoice_of": lambda stripe, _: stripe.find_invoice_of("pi_nobody"),
    "payment_intent_of_invoice": lambda stripe, _: stripe.payment_intent_of_invoice("in_nobody"),
    "payments_of_invoice": lambda stripe, _: stripe.payments_of_invoice("in_nobody"),
    "line_items_of": lambda stripe, _: stripe.line_items_of("cs_test_nobody"),
    "lines_of_invoice": lambda stripe, _: stripe.lines_of_invoice("in_nobody"),
    "invoices_of_subscription": lambda stripe, _: stripe.invoices_of_subscription("sub_nobody"),
    "end_later": lambda stripe, _: stripe.end_later("sub_nobody"),
    "preview_item": lambda stripe, _: stripe.preview_item("sub_nobody", "si_nobody", {"quantity": 2}, at=1),
    "next_bill": lambda stripe, _: stripe.next_bill("sub_nobody"),
    "change_item": lambda stripe, _: stripe.change_item("sub_nobody", "si_nobody", {"quantity": 2}, at=1, key="seats"),
    "cancel_subscription": lambda stripe, _: stripe.cancel_subscription("sub_nobody"),
    "open_portal": lambda stripe, _: stripe.open_portal(
        "cus_nobody", configuration="bpc_nobody", return_url="http://localhost:8501/"
    ),
    "price_by_key": lambda stripe, _: stripe.price_by_key("nobodys"),
    "find_product": lambda stripe, _: stripe.find_product("prod_nobody"),
    "make_product": lambda stripe, _: stripe.make_product({"name": "Nobody's"}, key="product"),
    "change_product": lambda stripe, _: stripe.change_product("prod_nobody", {"name": "Nobody's"}),
    "portals": lambda stripe, _: stripe.portals(),
    "make_portal": lambda stripe, _: stripe.make_portal({"features": {}, "metadata": {}}, key="portal"),
    "set_up_portal": lambda stripe, _: stripe.set_up_portal("bpc_nobody", {}),
    "balance_transactions": lambda stripe, _: list(stripe.balance_transactions(since=LONG_AGO)),
    "transactions_of_payout": lambda stripe, _: list(stripe.transactions_of_payout("po_nobody")),
    "checkouts_completed": lambda stripe, _: list(stripe.checkouts_completed(since=LONG_AGO)),
    "refunds_made": lambda stripe, _: list(stripe.refunds_made(since=LONG_AGO)),
    "disputes_raised": lambda stripe, _: list(stripe.disputes_raised(since=LONG_AGO)),
    "payouts": lambda stripe, _: list(stripe.payouts(since=LONG_AGO)),
    "find_price": lambda stripe, _: stripe.find_price("price_nobody"),
    "create_price": lambda stripe, _: stripe.create_price({"currency": "eur", "unit_amount": 1}, key="price"),
    "archive_price": lambda stripe, _: stripe.archive_price("price_nobody"),
    "create_coupon": lambda stripe, _: stripe.create_coupon({"percent_off": 10, "duration": "once"}, key="coupon"),
    "create_promotion_code": lambda stripe, _: stripe.create_promotion_code(
        {"promotion": {"type": "coupon", "coupon": "nobody"}, "code": "NOBODYS"}, key="code"
    ),
    "find_promotion_code": lambda stripe, _: stripe.find_promotion_code("promo_nobody"),
    "end_promotion_code": lambda stripe, _: stripe.end_promotion_code("promo_nobody"),
}


def test_every_question_of_the_shop_is_asked_here() -> None:
    assert set(QUESTIONS) == {name for name in vars(Stripe) if not name.startswith("_")}


def paid(side: Side, cart: str = "cart_1") -> str:
    _, session_id = builders.opened(side.shop, cart=cart)
    side.pay(session_id)
    return session_id


def completed(side: Side, listed: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["object"]["id"] for event in listed if event["type"] == "checkout.session.completed"]


def test_events_are_listed_newest_first(side: Side) -> None:
    first, second = paid(side), paid(side, "cart_2")
    listed = list(side.stripe.events(since=LONG_AGO, types=OURS))
    assert completed(side, listed) == [second, first]
    assert all(event["id"].startswith("evt_") for event in listed)
    assert {event["api_version"] for event in listed} == {"2026-10-28.endive"}
    assert {event["livemode"] for event in listed} == {False}


def test_only_events_since_then_are_listed_and_that_moment_counts(side: Side) -> None:
    session_id = paid(side)
    (event,) = [event for event in told(side) if event["type"] == "checkout.session.completed"]
    happened = datetime.fromtimestamp(event["created"], UTC)
    assert completed(side, list(side.stripe.events(since=happened, types=OURS))) == [session_id]
    assert list(side.stripe.events(since=happened + timedelta(minutes=5), types=OURS)) == []


def test_an_event_tells_of_things_as_they_were(side: Side) -> None:
    _, session_id = builders.opened(side.shop)
    side.pay(session_id, slowly=True)
    side.settle(session_id)
    sessions = [event["data"]["object"] for event in told(side) if event["type"].startswith("checkout.session.")]
    assert [session["payment_status"] for session in sessions] == ["unpaid", "paid"]


def test_what_could_not_be_delivered_is_listed_until_it_is(side: Side) -> None:
    paid(side)
    assert list(side.stripe.undelivered_events(since=LONG_AGO, types=OURS)) == []
    side.fail_to_deliver()
    lost = [paid(side, "cart_2"), paid(side, "cart_3")]
    missing = list(side.stripe.undelivered_events(since=LONG_AGO, types=OURS))
    assert completed(side, missing) == lost[::-1]
    assert {event["type"] for event in missing} >= {"charge.succeeded", "payment_intent.succeeded"}
    assert list(side.stripe.undelivered_events(since=side.clock() + timedelta(hours=1), types=OURS)) == []
    (newest, *_) = [event for event in missing if event["type"] == "checkout.session.completed"]
    side.deliver(newest["id"])
    assert completed(side, list(side.stripe.undelivered_events(since=LONG_AGO, types=OURS))) == lost[:1]
    assert newest["id"] in {event["id"] for event in side.stripe.events(since=LONG_AGO, types=OURS)}


@pytest.mark.parametrize("name", QUESTIONS)
def test_stripe_that_is_broken_for_a_while_is_unreachable(side: Side, name: str) -> None:
    builders.opened(side.shop)
    parameters = builders.attempts(side.shop)[0].parameters
    side.be_unreachable("500_before")
    with pytest.raises(StripeUnreachable):
        QUESTIONS[name](side.stripe, parameters)


@pytest.mark.parametrize("how", ["429", "500_before", "silence_before"])
def test_after_any_trouble_the_same_question_is_answered(side: Side, how: str) -> None:
    builders.opened(side.shop)
    parameters = builders.attempts(side.shop)[0].parameters
    side.be_unreachable(how)
    with pytest.raises(StripeUnreachable):
        side.stripe.open_checkout(parameters, key="again")
    opened = side.stripe.open_checkout(parameters, key="again")
    assert side.stripe.retrieve_checkout(opened.id) == opened
