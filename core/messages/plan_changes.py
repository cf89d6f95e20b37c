"""What happens to a plan while it goes on: its billing is paused or goes on again, or it has become another plan, is billed at
other times, or has more or fewer seats, as things stand when the letter is written."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from core.catalog.products import Interval
from core.foundation.jobs import outbox
from core.foundation.money import Money
from core.kinds import deliverables
from core.messages import after_purchase
from core.orders import subscription_items
from core.orders.orders import Order
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription
from core.people.receipts import order_links
from core.shop import Shop


@dataclass(frozen=True)
class PauseLetter:
    """What the letter needs to whoever's plan is `paused`, until a day if that is known, or goes on. What was paid for stays open
    until `open_until`, None if it is on hold already, and the `next_payment` is due then, None where that is not known. `goes_on`
    if its buyer pays for the same by another subscription, which keeps it open."""

    email: str
    number: str
    plans: tuple[str, ...]
    paused: bool
    until: date | None
    open_until: date | None
    next_payment: date | None
    library_url: str
    goes_on: bool = False


@dataclass(frozen=True)
class PlanNow:
    """A plan as it is billed from now on: so many seats, for this `price` of them all each `interval`, which is empty where that is
    none in which the shop sells."""

    name: str
    seats: int
    price: Money
    interval: str


@dataclass(frozen=True)
class ChangeLetter:
    """What the letter needs to whoever's plan has changed: all plans that are billed together, as they are now."""

    email: str
    number: str
    plans: tuple[PlanNow, ...]
    next_payment: date | None
    library_url: str


def about_pause(shop: Shop, order_id: str, subscription_id: str, changed_at: str) -> PauseLetter | None:
    """What to write about a plan that was paused, or goes on, as that was seen then; None if it has ended or changed again."""
    with shop.reading() as session:
        row, order = session.get_one(Subscription, subscription_id), session.get_one(Order, order_id)
        if row.is_over or row.pause_changed_at is None or outbox.stamp(row.pause_changed_at) != changed_at:
            return None
        plans = deliverables.plans_of(session, order_id, row.id)
        stays = row.access_until if row.access_until and row.access_until > shop.now() else None
        return PauseLetter(
            email=order.email, number=order.number, plans=tuple(each.name for each in plans), paused=row.paused,
            until=_day(shop, row.resumes_at), open_until=_day(shop, stays), next_payment=_day(shop, row.bills_next_at),
            library_url=order_links.library_link(shop, order.id, order.email),
            goes_on=after_purchase.goes_on(session, row, plans),
        )  # fmt: skip


def about_change(shop: Shop, order_id: str, subscription_id: str, changed_at: str) -> ChangeLetter | None:
    """What to write about a plan that was seen to have changed then; None if it has ended or changed again, or nothing of it is the
    shop's any more."""
    with shop.reading() as session:
        row, order = session.get_one(Subscription, subscription_id), session.get_one(Order, order_id)
        if row.is_over or row.plan_changed_at is None or outbox.stamp(row.plan_changed_at) != changed_at:
            return None
        plans = _plans(session, row)
        return ChangeLetter(
            email=order.email, number=order.number, plans=plans, next_payment=_day(shop, row.bills_next_at),
            library_url=order_links.library_link(shop, order.id, order.email),
        ) if plans else None  # fmt: skip


def _plans(session: Session, row: Subscription) -> tuple[PlanNow, ...]:
    names = {each.line_id: each.name for each in deliverables.plans_of(session, row.order_id, row.id)}
    items = subscription_items.of_subscriptions(session, [row.id])
    return tuple(_plan(names[item.order_line_id], item, row) for item in items if item.order_line_id in names)


def _plan(name: str, item: SubscriptionItem, row: Subscription) -> PlanNow:
    price = Money(item.unit_amount * item.quantity, row.currency)
    return PlanNow(name, item.quantity, price, item.interval if item.interval in set(Interval) else "")


def _day(shop: Shop, moment: datetime | None) -> date | None:
    return moment.astimezone(shop.settings.zone).date() if moment else None
