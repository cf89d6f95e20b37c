"""A withdrawal from the shop's footer to the money back: declared without signing in, acknowledged, accepted by the owner."""

import re

from playwright.sync_api import expect

from tests.accessibility import findings, wait_for_rest
from tests.journeys.buyer import WORKS, Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually

HERE = "Withdraw from contract here"


def is_accessible(buyer: Buyer) -> None:
    wait_for_rest(buyer.page)
    assert findings(buyer.page) == []


def test_a_buyer_withdraws_without_signing_in_and_has_the_money_back(arrive: Arrive, stand: Stand) -> None:
    buyer, owner = arrive("nora"), arrive("owner")
    buyer.puts_in_cart("The Quiet Launch")
    buyer.goes_to_cart()
    box = buyer.page.get_by_role("checkbox")
    expect(box).not_to_be_checked()
    is_accessible(buyer)
    box.focus()
    buyer.page.keyboard.press("Space")
    expect(box).to_be_checked()
    wait_for_rest(buyer.page)
    buyer.goes_to_payment()
    buyer.pays(WORKS)
    buyer.returns()
    number = buyer.sees_everything_delivered()

    buyer.clicks(HERE, role="link")
    buyer.sees_heading("Withdraw from contract")
    buyer.page.get_by_label("Order number or email").fill(number)
    buyer.clicks("Continue")
    buyer.page.get_by_label("Email for our acknowledgement").fill(buyer.email)
    is_accessible(buyer)
    buyer.clicks("Confirm withdrawal")
    buyer.sees("We have received your withdrawal.")
    buyer.sees(number)
    buyer.does_not_see("The Quiet Launch")

    letters = eventually(lambda: [each for each in stand.letters_so_far(buyer.email) if "received" in each["subject"]])
    assert number in letters[0]["text"]
    letters = stand.letters(buyer.email, 2)
    [receipt] = [each for each in letters if each["subject"].startswith("Your Plainwork order")]
    assert "my right of withdrawal ends with that" in receipt["text"]
    link = re.search(rf"{HERE}: (\S+)", receipt["text"])
    assert link
    buyer.opens(link[1])
    expect(buyer.page.get_by_label("Order number")).to_have_value(number)
    expect(buyer.page.get_by_label("Email for our acknowledgement")).to_have_value("")
    is_accessible(buyer)

    owner.works_here()
    owner.sees_heading("Overview")
    owner.clicks(re.compile("Decide about it"), role="link")
    owner.sees_heading("Withdrawals")
    owner.sees(number)
    owner.sees("They agreed that it is delivered at once")
    is_accessible(owner)
    owner.clicks("Accept")
    is_accessible(owner)
    owner.clicks(re.compile("^Accept and refund"))
    owner.sees("is on its way back")
    eventually(lambda: stand.order(number)["status"] == "refunded")
    assert [each["amount"] for each in stand.order(number)["refunds"]] == [2900]
    assert stand.pushcart("withdrawals") == []
    eventually(lambda: [each for each in stand.letters_so_far(buyer.email) if "is accepted" in each["subject"]])
