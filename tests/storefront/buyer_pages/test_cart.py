"""The cart: kept in the database, paid as far as it can be, and safe whatever Stripe says."""

import pytest
from sqlalchemy import text

from core.catalog.products import Product, ShopText
from core.foundation.errors import StripeKeyRefused, StripeRefused, StripeUnreachable
from core.orders.orders import Order
from core.rights.consents import Consent
from tests import builders
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, left_for, sound, words


def test_a_cart_survives_a_new_tab(visitor: Visitor) -> None:
    visitor.puts("guide-eur", 2)
    tab = visitor.opens("cart")
    assert "**Field Guide**" in words(tab)
    assert "**€58.00**" in words(tab)


def test_nothing_in_a_product_s_name_is_markup_on_the_button_that_removes_it(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.get_one(Product, "guide").name = "**Guide** :material/home:"
    visitor.puts("guide-eur")
    assert r"Remove \*\*Guide\*\* :color[:]{}material/home\:" in labels(visitor.opens("cart"))


def test_a_cart_that_has_changed_since_it_was_seen_is_not_paid_by_that_click(visitor: Visitor) -> None:
    visitor.puts("guide-eur", 2)
    visitor.puts("kit-eur")
    tab = visitor.opens("cart")
    with visitor.shop.transaction() as session:
        session.get_one(Product, "kit").active = False
    sound(tab.button(key="pay").click().run())
    assert "This is not as you saw it any more" in tab.warning[0].value
    # Nor is one that another tab has changed.
    visitor.puts("guide-eur", 3)
    sound(tab.button(key="pay").click().run())
    assert "This is not as you saw it any more" in tab.warning[0].value
    assert visitor.stripe.sessions == {}
    # What is typed here just before the click is meant.
    tab.number_input[0].set_value(1)
    sound(tab.button(key="pay").click().run())
    assert [each["amount_total"] for each in visitor.stripe.sessions.values()] == [2900]


def test_paying_leaves_for_stripe_in_the_same_tab_and_keeps_the_cart(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    session_id = visitor.goes_to_payment()
    assert visitor.stripe.sessions[session_id]["amount_total"] == 2900
    assert "**Field Guide**" in words(visitor.opens("cart"))


def test_what_was_ticked_and_what_was_shown_is_kept_with_the_order(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.puts("clinic-eur")
    tab = visitor.opens("cart")
    [box] = tab.checkbox
    assert "my right of withdrawal ends" in box.label
    assert box.value is False
    assert "no right of withdrawal" in words(tab)
    sound(box.check().run())
    sound(tab.button(key="pay").click().run())
    assert {row.clause: row.given for row in builders.rows(visitor.shop, Consent)} == {"digital": True, "event": True}


def test_the_seller_s_terms_have_to_be_ticked(visitor: Visitor) -> None:
    with visitor.shop.transaction() as session:
        session.add(ShopText(key="consent_terms", text="I agree to the terms."))
    visitor.puts("guide-eur")
    tab = visitor.opens("cart")
    assert tab.checkbox[0].label == "I agree to the terms."
    sound(tab.button(key="pay").click().run())
    assert "Tick the box of the terms first" in words(tab)
    assert visitor.stripe.calls == []
    tab.checkbox[0].check()
    sound(tab.button(key="pay").click().run())
    assert "window.location.assign" in left_for(tab)
    assert {row.clause: row.given for row in builders.rows(visitor.shop, Consent)} == {"terms": True, "digital": False}


@builders.on_sqlite
def test_the_id_that_an_address_names_goes_with_the_order(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    tab = visitor.opens("cart", external_id="user-9")
    tab.button(key="pay").click().run()
    assert [row.seller_reference for row in builders.rows(visitor.shop, Order)] == ["user-9"]


def test_drawing_the_cart_asks_nothing_of_stripe(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.opens("cart").run()
    assert visitor.stripe.calls == []


def test_the_button_for_phones_pays_too(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    assert "window.location.assign" in left_for(visitor.opens("cart").button(key="pay-phone").click().run())


def test_a_field_says_how_many_the_cart_holds_also_after_another_tab_has_changed_it(visitor: Visitor) -> None:
    visitor.puts("guide-eur", 2)
    key = "quantity-in-cart-guide-eur"
    tab, other = visitor.opens("cart"), visitor.opens("cart")
    sound(other.number_input(key=key).set_value(3).run())
    assert (other.number_input(key=key).value, "**€87.00**" in words(other)) == (3, True)
    sound(tab.run())
    assert (tab.number_input(key=key).value, "**€87.00**" in words(tab)) == (3, True)
    sound(tab.number_input(key=key).set_value(1).run())
    assert "**€29.00**" in words(tab)


def test_quantities_change_and_lines_go(visitor: Visitor) -> None:
    visitor.puts("clinic-eur")
    visitor.puts("guide-eur")
    tab = visitor.opens("cart")
    sound(tab.number_input(key="quantity-in-cart-clinic-eur@clinic/1").set_value(3).run())
    sound(tab.button(key="remove-guide-eur").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("clinic-eur", 3)]
    assert "**€420.00**" in words(tab)


def test_what_a_plan_costs_later_is_said_today(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.puts("plan-year", 5)
    tab = words(visitor.opens("cart"))
    assert "**€479.00**" in tab
    assert "Then €450.00 every year, until you cancel." in tab


def test_what_cannot_be_bought_any_more_stays_out_of_the_payment(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.puts("kit-eur")
    visitor.puts("clinic-eur")
    with visitor.shop.transaction() as session:
        session.execute(text("update products set active = false where id = 'kit'"))
        session.execute(text("update workshop_dates set taken = capacity"))
    tab = words(visitor.opens("cart"))
    assert "No longer for sale" in tab
    assert "Sold out" in tab
    assert visitor.stripe.sessions[visitor.goes_to_payment()]["amount_total"] == 2900


def test_a_price_that_is_gone_stays_out_too(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.puts("plan-year")
    with visitor.shop.transaction() as session:
        session.execute(text("update prices set active = false where id = 'plan-year'"))
    assert "Its price has changed" in words(visitor.opens("cart"))
    assert visitor.stripe.sessions[visitor.goes_to_payment()]["amount_total"] == 2900


def test_a_cart_with_nothing_to_pay_offers_no_payment(visitor: Visitor) -> None:
    visitor.puts("kit-eur")
    with visitor.shop.transaction() as session:
        session.execute(text("update products set active = false where id = 'kit'"))
    tab = visitor.opens("cart")
    assert "Go to payment" not in labels(tab)
    assert "Remove Template Kit" in labels(tab)


@pytest.mark.parametrize(
    "trouble", [StripeUnreachable("timeout"), StripeRefused("amount_too_large"), StripeKeyRefused("expired")]
)
def test_when_stripe_does_not_help_nothing_is_lost(visitor: Visitor, trouble: Exception) -> None:
    visitor.puts("guide-eur")
    visitor.stripe.trouble.append(trouble)  # type: ignore[arg-type]
    tab = sound(visitor.opens("cart").button(key="pay").click().run())
    assert "Nothing was charged" in tab.warning[0].value
    assert left_for(tab) == ""
    assert visitor.goes_to_payment()


def test_a_shop_that_cannot_take_payments_says_so(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.stripe.trouble.append(StripeKeyRefused("api_key_expired"))
    tab = sound(visitor.opens("cart").button(key="pay").click().run())
    assert "can't take payments right now" in tab.warning[0].value


def test_two_currencies_are_said_not_to_go_together(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.puts("yen-jpy")
    tab = visitor.opens("cart")
    assert "**€29.00 and ¥500**" in words(tab)
    tab.button(key="pay").click().run()
    assert "different currencies" in tab.warning[0].value


def test_a_cart_that_was_paid_in_another_tab_leads_to_its_order(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    tab = visitor.opens("cart")
    visitor.stripe.pay(visitor.goes_to_payment())
    sound(tab.button(key="pay").click().run())
    assert "paid for already" in tab.warning[0].value
    assert "See this order" in labels(tab)


def test_a_cart_that_is_still_settling_leads_to_its_order(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    tab = visitor.opens("cart")
    visitor.stripe.pay(visitor.goes_to_payment(), slowly=True)
    sound(tab.button(key="pay").click().run())
    assert "still settling" in tab.warning[0].value


def test_who_has_the_plan_already_is_told_so_and_may_go_on(visitor: Visitor, clock: Clock) -> None:
    visitor.puts("plan-month")
    session_id = visitor.goes_to_payment()
    visitor.stripe.pay(session_id)
    builders.deliver(visitor.shop, visitor.stripe.event("completed", session_id))
    clock.pass_(minutes=1)  # the newer cart is the one that is shown
    visitor.puts("plan-month")
    tab = visitor.opens("cart")
    sound(tab.button(key="pay").click().run())
    assert "You already have this plan" in tab.warning[0].value
    assert "Your purchases" in labels(tab)
    assert left_for(tab) == ""
    sound(tab.button(key="pay").click().run())
    assert left_for(tab)


def test_an_empty_cart_shows_something_to_begin_with(visitor: Visitor) -> None:
    tab = visitor.opens("cart")
    assert tab.title[0].value == "Your cart is empty"
    assert len(tab.header) == 3


def test_a_tab_left_from_before_paying_leads_to_what_was_bought(visitor: Visitor, clock: Clock) -> None:
    visitor.puts("guide-eur")
    session_id = visitor.goes_to_payment()
    assert "See what you just bought" not in labels(visitor.opens("cart"))
    visitor.stripe.pay(session_id)
    builders.deliver(visitor.shop, visitor.stripe.event("completed", session_id))
    tab = visitor.opens("cart")
    assert tab.title[0].value == "Your cart is empty"
    assert "See what you just bought" in labels(tab)
    clock.pass_(hours=3)
    assert "See what you just bought" not in labels(visitor.opens("cart"))


def test_a_browser_without_cookies_learns_why_its_cart_is_empty(visitor: Visitor) -> None:
    visitor.cookies.clear()
    assert "keeps no cookies" in visitor.opens("cart").warning[0].value


def test_two_dates_of_a_workshop_are_two_lines_each_with_its_own_warning(visitor: Visitor) -> None:
    for date_id, in_days in (("clinic/2", 24), ("clinic/3", 31)):
        builders.add_date(visitor.shop, date_id, in_days=in_days)
    for date_id in ("clinic/1", "clinic/2", "clinic/3"):
        visitor.puts("clinic-eur", 2, date_id)
    builders.change_date(visitor.shop, "clinic/2", taken=5)
    builders.change_date(visitor.shop, "clinic/3", taken=4)
    tab = visitor.opens("cart")
    text = words(tab)
    assert "2 places, Thursday 10 December 2026" in text
    assert "2 places, Thursday 17 December 2026, 11\\:24 to 13\\:24, Copenhagen time. This stays out" in text
    assert "Only 1 place is left on this date" in text
    assert {"Remove 10 December 2026", "See other dates"} <= set(labels(tab))
    sound(tab.button(key="remove-clinic-eur@clinic/3").click().run())
    assert visitor.stripe.sessions[visitor.goes_to_payment()]["amount_total"] == 28000
    (order,) = builders.rows(visitor.shop, Order)
    assert builders.dates_of(visitor.shop, order.id) == ["clinic/1"]


def test_a_date_that_is_over_stays_in_the_cart_and_out_of_the_payment(visitor: Visitor) -> None:
    visitor.puts("clinic-eur")
    visitor.shop.now.pass_(days=18)  # type: ignore[attr-defined]
    text = words(visitor.opens("cart"))
    assert "This date can't be booked any more" in text
    assert "Thursday 10 December 2026" in text
    assert "Nothing to pay" in text
