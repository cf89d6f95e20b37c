"""Withdrawals: that somebody withdraws from a contract, in their words, and what was decided about it.

A declaration is never refused: what cannot be matched with an order is kept as well, and a person looks at it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import JSON, ColumnElement, Index, or_
from sqlmodel import Field, Session, col, func, select

from core.foundation.addresses import fold
from core.foundation.database import Overtaken
from core.foundation.errors import WithdrawalDecided, WithdrawalNotFound
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, text_enum
from core.kinds import workshops
from core.kinds.workshops import Times
from core.languages import formats
from core.orders import history, orders
from core.orders.orders import Order, OrderLine
from core.orders.status import Status
from core.people import customers
from core.rights import periods
from core.rights.periods import Right

# Within so long of the declaration the money has to go back.
ANSWER_WITHIN = timedelta(days=14)
# More orders of one buyer nobody is shown at once.
_MOST_CANDIDATES = 5
# Of a buyer who has more, the newest are looked at when no order was named.
_MOST_POSSIBLE = 20
# Nobody can withdraw from what was bought so long ago, in whichever zone: 14 days after the day itself.
_LATE = timedelta(days=periods.DAYS + 2)
_ALL_GONE = (Status.REFUNDED, Status.CHARGED_BACK)
_NEVER_PAID = (Status.PENDING, Status.FAILED, Status.PROCESSING)


class Proof(StrEnum):
    """How sure it is that the order is theirs who declared it: they had `proven` that the address is theirs, or typed the
    address that the order has, or neither."""

    PROVEN = "proven"
    MATCHED = "matched"
    UNVERIFIED = "unverified"


class State(StrEnum):
    """What was decided."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class Stage(StrEnum):
    """What a letter to the buyer tells of a withdrawal."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class Withdrawal(Record, table=True):
    """One declaration. `reference` and `words` are as they were typed, `lines` (counted from 1) as they were chosen: none is
    all of the order, or what the words say. `token` is the form that was sent: sent twice, it is here once.

    `order_id` is empty as long as nobody knows which order is meant. `request` is the refund that it was accepted with, if
    money went back by it.
    """

    __tablename__ = "withdrawals"
    __table_args__ = (
        Index("ix_withdrawals_created_at_id", "created_at", "id"),
        Index("ix_withdrawals_state_created_at_id", "state", "created_at", "id"),
    )

    id: str = Field(primary_key=True)
    token: str = Field(unique=True)
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)
    reference: str = ""
    language: str = ""
    email: str
    folded: str = Field(index=True)
    name: str = ""
    words: str = ""
    lines: list[int] = Field(default_factory=list, sa_type=JSON)
    proof: Proof = text_enum(Proof)
    state: State = text_enum(State, default=State.OPEN)
    created_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    request: str = ""

    @property
    def answer_by(self) -> datetime:
        """Until when the money has to be back if it is accepted."""
        return self.created_at + ANSWER_WITHIN


def lock_open(session: Session, withdrawal_id: str) -> Withdrawal:
    """The row, which nobody else decides about until this transaction ends. Raises WithdrawalNotFound or WithdrawalDecided."""
    row = session.get(Withdrawal, withdrawal_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise WithdrawalNotFound(withdrawal=withdrawal_id)
    if row.state is not State.OPEN:
        raise WithdrawalDecided(withdrawal=withdrawal_id)
    return row


def lock_with_order(session: Session, withdrawal_id: str, *more: str) -> None:
    """Lock the order that it is about, and `more` orders, and then the withdrawal: a refund that accepts it locks them in that turn
    as well. Raises Overtaken if somebody said meanwhile which order is meant."""
    about = select(Withdrawal.order_id).where(Withdrawal.id == withdrawal_id)
    known = session.exec(about).first()
    orders.lock_all(session, {each for each in (known, *more) if each})
    if session.exec(about.with_for_update()).first() != known:
        raise Overtaken


def accept(
    session: Session, withdrawal_id: str, *, by: str, of: str = "", request: str = "", now: datetime
) -> Withdrawal:
    """Note that it was accepted, with the refund of this id or without any, and owe the buyer the letter that says so.

    Raises as `lock_open`, and WithdrawalNotFound if it is not about the order that it is to be `of`.
    """
    row = lock_open(session, withdrawal_id)
    if of and row.order_id != of:
        raise WithdrawalNotFound(withdrawal=withdrawal_id)
    row.request = request
    _decide(session, row, State.ACCEPTED, by=by, now=now)
    return row


def decline(session: Session, withdrawal_id: str, *, reason: str, by: str, now: datetime) -> Withdrawal:
    """Note that it was declined and why, and owe the buyer the letter that says so. Raises as `lock_open`."""
    row = lock_open(session, withdrawal_id)
    row.reason = reason
    _decide(session, row, State.DECLINED, by=by, now=now)
    return row


def owe_letter(session: Session, row: Withdrawal, stage: Stage, *, copy: str = "") -> None:
    """Owe the buyer the letter about this stage of it; with the name of a `copy` once more."""
    more = filter(None, (copy,))
    outbox.owe(session, Job.WITHDRAWAL, *(told := (row.id, stage, *more)), key=":".join(told), to=row.email)


def meant(
    session: Session, *, reference: str, email: str, livemode: bool, zone: ZoneInfo, now: datetime
) -> Order | None:  # fmt: skip
    """The order that somebody means who typed this: the paid one of this number, if the address is its buyer's, or the only one
    of this buyer's from which they can still withdraw, or that there is at all. None also where there are several."""
    theirs = customers.whose(session, email)
    if not reference:
        found = possible(session, theirs, livemode=livemode, zone=zone, now=now)
        return found[0] if len(found) == 1 else None
    order = numbered(session, reference, livemode=livemode)
    if order is None:
        return None
    same = bool(order.email) and fold(order.email) == fold(email)
    return order if same or (theirs is not None and theirs == order.customer_id) else None


def numbered(session: Session, reference: str, *, livemode: bool) -> Order | None:
    """The order of this number, however it was typed, if money came in for it in this mode."""
    number = reference.strip().lstrip("#").strip()
    query = select(Order).where(col(Order.number).in_({number, number.upper()}), *_paid(livemode=livemode))
    return session.exec(query).first()


def of_buyer(
    session: Session, customer_id: str | None, *, livemode: bool, limit: int = _MOST_CANDIDATES
) -> list[Order]:
    """What a customer has paid for, newest first; nothing of nobody."""
    if customer_id is None:
        return []
    query = select(Order).where(Order.customer_id == customer_id, *_paid(livemode=livemode))
    return list(session.exec(query.order_by(col(Order.created_at).desc()).limit(limit)))


def possible(
    session: Session, customer_id: str | None, *, livemode: bool, zone: ZoneInfo, now: datetime
) -> list[Order]:
    """What a customer has paid for and can still withdraw from, newest first; all of it where that is nothing."""
    theirs = of_buyer(session, customer_id, livemode=livemode, limit=_MOST_POSSIBLE)
    return [order for order in theirs if _is_open(session, order, zone, now=now)] or theirs


def _is_open(session: Session, order: Order, zone: ZoneInfo, *, now: datetime) -> bool:
    if order.status in _ALL_GONE or (order.paid_at or order.created_at) < now - _LATE:
        return False
    return any(line.right in (Right.OPEN, Right.PART) for line in periods.of_order(session, order.id, zone, at=now))


def candidates(session: Session, row: Withdrawal, *, livemode: bool) -> list[Order]:
    """The orders that an unmatched declaration may be about: of its number, and of the buyer who has its address."""
    named = numbered(session, row.reference, livemode=livemode) if row.reference else None
    theirs = of_buyer(session, customers.whose(session, row.email) if row.email else None, livemode=livemode)
    found = ([named] if named else []) + theirs
    return list({order.id: order for order in found}.values())


def assign(session: Session, withdrawal_id: str, order_id: str, *, actor: str, now: datetime) -> Withdrawal:
    """Say which order is meant. The lines that were chosen of another one mean nothing in it. Raises as `lock_open`."""
    row = lock_open(session, withdrawal_id)
    if row.order_id != order_id:
        row.lines = []
    row.order_id = session.get_one(Order, order_id).id
    session.flush()
    history.note(session, order_id, f"withdrawal:{row.id}", actor=actor, now=now)
    return row


def of_order(session: Session, order_id: str) -> Sequence[Withdrawal]:
    """The withdrawals from this order, oldest first."""
    query = select(Withdrawal).where(Withdrawal.order_id == order_id)
    return session.exec(query.order_by(col(Withdrawal.created_at), col(Withdrawal.id))).all()


def of_person(session: Session, order_ids: Collection[str], folded: Collection[str]) -> Sequence[Withdrawal]:
    """What was withdrawn from these orders, or under one of these addresses from what nobody knows yet; the last first."""
    theirs = or_(
        col(Withdrawal.order_id).in_(order_ids),
        col(Withdrawal.order_id).is_(None) & col(Withdrawal.folded).in_([each for each in folded if each]),
    )
    query = select(Withdrawal).where(theirs)
    return session.exec(query.order_by(col(Withdrawal.created_at).desc(), col(Withdrawal.id))).all()


def waiting(session: Session, *, livemode: bool) -> tuple[int, datetime | None]:
    """How many nobody has decided about, and when the oldest of them was declared: from orders of this mode, and what is matched
    with none."""
    other = select(Order.id).where(Order.id == Withdrawal.order_id, Order.livemode != livemode).exists()
    query = select(func.count(), func.min(Withdrawal.created_at)).where(col(Withdrawal.state) == State.OPEN, ~other)
    count, oldest = session.exec(query).one()
    return count, oldest


def names_of(session: Session, row: Withdrawal) -> tuple[str, ...]:
    """What the lines that were chosen are called."""
    if row.order_id is None or not row.lines:
        return ()
    return tuple(
        called(session, [line for line in orders.lines(session, row.order_id) if line.position + 1 in row.lines])
    )


def called(session: Session, lines: Sequence[OrderLine]) -> list[str]:
    """What each of these lines is called, a workshop with its date: of one there may be several."""
    times = workshops.times(session, lines)
    return [f"{line.name}{_on(times.get(line.workshop_date_id))}" for line in lines]


def _on(times: Times | None) -> str:
    if times is None:
        return ""
    day = formats.weekday(times.starts_at.astimezone(ZoneInfo(times.timezone)))
    return f", {day}, {formats.hours(times.starts_at, times.ends_at, times.timezone)}"


def _decide(session: Session, row: Withdrawal, state: State, *, by: str, now: datetime) -> None:
    row.state, row.decided_at, row.decided_by = state, now, by
    session.flush()
    if row.order_id:
        history.note(session, row.order_id, f"withdrawal_{state}:{row.id}", actor=by, now=now)
    if row.email:
        owe_letter(session, row, Stage(state))


def _paid(*, livemode: bool) -> tuple[ColumnElement[bool], ...]:
    return (*orders.asked_about(livemode=livemode), col(Order.status).not_in(_NEVER_PAID))
