"""The thank-you page: confirming until it is sure, never failing while it waits, and mute to strangers."""

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from core.foundation.errors import StripeUnreachable
from core.kinds import license_keys
from tests.builders import deliver
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words

ALL_YOURS = "Thank you. It's all yours."


def heading(tab: AppTest) -> str:
    return str(tab.title[-1].value)


def test_a_buyer_who_returns_finds_everything(visitor: Visitor) -> None:
    for price in ("guide-eur", "kit-eur", "plan-year", "clinic-eur"):
        visitor.puts(price)
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid)
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == ALL_YOURS
    assert "nora@lindqvist.example" in words(tab)
    assert words(tab).count('href="/api/downloads/') == 2
    assert license_keys.is_well_formed(tab.code[0].value)
    assert "1 seat." in words(tab)
    assert "Thursday 10 December 2026" in words(tab)
    assert visitor.cart.lines == ()


def test_stripe_is_asked_once_and_not_in_every_run(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid, slowly=True)
    visitor.stripe.calls.clear()
    visitor.opens("thanks", session_id=paid).run().run()
    assert visitor.stripe.calls == ["retrieve"]


def test_other_browsers_see_no_name_no_address_and_nothing_to_download(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid)
    visitor.returns_as("br_2")
    text = words(visitor.opens("thanks", session_id=paid))
    assert "sent by mail to its buyer" in text
    assert not any(secret in text for secret in ("nora", "lindqvist", "/api/downloads/", "Field Guide", "€29"))


def test_without_stripe_the_page_keeps_confirming_until_the_webhook_has_come(visitor: Visitor, clock: Clock) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid)
    visitor.stripe.trouble.append(StripeUnreachable("timeout"))
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == "Confirming your payment"
    deliver(visitor.shop, visitor.stripe.event("completed", paid))
    assert heading(sound(tab.run())) == ALL_YOURS


def test_after_a_minute_the_page_says_that_nothing_is_lost(visitor: Visitor, clock: Clock) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid)
    visitor.stripe.trouble.append(StripeUnreachable("timeout"))
    tab = visitor.opens("thanks", session_id=paid)
    clock.pass_(seconds=61)
    assert heading(sound(tab.run())) == "Still waiting for confirmation"
    assert "You don't need to pay again" in tab.warning[0].value
    again = next(each for each in tab.button if each.label == "Check again")
    assert heading(sound(again.click().run())) == ALL_YOURS


@pytest.mark.parametrize("ending", ["open", "expired"])
def test_an_unpaid_session_leads_back_to_the_cart(visitor: Visitor, ending: str) -> None:
    visitor.puts("guide-eur")
    session_id = visitor.goes_to_payment()
    visitor.stripe.sessions[session_id]["status"] = ending
    tab = visitor.opens("thanks", session_id=session_id)
    assert heading(tab) == "Nothing has been paid yet"
    assert "Back to your cart" in labels(tab)
    assert len(visitor.cart.lines) == 1


def test_slow_money_is_settling_and_then_arrives(visitor: Visitor) -> None:
    visitor.puts("kit-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid, slowly=True)
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == "Your bank is settling this"
    assert not tab.code
    visitor.stripe.settle(paid)
    deliver(visitor.shop, visitor.stripe.event("async_payment_succeeded", paid))
    assert heading(sound(tab.run())) == ALL_YOURS


def test_slow_money_that_bounces_is_said_not_to_have_gone_through(visitor: Visitor) -> None:
    visitor.puts("kit-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid, slowly=True)
    tab = visitor.opens("thanks", session_id=paid)
    deliver(visitor.shop, visitor.stripe.event("async_payment_failed", paid))
    assert heading(sound(tab.run())) == "That payment didn't go through"
    assert "Nothing was charged" in words(tab)


def test_what_cannot_be_delivered_is_our_trouble_and_not_the_buyer_s(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.puts("clinic-eur")
    paid = visitor.goes_to_payment()
    with visitor.shop.transaction() as session:
        session.execute(text("update reservations set state = 'released'"))
        session.execute(text("update workshop_dates set taken = capacity"))
    visitor.stripe.pay(paid)
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == "Thank you. Your payment is here."
    assert "You don't need to pay again" in tab.info[0].value
    assert words(tab).count('href="/api/downloads/') == 1
    assert "The last place went" in words(tab)


@pytest.mark.parametrize(
    ("status", "title"),
    [
        ("refunded", "Your money went back"),
        ("charged_back", "Your bank took the payment back"),
        ("disputed", "Your bank is looking into this"),
        ("partially_refunded", ALL_YOURS),
        ("canceled", "This has ended"),
    ],
)
def test_later_states_are_told_as_they_are(visitor: Visitor, status: str, title: str) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid)
    tab = visitor.opens("thanks", session_id=paid)
    with visitor.shop.transaction() as session:
        session.execute(text("update orders set status = :status"), {"status": status})
    assert heading(sound(tab.run())) == title


def test_links_to_files_are_made_anew(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid)
    tab = visitor.opens("thanks", session_id=paid)
    before = [each.value for each in tab.html if "/api/downloads/" in each.value]
    assert before != [each.value for each in tab.run().html if "/api/downloads/" in each.value]


@pytest.mark.parametrize("literal", ["{CHECKOUT_SESSION_ID}", "%7BCHECKOUT_SESSION_ID%7D"])
def test_a_placeholder_that_was_never_filled_points_to_the_mail(visitor: Visitor, literal: str) -> None:
    assert heading(visitor.opens("thanks", session_id=literal)) == "Thank you. Check your email."


@pytest.mark.parametrize("session_id", ["cs_test_of_another_shop", "cs_/../secrets", "", "<script>"])
def test_an_unknown_session_is_no_reason_to_fail(visitor: Visitor, session_id: str) -> None:
    tab = visitor.opens("thanks", session_id=session_id)
    assert heading(tab) in ("We don't know this payment", "Looking for an order?")
    assert "Your purchases" in labels(tab)
