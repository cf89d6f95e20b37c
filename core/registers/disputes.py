"""Disputes as a list: what banks ask about, and by when they want an answer."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.foundation.money import Money
from core.orders.disputes import STATUSES, Dispute, Standing
from core.orders.orders import Order
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place


@dataclass(frozen=True)
class DisputeRow:
    """A dispute in the list. `due_by` is when Stripe wants the evidence, None if it did not say; `withdrawn` if the money
    was taken from the balance."""

    id: str
    order: OrderName
    amount: Money
    reason: str
    status: str
    standing: Standing
    was_inquiry: bool
    withdrawn: bool
    due_by: datetime | None
    created_at: datetime


def page(session: Session, state: str, *, livemode: bool, place: Place, size: int = paging.PAGE) -> Page[DisputeRow]:
    """The newest disputes of this mode, of this standing if it is one."""
    query = select(Dispute).where(paging.of_mode(Dispute, Order, livemode=livemode))
    if wanted := paging.one_of(Standing, state):
        query = query.where(col(Dispute.status).in_(STATUSES[wanted]))
    found = paging.page(session, query, Dispute, by="created_at", place=place, size=size)
    names = order_names.of(session, [row.order_id for row in found.rows])
    return found.each(lambda row: _row(row, names[row.order_id]))


def _row(row: Dispute, order: OrderName) -> DisputeRow:
    return DisputeRow(
        row.id, order, Money(row.amount, row.currency), row.reason, row.status, row.standing, row.was_inquiry,
        row.withdrawn, row.due_by, row.created_at,
    )  # fmt: skip
