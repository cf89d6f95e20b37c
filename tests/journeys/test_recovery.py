"""Parts of the shop are down while somebody pays: the buyer gets everything all the same, and gets it once."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.conftest import Arrive
from tests.journeys.stand import Stand
from tests.machine import eventually

COMPLETED = "checkout.session.completed"


def actor(order: dict[str, Any], event: str) -> str:
    """Who brought about what stands in the order's history."""
    [found] = [row["actor"] for row in order["log"] if row["event"] == event]
    return str(found)


def deliveries_have_arrived(stand: Stand, session_id: str) -> bool:
    found = stand.deliveries(COMPLETED, session_id)
    return bool(found) and all(each["attempts"] and each["attempts"][-1]["ok"] for each in found)


def test_the_return_page_delivers_alone_and_the_late_webhook_changes_nothing(arrive: Arrive, stand: Stand) -> None:
    finn = arrive("finn")
    session = finn.checks_out("quiet-launch-eur")
    with stand.without("webhook"):
        finn.pays()
        finn.returns()
        number = finn.sees_everything_delivered()
        stand.letters(finn.email)
        delivered = stand.order(number)
        assert not deliveries_have_arrived(stand, session)
    assert (delivered["status"], actor(delivered, "fulfilled")) == ("fulfilled", "return page")

    eventually(lambda: deliveries_have_arrived(stand, session))
    told = [event for event in stand.pushcart("events") if event["order_id"] == delivered["id"]]
    assert COMPLETED in {event["type"] for event in told}
    assert {event["state"] for event in told} <= {"applied", "ignored"}
    assert stand.order(number) == delivered
    assert len(stand.letters(finn.email)) == 1


def test_the_worker_delivers_when_the_browser_is_closed_and_no_webhook_comes(arrive: Arrive, stand: Stand) -> None:
    gwen = arrive("gwen")
    session = gwen.checks_out("quiet-launch-eur", email=gwen.email)
    gwen.leaves()
    with stand.without("webhook", "worker"):
        stand.start("worker", sweep_seconds=1)
        stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
        [receipt] = stand.letters(gwen.email)
        [order] = [each for each in stand.pushcart("orders") if each["stripe"]["checkout_session"] == session]
        found = stand.order(order["id"])
    assert found["number"] in receipt["subject"]
    assert (found["status"], actor(found, "fulfilled")) == ("fulfilled", "worker")


@pytest.fixture
def confirmation_is_late(stand: Stand) -> Iterator[None]:
    """For this test Stripe holds its events back for some seconds, and does not answer about Sessions at all."""
    stand.tell_sandbox("faults", hold_seconds=6, api="500_before", api_next=-1, api_path="/v1/checkout/sessions/cs_")
    yield
    stand.tell_sandbox("faults", hold_seconds=0, api="", api_next=0, api_path="/v1/")


@pytest.mark.usefixtures("confirmation_is_late")
def test_a_late_confirmation_is_waited_for_and_never_called_a_failure(arrive: Arrive, stand: Stand) -> None:
    ivy = arrive("ivy")
    ivy.checks_out("quiet-launch-eur")
    ivy.pays()
    ivy.returns()
    ivy.sees_heading("Confirming your payment")
    ivy.does_not_see("Nothing was charged")
    order = stand.order(ivy.sees_everything_delivered())
    assert (order["status"], actor(order, "fulfilled").split()[0]) == ("fulfilled", "webhook")
