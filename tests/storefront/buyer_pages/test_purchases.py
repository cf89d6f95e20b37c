"""Your purchases: a code or a letter's link signs in, and only then is anything to be seen."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from core import seating
from core.catalog.products import Product
from core.events import questions
from core.foundation import signing
from core.foundation.errors import StripeUnreachable
from core.kinds.licenses import LicenseKey
from core.people import customers
from core.people.customers import How
from core.people.receipts import order_links
from core.shop import Shop
from storefront import frame
from tests import builders
from tests.builders import bought, rows, subscribed
from tests.conftest import Clock
from tests.core.licensing.asking import App, sold
from tests.storefront.conftest import Visitor, labels, left_for, sound, words
from webhook.app import create_app

NORA = "nora@lindqvist.example"


def test_strangers_see_a_field_and_nothing_else(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe, "guide-eur")
    tab = visitor.opens("purchases")
    assert tab.text_input(key="email").value == ""
    assert "Field Guide" not in words(tab)


def test_a_code_signs_in(visitor: Visitor) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value(NORA)
    sound(tab.form_submit_button[0].click().run())
    assert f"We sent a code to **{NORA}**" in words(tab)
    # As it is copied: a field drops what is longer than it takes, without a word.
    code, field = f" {visitor.newest_code(NORA)}\n", tab.text_input[0]
    assert len(code) <= field.proto.max_chars
    assert re.fullmatch(field.proto.validate_regex, code)
    field.set_value(code)
    sound(tab.form_submit_button[0].click().run())
    assert "/api/sign-in/" in left_for(tab)
    assert "?next=/purchases" in left_for(tab)


def test_wrong_digits_say_so_and_may_be_tried_again(visitor: Visitor) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value(NORA)
    tab.form_submit_button[0].click().run()
    right = visitor.newest_code(NORA)
    tab.text_input[0].set_value("000000" if right != "000000" else "000001")
    sound(tab.form_submit_button[0].click().run())
    assert "That isn't the code" in tab.warning[0].value
    tab.text_input[0].set_value(right)
    assert "/api/sign-in/" in left_for(tab.form_submit_button[0].click().run())


def test_a_late_code_says_that_it_has_run_out(visitor: Visitor, clock: Clock) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value(NORA)
    tab.form_submit_button[0].click().run()
    clock.pass_(minutes=11)
    tab.text_input[0].set_value(visitor.newest_code(NORA))
    assert "has run out" in tab.form_submit_button[0].click().run().warning[0].value


def test_half_an_address_is_asked_for_in_full(visitor: Visitor) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value("nora@")
    assert "full email" in sound(tab.form_submit_button[0].click().run()).warning[0].value


def test_too_many_codes_are_refused_in_a_sentence(visitor: Visitor) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value(NORA)
    sound(tab.form_submit_button[0].click().run())
    for _ in range(3):
        sound(next(each for each in tab.button if each.label == "Send a new code").click().run())
    assert "a lot of tries" in tab.warning[0].value


def test_another_email_may_be_used_after_all(visitor: Visitor) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value(NORA)
    tab.form_submit_button[0].click().run()
    other = next(each for each in tab.button if each.label == "Use another email")
    assert sound(other.click().run()).text_input(key="email")


def test_the_link_of_a_letter_needs_no_typing_and_shows_no_address_in_full(visitor: Visitor) -> None:
    letter = letter_about(visitor)
    tab = visitor.opens("purchases", letter=letter)
    assert "lindqvist" not in words(visitor.opens("purchases", letter=letter)).replace("n…@lindqvist", "")
    [send] = [each for each in tab.button if each.label.startswith("Send a code to n…")]
    sound(send.click().run())
    assert "We sent a code to **n…@lindqvist.example**" in words(tab)
    again = visitor.opens("purchases", letter=letter)
    assert "We sent a code to **n…@lindqvist.example**" in words(again)
    again.text_input[0].set_value(visitor.newest_code(NORA))
    assert "/api/sign-in/" in left_for(sound(again.form_submit_button[0].click().run()))


def test_a_mangled_letter_asks_for_the_address(visitor: Visitor) -> None:
    assert visitor.opens("purchases", letter="mangled").text_input(key="email").value == ""


def test_after_a_reload_the_code_form_is_still_there_with_its_address_and_time(visitor: Visitor, clock: Clock) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value(NORA)
    sound(tab.form_submit_button[0].click().run())
    clock.pass_(minutes=3)
    again = visitor.opens("purchases")
    assert f"We sent a code to **{NORA}**. It works for 7 minutes." in words(again)
    sound(next(each for each in again.button if each.label == "Use another email").click().run())
    assert visitor.opens("purchases").text_input(key="email").value == ""
    visitor.returns_as("br_2")
    assert NORA not in words(visitor.opens("account"))


def test_whoever_has_a_code_already_types_it_without_another_letter(visitor: Visitor) -> None:
    tab = visitor.opens("purchases")
    tab.text_input(key="email").set_value(NORA)
    sound(tab.form_submit_button[0].click().run())
    visitor.returns_as("br_2")
    other = visitor.opens("purchases")
    other.text_input(key="email").set_value(f" {NORA} ")
    sound(next(each for each in other.form_submit_button if each.label == "I have a code").click().run())
    other.text_input[0].set_value(visitor.newest_code(NORA))
    assert "/api/sign-in/" in left_for(sound(other.form_submit_button[0].click().run()))


def test_a_library_holds_everything_that_was_paid_for(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur", cart="cart_1")
    bought(visitor.shop, visitor.stripe, "clinic-eur", "plan-year", cart="cart_2")
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    assert [each.value for each in tab.header] == ["Coming up", "Downloads and keys", "Plans", "Receipts"]
    assert {each.value for each in tab.subheader} == {"Clinic", "Field Guide", "Template Kit", "Plan"}
    assert "23 November 2026" in words(tab)
    assert words(tab).count('href="/api/downloads/') == 2


def test_a_workshop_that_is_over_is_kept_as_past(visitor: Visitor, clock: Clock) -> None:
    bought(visitor.shop, visitor.stripe, "clinic-eur")
    visitor.signs_in(NORA)
    clock.pass_(days=30)
    assert "Past sessions" in [each.value for each in visitor.opens("purchases").header]


def test_what_was_taken_back_is_shown_closed(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe, "guide-eur")
    visitor.signs_in(NORA)
    with visitor.shop.transaction() as session:
        session.execute(text("update grants set state = 'revoked'"))
    tab = visitor.opens("purchases")
    assert "Its money went back" in words(tab)
    assert "/api/downloads/" not in words(tab)


def test_a_plan_s_billing_is_managed_at_stripe_in_the_same_tab(visitor: Visitor) -> None:
    subscribed(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    [button] = [each for each in tab.button if each.label == "Manage billing"]
    assert "/p/session/" in left_for(sound(button.click().run()))


def test_a_plan_is_cancelled_in_two_clicks_of_which_the_second_is_at_stripe(visitor: Visitor) -> None:
    _, subscription = subscribed(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    [button] = [each for each in tab.button if each.label == "Cancel plan"]
    assert f"/cancel/{subscription}" in left_for(sound(button.click().run()))
    with visitor.shop.transaction() as session:
        session.execute(text("update subscriptions set ends_at = period_end"))
    [button] = [each for each in visitor.opens("purchases").button if each.label == "Keep this plan"]
    left = left_for(sound(button.click().run()))
    assert "/p/session/" in left
    assert "/cancel/" not in left


@builders.on_sqlite
def test_a_plan_that_is_billed_twice_is_changed_and_ended_by_each_subscription_alone(visitor: Visitor) -> None:
    shop, stripe = visitor.shop, visitor.stripe
    order_id, names = builders.begun_twice(shop, stripe)
    grant = builders.deliveries(shop, order_id)[0].grant_id
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    assert "You pay for this plan by 2 subscriptions" in words(tab)
    assert [words(tab).count(f"**Plan**, 1 seat, subscription {place} of 2") for place in (1, 2)] == [1, 1]
    assert labels(tab).count("Cancel plan") == 2
    sound(tab.number_input(key=f"wanted-{names[1]}").set_value(3).run())
    assert "for the rest of the period" in words(tab)
    sound(tab.button(key=f"change-{names[1]}").click().run())
    assert "The plan has 3 seats now" in words(tab)
    assert "1 of 3 seats taken" in words(tab)
    seats = [stripe.subscriptions[name]["items"]["data"][0]["quantity"] for name in names]
    assert seats == [1, 3]
    # With fewer by the other there are as many as before.
    seated(shop, grant, "kim@example.com")
    sound(tab.number_input(key=f"wanted-{names[1]}").set_value(2).run())
    assert "would have no seat" not in words(tab)
    sound(tab.number_input(key=f"wanted-{names[1]}").set_value(1).run())
    assert "would have no seat" in words(tab)
    sound(tab.button(key=f"interval-{names[1]}").click().run())
    sound(tab.button(key=f"switch-{names[1]}").click().run())
    assert "You pay yearly from now on" in words(tab)
    assert [stripe.subscriptions[name]["items"]["data"][0]["price"]["recurring"]["interval"] for name in names] == [
        "month", "year",
    ]  # fmt: skip
    assert f"/cancel/{names[1]}" in left_for(sound(tab.button(key=f"cancel-{names[1]}").click().run()))


def seated(shop: Shop, grant: str, email: str) -> None:
    with shop.transaction() as session:
        person = customers.remember(session, email, how=How.OWNER, now=shop.now())
        seating.give(session, seating.lock(session, grant), email, customer_id=person, now=shop.now())


@builders.on_sqlite
@pytest.mark.parametrize("resumes", [False, True])
def test_a_plan_whose_billing_is_paused_says_until_when(visitor: Visitor, clock: Clock, resumes: bool) -> None:
    _, name = subscribed(visitor.shop, visitor.stripe)
    on = clock() + timedelta(days=10)
    visitor.stripe.pause(name, resumes_at=on if resumes else None)
    questions.ask(visitor.shop, name)
    visitor.signs_in(NORA)
    said = words(visitor.opens("purchases"))
    assert ("Its billing is paused until **3 December 2026**: nothing is charged before that." in said) is resumes
    assert ("Its billing is paused: nothing is charged until it goes on." in said) is not resumes
    # Nothing of it can be changed meanwhile.
    assert not any(each.key.startswith("wanted-") for each in visitor.opens("purchases").number_input)


@builders.on_sqlite
def test_of_two_plans_that_are_billed_together_each_says_that_they_end_together(visitor: Visitor) -> None:
    builders.sell_bigger_plan(visitor.shop)
    subscribed(visitor.shop, visitor.stripe, "plan-month", "bigger-month")
    visitor.signs_in(NORA)
    said = words(visitor.opens("purchases"))
    assert "It is billed together with Bigger Plan: to cancel one is to cancel all of it." in said
    assert "It is billed together with Plan:" in said
    assert ("€9.00 each month" in said, "€20.00 each month" in said, "€29.00" in said) == (True, True, True)


def test_only_plans_have_billing_to_manage_and_only_while_they_last(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe, "guide-eur", cart="cart_1")
    bought(visitor.shop, visitor.stripe, "plan-month", cart="cart_2")
    visitor.signs_in(NORA)
    assert labels(visitor.opens("purchases")).count("Manage billing") == 1
    with visitor.shop.transaction() as session:
        session.execute(text("update grants set state = 'revoked'"))
    assert "Manage billing" not in labels(visitor.opens("purchases"))


def test_billing_that_cannot_be_reached_is_said_so(visitor: Visitor) -> None:
    subscribed(visitor.shop, visitor.stripe)
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    visitor.stripe.trouble.append(StripeUnreachable("api_connection_error"))
    [button] = [each for each in tab.button if each.label == "Manage billing"]
    assert "can't reach the billing page" in sound(button.click().run()).warning[0].value


def test_a_plan_on_hold_says_why_and_leads_to_its_card(visitor: Visitor) -> None:
    bought(visitor.shop, visitor.stripe, "plan-month")
    visitor.signs_in(NORA)
    with visitor.shop.transaction() as session:
        session.execute(text("update grants set state = 'suspended'"))
    tab = visitor.opens("purchases")
    assert "Its last payment hasn't come through" in words(tab)
    assert "Manage billing" in labels(tab)


def test_an_address_without_purchases_is_told_kindly(visitor: Visitor) -> None:
    visitor.signs_in("kim@lindqvist.example")
    assert "Nothing was bought with this email yet" in words(visitor.opens("purchases"))


def test_signing_out_ends_it_on_the_server(visitor: Visitor) -> None:
    visitor.signs_in(NORA)
    tab, other_tab = visitor.opens("purchases"), visitor.opens("purchases")
    sound(tab.button(key="sign-out").click().run())
    assert "/api/sign-out" in left_for(tab)
    assert sound(other_tab.run()).text_input(key="email").value == ""


def test_a_forged_sign_in_is_nobody(visitor: Visitor) -> None:
    visitor.signs_in(NORA)
    visitor.cookies[signing.SIGN_IN_COOKIE] += "x"
    assert visitor.opens("purchases").text_input(key="email").value == ""


def test_the_cookie_of_a_browser_does_not_pass_for_a_sign_in(visitor: Visitor) -> None:
    visitor.cookies[signing.SIGN_IN_COOKIE] = visitor.cookies[signing.BROWSER_COOKIE]
    assert visitor.opens("purchases").text_input(key="email").value == ""


def letter_about(visitor: Visitor) -> str:
    """The token in the link of a receipt."""
    order_id = bought(visitor.shop, visitor.stripe, "guide-eur")
    return order_links.library_link(visitor.shop, order_id, NORA).partition("letter=")[2]


def test_a_licence_s_machines_are_shown_and_removed(visitor: Visitor, clock: Clock) -> None:
    app = App(TestClient(create_app(visitor.shop)), sold(visitor.shop, visitor.stripe, valid_for="1 year")[1])
    machine = app.ask("activate", fingerprint="fp", label="Nora's *laptop*")["activation"]["id"]
    clock.pass_(hours=3)
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    said = words(tab)
    assert "Nora's \\*laptop\\*" in said
    assert "Last used 3 hours ago, since 23 November 2026" in said
    assert "In use on 1 of 3. Valid until 23 November 2027." in said
    sound(tab.button(key=f"remove-{machine}").click().run())
    assert "Its place is free for another computer" in words(tab)
    # The second click of a double click finds its button gone, and what the first came to is there to be read.
    assert "Its place is free for another computer" in words(sound(tab.run()))
    assert "None in use yet" in words(tab)
    assert app.code("validate", fingerprint="fp") == "NOT_ACTIVATED"


def test_a_key_is_replaced_once_a_day(visitor: Visitor, clock: Clock) -> None:
    key = sold(visitor.shop, visitor.stripe)[1]
    [row] = rows(visitor.shop, LicenseKey)
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    assert key in words(tab)
    sound(tab.button(key=f"replace-{row.id}").click().run())
    assert "This is your new key" in words(tab)
    assert key not in words(tab)
    # The second click of a double click is no second wish: the buyer would read that nothing was done.
    sound(tab.button(key=f"replace-{row.id}").click().run())
    assert "This is your new key" in words(tab)
    assert not tab.warning
    clock.pass_(seconds=2)
    sound(tab.button(key=f"replace-{row.id}").click().run())
    assert "You replaced this key within the last day" in tab.warning[0].value


def test_signed_out_meanwhile_nothing_is_replaced(visitor: Visitor) -> None:
    key = sold(visitor.shop, visitor.stripe)[1]
    [row] = rows(visitor.shop, LicenseKey)
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    with visitor.shop.transaction() as session:
        session.execute(text("update sign_ins set ended_at = created_at"))
    sound(tab.button(key=f"replace-{row.id}").click().run())
    assert key not in words(tab)
    assert rows(visitor.shop, LicenseKey)[0].key_hash == row.key_hash


@builders.on_sqlite
def test_a_long_library_is_drawn_in_portions_and_searched(visitor: Visitor) -> None:
    for number in range(frame.PORTION):
        bought(visitor.shop, visitor.stripe, "guide-eur", cart=f"cart_{number}")
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    assert len(tab.subheader) == frame.PORTION
    assert not tab.get("pagination")
    bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur", cart="cart_last")
    tab = sound(tab.run())
    assert len(tab.subheader) == frame.PORTION
    goods, _ = tab.get("pagination")
    sound(goods.set_value(2).run())
    assert len(tab.subheader) == 2
    # Of the receipts it is the first page still.
    assert len([each for each in labels(tab) if each.startswith("Email SH-")]) == frame.PORTION
    # What is looked for is on the first page, whichever was looked at.
    sound(tab.text_input(key="find-purchases").set_value("TEMPLATE sh-").run())
    assert [each.value for each in tab.subheader] == ["Field Guide", "Template Kit"]
    assert not tab.get("pagination")
    sound(tab.text_input(key="find-purchases").set_value("sh-1003").run())
    assert [each.value for each in tab.subheader] == ["Field Guide"]
    sound(tab.text_input(key="find-purchases").set_value("nothing at all").run())
    assert "Nothing here is called so." in words(tab)
    assert not tab.subheader
    sound(tab.text_input(key="find-purchases").set_value("").run())
    assert len(tab.get("pagination")) == 2


@builders.on_sqlite
def test_many_keys_of_one_order_are_drawn_in_portions(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.get_one(Product, "kit").max_quantity = 100
    order_id = bought(visitor.shop, visitor.stripe, ("kit-eur", frame.PORTION + 1))
    keys = [each.key for delivery in builders.deliveries(visitor.shop, order_id) for each in delivery.licenses]
    visitor.signs_in(NORA)
    tab = visitor.opens("purchases")
    assert [each.value for each in tab.code] == keys[: frame.PORTION]
    [pages] = tab.get("pagination")
    sound(pages.set_value(2).run())
    assert [each.value for each in tab.code] == keys[frame.PORTION :]
