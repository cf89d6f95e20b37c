from __future__ import annotations

import re
import time
from typing import Any

import pytest
import stripe

from sandbox.account.account import Account
from sandbox.account.settings import Settings
from sandbox.api import operations
from tests.sandbox.running import World

THANKS = "http://127.0.0.1:9/thanks?s={CHECKOUT_SESSION_ID}"


def _refusal(world: World, **more: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.session(**more)
    return refused.value


def test_a_new_session_is_open_and_has_no_payment_yet(world: World) -> None:
    session = world.session(metadata={"order_id": "o1"}, client_reference_id="o1", customer_email="nora@example.com")
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.id.startswith("cs_test_a1")
    assert len(session.id) == 66
    address, _, fragment = session.url.partition("#")
    assert address == f"{world.settings.base_url}/c/pay/{session.id}"
    # What browsers keep to themselves, escapes included: whoever encodes it once more is found out here.
    assert re.fullmatch(r"fid\w+%2F\w+%3D", fragment)
    assert session.expires_at - session.created == 24 * 3600
    assert (session.ui_mode, session.currency, session.amount_total) == ("hosted_page", "eur", 2900)
    assert world.kinds() == []


def test_lines_are_made_of_prices_and_of_descriptions(world: World) -> None:
    price = world.price(2900)
    described = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "A sticker"}}
    session = world.session(line_items=[{"price": price.id, "quantity": 2}, {"price_data": described, "quantity": 3}])
    lines = world.api.checkout.sessions.line_items.list(session.id).data
    assert [(line.description, line.quantity, line.amount_total) for line in lines] == [
        ("The Quiet Launch", 2, 5800),
        ("A sticker", 3, 1500),
    ]
    assert session.amount_total == 7300
    assert not world.api.prices.retrieve(lines[1].price.id).active


def test_a_paid_session_is_complete_and_leads_to_its_payment(world: World) -> None:
    session = world.paid(
        metadata={"order_id": "o1"}, payment_intent_data={"metadata": {"order_id": "o1"}, "description": "Order o1"}
    )
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    assert session.customer is None
    assert session.customer_details.email == "nora@example.com"
    intent = world.read(session, "payment_intent.latest_charge").payment_intent
    assert (intent.status, intent.amount_received) == ("succeeded", 2900)
    assert intent.metadata["order_id"] == intent.latest_charge.metadata["order_id"] == "o1"
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"


def test_metadata_of_a_session_does_not_reach_its_payment(world: World) -> None:
    session = world.paid(metadata={"order_id": "o1"})
    assert world.read(session, "payment_intent").payment_intent.metadata.to_dict() == {}


def test_sessions_are_found_by_payment_and_by_buyer(world: World) -> None:
    session, _ = world.paid(), world.session()
    for given in (
        {"payment_intent": session.payment_intent},
        {"status": "complete"},
        {"customer_details": {"email": "nora@example.com"}},
    ):
        assert [s.id for s in world.api.checkout.sessions.list(given).data] == [session.id]


@pytest.mark.parametrize(
    ("more", "param", "message"),
    [
        ({"line_items": []}, "line_items", "Missing required param: line_items."),
        ({"mode": "subscription"}, "line_items[0]", "You must provide at least one recurring price"),
        ({"success_url": "/thanks"}, "success_url", "Not a valid URL"),
        ({"customer_email": "nora"}, "customer_email", "Invalid email address: nora"),
        ({"client_reference_id": "x" * 201}, "client_reference_id", "Invalid string: xxxxxxxxxxxx...xxx"),
        ({"customer": "cus_x"}, "customer", "No such customer: 'cus_x'"),
        ({"subscription_data": {}, "mode": "payment", "metadata": {"k": "v" * 501}}, "metadata[k]", "Metadata values"),
        ({"subscription_data": {"description": "x"}}, "subscription_data", "You can not pass `subscription_data`"),
        ({"discounts": [{"coupon": "c"}], "allow_promotion_codes": True}, "allow_promotion_codes", "You may only"),
        ({"expires_at": 1}, "expires_at", "The `expires_at` timestamp must be at least 30 minutes"),
        ({"expires_at": 9_999_999_999}, "expires_at", "The `expires_at` timestamp must be less than 24 hours"),
        ({"custom_text": {}, "ui_mode": "elements"}, "ui_mode", "The sandbox imitates the hosted page"),
    ],
)
def test_a_session_that_stripe_would_not_make_is_refused(
    world: World, more: dict[str, Any], param: str, message: str
) -> None:
    refused = _refusal(world, **more)
    assert refused.param == param
    assert refused.user_message.startswith(message)
    assert world.api.checkout.sessions.list().data == []


def test_a_recurring_price_needs_the_mode_subscription(world: World) -> None:
    refused = _refusal(world, line_items=[{"price": world.plan().id, "quantity": 1}])
    assert refused.user_message.startswith("You specified `payment` mode but passed a recurring price.")


def test_retired_prices_are_refused(world: World) -> None:
    price = world.price()
    world.api.prices.update(price.id, {"active": False})
    refused = _refusal(world, line_items=[{"price": price.id, "quantity": 1}])
    assert (refused.param, "inactive" in refused.user_message) == ("line_items[0][price]", True)


def test_currencies_cannot_be_combined(world: World) -> None:
    lines = [{"price": world.price(currency=c).id, "quantity": 1} for c in ("eur", "usd")]
    assert "cannot combine currencies" in _refusal(world, line_items=lines).user_message


@pytest.mark.parametrize(
    ("amount", "currency", "least"),
    [(49, "usd", "$0.50 usd"), (49, "eur", "€0.50 eur"), (29, "gbp", "£0.30 gbp"), (49, "jpy", "¥50 jpy")],
)
def test_a_total_below_the_minimum_is_refused(world: World, amount: int, currency: str, least: str) -> None:
    refused = _refusal(world, amount=amount, currency=currency)
    assert refused.code == "amount_too_small"
    assert refused.user_message == f"The Checkout Session's total amount due must add up to at least {least}"


def test_payment_method_types_are_refused_by_the_newest_version_and_tolerated_without_one(world: World) -> None:
    refused = _refusal(world, payment_method_types=["card"])
    assert refused.code == "payment_method_types_no_longer_supported"
    body = (
        "mode=payment&success_url=http://x&payment_method_types[]=card&line_items[0][quantity]=1"
        "&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=900"
        "&line_items[0][price_data][product_data][name]=x"
    )
    assert world.raw("POST", "/v1/checkout/sessions", body).json()["payment_method_types"] == ["card"]
    older = world.raw("POST", "/v1/checkout/sessions", body, **{"Stripe-Version": "2026-08-26.dahlia"})
    assert older.status_code == 200


def test_an_expired_session_has_no_page_any_more(world: World) -> None:
    session = world.session()
    expired = world.api.checkout.sessions.expire(session.id)
    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    assert world.kinds() == ["checkout.session.expired"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.api.checkout.sessions.expire(session.id)
    assert refused.value.user_message.startswith('Only Checkout Sessions with a status in ["open"] can be expired.')
    assert "has expired" in world.http.get(f"/c/pay/{session.id}").text
    assert world.pay(session).status_code == 200
    assert world.read(session).payment_intent is None


def test_a_payment_that_was_tried_is_canceled_when_its_session_expires(world: World) -> None:
    session = world.session()
    assert world.pay(session, "4000000000000002").status_code == 402
    world.api.checkout.sessions.expire(session.id)
    assert world.read(session, "payment_intent").payment_intent.status == "canceled"
    assert world.kinds()[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


def test_a_session_expires_by_itself_when_its_time_is_up() -> None:
    account = Account(Settings(data=":memory:"), operations.TIMERS)
    session = {"object": "checkout.session", "id": "cs_1", "status": "open", "url": "u", "payment_intent": None}
    account.store.save(session)
    account.timers.add("expire_session", "cs_1", at=time.time() + 1800)
    account.timers.run_due()
    assert session["status"] == "open"
    account.clock.ahead = 1801
    account.timers.run_due()
    assert session["status"] == "expired"
    assert [event["type"] for event in account.store.all("event")] == ["checkout.session.expired"]


def test_only_metadata_of_a_session_can_be_updated(world: World) -> None:
    session = world.session(metadata={"a": "1"})
    assert world.api.checkout.sessions.update(session.id, {"metadata": {"b": "2"}}).metadata.to_dict() == {
        "a": "1",
        "b": "2",
    }


def test_an_order_that_costs_nothing_needs_no_payment_but_makes_a_customer(world: World) -> None:
    coupon = world.api.coupons.create({"percent_off": 100, "duration": "once"})
    session = world.session(discounts=[{"coupon": coupon.id}])
    assert session.amount_total == 0
    assert 'name="cardNumber"' not in world.http.get(f"/c/pay/{session.id}").text
    assert world.pay(session).status_code == 303
    done = world.read(session, "customer")
    assert (done.payment_status, done.payment_intent) == ("no_payment_required", None)
    assert done.customer.email == "nora@example.com"
    assert world.kinds()[-2:] == ["customer.created", "checkout.session.completed"]


def test_a_customer_is_only_made_for_one_payment_when_asked_for(world: World) -> None:
    assert world.paid().customer is None
    assert world.paid(customer_creation="always").customer.startswith("cus_")


def test_stripes_command_line_can_pay_without_a_browser(world: World) -> None:
    session = world.session(1500)
    page = world.raw("GET", f"/v1/payment_pages/{session.id}").json()
    assert page["amount_total"] == 1500
    method = world.raw("POST", "/v1/payment_methods", "type=card&card[token]=tok_visa").json()
    wrong = world.raw(
        "POST", f"/v1/payment_pages/{session.id}/confirm", f"payment_method={method['id']}&expected_amount=1"
    )
    assert wrong.status_code == 400
    paid = f"payment_method={method['id']}&expected_amount=1500"
    assert world.raw("POST", f"/v1/payment_pages/{session.id}/confirm", paid).json()["status"] == "complete"
    assert world.read(session).payment_status == "paid"


def test_a_declined_payment_through_the_api_is_a_card_error(world: World) -> None:
    session = world.session(1500)
    answer = world.raw("POST", f"/v1/payment_pages/{session.id}/confirm", "payment_method=pm_card_visa_chargeDeclined")
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["decline_code"]) == (402, "card_error", "generic_decline")
    assert error["charge"].startswith("ch_3")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"customer_update": {"name": "auto"}}, "customer_update"),
        ({"payment_method_collection": "always"}, "payment_method_collection"),
    ],
)
def test_what_does_not_go_together_is_refused(world: World, given: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.session(**given)
    assert refused.value.param == param


def test_the_bank_asks_on_the_page_if_the_shop_wants_it_to(world: World) -> None:
    session = world.session(payment_method_options={"card": {"request_three_d_secure": "any"}})
    assert world.pay(session, "4000000000003055").headers["location"].startswith("/challenge/")
    assert world.read(session, "payment_intent").payment_intent.status == "requires_action"
