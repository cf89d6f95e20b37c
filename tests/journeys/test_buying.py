"""From the shelf to the download: what a buyer goes through when all is well, or nearly."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.buyer import ASKS_THE_BANK, DECLINED, PAYMENT_REQUIRED, Buyer, link_in
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand


def events_of(order: dict[str, Any]) -> list[str]:
    return [row["event"] for row in order["log"]]


def assert_bought_once(stand: Stand, buyer: Buyer, number: str, *, amount: int) -> None:
    """The order is fulfilled, with one entry for that in its history, and one receipt has come."""
    order = stand.order(number)
    assert (order["status"], order["amount_total"], order["email"]) == ("fulfilled", amount, buyer.email)
    assert {grant["state"] for grant in order["grants"]} == {"active"}
    assert events_of(order).count("fulfilled") == 1
    [receipt] = stand.letters(buyer.email)
    assert number in receipt["subject"]


def test_a_guide_is_bought_in_one_tab_and_downloaded_at_once(arrive: Arrive, stand: Stand, sold_files: Path) -> None:
    nora = arrive("nora")
    nora.puts_in_cart("The Quiet Launch")
    nora.goes_to_cart()
    nora.goes_to_payment()
    nora.pays()
    nora.returns()
    number = nora.sees_everything_delivered()
    nora.sees(nora.email)
    assert nora.downloads("PDF") == (sold_files / "the-quiet-launch.pdf").read_bytes()
    assert len(nora.context.pages) == 1
    assert_bought_once(stand, nora, number, amount=2900)
    assert link_in(stand.letters(nora.email)[0]).startswith(f"{stand.url}/purchases?letter=")

    thank_you = nora.page.url
    nora.page.reload()
    assert nora.sees_everything_delivered() == number
    assert nora.downloads("EPUB") == (sold_files / "the-quiet-launch.epub").read_bytes()
    nora.goes_on_to("/cart")
    nora.sees_heading("Your cart is empty")

    stranger = arrive("stranger")
    stranger.opens(thank_you)
    stranger.sees_heading("This order is paid")
    stranger.sees("was sent by mail to its buyer")
    stranger.does_not_see(nora.email)
    expect(stranger.page.locator("a[href*='/downloads/']")).to_have_count(0)
    assert "nora" not in stranger.page.content()


@pytest.mark.parametrize("width", [390, 1280])
def test_what_is_bought_at_once_by_a_link_together_and_for_nothing(arrive: Arrive, stand: Stand, width: int) -> None:
    mia = arrive("mia")
    mia.page.set_viewport_size({"width": width, "height": 844})
    mia.opens("/product?id=quiet-launch")
    mia.tabs_to("Buy now")
    mia.page.keyboard.press("Enter")
    mia.arrives_at_payment()
    mia.opens("/cart")
    mia.sees_heading("Your cart is empty")

    mia.opens("/buy/first-launch?quantity=7")
    mia.sees("€89")
    mia.sees("you can buy one at a time")
    mia.clicks("Go to payment")
    mia.arrives_at_payment()
    mia.pays()
    mia.returns()
    together = stand.order(mia.sees_everything_delivered())
    assert [(line["product"], line["unit_amount"]) for line in together["lines"]] == [
        ("quiet-launch", 2390), ("proposal-kit", 6510),
    ]  # fmt: skip
    assert mia.downloads("PDF")

    mia.goes_on_to("/product?id=nine-week-plan")
    mia.page.get_by_label("Your email", exact=True).fill(mia.email)
    mia.clicks("Get it free")
    free = stand.order(mia.sees_everything_delivered())
    assert (free["amount_total"], free["stripe"]["payment_intent"]) == (0, None)
    assert mia.downloads("Spreadsheet")
    assert len(stand.letters(mia.email, 2)) == 2


def test_a_declined_card_is_said_so_and_another_one_pays(arrive: Arrive, stand: Stand) -> None:
    ada = arrive("ada")
    session = ada.checks_out("quiet-launch-eur")
    ada.page.get_by_label("Name", exact=True).fill("Ada Example")
    ada.page.get_by_label("Postcode").fill("1050")
    with ada.expecting(PAYMENT_REQUIRED):
        ada.pays(DECLINED)
        expect(ada.page.get_by_role("alert")).to_contain_text("The card was declined")
    ada.sees("Nothing was charged")
    expect(ada.page.get_by_label("Email")).to_have_value(ada.email)
    expect(ada.page.get_by_label("Name", exact=True)).to_have_value("Ada Example")
    expect(ada.page.get_by_label("Postcode")).to_have_value("1050")
    assert stand.stripe(f"checkout/sessions/{session}")["status"] == "open"
    ada.pays()
    assert ada.returns() == session
    assert_bought_once(stand, ada, ada.sees_everything_delivered(), amount=2900)


def test_a_payment_that_the_bank_asks_about_is_approved(arrive: Arrive, stand: Stand) -> None:
    ben = arrive("ben")
    session = ben.checks_out("quiet-launch-eur")
    ben.pays(ASKS_THE_BANK)
    ben.sees_heading("Is this payment yours?")
    assert stand.stripe(f"checkout/sessions/{session}")["status"] == "open"
    ben.clicks("Yes, approve")
    assert ben.returns() == session
    assert_bought_once(stand, ben, ben.sees_everything_delivered(), amount=2900)


def test_a_payment_refused_at_the_bank_can_be_made_again(arrive: Arrive, stand: Stand) -> None:
    cleo = arrive("cleo")
    session = cleo.checks_out("quiet-launch-eur")
    cleo.pays(ASKS_THE_BANK)
    with cleo.expecting(PAYMENT_REQUIRED):
        cleo.clicks("No, refuse")
        expect(cleo.page.get_by_role("alert")).to_contain_text("Your bank did not confirm")
    expect(cleo.page.get_by_label("Email")).to_have_value(cleo.email)
    cleo.pays()
    assert cleo.returns() == session
    assert_bought_once(stand, cleo, cleo.sees_everything_delivered(), amount=2900)


def test_a_code_for_everything_off_buys_for_nothing(arrive: Arrive, stand: Stand) -> None:
    coupon = stand.stripe("coupons", percent_off=100, duration="once")
    stand.stripe("promotion_codes", **{"promotion[type]": "coupon", "promotion[coupon]": coupon["id"], "code": "GIFT"})
    dora = arrive("dora")
    dora.checks_out("quiet-launch-eur")
    dora.page.get_by_label("Promotion code").fill("NOPE")
    dora.clicks("Apply")
    dora.sees("NOPE isn't valid")
    dora.page.get_by_label("Promotion code").fill("GIFT")
    dora.clicks("Apply")
    dora.sees(re.compile("GIFT takes .*29.00 off"))
    expect(dora.card_number).to_have_count(0)
    dora.page.get_by_label("Email").fill(dora.email)
    dora.presses_pay()
    dora.returns()
    assert_bought_once(stand, dora, dora.sees_everything_delivered(), amount=0)


def test_a_german_browser_reads_german_from_the_shelf_to_the_letter(arrive: Arrive, stand: Stand) -> None:
    greta = arrive("greta", "de-DE")
    greta.opens("/product?id=quiet-launch")
    expect(greta.page.locator("html")).to_have_attribute("lang", "de")
    greta.sees("29 €")
    greta.clicks("In den Warenkorb")
    greta.clicks("Zum Warenkorb")
    greta.sees_heading("Ihr Warenkorb")
    greta.clicks("Zur Zahlung")
    session = greta.arrives_at_payment()
    assert stand.stripe(f"checkout/sessions/{session}")["locale"] == "de"
    greta.pays()
    greta.returns()
    greta.sees_heading("Vielen Dank. Es gehört alles Ihnen.")
    [letter] = stand.letters(greta.email)
    assert letter["subject"].startswith("Ihre Bestellung")
    assert "29,00\xa0€" in letter["text"]
    [receipt] = re.findall(r"Der Beleg, zum Drucken oder Aufbewahren: (\S+)", letter["text"])
    greta.opens(receipt)
    greta.sees("Bezahlt")
