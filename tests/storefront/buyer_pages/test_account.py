"""Your account: addresses by two codes, the way out on every browser, one's data and its end."""

from sqlalchemy import text
from sqlmodel import select

from core.foundation.addresses import fold
from core.journeys import refund
from core.kinds.places.attendees import Attendee
from core.orders.history import FulfillmentLog
from core.people import codes
from core.people.codes import SignInCode
from tests import builders
from tests.builders import bought, on_sqlite, rows, subscribed
from tests.storefront.conftest import Visitor, left_for, sound, words

NORA, OTHER = "nora@lindqvist.example", "nora@work.example"


def digits(visitor: Visitor, email: str, about: str) -> str:
    wanted = (fold(email), fold(about))
    [code] = [row for row in rows(visitor.shop, SignInCode) if (row.folded, row.about) == wanted and not row.used_at]
    return codes.digits_of(code.id, signing_key=visitor.shop.signing_key)


@on_sqlite
def test_strangers_see_a_field_and_nothing_else(visitor: Visitor) -> None:
    tab = visitor.opens("account")
    assert tab.text_input(key="email").value == ""
    assert "Your data" not in words(tab)


@on_sqlite
def test_another_address_is_added_by_a_code_from_each_of_the_two(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("account")
    sound(tab.form_submit_button[0].click().run())
    assert "Type your full email" in words(tab)
    tab.text_input(key="another-email").set_value(OTHER)
    sound(tab.form_submit_button[0].click().run())
    tab.text_input(key="old-digits").set_value(digits(visitor, NORA, OTHER))
    sound(tab.form_submit_button[0].click().run())
    assert "Type both codes, each from its own email." in words(tab)
    tab.text_input(key="new-digits").set_value("000000")
    sound(tab.form_submit_button[0].click().run())
    assert "One of the codes isn't right" in words(tab)
    tab.text_input(key="new-digits").set_value(digits(visitor, OTHER, NORA))
    sound(tab.form_submit_button[0].click().run())
    assert "Both are yours now" in words(tab)
    assert f":material/mail: {OTHER}" in words(tab)


@on_sqlite
def test_an_address_that_is_changed_is_signed_in_under_the_new_one(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("account")
    tab.text_input(key="another-email").set_value(OTHER)
    tab.radio(key="another-how").set_value("Use it instead")
    sound(tab.form_submit_button[0].click().run())
    tab.text_input(key="old-digits").set_value(digits(visitor, NORA, OTHER))
    tab.text_input(key="new-digits").set_value(digits(visitor, OTHER, NORA))
    sound(tab.form_submit_button[0].click().run())
    assert "/api/sign-in/" in left_for(tab)
    assert "?next=/account" in left_for(tab)


@on_sqlite
def test_signing_out_everywhere_leaves_this_browser_too(visitor: Visitor) -> None:
    visitor.signs_in(NORA)
    tab = visitor.opens("account")
    sound(tab.button(key="sign-out-everywhere").click().run())
    assert "/api/sign-out?next=/purchases" in left_for(tab)
    assert visitor.opens("purchases").text_input(key="email").value == ""


@on_sqlite
def test_ones_data_is_a_file_and_is_erased_by_a_code(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("account")
    assert 'href="/api/account/data.json"' in words(tab)
    assert "1 order with number, amounts" in words(tab)
    sound(tab.button(key="erase-ask").click().run())
    sound(tab.form_submit_button[-1].click().run())
    assert "Type the six digits from the email." in words(tab)
    right = digits(visitor, NORA, codes.ERASURE)
    tab.text_input(key="erase-digits").set_value(f"{(int(right) + 1) % 1_000_000:06d}")
    sound(tab.form_submit_button[-1].click().run())
    assert "That isn't the code" in words(tab)
    tab.text_input(key="erase-digits").set_value(right)
    sound(tab.form_submit_button[-1].click().run())
    assert "/api/sign-out?next=/account?erased=yes" in left_for(tab)
    assert "You are forgotten" in words(visitor.opens("account", erased="yes"))


@on_sqlite
def test_a_plan_that_runs_keeps_one_from_being_erased_and_says_so(visitor: Visitor) -> None:
    subscribed(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("account")
    assert "still runs. End it first" in words(tab)
    assert not [each for each in tab.button if each.key == "erase-ask"]


@on_sqlite
def test_a_purchase_that_went_back_stands_below_what_opens_and_says_so(visitor: Visitor) -> None:
    gone = bought(visitor.shop, visitor.stripe, "guide-eur", cart="cart_1")
    bought(visitor.shop, visitor.stripe, "kit-eur", cart="cart_2")
    refund.request(visitor.shop, gone, actor="owner")
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    assert [each.value for each in tab.header] == ["Downloads and keys", "Over", "Receipts"]
    assert "Its money went back to you" in words(tab)
    assert "€29.00 of it went back" in words(tab)


@on_sqlite
def test_a_receipt_is_sent_again_and_opened(visitor: Visitor) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    sound(tab.button(key=f"resend-{order_id}").click().run())
    assert f"On its way to {NORA}" in words(tab)
    # By the second click of a double click it is not sent twice.
    sound(tab.button(key=f"resend-{order_id}").click().run())
    assert f"On its way to {NORA}" in words(tab)
    assert sum(row.event.startswith("resent:") for row in builders.rows(visitor.shop, FulfillmentLog)) == 1
    [payment] = visitor.stripe.payment_intents
    number = builders.order(visitor.shop, order_id).number
    assert f"[Receipt {number}](/api/receipts/{payment})" in words(tab)


@on_sqlite
def test_places_that_were_canceled_are_not_said_to_be_kept(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe, ("clinic-eur", 2))
    visitor.signs_in(NORA)
    assert "2 places, paid for and kept." in words(visitor.opens("purchases"))
    for said in ("1 place, paid for and kept.", "No place is kept for you any more."):
        with visitor.shop.transaction() as session:
            row = next(row for row in session.exec(select(Attendee)) if row.holds)
            row.holds, row.canceled_at = False, visitor.shop.now()
        assert said in words(visitor.opens("purchases"))


@on_sqlite
def test_a_plan_says_price_and_renewal(visitor: Visitor) -> None:
    subscribed(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    assert "each month. It renews on **" in words(visitor.opens("purchases"))
    with visitor.shop.transaction() as session:
        session.execute(text("update subscriptions set ends_at = period_end"))
    assert "It runs until **" in words(visitor.opens("purchases"))
