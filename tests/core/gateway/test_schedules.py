"""Schedules of subscriptions as Stripe's dashboard makes them: what comes next of them, and when they end a plan."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from core.gateway import schedules
from core.gateway.client import StripeApi
from core.gateway.schedules import Change
from tests.core.gateway.test_client import PagesOfRefunds

NOW, NEXT = {"start_date": 100, "end_date": 200}, {"start_date": 200, "end_date": 300}


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def scheduled(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    schedule = {
        "status": "active", "end_behavior": "release", "current_phase": NOW,
        "phases": [{**NOW, "items": []}, {**NEXT, "items": list(items)}], **more,
    }  # fmt: skip
    return {"schedule": schedule}


def priced(amount: int | None, quantity: int | None = 1) -> dict[str, Any]:
    return {"price": {"id": "price_1", "unit_amount": amount}, "quantity": quantity}


@pytest.mark.parametrize(
    ("subscription", "change"),
    [
        (scheduled(priced(900, 3), priced(2000)), Change(at(200), 4700)),
        (scheduled(priced(900, 0)), Change(at(200), 0)),
        (scheduled(priced(900, None)), Change(at(200), 900)),
        (scheduled(priced(900), {"price": "price_2", "quantity": 1}), Change(at(200), None)),
        (scheduled(priced(None)), Change(at(200), None)),
        (scheduled(priced(900), current_phase=NEXT), None),
        (scheduled(priced(900), current_phase=None), None),
        (scheduled(priced(900), status="released"), None),
        (scheduled(priced(900), phases=None), None),
        ({"schedule": "sub_sched_1"}, None),
        ({"schedule": None}, None),
        ({}, None),
    ],
)
def test_what_comes_next_is_the_phase_after_this_one(subscription: dict[str, Any], change: Change | None) -> None:
    assert schedules.change_of(subscription) == change


def test_only_a_schedule_that_cancels_ends_a_plan() -> None:
    assert schedules.end_of(scheduled()) is None
    assert schedules.end_of(scheduled(end_behavior="cancel")) == at(300)
    assert schedules.end_of(scheduled(end_behavior="cancel", status="canceled")) is None
    assert schedules.end_of({"schedule": "sub_sched_1"}) is None


class Scheduled(PagesOfRefunds):
    """Answers with a subscription that has a schedule, or with that one, or that nobody may read it."""

    def __init__(self, status: int = 200) -> None:
        super().__init__()
        self._status = status

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, dict[str, str]]:
        self.asked.append(url)
        if "subscription_schedules" not in url:
            items = {"object": "list", "url": "/v1/x", "has_more": False, "data": []}
            said = {"object": "subscription", "id": "sub_1", "schedule": "sub_sched_1", "discounts": [], "items": items}
            return orjson.dumps(said), 200, {}
        if self._status == 200:
            return orjson.dumps({"object": "subscription_schedule", "id": "sub_sched_1"}), 200, {}
        code = "more_permissions_required" if self._status == 403 else "resource_missing"
        error = {"type": "invalid_request_error", "code": code, "message": "No"}
        return orjson.dumps({"error": error}), self._status, {}


@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_a_schedule_is_asked_for_by_itself_and_keeps_nothing_back(status: int) -> None:
    calls = Scheduled(status)
    found = StripeApi("sk_test_pages", base="http://127.0.0.1:9", http_client=calls).find_subscription("sub_1")
    assert found
    assert (found["schedule"] == "sub_sched_1") is (status != 200)
    assert "/subscription_schedules/sub_sched_1?" in calls.asked[1]
