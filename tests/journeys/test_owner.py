"""An owner at a browser: in by the demo's button, from the overview to an order, and part of its money back."""

import csv
import re
from io import StringIO
from pathlib import Path

from playwright.sync_api import Dialog, expect

from tests.journeys.buyer import Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually


def enters(owner: Buyer) -> None:
    """By the button at the foot of the shop."""
    owner.opens("/")
    owner.clicks("See it as the owner")
    owner.page.wait_for_url(re.compile("/owner$"))
    owner.sees_heading("Overview")


def test_part_of_an_order_goes_back_and_is_seen_there(arrive: Arrive, stand: Stand) -> None:
    buyer, owner = arrive("olga"), arrive("owner")
    buyer.opens(f"/thanks?session_id={buyer.buys('proposal-kit-eur')}")
    number = buyer.sees_everything_delivered()

    enters(owner)
    owner.sees(number)
    owner.page.get_by_role("link", name=re.compile(number)).first.click()
    owner.sees_heading(number)
    owner.clicks(re.compile("^(undo )?Refund$"))
    owner.page.get_by_role("radio", name="An amount").click()
    owner.page.get_by_label("Amount in EUR").fill("9.00")
    owner.page.get_by_label("Amount in EUR").press("Enter")
    owner.sees(re.compile("goes back the way it was paid"))
    owner.clicks("Refund €9.00")
    owner.sees("€9.00 is on its way back.")
    owner.sees("Partly refunded")
    eventually(lambda: stand.order(number)["amount_refunded"] == 900)
    assert [grant["state"] for grant in stand.order(number)["grants"]] == ["active"]


def test_whoever_was_not_let_in_sees_a_form_and_whoever_leaves_sees_it_again(arrive: Arrive) -> None:
    owner = arrive("owner")
    owner.opens("/owner/orders")
    owner.sees_heading("Back office")
    enters(owner)
    owner.opens("/owner/staff")
    owner.clicks(re.compile("Set up a second factor"))
    # What was refused is typed anew where one is: the dialog is another one by then, and would begin at its top.
    field = owner.page.get_by_label("Six-digit code")
    field.fill("000000")
    field.press("Enter")
    owner.sees(re.compile("That isn't the code"))
    expect(field).to_be_focused()
    owner.opens("/owner/orders")
    owner.sees_heading("Orders")
    owner.clicks("Sign out")
    owner.sees_heading("Back office")


def test_the_list_is_taken_as_a_file(arrive: Arrive) -> None:
    buyer, owner = arrive("olaf"), arrive("owner")
    buyer.buys("quiet-launch-eur")
    owner.works_here(f"/owner-orders?text={buyer.email}")
    with owner.page.expect_download() as started:
        owner.page.get_by_role("link", name="Export as CSV").click()
    text = Path(started.value.path()).read_text(encoding="utf-8-sig")
    (row,) = csv.DictReader(StringIO(text))
    assert (row["email"], row["status"], row["total"]) == (buyer.email, "fulfilled", "29.00")
    # What was clicked goes with the field it kept: whoever goes by keyboard is still in the box that is open.
    owner.clicks(re.compile("Saved views"))
    owner.page.get_by_label("Name of this view", exact=True).fill("Theirs")
    owner.clicks("Keep this view")
    owner.sees(re.compile("Forget Theirs"))
    expect(owner.page.locator("[role=dialog]:focus, [role=dialog] :focus")).to_have_count(1)
    owner.clicks(re.compile("Forget Theirs"))
    owner.page.keyboard.press("Escape")
    # By the menu one comes to all orders, and by the browser's Back to those that were found.
    field = owner.page.get_by_role("searchbox", name="Search")
    owner.page.get_by_test_id("stSidebarNavLink").filter(has_text="Orders").click()
    expect(field).to_have_value("")
    expect(owner.page).to_have_url(f"{owner.stand.url}/owner-orders")
    owner.page.go_back()
    expect(field).to_have_value(buyer.email)


def test_a_phone_shows_the_orders_as_a_list(arrive: Arrive) -> None:
    buyer, owner = arrive("oona"), arrive("owner")
    buyer.buys("quiet-launch-eur")
    owner.page.set_viewport_size({"width": 390, "height": 844})
    owner.works_here(f"/owner-orders?text={buyer.email}")
    row = owner.page.locator(".st-key-narrow-orders").get_by_role("link")
    expect(row).to_have_count(1)
    assert owner.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    row.click()
    owner.sees("What was bought")
    assert owner.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_doctor_finds_the_demo_well_and_the_page_says_so(arrive: Arrive, stand: Stand) -> None:
    found = stand.pushcart("doctor")
    assert {each["level"] for each in found} == {"fine", "later"}, found
    assert {"key", "clock", "permissions", "endpoint", "webhook", "worker", "storage", "mail"} <= {
        each["check"] for each in found
    }
    assert [each["level"] for each in stand.pushcart("webhook", "test")] == ["fine"]
    owner = arrive("owner")
    owner.works_here("/owner-health")
    owner.sees("The key may do all that the shop does.")
    owner.clicks(re.compile("Look again$"))
    owner.sees(re.compile("A signed ping to .* arrived"))


LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 60"><script>alert(1)</script>'
    '<rect width="900" height="60" fill="#c04"/></svg>'
)


def test_a_shop_that_looks_like_its_sellers_is_seen_at_once_on_either_ground_and_at_either_width(
    arrive: Arrive, stand: Stand
) -> None:
    owner, buyer = arrive("owner"), arrive("opal")
    owner.works_here("/owner-shop")
    owner.sees_heading("Shop settings")
    owner.page.get_by_label("Name of the shop").fill("Kräuterhof & Töchter")
    owner.page.get_by_label("Colour", exact=True).fill("#fd0")
    owner.page.get_by_label("Colour", exact=True).press("Enter")
    owner.page.get_by_test_id("stFileUploader").first.locator("input").set_input_files(
        {"name": "logo.svg", "mimeType": "image/svg+xml", "buffer": LOGO.encode()}
    )
    expect(owner.page.get_by_text("logo.svg").first).to_be_visible()
    owner.page.get_by_text("Without this logo on dark pages").click()
    owner.clicks(re.compile("Save$"))
    owner.sees("Everybody sees it now.")
    try:
        for width, ground in ((1280, "light"), (390, "light"), (390, "dark"), (1280, "dark")):
            buyer.page.set_viewport_size({"width": width, "height": 844})
            buyer.page.emulate_media(color_scheme="dark" if ground == "dark" else "light")
            # Loaded once on either ground; the other width is that of a window that was pulled.
            if (width, ground) in ((1280, "light"), (390, "dark")):
                buyer.opens("/product?id=quiet-launch")
            button = buyer.page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Add to cart$"))
            expect(button).to_have_css("background-color", "rgb(255, 221, 0)")
            expect(button).to_have_css("color", "rgb(0, 0, 0)")
            expect(buyer.page).to_have_title("The Quiet Launch · Kräuterhof & Töchter")
            logo = buyer.page.get_by_test_id("stHeaderLogo").first
            assert re.search(r"/api/pictures/[0-9a-f]{64}/logo\.png$", logo.get_attribute("src") or "")
            assert logo.evaluate("image => image.naturalWidth > 0 && image.getBoundingClientRect().right <= innerWidth")
            assert buyer.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    finally:
        catalogue = stand.folder / "core" / "catalog" / "demo" / "catalogue.toml"
        stand.pushcart("catalog", "apply", str(catalogue))
    buyer.goes_on_to("/")
    expect(buyer.page).to_have_title("Shop · Plainwork")
    # The back office keeps its own, though the shop has one again for dark pages.
    owner.page.emulate_media(color_scheme="dark")
    owner.goes_on_to("/owner")
    owner.sees_heading("Overview")
    expect(owner.page.get_by_test_id("stSidebarLogo").first).to_have_css("content", "normal")


def test_what_was_typed_and_not_saved_is_there_on_the_way_back_and_asked_about_before_the_tab_is_closed(
    arrive: Arrive,
) -> None:
    owner = arrive("owner")
    name, asked = owner.page.get_by_role("textbox", name="Name", exact=True), list[str]()

    def stays(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    owner.page.on("dialog", stays)

    def is_asked() -> bool:
        """Whether the browser asks before the page goes; it is there anew then."""
        asked.clear()
        owner.page.reload()
        expect(name).to_have_value("The Quiet Launch")
        return asked == ["beforeunload"]

    owner.works_here("/owner-product?id=quiet-launch")
    name.click()
    assert not is_asked()
    name.click()
    name.press_sequentially("er")  # and nothing has come to the server yet
    assert is_asked()
    name.fill("Quieter")
    name.press("Enter")
    owner.sees("What you typed is not saved yet.")
    assert is_asked()
    name.fill("Quieter")
    name.press("Enter")
    owner.sees("What you typed is not saved yet.")
    owner.page.get_by_role("link", name="Orders").first.click()
    owner.sees_heading("Orders")
    owner.page.get_by_role("link", name="The Quiet Launch").click()
    expect(name).to_have_value("Quieter")
    owner.sees("What you typed is not saved yet.")
    owner.clicks(re.compile("Discard it"))
    expect(name).to_have_value("The Quiet Launch")
    expect(owner.page.get_by_text("What you typed is not saved yet.")).to_have_count(0)
    assert not is_asked()
