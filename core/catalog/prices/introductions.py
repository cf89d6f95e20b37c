"""Introductions: a promotion code by which the beginning of a plan costs less. It is told beforehand, and taken off when the plan
is bought.

A plan names it as `introductory_code`. It counts while it may be used: whether it may by this buyer, Stripe says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlmodel import Session

from core.catalog import promotion_codes
from core.catalog.products import Interval, Priced
from core.foundation.money import Money


@dataclass(frozen=True)
class Introduction:
    """What the code takes off: a `percent` or an amount `off`, of the first payment, of each in the first `months`, or `forever` of
    each. `first_time` if only from those who have never bought anything."""

    stripe_id: str
    code: str
    percent: float | None
    off: Money | None
    forever: bool
    first_time: bool
    months: int | None = None

    def payments(self, interval: Interval | None) -> int | None:
        """Of how many payments it takes something off, where one is due at each interval; None where of all."""
        if self.forever and interval:
            return None
        return -(-(self.months or 1) // (12 if interval == Interval.YEAR else 1)) if interval else 1

    def left_of(self, amount: Money) -> Money | None:
        """What is left to pay of this amount; None where the code takes another currency off."""
        if self.percent is not None:
            rest = Decimal(amount.amount) * (100 - Decimal(str(self.percent))) / 100
            return Money(int(rest.to_integral_value(ROUND_HALF_UP)), amount.currency)
        if self.off is None or self.off.currency != amount.currency:
            return None
        return Money(max(0, amount.amount - self.off.amount), amount.currency)


def of(session: Session, terms: Mapping[str, Any], *, livemode: bool, now: datetime) -> Introduction | None:
    """The code that a plan with these terms is begun with, None where it has none that may be used now."""
    code = terms.get("introductory_code")
    if not code:
        return None
    return by_code(session, code, livemode=livemode, now=now)


def of_alone(
    session: Session, sold: Sequence[Priced], total: Money, *, livemode: bool, now: datetime
) -> Introduction | None:
    """The same for what is bought at once, None also unless that is a plan alone: a code takes off all that is paid together.
    And None where it takes nothing off this total."""
    if len(sold) != 1 or not sold[0].price.interval:
        return None
    found = of(session, sold[0].product.terms, livemode=livemode, now=now)
    return found if found and found.left_of(total) not in (None, total) else None


def by_code(session: Session, code: str, *, livemode: bool, now: datetime) -> Introduction | None:
    """What a code of this name takes off, None where none may be used now."""
    row = promotion_codes.usable(session, code, livemode=livemode, now=now)
    if row is None:
        return None
    off = Money(row.amount_off, row.currency) if row.amount_off is not None and row.currency else None
    return Introduction(row.stripe_id or "", row.code, row.percent_off, off, row.forever, row.first_time, row.months)
