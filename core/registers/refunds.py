"""Refunds as a list: how far each has come, and once more what failed or what Stripe's answer was lost for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from core.foundation.errors import OrderNotFound
from core.foundation.money import Money
from core.journeys import refund
from core.journeys.refund import Refunded, RefundPlan
from core.orders import orders, refunds
from core.orders.orders import Order
from core.orders.refunds import Refund, RefundStatus
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place
from core.shop import Shop

STATES = tuple(RefundStatus)
# So long may the call that asked for it still be under way.
_UNDER_WAY = timedelta(minutes=2)
_FAILED = (RefundStatus.FAILED, RefundStatus.CANCELED)


@dataclass(frozen=True)
class RefundRow:
    """A refund in the list. `is_stuck` if Stripe's answer was lost; `may_again` if it failed and no other was sent in its place."""

    id: str
    stripe_id: str
    order: OrderName
    amount: Money
    status: RefundStatus
    reason: str
    failure: str
    actor: str
    created_at: datetime
    updated_at: datetime
    is_stuck: bool
    may_again: bool


def page(
    session: Session, state: str, *, livemode: bool, now: datetime, place: Place, size: int = paging.PAGE
) -> Page[RefundRow]:
    """The newest refunds of this mode, of this state if it is one."""
    query = select(Refund).where(paging.of_mode(Refund, Order, livemode=livemode))
    if wanted := paging.one_of(RefundStatus, state):
        query = query.where(Refund.status == wanted)
    found = paging.page(session, query, Refund, by="created_at", place=place, size=size)
    names = order_names.of(session, [row.order_id for row in found.rows])
    failed = [row for row in found.rows if row.status in _FAILED]
    siblings = refunds.of_orders(session, {row.order_id for row in failed})
    emptied = refunds.emptied(session, failed)
    again = {row.id for row in failed if not refunds.is_made_good(row, siblings, emptied)}
    return found.each(lambda row: _row(row, names[row.order_id], may_again=row.id in again, now=now))


def resume(shop: Shop, refund_id: str, *, deed: Deed) -> Refunded:
    """Ask Stripe again for a refund whose answer was lost, under the same key: it is made once.

    Raises NotPermitted, DoneAlready or StripeTrouble.
    """
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.MEND, subject=refund_id, detail="resume", now=shop.now())
    return refund.resume(shop, refund_id)


def preview_again(shop: Shop, refund_id: str) -> RefundPlan:
    """What asking for the same once more would do. Raises what `refund.preview` raises."""
    order_id, wish = _wish(shop, refund_id)
    return refund.preview(shop, order_id, **wish)


def again(shop: Shop, refund_id: str, *, agreed: RefundPlan, deed: Deed) -> Refunded:
    """Ask for the same once more as a refund of its own, if that is what it still would do. Raises what `refund.request` raises."""
    order_id, wish = _wish(shop, refund_id)
    with shop.reading() as session:
        reason = session.get_one(Refund, refund_id).reason
    return refund.request(shop, order_id, **wish, reason=reason, actor="owner", agreed=agreed, deed=deed)


def _wish(shop: Shop, refund_id: str) -> tuple[str, dict[str, Any]]:
    """The refund's order, and what was asked for, in the words of the journey."""
    with shop.reading() as session:
        row = session.get(Refund, refund_id)
        if row is None:
            raise OrderNotFound(order=refund_id)
        positions = {line.id: line.position + 1 for line in orders.lines(session, row.order_id)}
    return row.order_id, {
        "amount": row.amount, "lines": tuple(sorted(positions[line] for line in row.lines)),
        "payment": row.payment_id or "", "take_back": row.takes_back, "end_subscription": row.ends_subscription,
    }  # fmt: skip


def _row(row: Refund, order: OrderName, *, may_again: bool, now: datetime) -> RefundRow:
    return RefundRow(
        row.id, row.stripe_refund_id or "", order, Money(row.amount, row.currency), row.status, row.reason, row.failure,
        row.actor, row.created_at, row.updated_at,
        is_stuck=row.status is RefundStatus.REQUESTED and row.created_at < now - _UNDER_WAY,
        may_again=may_again,
    )  # fmt: skip
