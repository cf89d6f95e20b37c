"""Withdrawals as a list: who withdraws from what, how sure it is that it is theirs, and what was decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from core.orders.orders import Order
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place
from core.rights import withdrawals
from core.rights.withdrawals import Proof, State, Withdrawal

STATES = tuple(State)


@dataclass(frozen=True)
class WithdrawalRow:
    """A withdrawal in the list. `order` is the one that it is about, None as long as nobody knows; `candidates` are then those
    that may be meant. `lines` are counted from 1, `names` what they are called."""

    id: str
    order: OrderName | None
    candidates: tuple[OrderName, ...]
    reference: str
    email: str
    name: str
    words: str
    lines: tuple[int, ...]
    names: tuple[str, ...]
    proof: Proof
    state: State
    created_at: datetime
    answer_by: datetime
    decided_at: datetime | None
    decided_by: str
    reason: str

    @property
    def is_open(self) -> bool:
        """Whether somebody is still to decide."""
        return self.state is State.OPEN


def page(session: Session, state: str, *, livemode: bool, place: Place, size: int = paging.PAGE) -> Page[WithdrawalRow]:
    """The newest withdrawals of this mode and of those that no order is known of, of this state if it is one."""
    ours = paging.of_mode(Withdrawal, Order, livemode=livemode)
    query = select(Withdrawal).where(or_(col(Withdrawal.order_id).is_(None), ours))
    if wanted := paging.one_of(State, state):
        query = query.where(Withdrawal.state == wanted)
    found = paging.page(session, query, Withdrawal, by="created_at", place=place, size=size)
    names = order_names.of(session, [row.order_id for row in found.rows])
    return found.each(lambda row: _row(session, row, names.get(row.order_id), livemode=livemode))


def described(session: Session, row: Withdrawal, *, livemode: bool) -> WithdrawalRow:
    """One of them as the list shows it."""
    return _row(session, row, order_names.of(session, [row.order_id]).get(row.order_id), livemode=livemode)


def of_order(session: Session, order_id: str, *, livemode: bool) -> Sequence[WithdrawalRow]:
    """The withdrawals from this order, oldest first."""
    return [described(session, row, livemode=livemode) for row in withdrawals.of_order(session, order_id)]


def _row(session: Session, row: Withdrawal, order: OrderName | None, *, livemode: bool) -> WithdrawalRow:
    asked = row.state is State.OPEN and order is None
    found = withdrawals.candidates(session, row, livemode=livemode) if asked else []
    return WithdrawalRow(
        id=row.id, order=order, candidates=tuple(OrderName(each.id, each.number, each.email, each.name) for each in found),
        reference=row.reference, email=row.email, name=row.name, words=row.words, lines=tuple(row.lines),
        names=withdrawals.names_of(session, row), proof=row.proof, state=row.state, created_at=row.created_at,
        answer_by=row.answer_by, decided_at=row.decided_at, decided_by=row.decided_by, reason=row.reason,
    )  # fmt: skip
