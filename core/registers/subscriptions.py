"""Subscriptions as a list: how each plan stands, what renews and what ends before long, for how long one that is past due is waited
for, and why those ended that did."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from core.catalog import products
from core.catalog.products import Kind
from core.foundation.money import Money
from core.kinds.grants import Grant
from core.kinds.seats import Seat, SeatState
from core.orders import subscription_items, subscriptions
from core.orders.orders import Order
from core.orders.subscription_invoices import OVER
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import HAS_ENDED, TOLD_TO_END, Subscription
from core.owner.figures.days import Days
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place

# Stands for the reason of those plans of which nobody said why they ended.
UNTOLD = "untold"
# So far ahead one looks at what renews.
AHEAD = timedelta(days=90)


class Standing(StrEnum):
    """How a plan stands. `new` is not paid for the first time yet, `unpaid` was given up on by Stripe."""

    ACTIVE = "active"
    TRIALING = "trialing"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    NEW = "new"
    ENDED = "ended"


# By what Stripe calls it; an empty one is known to exist and was not fetched yet.
_STATUSES = {
    Standing.ACTIVE: ("active",),
    Standing.TRIALING: ("trialing",),
    Standing.PAST_DUE: ("past_due",),
    Standing.UNPAID: ("unpaid", "paused"),
    Standing.NEW: ("incomplete", ""),
    Standing.ENDED: OVER,
}


@dataclass(frozen=True)
class SubscriptionRow:
    """A plan in the list. `amount` is billed per `interval`; `renews_at` is None if it is not billed again. `plans` are what
    its items are called here.

    `grace_until` is until when a failed payment keeps access, `ends_at` when it was told to end, or has. Of its seats so many are
    `taken`, the buyer's own included, and for so many somebody is `invited`; so many people lack one where they are too few.
    `in_portal` is whether Stripe has a portal for its buyer. `why` is what its buyer chose of why it ends, else Stripe's reason;
    `comment` is what they wrote.
    """

    id: str
    order: OrderName
    standing: Standing
    quantity: int
    amount: Money | None
    interval: str | None
    renews_at: datetime | None
    grace_until: datetime | None
    ends_at: datetime | None
    why: str
    comment: str
    paused: bool
    began_at: datetime
    plans: tuple[str, ...] = ()
    taken: int = 0
    invited: int = 0
    short: int = 0
    in_portal: bool = False


# What its buyer chose of why a plan ends, else what Stripe says of it.
_WHY = func.coalesce(func.nullif(Subscription.end_feedback, ""), Subscription.end_reason)
# Over, and not because it was never paid for at all.
_HAS_ENDED = (HAS_ENDED, col(Subscription.status) == "canceled")


def page(
    session: Session, state: str, *, livemode: bool, place: Place, size: int = paging.PAGE
) -> Page[SubscriptionRow]:
    """The newest plans of this mode, of this standing if it is one."""
    query = select(Subscription).where(paging.of_mode(Subscription, Order, livemode=livemode))
    if wanted := paging.one_of(Standing, state):
        query = query.where(col(Subscription.status).in_(_STATUSES[wanted]))
    return _described(session, paging.page(session, query, Subscription, by="created_at", place=place, size=size))


def of_order(session: Session, order_id: str, *, livemode: bool) -> Page[SubscriptionRow]:
    """The plans of this order."""
    query = select(Subscription).where(
        Subscription.order_id == order_id, paging.of_mode(Subscription, Order, livemode=livemode)
    )
    return _described(session, paging.page(session, query, Subscription, by="created_at", place=Place()))


def renewals(
    session: Session, *, livemode: bool, now: datetime, place: Place, size: int = paging.PAGE
) -> Page[SubscriptionRow]:
    """The plans of this mode that are billed again within AHEAD, the next one first."""
    ends = col(Subscription.period_end)
    query = select(Subscription).where(
        paging.of_mode(Subscription, Order, livemode=livemode), ends >= now, ends < now + AHEAD,
        col(Subscription.status).in_(subscriptions.RENEWING), subscriptions.bills_at(ends),
    )  # fmt: skip
    found = paging.page(session, query, Subscription, by="period_end", place=place, rising=True, size=size)
    return _described(session, found)


def ending(session: Session, *, livemode: bool, place: Place, size: int = paging.PAGE) -> Page[SubscriptionRow]:
    """The plans of this mode that were told to end and have not yet, the next one first."""
    query = select(Subscription).where(
        paging.of_mode(Subscription, Order, livemode=livemode), TOLD_TO_END, col(Subscription.ended_at).is_(None),
        col(Subscription.status).not_in(OVER),
    )  # fmt: skip
    found = paging.page(session, query, Subscription, by="ends_at", place=place, rising=True, size=size)
    return _described(session, found)


def ended(
    session: Session, days: Days, why: str, *, livemode: bool, place: Place, size: int = paging.PAGE
) -> Page[SubscriptionRow]:
    """The plans of this mode that ended on these days, for this reason if it is one, the last one first."""
    query = select(Subscription).where(*_ended_on(days, livemode=livemode))
    if why:
        query = query.where(("" if why == UNTOLD else why) == _WHY)
    return _described(session, paging.page(session, query, Subscription, by="ended_at", place=place, size=size))


def reasons(session: Session, days: Days, *, livemode: bool) -> dict[str, int]:
    """How many plans of this mode ended on these days for which reason, most first; UNTOLD is nobody's. Also those that were tried
    for nothing."""
    query = select(_WHY, func.count()).where(*_ended_on(days, livemode=livemode)).group_by(_WHY)
    found = Counter({why or UNTOLD: count for why, count in session.exec(query)})
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def _ended_on(days: Days, *, livemode: bool) -> tuple[ColumnElement[bool], ...]:
    at = col(Subscription.ended_at)
    return (*_HAS_ENDED, at >= days.start, at < days.end, paging.of_mode(Subscription, Order, livemode=livemode))


def _described(session: Session, found: Page[Subscription]) -> Page[SubscriptionRow]:
    names = order_names.of(session, [row.order_id for row in found.rows])
    ids = [row.id for row in found.rows]
    items, seats = _items(session, ids), _seats(session, ids)
    called = products.names(session) if items else {}
    return found.each(lambda row: _row(row, names[row.order_id], items.get(row.id, []), seats[row.id], called))


def _items(session: Session, ids: Collection[str]) -> dict[str, list[SubscriptionItem]]:
    """What each bills for."""
    found: dict[str, list[SubscriptionItem]] = {}
    for item in subscription_items.of_subscriptions(session, [*ids]) if ids else ():
        found.setdefault(item.subscription_id, []).append(item)
    return found


def _seats(session: Session, ids: Collection[str]) -> dict[str, Counter[SeatState]]:
    """How the seats of these plans stand; their buyers' own count as accepted."""
    found: dict[str, Counter[SeatState]] = {subscription_id: Counter() for subscription_id in ids}
    if not ids:
        return found
    whose = col(SubscriptionItem.subscription_id)
    plans = (whose.in_(ids), col(Grant.order_line_id) == SubscriptionItem.order_line_id, Grant.kind == Kind.PLAN)
    given = select(whose, Seat.state, func.count()).where(*plans, col(Seat.grant_id) == Grant.id)
    for subscription_id, state, count in session.exec(given.group_by(whose, col(Seat.state))):
        found[subscription_id][SeatState(state)] += count
    own = select(whose).where(*plans, col(Grant.buyer_sits), Grant.quantity > 0)
    for subscription_id in session.exec(own):
        found[subscription_id][SeatState.ACCEPTED] += 1
    return found


def _row(
    row: Subscription, order: OrderName, items: Sequence[SubscriptionItem], seats: Counter[SeatState],
    called: Mapping[str, str],
) -> SubscriptionRow:  # fmt: skip
    plans = dict.fromkeys(called[item.product_id] for item in items if item.product_id and item.product_id in called)
    return SubscriptionRow(
        id=row.id, order=order,
        standing=next((each for each, names in _STATUSES.items() if row.status in names), Standing.NEW),
        quantity=sum(item.quantity for item in items), amount=Money(row.amount, row.currency) if row.currency else None,
        interval=row.interval, renews_at=row.bills_next_at, grace_until=row.grace_until,
        ends_at=row.ended_at or row.ends_at, why=row.end_feedback or row.end_reason, comment=row.end_comment,
        paused=row.paused, began_at=row.created_at, plans=tuple(plans), taken=seats[SeatState.ACCEPTED],
        invited=seats[SeatState.INVITED], short=seats[SeatState.SUSPENDED], in_portal=bool(row.stripe_customer_id),
    )  # fmt: skip
