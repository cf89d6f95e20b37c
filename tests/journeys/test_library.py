"""Coming back weeks later: by the letter's link, or by a code. Reading a letter changes nothing, only a click does."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.buyer import Buyer, link_in
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand


@pytest.fixture
def letter(arrive: Arrive, stand: Stand) -> dict[str, str]:
    """The letter to somebody who has bought the guide in a browser that is gone."""
    lea = arrive("lea")
    session = lea.checks_out("quiet-launch-eur", email=lea.email)
    lea.context.close()
    stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
    return stand.letters(lea.email)[0]


def sees_library_of(email: str, buyer: Buyer) -> None:
    buyer.sees(f"Signed in as {email}")
    buyer.sees_heading("The Quiet Launch")


def sees_nobody_signed_in(buyer: Buyer) -> None:
    expect(buyer.page.get_by_label("Email")).to_have_value("")
    buyer.does_not_see("Signed in as")


def test_a_letter_signs_in_once_after_a_click_and_for_this_browser_alone(
    arrive: Arrive, letter: dict[str, str], sold_files: Path
) -> None:
    scanner = arrive("scanner")
    scanner.opens(link_in(letter))
    scanner.page.get_by_role("button", name=f"Continue as {letter['to']}").wait_for()
    lea = arrive("lea")
    lea.opens(link_in(letter))
    lea.clicks(f"Continue as {letter['to']}")
    sees_library_of(letter["to"], lea)
    assert lea.downloads("PDF") == (sold_files / "the-quiet-launch.pdf").read_bytes()
    lea.page.reload()
    sees_library_of(letter["to"], lea)
    lea.opens_in_new_tab("/purchases")
    sees_library_of(letter["to"], lea)

    cookies: list[Any] = lea.context.cookies()
    forger = arrive("forger")
    forger.context.add_cookies([each | {"value": each["value"][:-4] + "AAAA"} for each in cookies])
    forger.opens("/purchases")
    sees_nobody_signed_in(forger)
    lea.clicks("Sign out")
    sees_nobody_signed_in(lea)
    thief = arrive("thief")
    thief.context.add_cookies(cookies)
    thief.opens("/purchases")
    sees_nobody_signed_in(thief)


def test_a_used_letter_leads_to_a_code_with_the_address_filled_in(
    arrive: Arrive, stand: Stand, letter: dict[str, str], sold_files: Path
) -> None:
    elsewhere, lea = arrive("elsewhere"), arrive("lea")
    elsewhere.opens(link_in(letter))
    elsewhere.clicks(f"Continue as {letter['to']}")
    sees_library_of(letter["to"], elsewhere)
    lea.opens(link_in(letter))
    lea.sees("That link was used before")
    expect(lea.page.get_by_label("Email")).to_have_value(letter["to"])
    lea.clicks("Send code")
    lea.sees("We sent a code to")
    digits = re.findall(r"\b\d{6}\b", stand.letters(letter["to"], 2)[-1]["subject"])[0]
    for tried, outcome in ((f"{(int(digits) + 1) % 1_000_000:06d}", "That isn't the code."), (digits, "Signed in as")):
        lea.page.get_by_label("Six-digit code").fill(tried)
        lea.clicks("Sign in")
        lea.sees(outcome)
    sees_library_of(letter["to"], lea)
    assert lea.downloads("EPUB") == (sold_files / "the-quiet-launch.epub").read_bytes()
