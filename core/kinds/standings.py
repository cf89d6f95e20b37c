"""Standings: how a plan stands for its buyer, and why something that was bought does not open."""

from dataclasses import dataclass
from datetime import datetime

from core.catalog.products import Kind
from core.foundation.money import Money
from core.kinds import access
from core.kinds.grants import Closing, Delivery
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState, Status
from core.orders.subscriptions import Subscription

_CLOSINGS = frozenset(Closing)


@dataclass(frozen=True)
class PlanStanding:
    """A plan as its buyer has it. `price` is what is billed per `interval`, None where Stripe has not said yet.

    At most one of the moments is set: it `renews_at` then unless it is ended, is tried until `tried_until`, `runs_until` the
    day it was told to end on, or has `ended_at`. `owed` is what was not paid of it, and `pay_url` Stripe's page to do so.
    """

    price: Money | None
    interval: str | None
    subscription: str = ""
    renews_at: datetime | None = None
    tried_until: datetime | None = None
    runs_until: datetime | None = None
    ended_at: datetime | None = None
    owed: Money | None = None
    pay_url: str = ""
    paused: bool = False


def of_plan(row: Subscription) -> PlanStanding:
    """How this subscription stands."""
    return PlanStanding(
        Money(row.amount, row.currency) if row.currency else None, row.interval, row.id, paused=row.paused,
        owed=Money(row.unpaid_amount, row.currency) if row.unpaid_amount and not row.is_over else None,
        pay_url="" if row.is_over else row.payment_url, **_moment(row),
    )  # fmt: skip


def _moment(row: Subscription) -> dict[str, datetime | None]:
    if row.is_over:
        return {"ended_at": row.ended_at}
    if row.ends_at:
        return {"runs_until": row.ends_at}
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
