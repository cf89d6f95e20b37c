"""The product page: what one gets, what it costs, and the way into the cart."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import update
from streamlit.proto.ButtonGroup_pb2 import ButtonGroup

from core.catalog.products import Interval, Price, Product, ShopText
from core.kinds import workshops
from core.kinds.places.waiting_list import WaitingEntry
from core.orders.orders import Order
from core.people.staff import Role
from core.rights.consents import Consent
from storefront import pictures
from tests import builders
from tests.builders import opened
from tests.storefront.conftest import Visitor, labels, left_for, sound, words


def test_a_product_goes_into_the_cart_of_this_browser(visitor: Visitor) -> None:
    tab = sound(visitor.opens("product", id="kit").button(key="add").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("kit-eur", 1)]
    assert tab.success[0].value == "Template Kit is in your cart."
    assert "Go to cart" in labels(tab)


def test_buying_at_once_leads_to_the_payment_page_and_leaves_the_cart_as_it_is(visitor: Visitor) -> None:
    visitor.puts("kit-eur")
    tab = visitor.opens("product", id="guide")
    tab.number_input(key="quantity-guide").set_value(2).run()
    tab.checkbox[0].check()
    sound(tab.button(key="buy-now").click().run())
    (session,) = visitor.stripe.sessions.values()
    assert session["amount_total"] == 5800
    assert session["url"].partition("#")[0] in left_for(tab)
    assert [line.price.id for line in visitor.cart.lines] == ["kit-eur"]
    assert [row.given for row in builders.rows(visitor.shop, Consent)] == [True]


def test_no_heading_stands_above_nothing(visitor: Visitor) -> None:
    for gets, there in (([["key", "A key"]], True), ([], False)):
        with visitor.shop.transaction() as session:
            session.exec(update(Product).values(description=" \n", gets=gets))
        assert ("What you get" in [each.value for each in visitor.opens("product", id="guide").header]) is there


MEANWHILE = "This is not as you saw it any more"


@pytest.mark.parametrize("key", ["buy-now", "add"])
def test_what_costs_something_else_since_it_was_seen_is_not_bought_by_that_click(visitor: Visitor, key: str) -> None:
    tab = visitor.opens("product", id="guide")
    with visitor.shop.transaction() as session:
        session.get_one(Price, "guide-eur").active = False
        session.add(Price(id="guide-eur-2", product_id="guide", amount=9900, currency="eur", lookup_key="guide-2"))
    sound(tab.button(key=key).click().run())
    assert MEANWHILE in tab.warning[0].value
    assert (visitor.stripe.sessions, visitor.cart.lines) == ({}, ())
    sound(tab.button(key="buy-now").click().run())
    assert [each["amount_total"] for each in visitor.stripe.sessions.values()] == [9900]


def test_another_date_or_fewer_places_are_not_bought_in_place_of_those_that_were_chosen(visitor: Visitor) -> None:
    builders.add_date(visitor.shop, "clinic/2", in_days=30, capacity=4)
    tab = visitor.opens("product", id="clinic")
    sound(tab.radio(key="date-clinic").set_value("clinic/2").run())
    sound(tab.number_input(key="quantity-clinic").set_value(4).run())
    builders.change_date(visitor.shop, "clinic/2", taken=2)
    sound(tab.button(key="buy-now").click().run())
    assert MEANWHILE in tab.warning[0].value
    builders.change_date(visitor.shop, "clinic/2", taken=4)
    sound(tab.button(key="buy-now").click().run())
    assert MEANWHILE in tab.warning[0].value
    assert visitor.stripe.sessions == {}
    assert builders.taken(visitor.shop)["clinic/1"] == 0


def test_of_two_dates_on_one_day_the_one_that_was_chosen_is_bought(visitor: Visitor) -> None:
    for date_id in ("clinic/2", "clinic/3"):
        builders.add_date(visitor.shop, date_id, in_days=30)
    with visitor.shop.transaction() as session:
        later = session.get_one(workshops.WorkshopDate, "clinic/3")
        later.starts_at, later.ends_at = later.starts_at + timedelta(hours=3), later.ends_at + timedelta(hours=3)
    tab = visitor.opens("product", id="clinic")
    assert len(set(tab.radio(key="date-clinic").options)) == 3
    tab.radio(key="date-clinic").set_value("clinic/2")
    sound(tab.button(key="add").click().run())
    assert chosen(visitor) == [("clinic/2", 1)]
    builders.change_date(visitor.shop, "clinic/3", taken=5)
    # What is said of the one that is sold out is not said of the other.
    (sold_out,) = (each.value for each in visitor.opens("product", id="clinic").markdown if "Sold out: " in each.value)
    assert ":" in sold_out.partition("Sold out: ")[2]


def test_of_two_prices_by_the_month_the_one_that_was_chosen_is_paid(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.add(
            Price(
                id="plan-usd", product_id="plan", amount=1100, currency="usd", interval=Interval.MONTH, lookup_key="usd"
            )
        )
    tab = visitor.opens("product", id="plan")
    assert len(set(tab.button_group(key="billing").options)) == 3
    sound(tab.button_group(key="billing").set_value("plan-month").run())
    sound(tab.button(key="add").click().run())
    assert [line.price.id for line in visitor.cart.lines] == ["plan-month"]


def test_of_many_dates_the_button_is_in_sight_and_the_one_that_was_chosen_is_bought(visitor: Visitor) -> None:
    for number in range(2, 13):
        builders.add_date(visitor.shop, f"clinic/{number}", in_days=30 + number // 2)
    tab = visitor.opens("product", id="clinic")
    assert "date-clinic" not in [each.key for each in tab.radio]
    dates = tab.selectbox(key="date-clinic")
    assert len(set(dates.options)) == 12
    assert not [each for each in dates.options if "\\" in each]  # a list shows what it is given as it is
    sound(dates.set_value("clinic/7").run())
    sound(tab.button(key="add").click().run())
    assert chosen(visitor) == [("clinic/7", 1)]


def test_more_prices_than_stand_side_by_side_stand_below_each_other(visitor: Visitor) -> None:
    def add(first: int, last: int) -> ButtonGroup:
        with visitor.shop.transaction() as session:
            for number in range(first, last):
                session.add(
                    Price(
                        id=f"guide-{number}",
                        product_id="guide",
                        amount=1000 * number,
                        currency="usd",
                        lookup_key=f"{number}",
                    )
                )
        (prices,) = visitor.opens("product", id="guide").button_group
        return prices.proto

    assert add(1, 3).style == ButtonGroup.SEGMENTED_CONTROL
    many = add(3, 12)
    assert (many.style, many.wrap) == (ButtonGroup.PILLS, True)


def test_a_plan_that_one_has_is_bought_at_once_again_by_a_second_click(visitor: Visitor) -> None:
    tab = sound(visitor.opens("product", id="plan").button(key="buy-now").click().run())
    visitor.stripe.pay(paid := max(visitor.stripe.sessions))
    builders.deliver(visitor.shop, visitor.stripe.event("completed", paid))
    tab = sound(visitor.opens("product", id="plan").button(key="buy-now").click().run())
    assert "choose “Buy now” again" in tab.warning[0].value
    assert "window.location.assign" in left_for(sound(tab.button(key="buy-now").click().run()))


def test_without_the_box_of_the_terms_nothing_is_bought_at_once(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.add(ShopText(key="consent_terms", text="I agree to the terms."))
    tab = sound(visitor.opens("product", id="guide").button(key="buy-now").click().run())
    assert tab.warning[0].value == "Tick the box of the terms first."
    assert visitor.stripe.sessions == {}


def test_what_is_free_asks_for_an_address_and_is_there_at_once(visitor: Visitor) -> None:
    tab = visitor.opens("product", id="gift")
    assert "Free" in words(tab)
    tab.text_input(key="free-email").set_value("ann@buyer.example")
    sound(tab.button(key="buy-now").click().run())
    (order,) = builders.rows(visitor.shop, Order)
    assert (order.status, order.email, visitor.stripe.calls) == ("fulfilled", "ann@buyer.example", [])
    assert f"session_id=given_{order.id}" in left_for(tab)
    assert "It's all yours." in visitor.opens("thanks", session_id=f"given_{order.id}").title[0].value
    visitor.returns_as("br_2")
    assert "was placed in another browser" in words(visitor.opens("thanks", session_id=f"given_{order.id}"))


@builders.on_sqlite
def test_who_wants_a_free_place_proves_their_address_first(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.exec(update(Price).where(Price.id == "clinic-eur").values(amount=0))
    tab = visitor.opens("product", id="clinic")
    assert "Confirm your email first" in words(tab)
    assert "Get it free" not in labels(tab)
    visitor.signs_in("ann@buyer.example")
    sound(visitor.opens("product", id="clinic").button(key="buy-now").click().run())
    assert [order.status for order in builders.rows(visitor.shop, Order)] == ["fulfilled"]


@builders.on_sqlite
def test_a_cart_of_free_things_needs_no_payment_page(visitor: Visitor) -> None:
    visitor.puts("gift-eur")
    tab = visitor.opens("cart")
    tab.text_input(key="free-email").set_value("ann@buyer.example")
    sound(tab.button(key="pay").click().run())
    assert [order.status for order in builders.rows(visitor.shop, Order)] == ["fulfilled"]
    assert visitor.cart.lines == ()


@builders.on_sqlite
def test_in_a_sale_the_price_of_before_and_its_end_are_said(visitor: Visitor) -> None:
    ends = visitor.shop.now() + timedelta(hours=1)
    changed(visitor, "guide-eur", sale_amount=1900, sale_until=ends)
    text = words(visitor.opens("product", id="guide"))
    assert "€19" in text
    assert "Before: €29" in text
    assert "Instead of €29, until 23 November 2026 at " in text
    visitor.puts("guide-eur")
    visitor.shop.now.pass_(hours=1)  # type: ignore[attr-defined]
    assert "Instead of" not in words(visitor.opens("product", id="guide"))
    assert "It costs €29 now. When you put it here it was €19." in words(visitor.opens("cart"))


@builders.on_sqlite
def test_buyers_say_what_they_pay_on_the_page(visitor: Visitor) -> None:
    changed(visitor, "guide-eur", minimum=500)
    tab = visitor.opens("product", id="guide")
    field = tab.text_input(key="amount-guide-guide-eur")
    assert field.value == "29.00"
    field.set_value("4").run()
    assert tab.warning[0].value == "€5 is the least that it is had for."
    assert "Add to cart" not in labels(tab)
    tab.text_input(key="amount-guide-guide-eur").set_value("7,50").run()
    sound(tab.button(key="add").click().run())
    assert [line.price.amount.amount for line in visitor.cart.lines] == [750]
    sound(tab.button(key="buy-now").click().run())
    assert [each["amount_total"] for each in visitor.stripe.sessions.values()] == [750]


@builders.on_sqlite
def test_a_draft_is_there_for_those_who_work_here_alone(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "guide").values(active=False, draft=True))
    assert visitor.opens("product", id="guide").title[0].value == "We can't find that product"
    assert "Field Guide" not in [each.value for each in visitor.opens("shop").header]
    visitor.works_as(Role.VIEWER)
    tab = visitor.opens("product", id="guide")
    assert (tab.title[0].value, "This is a draft" in tab.info[0].value) == ("Field Guide", True)
    assert "Buy now" not in labels(tab)
    assert ":violet-badge[:material/edit_note: Draft]" in words(visitor.opens("shop"))


def changed(visitor: Visitor, price_id: str, **values: Any) -> None:
    with visitor.shop.transaction() as session:
        session.exec(update(Price).where(Price.id == price_id).values(**values))


def test_a_plan_takes_seats_and_a_way_to_be_billed(visitor: Visitor) -> None:
    tab = visitor.opens("product", id="plan")
    tab.number_input(key="quantity-plan").set_value(5).run()
    assert "5 seats at €90. Saves €90 a year compared with monthly." in words(tab)
    tab.get_by_key("billing").set_value("plan-month").run()  # type: ignore[union-attr]
    assert "5 seats at €9." in words(tab)
    sound(tab.button(key="add").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("plan-month", 5)]


def test_what_was_chosen_just_before_the_click_goes_into_the_cart(visitor: Visitor) -> None:
    # Each is chosen by the same run that the click begins.
    tab = visitor.opens("product", id="plan")
    tab.get_by_key("billing").set_value("plan-month")  # type: ignore[union-attr]
    tab.number_input(key="quantity-plan").set_value(3)
    sound(tab.button(key="add").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("plan-month", 3)]
    assert "Go to cart" in labels(tab)
    # What was "Go to cart" when it was pressed is another button now, which says what it would do.
    tab.get_by_key("billing").set_value("plan-year")  # type: ignore[union-attr]
    sound(tab.button(key="add").click().run())
    assert "Change what's in the cart" in labels(tab)
    assert [line.price.id for line in visitor.cart.lines] == ["plan-month"]
    changed(visitor, "guide-eur", minimum=500)
    tab = visitor.opens("product", id="guide")
    tab.text_input(key="amount-guide-guide-eur").set_value("12")
    sound(tab.button(key="add").click().run())
    assert {line.offer.id: line.price.amount.amount for line in visitor.cart.lines}["guide"] == 1200
    tab.text_input(key="amount-guide-guide-eur").set_value("1")
    sound(tab.button(key="add").click().run())
    assert {line.offer.id: line.price.amount.amount for line in visitor.cart.lines}["guide"] == 1200
    assert tab.warning[0].value == "€5 is the least that it is had for."
    builders.add_date(visitor.shop, "clinic/2", in_days=24, capacity=3)
    tab = visitor.opens("product", id="clinic")
    tab.radio(key="date-clinic").set_value("clinic/2")
    sound(tab.button(key="add").click().run())
    assert chosen(visitor) == [("clinic/2", 1)]


def test_choosing_otherwise_changes_what_is_in_the_cart(visitor: Visitor) -> None:
    visitor.puts("clinic-eur", 1)
    tab = visitor.opens("product", id="clinic")
    assert "Go to cart" in labels(tab)
    tab.number_input(key="quantity-clinic").set_value(3).run()
    assert "Change what's in the cart" in labels(tab)
    sound(tab.button(key="add").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("clinic-eur", 3)]


def test_no_more_places_can_be_chosen_than_there_are(visitor: Visitor) -> None:
    assert visitor.opens("product", id="clinic").number_input(key="quantity-clinic").max == 4


def test_sold_out_and_withdrawn_products_have_no_button(visitor: Visitor) -> None:
    full, old = visitor.opens("product", id="full"), visitor.opens("product", id="old")
    assert full.warning[0].value == "Every place is taken."
    assert old.info[0].value == "This is no longer for sale."
    assert "Add to cart" not in labels(full) + labels(old)


def test_a_link_of_an_earlier_version_still_leads_there(visitor: Visitor) -> None:
    assert "Add to cart" in labels(visitor.opens("product", p="guide"))


def test_an_unknown_product_is_said_to_be_unknown(visitor: Visitor) -> None:
    tab = visitor.opens("product", id="nowhere")
    assert tab.title[0].value == "We can't find that product"
    assert "See everything in the shop" in labels(tab)


def test_without_cookies_the_page_says_why_nothing_can_be_kept(visitor: Visitor) -> None:
    visitor.cookies.clear()
    tab = sound(visitor.opens("product", id="guide").button(key="add").click().run())
    assert "keeps no cookies" in tab.warning[0].value


def test_a_forged_cookie_is_nobody(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.cookies["pushcart_browser"] = "br_1"
    assert not visitor.opens("product", id="guide").success


def test_a_place_that_goes_meanwhile_is_said_to_be_gone(visitor: Visitor) -> None:
    tab = visitor.opens("product", id="clinic")
    take_all_places(visitor)
    tab.button(key="add").click().run()
    assert not tab.exception
    assert visitor.cart.lines == ()


def take_all_places(visitor: Visitor) -> None:
    """Somebody else is faster."""
    opened(visitor.shop, ("clinic-eur", 4), cart="cart_of_another")
    opened(visitor.shop, ("clinic-eur", 1), cart="cart_of_a_third")


# -- a workshop with several dates


def chosen(visitor: Visitor) -> list[tuple[str, int]]:
    """What lies in the cart, by date."""
    return [(line.date.id, line.quantity) for line in visitor.cart.lines if line.date]


def test_a_date_is_chosen_among_those_with_room(visitor: Visitor) -> None:
    builders.add_date(visitor.shop, "clinic/2", in_days=24, capacity=3)
    builders.add_date(visitor.shop, "clinic/3", in_days=31)
    builders.change_date(visitor.shop, "clinic/3", taken=5)
    tab = visitor.opens("product", id="clinic")
    dates = tab.radio(key="date-clinic")
    assert dates.options == ["Thursday 10 December 2026", "Thursday 17 December 2026"]
    assert "0 of 5 places taken" in [each.text for each in tab.get("progress")]
    assert "Sold out: 24 December 2026" in words(tab)
    dates.set_value("clinic/2").run()
    assert tab.number_input(key="quantity-clinic").max == 3
    tab.number_input(key="quantity-clinic").set_value(2).run()
    sound(tab.button(key="add").click().run())
    assert chosen(visitor) == [("clinic/2", 2)]
    assert tab.success[0].value == "Clinic, 2 places on Thursday 17 December 2026, are in your cart."
    assert "Go to cart" in labels(tab)


def test_another_date_is_another_line(visitor: Visitor) -> None:
    builders.add_date(visitor.shop, "clinic/2", in_days=24)
    visitor.puts("clinic-eur", 1, "clinic/2")
    tab = visitor.opens("product", id="clinic")
    assert tab.radio(key="date-clinic").value == "clinic/2"
    tab.radio(key="date-clinic").set_value("clinic/1").run()
    assert "Add to cart" in labels(tab)
    sound(tab.button(key="add").click().run())
    assert sorted(chosen(visitor)) == [("clinic/1", 1), ("clinic/2", 1)]


def test_a_date_that_fills_meanwhile_is_named_and_no_other_is_taken(visitor: Visitor) -> None:
    builders.add_date(visitor.shop, "clinic/2", in_days=24)
    builders.add_date(visitor.shop, "clinic/3", in_days=31)
    tab = visitor.opens("product", id="clinic")
    tab.radio(key="date-clinic").set_value("clinic/2").run()
    builders.change_date(visitor.shop, "clinic/2", taken=5)
    sound(tab.button(key="add").click().run())
    assert "No place can be had on Thursday 17 December 2026 any more." in tab.warning[0].value
    assert tab.radio(key="date-clinic").options == ["Thursday 10 December 2026", "Thursday 24 December 2026"]
    assert visitor.cart.lines == ()


def test_a_workshop_without_a_coming_date_says_so(visitor: Visitor) -> None:
    visitor.shop.now.pass_(days=30)  # type: ignore[attr-defined]
    tab = visitor.opens("product", id="clinic")
    assert tab.warning[0].value == "There is no date for this yet."
    assert "Add to cart" not in labels(tab)


def test_a_cover_is_drawn_with_the_places_of_the_date(visitor: Visitor) -> None:
    with visitor.shop.reading() as session:
        date = workshops.dates(session, ["clinic/1"], now=visitor.shop.now())["clinic/1"]
    drawn = pictures.of_date("covers/pricing-clinic.svg", replace(date, capacity=24, left=20))
    assert (drawn.count('class="taken"'), drawn.count('class="free"')) == (4, 20)
    # A picture with other dots than there are places, and one without any, stay as they are.
    assert pictures.of_date("covers/pricing-clinic.svg", date) == "covers/pricing-clinic.svg"
    assert pictures.of_date("covers/tally.svg", replace(date, capacity=24)) == "covers/tally.svg"


def test_whoever_finds_every_place_taken_puts_themselves_on_the_waiting_list(visitor: Visitor) -> None:
    tab = visitor.opens("product", id="full")
    tab.text_input(key="wait-email-full").set_value("ann@buyer.example")
    sound(tab.form_submit_button[0].click().run())
    assert "You are on the list" in tab.success[0].value
    assert [(row.email, row.places) for row in builders.rows(visitor.shop, WaitingEntry)] == [("ann@buyer.example", 1)]


def test_among_several_dates_one_waits_for_those_that_are_full_alone(visitor: Visitor) -> None:
    builders.add_date(visitor.shop, "clinic/2", in_days=24)
    assert not visitor.opens("product", id="clinic").form_submit_button
    builders.change_date(visitor.shop, "clinic/2", taken=5)
    tab = visitor.opens("product", id="clinic")
    tab.text_input(key="wait-email-clinic").set_value("not an address")
    sound(tab.form_submit_button[0].click().run())
    assert "Type your full email" in "".join(each.value for each in tab.warning)
    assert builders.rows(visitor.shop, WaitingEntry) == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_bundle_leads_to_each_of_its_parts_and_the_address_says_so(visitor: Visitor) -> None:
    builders.sell_bundle(visitor.shop)
    tab = sound(visitor.opens("product", id="both").button(key="turn-part-kit").click().run())
    assert tab.title[0].value == "Template Kit"
    assert tab.query_params["id"] in ("kit", ["kit"])
    sound(tab.button(key="add").click().run())
    assert [line.offer.id for line in visitor.cart.lines] == ["kit"]


def test_what_no_text_has_leads_nowhere_in_a_buyer_s_address_either(visitor: Visitor) -> None:
    for page, name in (
        ("product", "id"), ("product", "p"), ("seat", "id"), ("thanks", "session_id"), ("purchases", "letter"),
        ("withdraw", "order"),
    ):  # fmt: skip
        visitor.opens(page, **{name: "a\0b"})  # which fails where the page does
