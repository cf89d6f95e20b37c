"""Away from the payment page and back again: the cart is as it was, and never two payment pages are open for it."""

import pytest
from playwright.sync_api import expect

from tests.journeys.buyer import Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand

GUIDE, CLINIC = "The Quiet Launch", "Pricing Clinic, live"
PLACES = f"Places of {CLINIC}"


@pytest.fixture
def emil(arrive: Arrive) -> Buyer:
    """Somebody at the cart, with a guide and two places in it."""
    emil = arrive("emil")
    emil.puts_in_cart(GUIDE)
    emil.goes_on_to("/product?id=pricing-clinic")
    emil.adjusts("Places", 2)
    emil.sees("2 places at")
    emil.clicks("Add to cart")
    emil.goes_to_cart()
    return emil


def sees_cart_as_it_was(buyer: Buyer) -> None:
    buyer.sees_heading("Your cart")
    expect(buyer.page.get_by_role("button", name="Remove")).to_have_count(2)
    buyer.sees(GUIDE)
    expect(buyer.page.get_by_label(PLACES)).to_have_value("2")
    buyer.sees("€309.00")


def test_the_way_back_and_a_second_tab_lead_to_the_same_cart_and_the_same_session(emil: Buyer, stand: Stand) -> None:
    session = emil.goes_to_payment()
    emil.clicks("Back to Plainwork", "link")
    sees_cart_as_it_was(emil)
    assert emil.goes_to_payment() == session
    emil.page.go_back()
    sees_cart_as_it_was(emil)
    emil.opens_in_new_tab("/cart")
    sees_cart_as_it_was(emil)
    assert emil.goes_to_payment() == session
    emil.pays()
    assert emil.returns() == session
    order = stand.order(emil.sees_everything_delivered())
    assert order["amount_total"] == 2900 + 2 * 14000
    assert [(line["product"], line["quantity"]) for line in order["lines"]] == [
        ("quiet-launch", 1),
        ("pricing-clinic", 2),
    ]


def test_a_changed_cart_gets_a_new_session_and_the_old_one_can_no_longer_be_paid(emil: Buyer, stand: Stand) -> None:
    first = emil.goes_to_payment()
    left_open = emil.page.url
    emil.page.go_back()
    emil.adjusts(PLACES, 3)
    emil.sees("€449.00")
    second = emil.goes_to_payment()
    emil.page.go_back()
    expect(emil.page.get_by_label(PLACES)).to_have_value("3")
    emil.page.get_by_role("button", name="Remove").first.click()
    expect(emil.page.get_by_role("button", name="Remove")).to_have_count(1)
    third = emil.goes_to_payment()
    states = [stand.stripe(f"checkout/sessions/{session}")["status"] for session in (first, second, third)]
    assert states == ["expired", "expired", "open"]
    emil.pays()
    order = stand.order(emil.sees_everything_delivered())
    assert [(line["product"], line["quantity"]) for line in order["lines"]] == [("pricing-clinic", 3)]
    assert (order["status"], order["amount_total"]) == ("fulfilled", 3 * 14000)
    emil.opens(left_open)
    emil.sees_heading("This payment page has expired")


def test_the_keyboard_alone_buys(arrive: Arrive, stand: Stand) -> None:
    kira = arrive("kira")
    press = kira.page.keyboard.press
    kira.opens("/")
    kira.sees(GUIDE)
    kira.tabs_to("See the guide")
    press("Enter")
    kira.sees("What you get")
    focused = kira.page.locator(":focus")
    kira.tabs_to("Your purchases")
    expect(focused).to_have_css("outline-style", "solid")
    kira.tabs_to("Add to cart")
    press("Enter")
    kira.sees("in your cart.")
    expect(focused).to_contain_text("Go to cart")
    expect(focused).to_have_css("outline-style", "solid")
    press("Enter")
    kira.sees_heading("Your cart")
    kira.tabs_to("Go to payment")
    press("Enter")
    kira.arrives_at_payment()
    kira.tabs_to("Email")
    kira.page.keyboard.type(kira.email)
    press("Enter")
    assert stand.order(kira.sees_everything_delivered())["status"] == "fulfilled"
