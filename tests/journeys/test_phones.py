"""What is said in words and reached without a menu, on a phone as on a desk."""

import pytest
from playwright.sync_api import expect

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
    where = nils.page.get_by_test_id("stMain" if width < 640 else "stHeader")
    where.get_by_role("link", name="Your purchases").click()
    nils.sees_heading("Your purchases")
