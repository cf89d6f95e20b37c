"""Standings: how a plan stands for its buyer, and why something that was bought does not open."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core.catalog.products import Kind, Product
from core.foundation.money import Money
from core.kinds import access
from core.kinds.grants import Closing, Delivery
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState, Status
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription

_CLOSINGS = frozenset(Closing)


@dataclass(frozen=True)
class PlanStanding:
    """A plan as its buyer has it by one subscription. `price` is what of it is billed per `interval`, None where Stripe has not
    said yet, and `quantity` for how many seats, None where that is not known. `together` are the other plans that the same
    subscription bills for: they end with it. `name` is the plan that it has become.

    At most one of the moments is set: it `renews_at` then unless it is ended, is tried until `tried_until`, `runs_until` the
    day it was told to end on, before which it may renew once more, or has `ended_at`: where it is open all the same, it is
    `open_until` a moment after that. One that is `paused` may go on by itself when it `resumes_at`. By a schedule it `changes_at`
    a moment to come, to what all of its subscription bills then, None where that is not known. `owed` is what was not paid of it,
    and `pay_url` Stripe's page to do so.
    """

    price: Money | None
    interval: str | None
    subscription: str = ""
    renews_at: datetime | None = None
    tried_until: datetime | None = None
    runs_until: datetime | None = None
    ended_at: datetime | None = None
    open_until: datetime | None = None
    owed: Money | None = None
    pay_url: str = ""
    paused: bool = False
    resumes_at: datetime | None = None
    name: str = ""
    quantity: int | None = None
    together: tuple[str, ...] = ()
    changes_at: datetime | None = None
    changes_to: Money | None = None


@dataclass(frozen=True)
class Billing:
    """A subscription with its items, in Stripe's order. `first` if it came with the Session that made the order its buyer's."""

    row: Subscription
    items: tuple[SubscriptionItem, ...]
    first: bool

    def bills(self, line_id: str) -> bool:
        """Whether it bills for this line of its order's: where its items do not say, it bills for all plans."""
        return line_id in ({item.order_line_id for item in self.items} - {None} or {line_id})


def billing(session: Session, order_ids: Collection[str]) -> list[Billing]:
    """What bills for these orders, oldest first."""
    query = (
        select(Subscription, SubscriptionItem, Order.stripe_subscription_id)
        .join(Order, col(Order.id) == Subscription.order_id)
        .outerjoin(SubscriptionItem, col(SubscriptionItem.subscription_id) == Subscription.id)
        .where(col(Subscription.order_id).in_(order_ids))
        .order_by(col(Subscription.created_at), col(Subscription.id), col(SubscriptionItem.position))
    )
    found: dict[str, Billing] = {}
    for row, item, first in session.exec(query):
        before = found[row.id].items if row.id in found else ()
        found[row.id] = Billing(row, (*before, item) if item else before, row.id == first)
    return list(found.values())


def by_line(found: Sequence[Billing], lines: Mapping[str, str]) -> dict[str, list[Billing]]:
    """Of what was found, what bills for each of these lines, given with its order: what lives, or where nothing does the last."""
    billed = {
        line_id: [each for each in found if each.row.order_id == order_id and each.bills(line_id)]
        for line_id, order_id in lines.items()
    }
    return {
        line_id: [each for each in theirs if not each.row.is_over] or theirs[-1:] for line_id, theirs in billed.items()
    }


def of_lines(
    session: Session, lines: Sequence[OrderLine], billed: Mapping[str, Sequence[Billing]]
) -> dict[str, tuple[PlanStanding, ...]]:
    """How each of these lines stands by each subscription that is known to bill for it, by the line's id."""
    bought = {line.id: line for line in lines if line.id in billed}
    items = {item.id: item for theirs in billed.values() for each in theirs for item in each.items}.values()
    switched = {item.product_id for item in items if item.product_id} - {line.product_id for line in bought.values()}
    named = select(Product.id, Product.name).where(col(Product.id).in_(switched))
    names = dict(session.exec(named).all()) if switched else {}

    def standing(each: Billing, line: OrderLine) -> PlanStanding:
        called = {
            item.order_line_id: names.get(item.product_id or "", bought[item.order_line_id].name)
            for item in each.items
            if item.order_line_id in bought
        }
        own = next((item for item in each.items if item.order_line_id == line.id), None)
        together = tuple(name for line_id, name in called.items() if line_id != line.id)
        return of_plan(each.row, own, name=called.get(line.id, line.name), together=together)

    return {line_id: tuple(standing(each, bought[line_id]) for each in billed[line_id]) for line_id in bought}


def of_billing(session: Session, each: Billing, lines: Sequence[OrderLine]) -> list[PlanStanding]:
    """How the plans of its order stand, whose `lines` these are, that a subscription bills for."""
    found = of_lines(session, lines, {line.id: [each] for line in lines if each.bills(line.id)})
    return [standing for line in lines for standing in found.get(line.id, ())]


def of_plan(
    row: Subscription, item: SubscriptionItem | None = None, *, name: str = "", together: tuple[str, ...] = ()
) -> PlanStanding:
    """How this subscription stands, and the `item` of it that bills for the plan, as far as that is known."""
    # What else is billed with a plan is not its price.
    billed = item.unit_amount * item.quantity if item and together else row.amount
    return PlanStanding(
        Money(billed, row.currency) if row.currency else None, row.interval, row.id, paused=row.paused,
        resumes_at=row.resumes_at, name=name,
        quantity=item.quantity if item and item.product_id else None, together=() if row.is_over else together,
        owed=Money(row.unpaid_amount, row.currency) if row.unpaid_amount and not row.is_over else None,
        pay_url="" if row.is_over else row.payment_url, **_moment(row), **_change(row),
    )  # fmt: skip


def _change(row: Subscription) -> dict[str, Any]:
    """What it changes to by itself, while it goes on until then."""
    if row.is_over or row.changes_at is None or (row.ends_at and row.ends_at <= row.changes_at):
        return {}
    to = None if row.next_amount is None else Money(row.next_amount, row.currency)
    return {"changes_at": row.changes_at, "changes_to": to}


def _moment(row: Subscription) -> dict[str, Any]:
    if row.is_over:
        return {"ended_at": row.ended_at, "open_until": row.paid_until}
    if row.ends_at:
        return {"runs_until": row.ends_at, "renews_at": row.bills_next_at}
    if row.paused or row.unpaid_since:
        return {}
    if row.status == "trialing":
        return {"tried_until": row.trial_end}
    return {"renews_at": row.period_end}


def closing(order: Order, line: OrderLine, delivery: Delivery, plan: Subscription | None) -> Closing | None:
    """Why this delivery does not open; None if it does, or waits for the shop to do something."""
    if delivery.state in (GrantState.ACTIVE, GrantState.BLOCKED):
        return None
    if delivery.reason in _CLOSINGS:
        return Closing(delivery.reason)
    # A version of before has written it: as far as it follows from the order as a whole.
    if delivery.state is GrantState.REVOKED:
        return _ended(order, line, plan if delivery.kind is Kind.PLAN else None)
    asked = order.status is Status.DISPUTED
    return Closing.DISPUTED if asked or delivery.kind is not Kind.PLAN else Closing.UNPAID


def _ended(order: Order, line: OrderLine, plan: Subscription | None) -> Closing:
    if line.taken_back_at:
        return Closing.TAKEN_BACK
    if order.status is Status.CHARGED_BACK:
        return Closing.CHARGED_BACK
    if plan and plan.is_over and order.status is not Status.REFUNDED:
        return Closing.UNPAID if plan.end_reason == access.NOT_PAID else Closing.ENDED
    return Closing.REFUNDED if order.amount_refunded else Closing.OTHER
