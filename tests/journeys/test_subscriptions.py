"""A plan's life after it was bought: seats change, renewals fail and recover, somebody cancels, and access follows."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from core.orders.subscriptions import Subscription
from tests.journeys.buyer import Buyer
from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually

PORTAL = re.compile(r"/p/session/")


class Plan:
    """A plan that somebody has bought, as the shop and as Stripe have it."""

    def __init__(self, stand: Stand, buyer: Buyer, order_id: str) -> None:
        self.stand, self.buyer, self.order_id = stand, buyer, order_id
        self.id: str = self.order["stripe"]["subscription"]

    @property
    def order(self) -> dict[str, Any]:
        return self.stand.order(self.order_id)

    @property
    def access(self) -> tuple[str, str, int]:
        """The order's status, the state of its only grant, and the number of seats."""
        order = self.order
        [grant] = order["grants"]
        return order["status"], grant["state"], grant["quantity"]

    @property
    def known_as(self) -> str:
        """The status that the shop has fetched from Stripe."""
        with self.stand.shop.reading() as session:
            found = session.get(Subscription, self.id)
        return found.status if found else ""

    @property
    def receipts(self) -> int:
        """How many receipts of the order have come; what renewals were paid, and what changed, is told in letters of their own."""
        number, others = self.order["number"], self.changes
        return sum(number in each and "was renewed" not in each and each not in others for each in self._subjects)

    @property
    def changes(self) -> list[str]:
        """The subjects of the letters that have come about a change of the plan."""
        return [each for each in self._subjects if each.startswith("A change of Tally")]

    @property
    def _subjects(self) -> list[str]:
        return [letter["subject"] for letter in self.stand.letters_so_far(self.buyer.email)]

    def comes_to(self, status: str, state: str, quantity: int) -> None:
        """The shop has heard of it, or soon does."""
        eventually(lambda: self.access == (status, state, quantity))


@pytest.fixture
def plan(arrive: Arrive, stand: Stand) -> Plan:
    """Three seats of Tally, paid for."""
    maya = arrive("maya")
    session = maya.buys("tally-month-eur", 3)
    plan = Plan(stand, maya, stand.stripe(f"checkout/sessions/{session}")["metadata"]["order_id"])
    assert plan.access == ("fulfilled", "active", 3)
    eventually(lambda: plan.known_as == "active" and plan.receipts)
    return plan


def test_seats_follow_what_is_billed_and_the_library_shows_them(plan: Plan, stand: Stand) -> None:
    stand.happens("quantity", plan.id, quantity=5)
    plan.comes_to("fulfilled", "active", 5)
    plan.buyer.is_signed_in()
    plan.buyer.sees("5 seats")
    eventually(lambda: len(plan.changes) == 1)
    stand.happens("quantity", plan.id, quantity=2)
    plan.comes_to("fulfilled", "active", 2)
    plan.buyer.looks_again()
    plan.buyer.sees("2 seats")
    eventually(lambda: len(plan.changes) == 2)
    assert plan.receipts == 1


def test_a_renewal_that_fails_keeps_access_and_one_that_is_paid_later_changes_nothing_else(
    plan: Plan, stand: Stand
) -> None:
    paid_first = plan.order["amount_total"]
    stand.happens("fail-next", plan.id)
    stand.happens("renew", plan.id)
    eventually(lambda: plan.known_as == "past_due")
    assert plan.access == ("fulfilled", "active", 3)
    stand.happens("retry", plan.id)
    eventually(lambda: plan.known_as == "active")
    eventually(lambda: plan.order["amount_total"] == 2 * paid_first)
    assert plan.access == ("fulfilled", "active", 3)
    assert plan.receipts == 1


def test_what_is_paid_for_stays_though_collection_is_paused_or_fails(plan: Plan, stand: Stand) -> None:
    with stand.without("worker"):
        stand.start("worker", grace_days=0)
        stand.happens("pause", plan.id)
        eventually(lambda: plan.known_as == "paused")
        assert plan.access == ("fulfilled", "active", 3)
        # Resumed, its next period begins today and is not paid for: the days of grace are over at once.
        stand.happens("fail-next", plan.id)
        stand.happens("resume", plan.id)
        eventually(lambda: plan.known_as == "past_due")
        assert plan.access == ("fulfilled", "active", 3)
        plan.buyer.is_signed_in()
        plan.buyer.sees("3 seats")
        plan.buyer.does_not_see(re.compile("^Not paid$"))
        expect(plan.buyer.page.get_by_role("button", name="Manage billing")).to_be_visible()
        stand.happens("retry", plan.id)
        eventually(lambda: plan.known_as == "active")
    assert plan.access == ("fulfilled", "active", 3)


def test_a_plan_that_is_canceled_for_later_is_kept_until_then(plan: Plan, stand: Stand) -> None:
    stand.happens("cancel-later", plan.id)
    eventually(lambda: "customer.subscription.updated" in _told(stand, plan))
    assert plan.access == ("fulfilled", "active", 3)
    stand.happens("renew", plan.id)
    plan.comes_to("canceled", "revoked", 3)
    plan.buyer.is_signed_in()
    plan.buyer.sees("The plan has ended. Nothing more is charged.")
    plan.buyer.sees("Ended")
    expect(plan.buyer.page.get_by_role("button", name="Manage billing")).to_have_count(0)


def test_its_buyer_manages_a_plan_at_stripe_in_the_same_tab_and_comes_back(plan: Plan, stand: Stand) -> None:
    maya = plan.buyer
    maya.is_signed_in()
    maya.clicks("Manage billing")
    maya.page.wait_for_url(PORTAL)
    assert len(maya.context.pages) == 1
    stand.happens("cancel", plan.id)
    maya.page.goto(f"{stand.url}/purchases")
    plan.comes_to("canceled", "revoked", 3)
    maya.looks_again()
    maya.sees("Ended")


def test_the_library_says_so_when_stripe_cannot_be_reached(
    plan: Plan, stand: Stand, expected_complaints: list[str]
) -> None:
    plan.buyer.is_signed_in()
    stand.tell_sandbox("faults", api="500_before", api_next=-1, api_path="/v1/billing_portal")
    try:
        plan.buyer.clicks("Manage billing")
        plan.buyer.sees("We can't reach the billing page right now.")
    finally:
        stand.tell_sandbox("faults", api="", api_next=0, api_path="/v1/")
    plan.buyer.clicks("Manage billing")
    plan.buyer.page.wait_for_url(PORTAL)


def _told(stand: Stand, plan: Plan) -> set[str]:
    return {
        event["type"]
        for event in stand.pushcart("events")
        if event["order_id"] == plan.order_id and event["state"] == "applied"
    }
