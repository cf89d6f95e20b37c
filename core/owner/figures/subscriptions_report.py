"""The report of subscriptions, as the contract prints it: what they bring in a month and how they stand, by currency; or how that
has changed on some days."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
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
_MOVEMENTS = (
    Figure.NEW, Figure.EXPANSION, Figure.CONTRACTION, Figure.CHURNED, Figure.CHURNED_INVOLUNTARILY, Figure.REACTIVATION,
)  # fmt: skip
AMOUNTS = ("mrr", "mrr_before", *map(str, _MOVEMENTS))
STANDING = ("currency", "mrr", *_STATUSES)
MOVED = ("currency", "mrr_before", *map(str, _MOVEMENTS), "mrr", "active")


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


def of_days(session: Session, first: date, last: date, zone: ZoneInfo, *, livemode: bool) -> list[dict[str, Any]]:
    """What they brought in a month before these days and when these were over, and the movements between, which add up to the
    difference, by currency, in minor units. `active` are those that brought in anything in the end."""
    found = recurring.of_days(session, Days(first, last, zone), sums.ask(session, zone, livemode=livemode))
    return [
        {
            "currency": each.currency, "mrr_before": each.before,
            **{str(name): each.movements[str(name)].amount for name in _MOVEMENTS}, "mrr": each.mrr, "active": each.active,
        }
        for each in found.values()
    ]  # fmt: skip


def words(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The same for people, with what the revenue means below."""
    if any("mrr_before" in each for each in found):
        yield from _moved(found)
        return
    for each in found:
        mrr = Money(each["mrr"], each["currency"]).format()
        counts = ", ".join(f"{each[status]} {status.replace('_', ' ')}" for status in _STATUSES)
        yield f"{each['currency']}  {mrr} a month, {counts}"
    if found:
        yield ""
        yield DEFINITIONS[Figure.MRR].sentence


def _moved(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    for each in found:
        before, mrr = (Money(each[name], each["currency"]).format() for name in ("mrr_before", "mrr"))
        moved = ", ".join(
            f"{name.value.replace('_', ' ')} {Money(each[name], each['currency']).format()}"
            for name in _MOVEMENTS
            if each[name]
        )
        yield f"{each['currency']}  {mrr} a month, {each['active']} active; {before} before{f', {moved}' if moved else ''}"
    yield ""
    yield from (DEFINITIONS[name].sentence for name in (Figure.MRR, *_MOVEMENTS))
