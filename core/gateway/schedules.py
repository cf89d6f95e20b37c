"""Reading schedules of subscriptions, as Stripe's dashboard makes them: what a plan changes to, and when it ends by itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.gateway.objects import moment


@dataclass(frozen=True)
class Change:
    """From then on so much is billed at each bill, in minor units; None where that is not known."""

    at: datetime
    amount: int | None


def change_of(subscription: dict[str, Any]) -> Change | None:
    """What a subscription changes to next; None where no schedule says so, or it was not fetched with it."""
    schedule = _running(subscription)
    now = (schedule.get("current_phase") or {}).get("end_date")
    phase = next((each for each in schedule.get("phases") or [] if now and each.get("start_date") == now), None)
    at = moment(now)
    return Change(at, _amount(phase)) if phase and at else None


def end_of(subscription: dict[str, Any]) -> datetime | None:
    """When its schedule ends it; None where it goes on after that, or by none."""
    schedule = _running(subscription)
    phases = schedule.get("phases") or []
    return moment(phases[-1].get("end_date")) if phases and schedule.get("end_behavior") == "cancel" else None


def _running(subscription: dict[str, Any]) -> dict[str, Any]:
    schedule = subscription.get("schedule")
    return schedule if isinstance(schedule, dict) and schedule.get("status") == "active" else {}


def _amount(phase: dict[str, Any]) -> int | None:
    total = 0
    for item in phase.get("items") or []:
        price = item.get("price")
        if not isinstance(price, dict) or price.get("unit_amount") is None:
            return None
        quantity = item.get("quantity")
        total += int(price["unit_amount"]) * (1 if quantity is None else int(quantity))
    return total
