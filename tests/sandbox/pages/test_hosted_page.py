"""The page the buyer sees, driven as a browser drives it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.sandbox.running import Endpoint, World, eventually


def _url(session: Any) -> str:
    return f"/c/pay/{session.id}"


def test_the_page_shows_what_is_sold_and_has_the_fields_suites_look_for(world: World) -> None:
    session = world.session(customer_email="nora@example.com", cancel_url="http://127.0.0.1:9/cart")
    page = world.http.get(_url(session)).text
    for name in ("email", "cardNumber", "cardExpiry", "cardCvc", "billingName", "billingCountry", "billingPostalCode"):
        assert f'name="{name}"' in page
    assert 'id="cardCvc"' in page
    assert 'aria-label="CVC"' in page
    assert '<span class="SubmitButton-Text SubmitButton-Text--current">Pay</span> €29.00 of pretend money' in page
    assert 'value="nora@example.com"' in page
    assert 'href="http://127.0.0.1:9/cart"' in page
    assert "The Quiet Launch" in page
    assert "promotionCode" not in page


def test_what_a_product_says_of_itself_stands_below_its_name(world: World) -> None:
    described = {"name": "Clinic", "description": "2026-12-10, 17:00 & later"}
    price = {"currency": "eur", "unit_amount": 14000, "product_data": described}
    page = world.http.get(_url(world.session(line_items=[{"price_data": price, "quantity": 1}]))).text
    assert "2026-12-10, 17:00 &amp; later" in page


def test_a_known_customer_need_not_type_their_address_again(world: World) -> None:
    address = {"country": "SE", "postal_code": "111 22"}
    customer = world.api.customers.create({"email": "nora@example.com", "name": "Nora L", "address": address})
    session = world.session(customer=customer.id)
    page = world.http.get(_url(session)).text
    for text in ('value="nora@example.com"', 'value="Nora L"', 'value="111 22"', 'value="SE" selected'):
        assert text in page
    assert world.pay(session).status_code == 303
    assert world.read(session, "payment_intent").payment_intent.customer == customer.id


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [(123456, "usd", "$1,234.56"), (500, "jpy", "¥500"), (12340, "kwd", "12.340 KWD"), (990, "chf", "9.90 CHF")],
)
def test_amounts_have_as_many_digits_as_their_currency(world: World, amount: int, currency: str, shown: str) -> None:
    assert f"Pay</span> {shown} of" in world.http.get(_url(world.session(amount, currency))).text


def test_paying_returns_to_the_shop_with_the_sessions_id(world: World) -> None:
    session = world.session()
    answer = world.pay(session)
    assert (answer.status_code, answer.headers["location"]) == (303, f"http://127.0.0.1:9/thanks?s={session.id}")


def test_the_buyer_comes_back_only_after_the_shop_has_answered_the_event(world: World, endpoint: Endpoint) -> None:
    world.pay(world.session())
    assert endpoint.events("checkout.session.completed")


def test_the_buyer_does_not_wait_for_an_endpoint_that_fails(world: World, endpoint: Endpoint) -> None:
    endpoint.answer = 500
    assert world.pay(world.session()).status_code == 303


def test_the_buyer_does_not_wait_for_an_event_that_is_held_back(world: World, endpoint: Endpoint) -> None:
    world.faults(hold_seconds=30)
    assert world.pay(world.session()).elapsed.total_seconds() < 2
    assert endpoint.events() == []


@pytest.mark.parametrize(
    ("number", "code", "reason", "message"),
    [
        ("4000000000000002", "card_declined", "generic_decline", "Your card was declined."),
        ("4000000000009995", "card_declined", "insufficient_funds", "Your card has insufficient funds."),
        ("4000000000009987", "card_declined", "lost_card", "Your card was declined."),
        ("4000000000009979", "card_declined", "stolen_card", "Your card was declined."),
        ("4000000000000069", "expired_card", None, "Your card has expired."),
        ("4000000000000127", "incorrect_cvc", None, "Your card's security code is incorrect."),
        ("4000000000000119", "processing_error", None, "An error occurred while processing your card."),
        ("4100000000000019", "card_declined", "fraudulent", "Your card was declined."),
    ],
)
def test_a_declined_card_says_why_and_leaves_the_session_open(
    world: World, number: str, code: str, reason: str | None, message: str
) -> None:
    session = world.session()
    answer = world.pay(session, number, billingName="Nora L")
    assert answer.status_code == 402
    assert message.replace("'", "&#39;") in answer.text
    assert 'value="Nora L"' in answer.text
    now = world.read(session, "payment_intent.latest_charge")
    assert now.status == "open"
    intent = now.payment_intent
    assert intent.status == "requires_payment_method"
    assert (intent.last_payment_error.code, getattr(intent.last_payment_error, "decline_code", None)) == (code, reason)
    assert intent.last_payment_error.charge == intent.latest_charge.id
    assert intent.latest_charge.status == "failed"
    assert world.kinds() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


def test_a_second_try_after_a_decline_uses_the_same_payment(world: World) -> None:
    session = world.session()
    world.pay(session, "4000000000000002")
    tried = world.read(session).payment_intent
    assert world.pay(session).status_code == 303
    assert world.read(session).payment_intent == tried
    assert world.kinds().count("payment_intent.created") == 1
    assert len(world.api.charges.list({"payment_intent": tried}).data) == 2


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"number": "4242424242424241"}, "incorrect_number"),
        ({"number": ""}, "incorrect_number"),
        ({"cardExpiry": "13 / 34"}, "invalid_expiry_month"),
        ({"cardExpiry": "x"}, "invalid_expiry_month"),
        ({"cardExpiry": "12 / 20"}, "invalid_expiry_year"),
        ({"cardCvc": "12"}, "invalid_cvc"),
        ({"number": "378282246310005", "cardCvc": "123"}, "invalid_cvc"),
        ({"email": "nora"}, "email_invalid"),
        ({"number": "4111111111111111"}, "test_mode_live_card"),
    ],
)
def test_what_is_mistyped_is_refused_without_trying_to_pay(world: World, typed: dict[str, str], code: str) -> None:
    session = world.session()
    answer = world.pay(session, **{"billingName": "Nora L", **typed})
    assert answer.status_code == 402
    assert f"<code>{code}</code>" in answer.text
    assert 'value="Nora L"' in answer.text
    assert world.read(session).payment_intent is None
    assert world.kinds() == []


def test_pressing_pay_twice_pays_once(world: World) -> None:
    session = world.session()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: world.pay(session), range(8)))
    assert {(a.status_code, a.headers["location"]) for a in answers} == {
        (303, f"http://127.0.0.1:9/thanks?s={session.id}")
    }
    assert len(world.api.charges.list().data) == 1


def test_what_is_left_empty_comes_from_the_chosen_test_card(world: World) -> None:
    session = world.session()
    empty = {"number": "", "cardExpiry": "", "cardCvc": ""}
    declined = world.pay(session, preset="funds", **empty).text
    assert "insufficient_funds" in declined
    assert 'value="funds" checked' in declined
    assert world.pay(session, preset="ok", **empty).status_code == 303


def test_a_number_that_was_typed_counts_and_not_the_chosen_test_card(world: World) -> None:
    session = world.session()
    assert world.pay(session, "5555555555554444", preset="funds", cardExpiry="", cardCvc="").status_code == 303
    paid = world.read(session, "payment_intent.latest_charge").payment_intent.latest_charge
    assert paid.payment_method_details.card.brand == "mastercard"


def test_a_paid_session_says_so_instead_of_asking_again(world: World) -> None:
    session = world.paid()
    page = world.http.get(_url(session))
    assert "Already paid" in page.text
    assert f"http://127.0.0.1:9/thanks?s={session.id}" in page.text


def test_an_address_without_a_session_is_not_found(world: World) -> None:
    assert world.http.get("/c/pay/cs_test_x").status_code == 404
    assert world.http.post("/c/pay/cs_test_x").status_code == 404


def _challenged(world: World, number: str = "4000002760003184") -> tuple[Any, str]:
    session = world.session()
    answer = world.pay(session, number)
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert "Is this payment yours?" in world.http.get(where).text
    return session, where


@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184", "4000000000003220"])
def test_a_payment_the_buyer_approves_at_the_bank_goes_through(world: World, number: str) -> None:
    session, where = _challenged(world, number)
    waiting = world.read(session, "payment_intent")
    assert (waiting.status, waiting.payment_intent.status) == ("open", "requires_action")
    assert waiting.payment_intent.next_action.redirect_to_url.url.endswith(where)
    assert world.http.post(where, data={"result": "complete"}).status_code == 303
    assert world.read(session).payment_status == "paid"
    eventually(lambda: "charge.updated" in world.kinds())
    assert world.kinds() == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "charge.succeeded",
        "checkout.session.completed",
        "charge.updated",
    ]


@pytest.mark.parametrize("result", ["fail", "timeout"])
def test_a_payment_the_buyer_does_not_approve_can_be_tried_again(world: World, result: str) -> None:
    session, where = _challenged(world)
    answer = world.http.post(where, data={"result": result})
    assert answer.status_code == 402
    assert "Your bank did not confirm" in answer.text
    assert 'value="nora@example.com"' in answer.text
    intent = world.read(session, "payment_intent").payment_intent
    assert intent.last_payment_error.code == "payment_intent_authentication_failure"
    assert intent.latest_charge is None
    assert world.kinds()[-1] == "payment_intent.payment_failed"
    assert world.pay(session).status_code == 303


def test_a_card_may_be_declined_after_the_buyer_approved(world: World) -> None:
    session, where = _challenged(world, "4000008400001629")
    assert world.http.post(where, data={"result": "complete"}).status_code == 402
    assert world.read(session).status == "open"


def test_approving_twice_pays_once(world: World) -> None:
    session, where = _challenged(world)
    for _ in range(2):
        world.http.post(where, data={"result": "complete"})
    assert len(world.api.charges.list().data) == 1
    assert "Already paid" in world.http.get(where).text
    assert world.read(session).payment_status == "paid"


def test_a_bank_debit_completes_the_session_unpaid_and_settles_later(world: World) -> None:
    session = world.paid(number="AT32 1904 3002 3547 3204")
    assert (session.status, session.payment_status) == ("complete", "unpaid")
    intent = session.payment_intent
    assert world.api.payment_intents.retrieve(intent).status == "processing"
    assert world.kinds() == [
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "checkout.session.completed",
    ]
    world.http.post("/sandbox/settle", json={"payment_intent": intent}).raise_for_status()
    assert world.read(session).payment_status == "paid"
    assert world.kinds()[4:] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.async_payment_succeeded",
    ]
    assert world.read(session, "payment_intent.latest_charge.balance_transaction").payment_intent.latest_charge.paid


@pytest.mark.parametrize(("currency", "number"), [("eur", "AT861904300235473202"), ("usd", "110000000 000222222227")])
def test_a_bank_debit_that_bounces_leaves_the_session_unpaid(world: World, currency: str, number: str) -> None:
    session = world.paid(number=number, currency=currency)
    world.http.post("/sandbox/settle", json={"payment_intent": session.payment_intent}).raise_for_status()
    now = world.read(session, "payment_intent")
    assert (now.status, now.payment_status, now.payment_intent.status) == (
        "complete",
        "unpaid",
        "requires_payment_method",
    )
    assert world.kinds()[4:] == [
        "charge.failed",
        "payment_intent.payment_failed",
        "checkout.session.async_payment_failed",
    ]


def test_only_debits_that_wait_can_be_settled(world: World) -> None:
    assert world.http.post("/sandbox/settle", json={"payment_intent": "pi_x"}).status_code == 400


def test_a_debit_is_only_offered_in_its_currency(world: World) -> None:
    session = world.session(currency="gbp")
    assert session.payment_method_types == ["card"]
    assert world.pay(session, "AT321904300235473204").status_code == 402


def test_the_shops_own_words_stand_on_the_page(world: World) -> None:
    texts = {"submit": {"message": "We ship on Mondays."}, "after_submit": {"message": "Write to us."}}
    session = world.session(custom_text=texts, branding_settings={"display_name": "Lindqvist Books"})
    page = world.http.get(_url(session)).text
    for text in ("We ship on Mondays.", "Write to us.", "Pay Lindqvist Books"):
        assert text in page
    assert session.custom_text.terms_of_service_acceptance is None


ASKING = {
    "phone_number_collection": {"enabled": True},
    "name_collection": {"business": {"enabled": True}, "individual": {"enabled": True, "optional": True}},
    "consent_collection": {"terms_of_service": "required", "promotions": "auto"},
}


def test_the_page_collects_what_it_is_told_to(world: World) -> None:
    session = world.session(**ASKING, customer_creation="always")
    typed = {"phoneNumber": "+49 30 1234", "businessName": "Lindqvist AB", "termsOfService": "on"}
    assert world.pay(session, **typed).status_code == 303
    paid = world.read(session, "customer")
    assert (paid.customer_details.phone, paid.customer_details.business_name) == ("+49 30 1234", "Lindqvist AB")
    assert (paid.collected_information.business_name, paid.collected_information.individual_name) == (
        "Lindqvist AB",
        None,
    )
    assert paid.consent.to_dict() == {"promotions": "opt_out", "terms_of_service": "accepted"}
    assert (paid.customer.phone, paid.customer.business_name) == ("+49 30 1234", "Lindqvist AB")


@pytest.mark.parametrize("missing", ["phoneNumber", "businessName", "termsOfService"])
def test_nobody_pays_without_what_they_are_asked_for(world: World, missing: str) -> None:
    session = world.session(**ASKING)
    typed = {"phoneNumber": "+49 30 1234", "businessName": "Lindqvist AB", "termsOfService": "on", missing: ""}
    answer = world.pay(session, **typed)
    assert (answer.status_code, f'id="{missing}-err"' in answer.text) == (402, True)
    assert world.read(session).status == "open"


def test_what_the_buyer_types_is_written_on_the_customer_if_the_shop_wants_that(world: World) -> None:
    customer = world.api.customers.create({"email": "nora@example.com", "name": "Nora"})
    world.pay(world.session(customer=customer.id), billingName="N. Lindqvist", billingPostalCode="11122")
    assert world.api.customers.retrieve(customer.id).name == "Nora"
    wanted = {"name": "auto", "address": "auto"}
    session = world.session(customer=customer.id, customer_update=wanted)
    world.pay(session, billingName="N. Lindqvist", billingCountry="SE", billingPostalCode="11122")
    known = world.api.customers.retrieve(customer.id)
    assert (known.name, known.address.country, known.address.postal_code) == ("N. Lindqvist", "SE", "11122")
    assert world.events("customer.updated")[-1].data.previous_attributes.name == "Nora"
