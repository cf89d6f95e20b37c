"""Reminders: before a yearly plan renews, and before a trial ends, its buyer is told what will be billed and how to cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, UniqueConstraint, case, exists
from sqlmodel import Field, Session, col, delete, func, or_, select

from core.catalog.products import Interval
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, new_id, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.orders import orders, subscriptions
from core.orders.orders import Order
from core.orders.subscriptions import RENEWING, TRIED, Subscription
from core.people import purchases
from core.shop import Shop

# Of each kind so many are owed in one transaction; the next pass owes the rest.
_MOST = 200


class About(StrEnum):
    """What is coming."""

    RENEWAL = "renewal"
    TRIAL_END = "trial_end"


# So long before it comes.
AHEAD = {About.RENEWAL: timedelta(days=7), About.TRIAL_END: timedelta(days=3)}


class Reminder(Record, table=True):
    """That a buyer was told, or is about to be, of what comes for their plan at `due_at`, as its billing was seen to change at
    `changed_at` last, or as it began: once, and once more if it was cancelled, paused or moved after that, and comes at that moment
    all the same. A version of before has written none."""

    __tablename__ = "reminders"
    __table_args__ = (UniqueConstraint("subscription_id", "about", "due_at"),)

    id: str = Field(primary_key=True)
    subscription_id: str = Field(foreign_key="subscriptions.id")
    about: About = text_enum(About)
    due_at: datetime
    changed_at: datetime | None = None
    created_at: datetime


@dataclass(frozen=True)
class Due:
    """A reminder that nobody has owed yet."""

    subscription_id: str
    order_id: str
    email: str
    about: About
    at: datetime
    began_at: datetime
    changed_at: datetime | None


_ONCE = InsertOnce(Reminder, conflict="(subscription_id, about, due_at) do nothing", returning="subscription_id")


def owe(shop: Shop) -> int:
    """Owe the reminders whose time has come; return how many. Of what has come already nobody is reminded."""
    with shop.reading() as session:
        found = due(session, livemode=shop.settings.livemode, now=shop.now())
    if not found:
        return 0
    with shop.transaction() as session:
        return sum(_owe(session, each, now=shop.now()) for each in found)


def due(session: Session, *, livemode: bool, now: datetime) -> list[Due]:
    """What buyers are to be reminded of now and were not yet."""
    renewal = (
        col(Subscription.period_end), col(Subscription.status).in_([each for each in RENEWING if each != "trialing"]),
        Subscription.interval == Interval.YEAR,
    )  # fmt: skip
    trial = (col(Subscription.trial_end), TRIED, Subscription.status == "trialing")
    return [
        *_due(session, About.RENEWAL, *renewal, livemode=livemode, now=now),
        *_due(session, About.TRIAL_END, *trial, livemode=livemode, now=now),
    ]


def _due(
    session: Session, about: About, at: Any, *which: ColumnElement[bool] | bool, livemode: bool, now: datetime
) -> list[Due]:
    began, end, billing = (
        col(Subscription.created_at), col(Subscription.end_changed_at), col(Subscription.billing_changed_at),
    )  # fmt: skip
    changed = case(
        (func.coalesce(end, began) > func.coalesce(billing, began), end), else_=func.coalesce(billing, began)
    )
    # Of what was cancelled, paused or moved since a reminder was made no letter may have gone, or one that said otherwise.
    stands = or_(
        col(Reminder.changed_at) == changed, col(Reminder.changed_at).is_(None) & (col(Reminder.created_at) >= changed)
    )
    reminded = exists().where(
        col(Reminder.subscription_id) == Subscription.id,
        col(Reminder.about) == about,
        col(Reminder.due_at) == at,
        stands,
    )
    query = (
        select(Subscription, Order)
        .join(Order, col(Order.id) == Subscription.order_id)
        .where(
            at > now, at <= now + AHEAD[about], *which, subscriptions.bills_at(at),
            col(Order.email) != "", *orders.asked_about(livemode=livemode), ~reminded,
        )
        .order_by(at)
        .limit(_MOST)
    )  # fmt: skip
    found = session.exec(query).all()
    theirs = _others(session, found)
    return [
        Due(row.id, order.id, order.email, about, getattr(row, at.key), row.created_at, row.changed_at)
        for row, order in found
        if row.id not in theirs
    ]


def _others(session: Session, found: Sequence[tuple[Subscription, Order]]) -> set[str | None]:
    """The subscriptions by which somebody else pays for one of these orders: their buyers are told of nothing by it."""
    # What came with the Session that made the order theirs is none.
    doubtful = {order.id: order for row, order in found if row.id != order.stripe_subscription_id}
    if not doubtful:
        return set()
    return {each.stripe_subscription_id for each in purchases.others_sessions(session, list(doubtful.values()))}


def end_of(changed_at: datetime | None) -> str:
    """What a reminder is owed with of when the billing of its plan was last seen to change."""
    return outbox.stamp(changed_at) if changed_at else "unchanged"


def _owe(session: Session, each: Due, *, now: datetime) -> bool:
    row = {
        "id": new_id("rem"), "subscription_id": each.subscription_id, "about": each.about, "due_at": each.at,
        "changed_at": each.changed_at or each.began_at, "created_at": now,
    }  # fmt: skip
    earlier = delete(Reminder).where(
        col(Reminder.subscription_id) == each.subscription_id, col(Reminder.about) == each.about,
        col(Reminder.due_at) == each.at, col(Reminder.changed_at).is_distinct_from(row["changed_at"]),
    )  # fmt: skip
    session.exec(earlier)
    if not _ONCE(session, [row]):
        return False
    told = (each.order_id, each.subscription_id, str(each.about), outbox.stamp(each.at), end_of(each.changed_at))
    outbox.owe(session, Job.PLAN_REMINDER, *told, key=":".join(told), to=each.email)
    return True
