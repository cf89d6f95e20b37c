"""A workshop to its end: places, tickets, a colleague, somebody who waits, the door, another time, and all the money back."""

import re
from typing import Any

import httpx
from playwright.sync_api import expect

from tests import accessibility
from tests.journeys.buyer import Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually

LAB = "Onboarding Lab, live"
DATE = "onboarding-lab/2"
TICKET = re.compile(r"http\S+/ticket/\S+")


def test_a_workshop_from_its_first_place_to_its_end(arrive: Arrive, stand: Stand) -> None:
    owner, wanda, otto, zoe = (arrive(name) for name in ("owner", "wanda", "otto", "zoe"))
    owner.works_here("/owner-workshops")
    adds_a_date(owner, places=2)

    # Two places, two tickets, an entry for the calendar, and a way in that says when.
    wanda.buys("onboarding-lab-eur", 2)
    (receipt,) = stand.letters(wanda.email)
    first, second = TICKET.findall(receipt["text"])
    # What the seller's programs are told of it stands on the sandbox's page, signed.
    eventually(
        lambda: {"order.paid", "attendee.changed"} <= {each["type"] for each in received(stand) if each["signed"]}
    )
    assert [file["name"] for file in receipt["attachments"]] == ["workshop.ics"]
    wanda.opens(first)
    wanda.sees_heading(LAB)
    assert accessibility.findings(wanda.page) == []
    with wanda.page.expect_download() as started:
        wanda.clicks("Add to calendar", "link")
    calendar = started.value.path().read_text()
    assert "METHOD:PUBLISH" in calendar
    assert "meet.example" not in calendar
    wanda.clicks("Join", "link")
    wanda.sees("The doors open at")
    wanda.clicks("Your ticket", "link")
    fills(wanda, "Change the name", {"Who comes": "Wanda Berg"}, "Keep this name")
    wanda.sees("The name is changed.")

    # One goes to a colleague, whose ticket is another one.
    wanda.opens(second)
    wanda.page.get_by_text("Give it away, move or cancel it").click()
    wanda.clicks("Send a code")
    code = next(each for each in stand.letters(wanda.email, 2) if "code" in each["subject"])
    wanda.page.get_by_label("The code from the letter").fill(re.findall(r"\b\d{6}\b", code["text"])[0])
    wanda.clicks("Go on")
    wanda.sees("You are signed in, and can change the place.")
    fills(wanda, "Give it to somebody else", {"Their name": "Otto Berg", "Their email": otto.email}, "Hand it over")
    wanda.sees("Handed over")
    (his,) = TICKET.findall(stand.letters(otto.email)[0]["text"])
    otto.opens(his)
    otto.sees("Otto Berg")
    with wanda.expecting("status of 404"):
        wanda.opens(second)
        wanda.sees("This link opens nothing")

    # Somebody waits, and a place that is given up goes to them before the shop shows it.
    zoe.opens("/product?id=onboarding-lab")
    zoe.page.get_by_role("combobox", name=re.compile("Date")).last.click()
    zoe.page.get_by_role("option").last.click()
    zoe.page.get_by_label("Your email").fill(zoe.email)
    zoe.clicks("Put me on the list")
    zoe.sees("You are on the list")
    assert "waiting list" in stand.letters(zoe.email)[0]["subject"]
    wanda.opens(first)
    wanda.page.get_by_text("Cancel this place").first.click()
    wanda.clicks("Cancel this place")
    wanda.sees("This place is canceled.")
    offer = next(each for each in stand.letters(zoe.email, 2) if "for you" in each["subject"])
    zoe.opens(re.findall(r"http\S+/waiting/\S+", offer["text"])[0])
    assert accessibility.findings(zoe.page) == []
    zoe.clicks("Go to payment")
    zoe.arrives_at_payment()
    zoe.pays()
    zoe.returns()
    zoe.sees_everything_delivered()
    eventually(lambda: refunded(stand, wanda) == 14000)

    # The door.
    owner.goes_on_to(f"/owner-check-in?id={DATE}")
    owner.sees("0 of 2 are here.")
    accessible(owner)
    owner.page.get_by_label("Search people").fill("otto")
    owner.page.get_by_label("Search people").press("Enter")
    expect(owner.page.get_by_role("button", name=re.compile("Check in"))).to_have_count(1)
    owner.clicks(re.compile("Check in"))
    owner.sees("1 of 2 are here.")
    owner.clicks(re.compile("Undo"))
    owner.sees("0 of 2 are here.")

    # Another time, told to both; then none at all, and all the money back.
    owner.goes_on_to("/owner-workshops")
    owner.sees("2 of 2 places")
    owner.goes_on_to(f"/owner-workshop?id={DATE}")
    owner.sees("Otto Berg")
    accessible(owner)
    owner.clicks(re.compile("Move the date"))
    owner.page.get_by_label("Hours").fill("3")
    owner.page.get_by_label("Hours").press("Enter")
    owner.sees("2 people from 2 orders")
    owner.clicks("Move it and tell them")
    owner.sees("Letters to all of them are on their way.")
    moved = next(each for each in stand.letters(otto.email, 2) if "another date" in each["subject"])
    assert [file["name"] for file in moved["attachments"]] == ["workshop.ics"]
    owner.clicks(re.compile("Cancel and pay back"))
    owner.clicks("Cancel it and pay back")
    owner.sees("The date is canceled.")
    assert any("is canceled" in each["subject"] for each in stand.letters(otto.email, 3))
    eventually(lambda: (refunded(stand, wanda), refunded(stand, zoe)) == (28000, 14000))
    owner.looks_again()
    owner.sees("2 of 2 refunds")
    otto.opens(his)
    otto.sees("This place is canceled.")


def adds_a_date(owner: Buyer, *, places: int) -> None:
    """One more of the lab, online, after all others."""
    owner.clicks(re.compile("Add a date"))
    owner.page.get_by_role("combobox", name=re.compile("Workshop")).click()
    owner.page.get_by_role("option", name=LAB).click()
    owner.clicks("Go on")
    owner.page.get_by_label("Places").fill(str(places))
    owner.page.get_by_label("Where it takes place").fill("https://meet.example/lab")
    owner.page.get_by_label("Where it takes place").press("Enter")
    owner.clicks("Offer it")
    owner.sees("The date is offered")


def fills(buyer: Buyer, part: str, fields: dict[str, str], button: str) -> None:
    """Open a part of the ticket's page, and send its form."""
    buyer.page.get_by_text(part, exact=True).click()
    for label, text in fields.items():
        buyer.page.get_by_label(label).fill(text)
    buyer.clicks(button)


def accessible(owner: Buyer) -> None:
    accessibility.wait_for_rest(owner.page)
    assert accessibility.findings(owner.page) == []


def refunded(stand: Stand, buyer: Buyer) -> Any:
    (order,) = [each for each in stand.pushcart("orders") if each["email"] == buyer.email]
    return order["amount_refunded"]


def received(stand: Stand) -> list[dict[str, Any]]:
    """The webhooks that came to the sandbox's receiver."""
    found: list[dict[str, Any]] = httpx.get(f"{stand.sandbox_url}/webhooks.json", timeout=30).json()
    return found
