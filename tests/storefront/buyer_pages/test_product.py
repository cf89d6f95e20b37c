"""The product page: what one gets, what it costs, and the way into the cart."""

from tests.builders import opened
from tests.storefront.conftest import Visitor, labels, sound, words


def test_a_product_goes_into_the_cart_of_this_browser(visitor: Visitor) -> None:
    tab = sound(visitor.opens("product", p="kit").button(key="add").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("kit-eur", 1)]
    assert tab.success[0].value == "Template Kit is in your cart."
    assert "Go to cart" in labels(tab)


def test_a_plan_takes_seats_and_a_way_to_be_billed(visitor: Visitor) -> None:
    tab = visitor.opens("product", p="plan")
    tab.number_input(key="quantity-plan").set_value(5).run()
    assert "5 seats at €90. Saves €90 a year compared with monthly." in words(tab)
    tab.get_by_key("billing").set_value("plan-month").run()  # type: ignore[union-attr]
    assert "5 seats at €9." in words(tab)
    sound(tab.button(key="add").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("plan-month", 5)]


def test_choosing_otherwise_changes_what_is_in_the_cart(visitor: Visitor) -> None:
    visitor.puts("clinic-eur", 1)
    tab = visitor.opens("product", p="clinic")
    assert "Go to cart" in labels(tab)
    tab.number_input(key="quantity-clinic").set_value(3).run()
    assert "Change what's in the cart" in labels(tab)
    sound(tab.button(key="add").click().run())
    assert [(line.price.id, line.quantity) for line in visitor.cart.lines] == [("clinic-eur", 3)]


def test_no_more_places_can_be_chosen_than_there_are(visitor: Visitor) -> None:
    assert visitor.opens("product", p="clinic").number_input(key="quantity-clinic").max == 4


def test_sold_out_and_withdrawn_products_have_no_button(visitor: Visitor) -> None:
    full, old = visitor.opens("product", p="full"), visitor.opens("product", p="old")
    assert full.warning[0].value == "Every place is taken."
    assert old.info[0].value == "This is no longer for sale."
    assert "Add to cart" not in labels(full) + labels(old)


def test_an_unknown_product_is_said_to_be_unknown(visitor: Visitor) -> None:
    tab = visitor.opens("product", p="nowhere")
    assert tab.title[0].value == "We can't find that product"
    assert "See everything in the shop" in labels(tab)


def test_without_cookies_the_page_says_why_nothing_can_be_kept(visitor: Visitor) -> None:
    visitor.cookies.clear()
    tab = sound(visitor.opens("product", p="guide").button(key="add").click().run())
    assert "keeps no cookies" in tab.warning[0].value


def test_a_forged_cookie_is_nobody(visitor: Visitor) -> None:
    visitor.puts("guide-eur")
    visitor.cookies["pushcart_browser"] = "br_1"
    assert not visitor.opens("product", p="guide").success


def test_a_place_that_goes_meanwhile_is_said_to_be_gone(visitor: Visitor) -> None:
    tab = visitor.opens("product", p="clinic")
    take_all_places(visitor)
    tab.button(key="add").click().run()
    assert not tab.exception
    assert visitor.cart.lines == ()


def take_all_places(visitor: Visitor) -> None:
    """Somebody else is faster."""
    opened(visitor.shop, ("clinic-eur", 4), cart="cart_of_another")
    opened(visitor.shop, ("clinic-eur", 1), cart="cart_of_a_third")
