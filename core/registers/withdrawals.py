"""Withdrawals as a list: who withdraws from what, how sure it is that it is theirs, and what was decided."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_
from sqlmodel import Session, col, select

from core.orders.orders import Order
from core.registers import order_names, paging
from core.registers.order_names import OrderName
from core.registers.paging import Page, Place
from core.rights import periods, withdrawals
from core.rights.periods import LineRight
from core.rights.withdrawals import Proof, State, Withdrawal

STATES = tuple(State)


@dataclass(frozen=True)
class WithdrawalRow:
    """A withdrawal in the list. `order` is the one that it is about, None as long as nobody knows; `candidates` are then those
    that may be meant. `lines` are counted from 1, `names` what they are called, and `rights` what the law says of each line when
    it was withdrawn from."""

    id: str
    order: OrderName | None
    candidates: tuple[OrderName, ...]
    reference: str
    email: str
    name: str
    words: str
    lines: tuple[int, ...]
    names: tuple[str, ...]
    rights: tuple[LineRight, ...]
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


def page(
    session: Session, state: str, *, livemode: bool, zone: ZoneInfo, place: Place, size: int = paging.PAGE
) -> Page[WithdrawalRow]:
    """The newest withdrawals of this mode and of those that no order is known of, of this state if it is one."""
    ours = paging.of_mode(Withdrawal, Order, livemode=livemode)
    query = select(Withdrawal).where(or_(col(Withdrawal.order_id).is_(None), ours))
    if wanted := paging.one_of(State, state):
        query = query.where(Withdrawal.state == wanted)
    found = paging.page(session, query, Withdrawal, by="created_at", place=place, size=size)
    names = order_names.of(session, [row.order_id for row in found.rows])
    return found.each(lambda row: _row(session, row, names.get(row.order_id), zone, livemode=livemode))


def _row(
    session: Session, row: Withdrawal, order: OrderName | None, zone: ZoneInfo, *, livemode: bool
) -> WithdrawalRow:
    asked = row.state is State.OPEN and order is None
    found = withdrawals.candidates(session, row, livemode=livemode) if asked else []
    among = periods.of_order(session, order.id, zone, at=row.created_at) if order and row.state is State.OPEN else ()
    return WithdrawalRow(
        id=row.id, order=order, candidates=tuple(OrderName(each.id, each.number, each.email, each.name) for each in found),
        reference=row.reference, email=row.email, name=row.name, words=row.words, lines=tuple(row.lines),
        names=withdrawals.names_of(session, row),
        rights=tuple(each for each in among if not row.lines or each.position in row.lines),
        proof=row.proof, state=row.state, created_at=row.created_at,
        answer_by=row.answer_by, decided_at=row.decided_at, decided_by=row.decided_by, reason=row.reason,
    )  # fmt: skip
