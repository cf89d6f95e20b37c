"""The thank-you page: confirming until it is sure, never failing while it waits, and mute to strangers."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from core.events import questions
from core.foundation import signing
from core.foundation.errors import StripeUnreachable
from core.journeys import refund
from core.kinds import license_keys
from core.people.receipts import order_links
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words

ALL_YOURS = "Thank you. It's all yours."


def heading(tab: AppTest) -> str:
    return str(tab.title[-1].value)


def cards(tab: AppTest) -> list[Block]:
    """The frames on a page, from top to bottom."""

    def within(block: Block) -> Iterator[Block]:
        for each in block.children.values():
            if isinstance(each, Block):
                yield from [each] if each.proto.flex_container.border else within(each)

    return list(within(tab.main))


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


def test_its_buyer_who_is_signed_in_sees_everything_in_any_browser(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid)
    visitor.returns_as("br_2")
    assert "sent by mail to its buyer" in words(visitor.opens("thanks", session_id=paid))
    visitor.signs_in("nora@lindqvist.example")
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == ALL_YOURS
    assert "/api/downloads/" in words(tab)
    visitor.signs_in("ole@berg.example")
    assert "/api/downloads/" not in words(visitor.opens("thanks", session_id=paid))


def test_stripe_is_asked_once_and_not_in_every_run(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.pay(paid, slowly=True)
    visitor.stripe.calls.clear()
    visitor.opens("thanks", session_id=paid).run().run()
    assert visitor.stripe.calls == ["retrieve"]


def test_whoever_opens_it_again_and_again_has_stripe_asked_no_more_than_anybody_returns(
    visitor: Visitor, clock: Clock
) -> None:
    visitor.puts("guide-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.calls.clear()
    for number in range(40):
        visitor.returns_as(f"br_{number + 2}")
        visitor.opens("thanks", session_id=f"cs_made_up_{number}")
    assert visitor.stripe.calls == ["retrieve"] * 30
    # What nobody asks for is told by the webhook, and the page finds it where it always looks.
    visitor.stripe.pay(paid)
    visitor.returns_as("br_1")
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == "Confirming your payment"
    deliver(visitor.shop, visitor.stripe.event("completed", paid))
    assert heading(sound(tab.run())) == ALL_YOURS
    clock.pass_(seconds=61)
    assert heading(visitor.opens("thanks", session_id="cs_made_up_0")) == "We don't know this payment"
    assert visitor.stripe.calls == ["retrieve"] * 31


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


def test_settling_shows_what_is_really_charged_and_names_the_address(visitor: Visitor) -> None:
    visitor.puts("kit-eur")
    paid = visitor.goes_to_payment()
    visitor.stripe.discount(paid, 25)
    visitor.stripe.pay(paid, slowly=True)
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == "Your bank is settling this"
    assert "€59.25" in words(tab)
    assert "€79.00" not in words(tab)
    assert "nora@lindqvist.example" in words(tab)
    visitor.signs_in("nora@lindqvist.example")
    library = visitor.opens("purchases")
    assert [each.value for each in library.header] == ["On its way", "Receipts"]
    assert "€59.25" in words(library)
    visitor.signs_in("ole@berg.example")
    assert "€59.25" not in words(visitor.opens("purchases"))


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


def test_money_that_went_back_in_part_is_named_and_what_is_over_stands_last(visitor: Visitor) -> None:
    order_id = builders.bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur")
    refund.request(visitor.shop, order_id, lines=(1,), take_back=True, actor="owner")
    tab = visitor.opens("order", id=order_id)
    assert "€29.00 of €108.00 went back to you." in words(tab)
    assert [each.value for each in tab.header] == ["Template Kit", "Field Guide"]
    assert "Its money went back to you" in words(tab)


def test_a_plan_says_what_it_costs_and_when_it_renews_or_ends(visitor: Visitor) -> None:
    order_id, _ = builders.subscribed(visitor.shop, visitor.stripe)
    assert "€9.00 each month. It renews on **23 December 2026**." in words(visitor.opens("order", id=order_id))

    def becomes(changes: str) -> AppTest:
        with visitor.shop.transaction() as session:
            session.execute(text(f"update subscriptions set {changes}"))
            session.execute(text("update orders set status = status"))
        return visitor.opens("order", id=order_id)

    assert "It runs until **23 December 2026** and ends then: nothing more is charged." in words(
        becomes("ends_at = period_end")
    )
    with visitor.shop.transaction() as session:
        session.execute(text("update orders set status = 'canceled'"))
        session.execute(text("update grants set state = 'revoked'"))
    ended = becomes("status = 'canceled', ended_at = period_end, end_reason = 'payment_failed'")
    assert heading(ended) == "Your plan has ended"
    assert "It ended on **23 December 2026**. Nothing more is charged." in words(ended)
    assert "because its renewal was not paid" in words(ended)


@builders.on_sqlite
def test_a_plan_of_which_stripe_has_said_nothing_yet_leaves_no_empty_card(visitor: Visitor) -> None:
    visitor.puts("plan-year", 4)
    paid = visitor.goes_to_payment()
    subscription = visitor.stripe.pay(paid)["subscription"]
    tab = visitor.opens("thanks", session_id=paid)
    assert heading(tab) == ALL_YOURS
    assert "each year" not in words(tab)
    assert [each.header[0].value for each in cards(tab)] == ["Plan"]
    assert "Give seats of Plan" in labels(tab)
    questions.ask(visitor.shop, subscription)
    assert "each year. It renews on" in words(sound(tab.run()))


@builders.on_sqlite
def test_a_plan_on_hold_since_its_billing_is_paused_says_so_once(visitor: Visitor, clock: Clock) -> None:
    order_id, name = builders.subscribed(visitor.shop, visitor.stripe)
    clock.pass_(days=31)
    visitor.stripe.pause(name)
    visitor.stripe.pass_unbilled(name)
    questions.ask(visitor.shop, name)
    visitor.signs_in(builders.BUYER)
    tab = visitor.opens("order", id=order_id)
    assert heading(tab) == "Your plan is on hold"
    assert words(tab).count("Its billing is paused") == 1
    assert "It opens again when its billing goes on." in words(tab)


@builders.on_sqlite
def test_of_two_plans_the_order_speaks_as_of_several(visitor: Visitor) -> None:
    builders.sell_bigger_plan(visitor.shop)
    order_id, _ = builders.subscribed(visitor.shop, visitor.stripe, "plan-month", "bigger-month")
    visitor.signs_in(builders.BUYER)

    def becomes(reason: str) -> str:
        with visitor.shop.transaction() as session:
            session.execute(text(f"update grants set state = 'revoked', reason = '{reason}'"))
        return heading(visitor.opens("order", id=order_id))

    assert becomes("unpaid") == "Your plans wait for their payment"
    assert becomes("paused") == "Your plans are on hold"
    assert becomes("ended") == "Your plans have ended"


@builders.on_sqlite
def test_each_subscription_of_an_order_says_what_it_is_for_and_when_it_renews(visitor: Visitor) -> None:
    order_id, names = builders.two_plans_apart(visitor.shop, visitor.stripe)
    visitor.stripe.cancel_later(names[0])
    questions.ask(visitor.shop, names[0])
    visitor.signs_in("nora@lindqvist.example")
    plan, bigger = cards(visitor.opens("order", id=order_id))
    assert [each.header[0].value for each in (plan, bigger)] == ["Plan", "Bigger Plan"]
    assert any("It runs until" in each.value for each in plan.markdown)
    assert any("It renews on" in each.value for each in bigger.markdown)


def test_a_letters_link_shows_its_one_order_and_nothing_that_changes_it(visitor: Visitor) -> None:
    order_id, _ = builders.subscribed(visitor.shop, visitor.stripe, "guide-eur", "plan-month")
    visitor.returns_as("br_2")
    closed = visitor.opens("order", id=order_id)
    assert heading(closed) == "This order isn't open here"
    assert "Field Guide" not in words(closed)
    token = order_links.link(visitor.shop, order_id, "nora@lindqvist.example").rpartition("/")[2]
    visitor.cookies[signing.ORDERS_COOKIE] = order_links.click(visitor.shop, token, None)[1]
    tab = visitor.opens("order", id=order_id)
    assert heading(tab) == ALL_YOURS
    assert "/api/downloads/" in words(tab)
    assert "n…@lindqvist.example" in words(tab)
    assert "nora@lindqvist.example" not in words(tab)
    assert not tab.button
    assert heading(visitor.opens("order", id="ord_nobody")) == "This order isn't open here"


def test_what_the_letter_named_stands_first(visitor: Visitor) -> None:
    order_id = builders.bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur")
    kit = builders.deliveries(visitor.shop, order_id)[1].grant_id
    assert visitor.opens("order", id=order_id).header[0].value == "Field Guide"
    assert visitor.opens("order", id=order_id, to=kit).header[0].value == "Template Kit"


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
    assert "See all you bought" in labels(tab)
