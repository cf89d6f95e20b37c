"""Addresses that lead nowhere any more: the page says why, and shows the way on."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.buyer import Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand

DEMO = Path(__file__).parents[2] / "core" / "catalog" / "demo"
# Sold beside the demo's own goods, which a catalogue that does not name them would take off the shelves.
ALMANAC = """
[[products]]
id = "old-almanac"
name = "Old Almanac"
kind = "license"
active = {active}

[[products.prices]]
id = "old-almanac-eur"
amount = 1900
currency = "eur"
"""


@pytest.fixture
def olga(arrive: Arrive) -> Buyer:
    return arrive("olga")


def cannot_buy(buyer: Buyer) -> None:
    expect(buyer.page.get_by_role("button", name="Add to cart")).to_have_count(0)


def test_a_sold_out_workshop_says_so_on_the_shelf_and_on_its_page(olga: Buyer) -> None:
    olga.opens("/")
    tile = olga.page.locator(".st-key-tile-onboarding-lab")
    expect(tile).to_contain_text("Sold out")
    tile.get_by_role("link").click()
    olga.sees_heading("Onboarding Lab, live")
    olga.sees("Every place is taken.")
    cannot_buy(olga)


def test_a_withdrawn_product_is_off_the_shelf_and_says_so_at_its_address(
    olga: Buyer, stand: Stand, tmp_path: Path
) -> None:
    shutil.copytree(DEMO, tmp_path / "demo")
    catalogue = tmp_path / "demo" / "catalogue.toml"
    demo = catalogue.read_text(encoding="utf-8")
    catalogue.write_text(demo + ALMANAC.format(active="true"), encoding="utf-8")
    stand.pushcart("catalog", "apply", str(catalogue))
    olga.puts_in_cart("Old Almanac")
    catalogue.write_text(demo + ALMANAC.format(active="false"), encoding="utf-8")
    stand.pushcart("catalog", "apply", str(catalogue))
    olga.opens("/product?id=old-almanac")
    olga.sees("This is no longer for sale.")
    cannot_buy(olga)
    olga.goes_on_to("/cart")
    olga.sees("No longer for sale")
    olga.sees_heading("Nothing to pay")
    olga.goes_on_to("/")
    olga.sees("The Quiet Launch")
    olga.does_not_see("Old Almanac")


def test_an_unknown_product_leads_back_to_the_shop(olga: Buyer) -> None:
    with olga.expecting("404"):
        olga.opens("/product?id=no-such-thing")
        olga.sees_heading("We can't find that product")
    olga.clicks("See everything in the shop", "link")
    olga.sees("The Quiet Launch")


def test_an_unknown_payment_says_where_to_look(olga: Buyer) -> None:
    olga.opens("/thanks?session_id=cs_test_nobody0knows0this0one")
    olga.sees_heading("We don't know this payment")
    olga.sees("check your email")


def test_a_placeholder_that_was_never_filled_in_says_check_your_email_and_is_logged(
    olga: Buyer, stand: Stand, expected_complaints: list[str]
) -> None:
    expected_complaints.append("placeholder_not_filled")
    olga.opens("/thanks?session_id={CHECKOUT_SESSION_ID}")
    olga.sees_heading("Thank you. Check your email.")
    assert "placeholder_not_filled" in stand.log("storefront")
