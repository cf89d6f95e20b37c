"""How what subscriptions bring in a month has changed: rows that are only ever added, and that add up to what it is now."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

from sqlalchemy import Index
from sqlmodel import Field, Session, col, select

from core.foundation.records import minor_units, text_enum
from core.foundation.signals.corrections import Dated
from core.gateway.discounts import Discount
from core.orders.subscription_items import ItemFacts

# How many of an interval there are in a month.
_IN_A_MONTH: dict[str | None, Fraction] = {
    "day": Fraction(365, 12), "week": Fraction(52, 12), "month": Fraction(1), "year": Fraction(1, 12),
}  # fmt: skip


class Movement(StrEnum):
    """What a change is to whoever reads the numbers. A plan that comes back after it had ended is no new one."""

    NEW = "new"
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURNED = "churned"
    REACTIVATION = "reactivation"


class SubscriptionChange(Dated, table=True):
    """One change, `number` counting from 1. Monthly amounts in minor units; `at` is Stripe's time where Stripe tells one.

    `reason` is why it ended, in Stripe's words.
    """

    __tablename__ = "subscription_changes"
    __table_args__ = (Index("ix_subscription_changes_kind_at", "kind", "at"),)
    dated: ClassVar[str] = "at"
    counted: ClassVar[frozenset[str]] = frozenset(("at", "monthly_before", "monthly_after"))

    subscription_id: str = Field(primary_key=True, foreign_key="subscriptions.id")
    number: int = Field(primary_key=True)
    at: datetime = Field(index=True)
    kind: Movement = text_enum(Movement)
    currency: str
    monthly_before: int = minor_units()
    monthly_after: int = minor_units()
    reason: str = ""


def monthly(items: Sequence[ItemFacts], discounts: Sequence[Discount]) -> int:
    """What items bring in a month, in minor units, without taxes: a year's price by twelve, times the quantity, less the discounts
    that stay, first those of single items. Items that are billed as often stand on one bill."""
    own = [_less([item], [Fraction(item.unit_amount * item.quantity)], item.discounts)[0] for item in items]
    left = _less(items, own, discounts)
    total = sum((part * _share(item) for item, part in zip(items, left, strict=True)), Fraction(0))
    return int(total + Fraction(1, 2))


def _less(items: Sequence[ItemFacts], costs: Sequence[Fraction], discounts: Iterable[Discount]) -> list[Fraction]:
    """What is left of what each item costs, bill by bill: each discount is taken off what those before it left of the items that it
    is for, and no more than there is. An amount is taken off what is billed most often, and off the next, with which it comes on
    one bill, what that leaves of it; among items that are billed as often by what they cost, as Stripe divides it."""
    left = [max(cost, Fraction(0)) for cost in costs]
    often = sorted({_share(item) for item in items}, reverse=True)
    for discount in discounts:
        reached = [place for place, item in enumerate(items) if discount.is_for(item.stripe_product_id)]
        for place in reached:
            left[place] -= left[place] * discount.percent / 100
        rest = Fraction(discount.amount)
        for share in often:
            billed = [place for place in reached if left[place] and _share(items[place]) == share]
            whole = sum((left[place] for place in billed), Fraction(0))
            part = min(rest, whole)
            for place in billed:
                left[place] -= left[place] * part / whole
            rest -= part
    return left


def _share(item: ItemFacts) -> Fraction:
    """How many of its bills there are in a month."""
    return _IN_A_MONTH.get(item.interval, Fraction(0)) / item.interval_count


def of_subscription(session: Session, subscription_id: str) -> list[SubscriptionChange]:
    """Its changes, oldest first."""
    query = select(SubscriptionChange).where(SubscriptionChange.subscription_id == subscription_id)
    return list(session.exec(query.order_by(col(SubscriptionChange.number))))


def note(
    session: Session,
    subscription_id: str,
    monthly_amount: int,
    *,
    currency: str,
    began: datetime,
    ended: datetime | None,
    lived_at: int,
    reason: str,
    now: datetime,
) -> None:
    """Write down that it brings in so much a month from now on, if that is news. The order must be locked.

    `lived_at` is what it brought while it lived: of one that had ended when it was first heard of, both ends are written.
    """
    known = of_subscription(session, subscription_id)
    before = known[-1].monthly_after if known else 0
    if not known and ended and lived_at:
        known.append(_change(session, subscription_id, known, lived_at, currency, began, ""))
        before = lived_at
    if monthly_amount == before:
        return
    at = began if not known else ended or now
    _change(session, subscription_id, known, monthly_amount, currency, at, reason if not monthly_amount else "")


def _change(
    session: Session,
    subscription_id: str,
    known: Sequence[SubscriptionChange],
    after: int,
    currency: str,
    at: datetime,
    reason: str,
) -> SubscriptionChange:
    before = known[-1].monthly_after if known else 0
    # Stripe's clock and ours differ by seconds: what came later must not seem to have come earlier.
    later = max(at, known[-1].at + timedelta(microseconds=1)) if known else at
    row = SubscriptionChange(
        subscription_id=subscription_id, number=len(known) + 1, at=later, kind=kind_of(before, after, first=not known),
        currency=currency, monthly_before=before, monthly_after=after, reason=reason,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def kind_of(before: int, after: int, *, first: bool) -> Movement:
    """What a change from one monthly amount to another is."""
    if not before:
        return Movement.NEW if first else Movement.REACTIVATION
    if not after:
        return Movement.CHURNED
    return Movement.EXPANSION if after > before else Movement.CONTRACTION
