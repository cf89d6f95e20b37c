"""What is said in words and reached without a menu, on a phone as on a desk."""

import pytest
from playwright.sync_api import Browser, expect

from storefront import pictures
from tests import accessibility
from tests.journeys.conftest import Arrive


@pytest.mark.parametrize("width", [360, 1280])
def test_a_quantity_out_of_range_says_so_and_one_s_purchases_are_one_click_away(arrive: Arrive, width: int) -> None:
    nils = arrive("nils")
    nils.page.set_viewport_size({"width": width, "height": 800})
    nils.opens("/p/pricing-clinic")
    nils.adjusts("Places", 99)
    said = nils.page.get_by_text("Please enter a value between 1 and")
    expect(said).to_be_visible()
    box = said.bounding_box()
    assert box is not None
    assert box["height"] > 10
    assert nils.page.evaluate("document.documentElement.scrollWidth") <= width
    # On a phone the top bar's own lies in the menu.
    # A tap leaves the field and clicks in the same moment: what was typed calls nobody back.
    nils.page.get_by_label("Places", exact=True).click()
    nils.page.keyboard.press("ControlOrMeta+A")
    nils.page.keyboard.type("2")
    where = nils.page.get_by_test_id("stMain" if width < 640 else "stHeader")
    where.get_by_role("link", name="Your purchases").click()
    nils.sees_heading("Your purchases")


@pytest.mark.parametrize(
    ("styles", "part"), [("pushcart.css", 'data-testid="stMarkdownContainer"'), ("first.css", 'id="first"')]
)
def test_a_table_that_is_wider_than_a_phone_is_scrolled_without_the_page(
    browser: Browser, styles: str, part: str
) -> None:
    rows = f"<tr>{'<td>Donaudampfschifffahrtsgesellschaft</td>' * 4}</tr>"
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.set_content(f"<style>{(pictures.STATIC / styles).read_text()}</style><div {part}><table>{rows}</table></div>")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.close()


def test_whoever_goes_by_keyboard_sees_where_they_are_above_the_bar(arrive: Arrive) -> None:
    nala = arrive("nala")
    nala.page.set_viewport_size({"width": 390, "height": 844})
    nala.puts_in_cart("Pricing Clinic, live")
    nala.goes_to_cart()
    accessibility.wait_for_rest(nala.page)
    # On a slow machine it may still be as far down as the page before.
    nala.page.locator("[data-testid=stMain]").evaluate("each => { each.scrollTop = 0; }")
    stands = nala.page.get_by_label("Places of Pricing Clinic, live").bounding_box()
    assert stands
    # The field is on the screen, and the bar in front of it.
    nala.page.set_viewport_size({"width": 390, "height": int(stands["y"] + stands["height"])})
    nala.tabs_to("Places of Pricing Clinic, live")
    field, bar = (nala.page.locator(each).bounding_box() for each in (":focus", ".st-key-phone-pay"))
    assert field
    assert bar
    assert field["y"] + field["height"] <= bar["y"]
