"""Billing periods: how long one lasts by the calendar, and what part of it is left."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.ground import currencies

if TYPE_CHECKING:
    from sandbox.ground.store import Object

DAY = 24 * 3600


def period_end(start_at: int, recurring: Object, *, anchor: int | None = None) -> int:
    """The end of a billing period. Months end on their last day when the anchor's day does not exist in them."""
    count = recurring["interval_count"]
    match recurring["interval"]:
        case "day":
            return int(start_at + count * DAY)
        case "week":
            return int(start_at + count * 7 * DAY)
        case "year":
            count *= 12
    began = datetime.fromtimestamp(start_at, UTC)
    kept = datetime.fromtimestamp(anchor or start_at, UTC)
    year, month = divmod(began.year * 12 + began.month - 1 + count, 12)
    day = min(kept.day, calendar.monthrange(year, month + 1)[1])
    return int(kept.replace(year=year, month=month + 1, day=day).timestamp())


def share(amount: int, currency: str, *, start: int, end: int, since: int) -> int:
    """The part of an amount that falls on the rest of a period, in minor units."""
    left, whole = max(end - max(since, start), 0), end - start
    return currencies.rounded(Decimal(amount) * left / whole, currency) if whole > 0 else 0


def every(recurring: Object) -> str:
    """Such as `per month` or `every 2 weeks`."""
    count, interval = recurring["interval_count"], recurring["interval"]
    return f"per {interval}" if count == 1 else f"every {count} {interval}s"
