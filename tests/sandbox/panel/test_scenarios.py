"""The panel's one-click scenarios, each told to its end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.running import World


def _press(world: World, name: str) -> str:
    answer = world.http.post(f"/panel/act/{name}", data={"id": ""})
    assert answer.status_code == 303
    return answer.headers["location"]


def test_a_session_is_paid_and_nobody_comes_back(world: World) -> None:
    session = world.session()
    _press(world, "pay-newest")
    assert world.read(session).payment_status == "paid"


def test_a_refund_fails(world: World) -> None:
    world.paid()
    _press(world, "story-refund-fails")
    assert [refund.status for refund in world.api.refunds.list().data] == ["failed"]


def test_a_dispute_is_lost(world: World) -> None:
    world.paid()
    _press(world, "story-dispute-lost")
    assert [dispute.status for dispute in world.api.disputes.list().data] == ["lost"]


def test_a_renewal_fails_and_recovers(world: World) -> None:
    subscription = world.subscribed()
    _press(world, "story-renewal")
    assert world.api.subscriptions.retrieve(subscription.id).status == "past_due"
    world.advance(seconds=6)
    assert world.api.subscriptions.retrieve(subscription.id).status == "active"


def test_a_bank_debit_bounces(world: World) -> None:
    session = world.session()
    _press(world, "story-debit-bounces")
    assert (world.read(session).status, world.read(session).payment_status) == ("complete", "unpaid")
    assert world.last_kind() == "checkout.session.async_payment_failed"


def test_a_month_goes_by(world: World) -> None:
    subscription = world.subscribed()
    _press(world, "jump-month")
    assert [i.status for i in world.api.invoices.list({"subscription": subscription.id}).data] == ["paid", "paid"]
    assert "ahead" in world.http.get("/").text


@pytest.mark.parametrize("name", ["story-refund-fails", "story-dispute-lost", "story-renewal", "story-debit-bounces"])
def test_a_story_that_has_nobody_to_tell_of_says_so(world: World, name: str) -> None:
    location = _press(world, name)
    assert 'role="alert"' in world.http.get(location).text


@pytest.mark.parametrize(
    ("name", "given"), [("gravity", {}), ("pay", {"colour": "red"}), ("renew", {"id": "sub_x"}), ("retry", {})]
)
def test_what_cannot_be_done_is_refused_in_words(world: World, name: str, given: dict[str, Any]) -> None:
    answer = world.http.post(f"/sandbox/act/{name}", json=given)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
