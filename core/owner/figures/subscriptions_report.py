"""The report of subscriptions, as the contract prints it: what they bring in a month and how they stand, by currency."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from core.foundation.money import Money
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from core.owner.figures import recurring, sums
from core.owner.figures.days import Days, day_of
from core.owner.figures.definitions import DEFINITIONS, Figure

_STATUSES = ("active", "trialing", "past_due")


def as_of(session: Session, zone: ZoneInfo, *, livemode: bool, now: datetime) -> list[dict[str, Any]]:
    """What subscriptions bring in now, by currency, in minor units, and how many are in each of the states that go on."""
    today = Days(day_of(now, zone), day_of(now, zone), zone)
    monthly = recurring.of_days(session, today, sums.ask(session, zone, livemode=livemode))
    mode = select(Order.livemode).where(col(Order.id) == Subscription.order_id).scalar_subquery()
    query = select(Subscription.currency, Subscription.status, func.count()).where(
        col(Subscription.status).in_(_STATUSES), mode == livemode
    )
    counts: dict[str, dict[str, int]] = {}
    for currency, status, count in session.exec(query.group_by(col(Subscription.currency), col(Subscription.status))):
        counts.setdefault(currency, {})[status] = count
    return [
        {
            "currency": currency, "mrr": monthly[currency].mrr if currency in monthly else 0,
            **{status: counts.get(currency, {}).get(status, 0) for status in _STATUSES},
        }
        for currency in sorted({*counts, *monthly})
    ]  # fmt: skip


def words(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The same for people, with what the revenue means below."""
    for each in found:
        mrr = Money(each["mrr"], each["currency"]).format()
        counts = ", ".join(f"{each[status]} {status.replace('_', ' ')}" for status in _STATUSES)
        yield f"{each['currency']}  {mrr} a month, {counts}"
    if found:
        yield ""
        yield DEFINITIONS[Figure.MRR].sentence
