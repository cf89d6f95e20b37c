"""Subscriptions as a list: how each plan stands, what renews before long, and for how long one that is past due is waited for."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, func, select

from core.catalog.products import Kind
from core.foundation.money import Money
from core.kinds.grants import Grant
from core.kinds.seats import Seat, SeatState
from core.orders import subscriptions
from core.orders.orders import Order
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import OVER, Subscription
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place

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
    """A plan in the list. `amount` is billed per `interval`; `renews_at` is None if it is not billed again.

    `grace_until` is until when a failed payment keeps access, `ends_at` when it was told to end, or has. Of its seats so many are
    `taken`, the buyer's own included, and for so many somebody is `invited`; so many people lack one where they are too few.
    `in_portal` is whether Stripe has a portal for its buyer.
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
    end_reason: str
    paused: bool
    began_at: datetime
    taken: int = 0
    invited: int = 0
    short: int = 0
    in_portal: bool = False


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
        col(Subscription.status).in_(subscriptions.RENEWING), col(Subscription.ends_at).is_(None),
        col(Subscription.paused).is_(False),
    )  # fmt: skip
    found = paging.page(session, query, Subscription, by="period_end", place=place, rising=True, size=size)
    return _described(session, found)


def _described(session: Session, found: Page[Subscription]) -> Page[SubscriptionRow]:
    names = order_names.of(session, [row.order_id for row in found.rows])
    quantities = _quantities(session, [row.id for row in found.rows])
    seats = _seats(session, [row.order_id for row in found.rows])
    return found.each(lambda row: _row(row, names[row.order_id], quantities.get(row.id, 0), seats[row.order_id]))


def _quantities(session: Session, ids: Collection[str]) -> dict[str, int]:
    """How many seats each bills for."""
    items = select(SubscriptionItem.subscription_id, func.sum(SubscriptionItem.quantity))
    items = items.where(col(SubscriptionItem.subscription_id).in_(ids)).group_by(SubscriptionItem.subscription_id)
    return {subscription: int(quantity) for subscription, quantity in session.exec(items)} if ids else {}


def _seats(session: Session, order_ids: Collection[str]) -> dict[str, Counter[SeatState]]:
    """How the seats of these orders' plans stand; their buyers' own count as accepted."""
    found: dict[str, Counter[SeatState]] = {order_id: Counter() for order_id in order_ids}
    if not order_ids:
        return found
    plans = (col(Grant.order_id).in_(order_ids), Grant.kind == Kind.PLAN)
    given = select(Grant.order_id, Seat.state, func.count()).join(Seat, col(Seat.grant_id) == Grant.id).where(*plans)
    for order_id, state, count in session.exec(given.group_by(Grant.order_id, Seat.state)):
        found[order_id][SeatState(state)] += count
    own = select(Grant.order_id).where(*plans, col(Grant.buyer_sits), Grant.quantity > 0)
    for order_id in session.exec(own):
        found[order_id][SeatState.ACCEPTED] += 1
    return found


def _row(row: Subscription, order: OrderName, quantity: int, seats: Counter[SeatState]) -> SubscriptionRow:
    standing = next((each for each, names in _STATUSES.items() if row.status in names), Standing.NEW)
    return SubscriptionRow(
        row.id, order, standing, quantity, Money(row.amount, row.currency) if row.currency else None, row.interval,
        row.period_end if row.bills_on else None, row.grace_until, row.ended_at or row.ends_at, row.end_reason,
        row.paused, row.created_at, seats[SeatState.ACCEPTED], seats[SeatState.INVITED], seats[SeatState.SUSPENDED],
        bool(row.stripe_customer_id),
    )  # fmt: skip
