"""A plan and its people: five seats given by letter, one of them to somebody else, fewer seats than people, a renewal that fails
and is paid, and the end."""

import re

from playwright.sync_api import expect

from tests import accessibility
from tests.journeys.buyer import Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually


def invites(owner: Buyer, email: str) -> None:
    owner.page.get_by_label("Give somebody a seat").fill(email)
    owner.clicks(re.compile("Send invitation$"))
    owner.sees(f"{email} gets a letter with a code.")


def takes(guest: Buyer, stand: Stand) -> None:
    """Open the page that the newest letter leads to, and type its code."""
    [*_, letter] = [each for each in stand.letters(guest.email) if "/seat?id=" in each["text"]]
    guest.opens(re.search(r"http\S+/seat\?id=\S+", letter["text"])[0])  # type: ignore[index]
    guest.page.get_by_label("Code of the letter").fill(re.search(r"type this code: (\d+)", letter["text"])[1])  # type: ignore[index]
    guest.clicks("Take the seat")
    guest.sees("You have a seat")


def test_five_people_of_one_plan(arrive: Arrive, stand: Stand) -> None:
    maya = arrive("maya")
    session = maya.buys("tally-month-eur", 5)
    order_id = stand.stripe(f"checkout/sessions/{session}")["metadata"]["order_id"]
    subscription = stand.order(order_id)["stripe"]["subscription"]
    maya.is_signed_in()
    maya.sees("1 of 5 seats taken")
    # What is refused stands there still, to be mended.
    maya.page.get_by_label("Give somebody a seat").fill(maya.email)
    maya.clicks(re.compile("Send invitation$"))
    maya.sees("They have a seat of this plan already")
    expect(maya.page.get_by_label("Give somebody a seat")).to_have_value(maya.email)
    guests = []
    for name in ("ben", "cleo", "dan", "eve"):
        guests.append(arrive(name))
        invites(maya, guests[-1].email)
        takes(guests[-1], stand)
        if name == "ben":
            expect(maya.page.get_by_label("Give somebody a seat")).to_have_value("")
            assert accessibility.findings(guests[-1].page) == []
        else:
            guests[-1].leaves()
    maya.looks_again()
    maya.sees("5 of 5 seats taken")
    assert accessibility.findings(maya.page) == []

    # One is replaced by somebody else.
    ben, finn = guests[0], arrive("finn")
    row = maya.page.locator("[class*='st-key-seat-']").filter(has=maya.page.get_by_text(ben.email))
    row.get_by_role("button", name="Replace").click()
    maya.page.get_by_label("Their email").fill(finn.email)
    maya.clicks(re.compile("Give them this seat$"))
    maya.sees(f"{finn.email} is asked to take the seat.")
    takes(finn, stand)
    ben.looks_again()
    ben.does_not_see("You have a seat")

    # Five become three: what that costs is said before, and the two who came last wait.
    maya.looks_again()
    maya.clicks(re.compile("More or fewer seats$"))
    maya.page.get_by_label("Seats", exact=True).fill("3")
    maya.page.get_by_label("Seats", exact=True).press("Enter")
    maya.sees(re.compile("is taken off what comes next"))
    maya.clicks("Change to 3 seats")
    eventually(lambda: [each["quantity"] for each in stand.order(order_id)["grants"]] == [3])
    maya.looks_again()
    maya.sees("3 of 3 seats taken")
    maya.sees(re.compile("2 people have no seat"))
    finn.looks_again()
    finn.sees("No seat left")
    # Its buyer would rather have the newest one than the oldest.
    cleo = guests[1]
    waiting = maya.page.locator("[class*='st-key-seat-']").filter(has=maya.page.get_by_text(finn.email))
    waiting.get_by_role("button", name="Let them have one").click()
    maya.clicks(re.compile(re.escape(cleo.email)))
    maya.sees(f"{finn.email} has a seat.")
    finn.looks_again()
    finn.sees("You have a seat")

    # A year in one go: what it costs now is said before, and everybody keeps their seat.
    maya.looks_again()
    maya.clicks(re.compile("Pay yearly instead"))
    maya.sees("Your plan and everybody's seats stay as they are.")
    assert accessibility.findings(maya.page) == []
    maya.clicks("Switch to yearly")
    maya.sees("You pay yearly from now on.")
    maya.sees("3 of 3 seats taken")
    assert [each["quantity"] for each in stand.order(order_id)["grants"]] == [3]
    assert any(each["event"].startswith("plan_switched:") for each in stand.order(order_id)["log"])

    stand.happens("fail-next", subscription)
    stand.happens("renew", subscription)
    eventually(lambda: any("renewal" in each["subject"] for each in stand.letters_so_far(maya.email)))
    finn.looks_again()
    finn.sees("You have a seat")
    stand.happens("retry", subscription)
    eventually(lambda: stand.order(order_id)["status"] == "fulfilled")
    finn.looks_again()
    finn.sees("You have a seat")
    stand.happens("cancel", subscription)
    eventually(lambda: [each["state"] for each in stand.order(order_id)["grants"]] == ["revoked"])
    finn.looks_again()
    finn.sees("On hold")
    maya.looks_again()
    maya.sees("Over")
    expect(maya.page.get_by_role("button", name=re.compile("Send invitation$"))).to_have_count(0)
