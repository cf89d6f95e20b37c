"""Test clocks: customers made with one live in its time, which stands still until it is advanced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import cancellations, subscription_items, subscriptions
from sandbox.ground import ids
from sandbox.ground.errors import invalid
from sandbox.ground.periods import DAY, period_end
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

KIND = "test_helpers.test_clock"
KEPT_SECONDS = 30 * DAY
# The end of the year 9999.
LATEST = 253_402_300_799
TOO_FAR = (
    "You cannot advance a test clock more than two intervals of its shortest subscription, or more than two years when it "
    "has none."
)


def create(account: Account, call: Call) -> Object:
    """POST /v1/test_helpers/test_clocks"""
    now, frozen = account.clock.now(), call.params["frozen_time"]
    if not 0 <= frozen <= LATEST:
        raise invalid(f"Invalid timestamp: {frozen}", param="frozen_time")
    clock = blank(
        KIND,
        id=ids.new("clock"),
        created=now,
        deletes_after=now + KEPT_SECONDS,
        frozen_time=frozen,
        name=call.params.get("name"),
        status="ready",
        status_details={},
    )
    account.store.save(clock)
    account.emit(f"{KIND}.created", clock)
    return clock


def advance(account: Account, call: Call) -> Object:
    """POST /v1/test_helpers/test_clocks/{id}/advance: begun now, done a moment later."""
    clock = account.find(KIND, call.id)
    begin(account, clock, call.params["frozen_time"])
    return clock


def begin(account: Account, clock: Object, target: int) -> None:
    """Set a clock off to a later time. Raises StripeError while it is on its way already, and for a time that is
    earlier or too far ahead."""
    if clock["status"] != "ready":
        raise invalid("The test clock is already advancing. Wait until it is ready.", code="test_clock_not_ready")
    if target <= clock["frozen_time"]:
        raise invalid("`frozen_time` must be after the test clock's current time.", param="frozen_time")
    if target > _farthest(account, clock):
        raise invalid(TOO_FAR, param="frozen_time")
    account.store.change(clock, status="advancing", status_details={"advancing": {"target_frozen_time": target}})
    account.emit(f"{KIND}.advancing", clock)
    account.later(0, "advance_test_clock", clock["id"])


def _farthest(account: Account, clock: Object) -> int:
    """The latest moment a clock may be advanced to at once."""
    start, ends = clock["frozen_time"], []
    for customer in _customers(account, clock):
        for subscription in account.store.having("subscription", "customer", customer["id"]):
            if subscription["status"] not in subscriptions.OVER:
                rhythms = [each["price"]["recurring"] for each in subscription_items.of(account, subscription["id"])]
                ends += [period_end(period_end(start, rhythm), rhythm) for rhythm in rhythms]
    two_years = {"interval": "year", "interval_count": 2}
    return min([period_end(start, two_years), *ends])


def _customers(account: Account, clock: Object) -> list[Object]:
    return [customer for customer in account.store.all("customer") if customer["test_clock"] == clock["id"]]


def arrive(account: Account, id: str) -> None:
    """The timer of a clock that is being advanced: whatever falls due on the way happens, each at its moment."""
    clock = account.store.get(KIND, id)
    if clock is None:
        return
    target = clock["status_details"]["advancing"]["target_frozen_time"]
    account.timers.run_until(target, clock=id)
    account.store.change(clock, frozen_time=target, status="ready", status_details={})
    account.emit(f"{KIND}.ready", clock)


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/test_helpers/test_clocks/{id}: with its customers, whose subscriptions end."""
    clock = account.find(KIND, call.id)
    for customer in _customers(account, clock):
        with account.in_time_of(customer["id"]):
            for subscription in account.store.having("subscription", "customer", customer["id"]):
                if subscription["status"] not in subscriptions.OVER:
                    cancellations.end(account, subscription, reason="cancellation_requested")
        account.store.delete("customer", customer["id"])
    account.store.delete(KIND, clock["id"])
    account.emit(f"{KIND}.deleted", clock)
    return {"id": clock["id"], "object": KIND, "deleted": True}
