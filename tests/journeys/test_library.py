"""Coming back weeks later: to one order by the letter's link, to all by a code. Reading a letter changes nothing, a click does."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.buyer import ALL_YOURS, Buyer, link_in, order_link_in
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand


@pytest.fixture
def letter(arrive: Arrive, stand: Stand) -> dict[str, str]:
    """The letter to somebody who has bought the guide in a browser that is gone."""
    lea = arrive("lea")
    session = lea.checks_out("quiet-launch-eur", email=lea.email)
    lea.leaves()
    stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
    return stand.letters(lea.email)[0]


def sees_library_of(email: str, buyer: Buyer) -> None:
    buyer.sees(f"Signed in as {email}")
    buyer.sees_heading("The Quiet Launch")


def sees_nobody_signed_in(buyer: Buyer) -> None:
    expect(buyer.page.get_by_label("Email")).to_have_value("")
    buyer.does_not_see("Signed in as")


def test_a_letter_opens_its_order_after_a_click_and_on_this_browser_alone(
    arrive: Arrive, letter: dict[str, str], sold_files: Path
) -> None:
    scanner = arrive("scanner")
    scanner.opens(order_link_in(letter))
    scanner.page.get_by_role("button", name=re.compile("^Open order")).wait_for()
    assert not [each for each in scanner.context.cookies() if each["name"] == "pushcart_orders"]
    lea = arrive("lea")
    lea.opens(order_link_in(letter))
    lea.clicks(re.compile("^Open order"))
    lea.sees_heading(ALL_YOURS)
    lea.does_not_see(letter["to"])
    assert lea.downloads("PDF") == (sold_files / "the-quiet-launch.pdf").read_bytes()
    lea.page.reload()
    lea.sees_heading(ALL_YOURS)
    opened = lea.page.url

    cookies: list[Any] = lea.context.cookies()
    forger = arrive("forger")
    forger.context.add_cookies([each | {"value": each["value"][:-4] + "AAAA"} for each in cookies])
    forger.opens(opened)
    forger.sees_heading("This order isn't open here")
    lea.goes_on_to("/purchases")
    sees_nobody_signed_in(lea)


def test_the_library_takes_a_code_for_which_a_letter_needs_no_typing(
    arrive: Arrive, stand: Stand, letter: dict[str, str], sold_files: Path
) -> None:
    lea = arrive("lea")
    lea.opens(link_in(letter))
    lea.clicks(re.compile("^Send a code to"))
    lea.sees("We sent a code to")
    lea.does_not_see(letter["to"])
    lea.page.reload()
    lea.sees("We sent a code to")
    digits = re.findall(r"\b\d{6}\b", stand.letters(letter["to"], 2)[-1]["subject"])[0]
    for tried, outcome in ((f"{(int(digits) + 1) % 1_000_000:06d}", "That isn't the code."), (digits, "Signed in as")):
        lea.page.get_by_label("Six-digit code").fill(tried)
        lea.clicks("Sign in")
        lea.sees(outcome)
    sees_library_of(letter["to"], lea)
    assert lea.downloads("EPUB") == (sold_files / "the-quiet-launch.epub").read_bytes()
    cookies: list[Any] = lea.context.cookies()
    lea.clicks("Sign out")
    sees_nobody_signed_in(lea)
    thief = arrive("thief")
    thief.context.add_cookies(cookies)
    thief.opens("/purchases")
    sees_nobody_signed_in(thief)
