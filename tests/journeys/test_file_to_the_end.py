"""A file from the owner's page to its buyer, a newer version of it, the money back, and the buyer's own data to its end."""

import json
import re
from pathlib import Path

import httpx
from playwright.sync_api import expect

from tests.accessibility import findings, wait_for_rest
from tests.journeys.buyer import Buyer, link_in
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually

PRODUCT, FILE = "contract-shelf", "contract-shelf/clauses.txt"


def uploads(owner: Buyer, folder: Path, words: str, *, version: str, notes: str) -> None:
    path = folder / "clauses.txt"
    path.write_text(words, encoding="utf-8")
    owner.page.goto(f"{owner.stand.url}/api/owner/upload?product={PRODUCT}&purpose=file")
    owner.page.get_by_label("File", exact=True).set_input_files(path)
    owner.page.get_by_label("What buyers read on its button").fill("Clauses")
    owner.page.get_by_label("Its version, if it has one").fill(version)
    owner.page.get_by_label("What is new in it").fill(notes)
    owner.clicks("Upload")
    owner.sees("It is with the product now.")


def is_sound(buyer: Buyer) -> None:
    wait_for_rest(buyer.page)
    assert findings(buyer.page) == []


def letter_about(stand: Stand, buyer: Buyer, subject: str) -> dict[str, str]:
    """The letter of this subject, once it has come; a code that was replaced meanwhile may have come or not."""
    found: list[dict[str, str]] = eventually(
        lambda: [each for each in stand.letters_so_far(buyer.email) if re.search(subject, each["subject"])]
    )
    return found[0]


def test_a_file_its_newer_version_the_money_back_and_the_end_of_ones_data(
    arrive: Arrive, stand: Stand, tmp_path: Path
) -> None:
    owner, lea = arrive("owner"), arrive("lea")
    owner.works_here()
    owner.sees_heading("Overview")
    uploads(owner, tmp_path, "Clause one.", version="1.0", notes="")
    session = lea.checks_out(f"{PRODUCT}-eur", email=lea.email)
    stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
    stand.letters(lea.email)
    lea.is_signed_in()
    assert lea.downloads("Clauses") == b"Clause one."

    uploads(owner, tmp_path, "Clause one. Clause two.", version="1.1", notes="A clause more.")
    owner.opens(f"/owner-file?id={FILE}")
    owner.sees("Has an older one")
    is_sound(owner)
    owner.clicks("Tell buyers")
    owner.clicks("Send the letters")
    owner.sees("The letters are being written")
    told = letter_about(stand, lea, "^New: ")
    assert "version 1.1 of Clauses" in told["text"]
    assert "A clause more." in told["text"]
    lea.opens(link_in(told))
    lea.sees("Newer than yours")
    is_sound(lea)
    link = lea.page.get_by_role("link", name=re.compile("^Clauses, ")).get_attribute("href")
    assert lea.downloads("Clauses") == b"Clause one. Clause two."

    [number] = re.findall(r"\b\w+-\d{4,}\b", lea.page.get_by_role("button", name=re.compile("^Email ")).inner_text())
    assert httpx.get(f"{stand.url}{link}").status_code == 200
    stand.pushcart("refund", number, "--yes")
    assert httpx.get(f"{stand.url}{link}").status_code == 403
    lea.looks_again()
    lea.sees("Its money went back to you")
    expect(lea.page.locator("a[href*='/downloads/']")).to_have_count(0)

    lea.clicks("Your account", role="link")
    lea.sees_heading("Your data")
    with lea.page.expect_download() as started:
        lea.clicks("Download your data", role="link")
    said = json.loads(Path(started.value.path()).read_text(encoding="utf-8"))
    assert [row["number"] for row in said["orders"]] == [number]
    lea.page.get_by_text("Erase my data").click()
    lea.sees("What stays")
    is_sound(lea)
    lea.clicks("Send me the code for it")
    lea.sees("We sent a code to")
    digits = letter_about(stand, lea, r"^\d{6} erases")["subject"][:6]
    lea.page.get_by_label("The code that erases your data").fill(digits)
    lea.clicks("Erase for good")
    lea.sees_heading("You are forgotten")
    order = stand.order(number)
    assert (order["email"], order["amount_refunded"]) == ("", order["amount_total"])
