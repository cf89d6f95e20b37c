"""Money that goes back, or may have to: refunds and disputes at Stripe, and what their buyers can open meanwhile."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.buyer import Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually

NOTICE = "owner@example.com"


class Bought:
    """A licence and its file, paid for in a browser that is still on the thank-you page."""

    def __init__(self, stand: Stand, buyer: Buyer) -> None:
        self.stand, self.buyer = stand, buyer
        buyer.opens(f"/thanks?session_id={buyer.buys('proposal-kit-eur')}")
        self.number = buyer.sees_everything_delivered()
        self.payment: str = self.order["stripe"]["payment_intent"]
        self.key = self._key()
        self._link = buyer.page.get_by_role("link", name="Download ZIP").get_attribute("href")

    @property
    def order(self) -> dict[str, Any]:
        return self.stand.order(self.number)

    def opens(self) -> bool:
        """Whether the link that was handed out right after the payment still opens the file."""
        return self.buyer.context.request.head(f"{self.stand.url}{self._link}").ok

    def comes_to(self, status: str, state: str) -> None:
        """The shop has heard of it, or soon does; what may be opened agrees."""

        def has_come() -> bool:
            order = self.order
            return (order["status"], *(grant["state"] for grant in order["grants"])) == (status, state)

        eventually(has_come)
        assert self.opens() is (state == "active")

    def shows(self, words: str) -> None:
        """The thank-you page says this when it is opened anew."""
        self.buyer.looks_again()
        self.buyer.sees(words)

    def shows_the_same_key(self) -> bool:
        """Opened anew, once it was seen without it or otherwise."""
        self.buyer.looks_again()
        return self._key() == self.key

    def _key(self) -> str:
        return self.buyer.page.get_by_test_id("stCode").first.inner_text().strip()


@pytest.fixture
def kit(arrive: Arrive, stand: Stand) -> Bought:
    return Bought(stand, arrive("rosa"))


def test_a_refund_at_stripe_ends_access_at_once_even_by_a_link_handed_out_before(kit: Bought, stand: Stand) -> None:
    assert kit.opens()
    stand.happens("refund", kit.payment)
    kit.comes_to("refunded", "revoked")
    assert kit.order["amount_refunded"] == 7900
    kit.shows("Your money went back")
    expect(kit.buyer.page.locator("a[href*='/downloads/']")).to_have_count(0)
    kit.buyer.is_signed_in()
    kit.buyer.sees("Its money went back to you")
    kit.buyer.sees("Refunded")
    kit.buyer.does_not_see(kit.key)


def test_a_refund_by_its_owner_that_comes_back_gives_access_back_and_tells_the_owner(kit: Bought, stand: Stand) -> None:
    asked = stand.pushcart("refund", kit.number, "--yes")
    assert asked["amount"] == 7900
    kit.comes_to("refunded", "revoked")
    kit.shows("Your money went back")
    stand.happens("refund-fails", kit.payment)
    kit.comes_to("fulfilled", "active")
    assert kit.order["amount_refunded"] == 0
    assert kit.shows_the_same_key()
    eventually(lambda: [each for each in stand.letters_so_far(NOTICE) if kit.number in each["subject"]])
    topics = {(item["topic"], item["order_id"]) for item in stand.pushcart("attention")}
    assert ("refund_failed", kit.order["id"]) in topics


def test_a_refund_of_a_part_leaves_everything_open(kit: Bought, stand: Stand) -> None:
    stand.happens("refund", kit.payment, amount=900)
    kit.comes_to("partially_refunded", "active")
    kit.shows("Partly refunded")
    assert kit.shows_the_same_key()


def test_a_dispute_puts_everything_on_hold_and_one_that_is_won_gives_the_same_key_back(
    kit: Bought, stand: Stand
) -> None:
    dispute = stand.happens("dispute", kit.payment)["id"]
    kit.comes_to("disputed", "suspended")
    kit.shows("Your bank is looking into this")
    stand.happens("win", dispute)
    kit.comes_to("fulfilled", "active")
    assert kit.shows_the_same_key()


def test_a_dispute_that_is_lost_ends_access_for_good(kit: Bought, stand: Stand) -> None:
    dispute = stand.happens("dispute", kit.payment)["id"]
    kit.comes_to("disputed", "suspended")
    stand.happens("lose", dispute)
    kit.comes_to("charged_back", "revoked")
    kit.shows("Your bank took the payment back")
    kit.buyer.is_signed_in()
    kit.buyer.sees("Your bank took the payment back, so it doesn't open any more.")
