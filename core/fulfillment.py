"""Fulfilment: derive an order's status from its facts, bring its grants to what they allow, and owe each message once.

`settle` is the one function behind the webhook, the return page, the worker and an owner's click. It may be called from
anywhere, any number of times and at once: the order's row is locked, and the result is the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import update
from sqlmodel import Field, Session, SQLModel, col, select

from core import customers, downloads, licenses, orders, outbox, payments, seats, workshops
from core.database import insert_once, new_id
from core.grants import Delivery, Grant, GrantState, Kind
from core.orders import Facts, Order, OrderLine, Payment, Status
from core.payments import Checkout, SessionFacts


class FulfillmentLog(SQLModel, table=True):
    """What happened to an order, once each: the primary key is the guard. `detail` holds no personal data."""

    __tablename__ = "fulfillment_log"

    order_id: str = Field(primary_key=True, foreign_key="orders.id")
    event: str = Field(primary_key=True)
    stripe_checkout_session_id: str | None = None
    actor: str
    detail: str = ""
    created_at: datetime


class Deliverable(Protocol):
    """What a module of core must do to deliver a kind of product. Each function may be called again at any time."""

    def hold(self, session: Session, line: OrderLine) -> None: ...
    def release(self, session: Session, line_id: str) -> None: ...
    def grant(self, session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str: ...
    def suspend(self, session: Session, grant: Grant, *, now: datetime) -> None: ...
    def revoke(self, session: Session, grant: Grant, *, now: datetime) -> None: ...
    def describe(self, session: Session, grant: Grant, base: Delivery, *, signing_key: str) -> Delivery: ...


KINDS: Mapping[Kind, Deliverable] = {
    Kind.DOWNLOAD: downloads,
    Kind.LICENSE: licenses,
    Kind.PLAN: seats,
    Kind.WORKSHOP: workshops,
}


@dataclass(frozen=True)
class Settled:
    """What settling found: the order's status, and whether this very call was the one that fulfilled it."""

    order_id: str
    status: Status
    fulfilled_now: bool


def settle(session: Session, order: Order, known: list[Checkout], *, actor: str, now: datetime) -> Settled:
    """Derive and converge. The caller holds the lock on the order and has recorded what it learned in `known`."""
    paid = payments.decisive(known)
    progress = payments.progress(known)
    log = _Log(order.id, actor=actor, session_id=paid.stripe_checkout_session_id if paid else None, now=now)
    if paid:
        log.add("paid")
        _adopt(session, order, paid, now=now)
    elif progress is Payment.FAILED:
        # Most buyers give their address on Stripe's page only, and they are to be told.
        order.email = order.email or next((row.email for row in reversed(known) if row.email), "")
    trouble = _mismatch(order, paid) if paid else ""
    grants = _converge(session, order, progress, trouble, log, now=now)
    status = orders.status_of(
        Facts(progress, tuple(grant.state for grant in grants), order.amount_total or 0, order.amount_refunded)
    )
    fulfilled_now = _write(session, order, status, trouble or _blocked(grants), now=now)
    _note(log, status, known, fulfilled_now)
    log.write(session)
    _owe(session, order, status, log, fulfilled_now)
    return Settled(order.id, status, fulfilled_now)


def apply(session: Session, facts: SessionFacts, *, actor: str, now: datetime) -> Settled | None:
    """Record what a Session said of itself and settle its order: the way in for webhook, return page and worker alike.

    Returns None if there is no such order.
    """
    order = orders.lock(session, facts.order_id)
    if order is None:
        return None
    # Read after the lock, in a statement of its own: what was read with it could be older than what another just wrote.
    known = payments.checkouts(session, order.id)
    payments.record(session, known, facts, now=now)
    return settle(session, order, known, actor=actor, now=now)


def release_all(session: Session, lines: list[OrderLine]) -> None:
    """Give back whatever these lines hold, because nobody can be paying for them any more."""
    for line in lines:
        KINDS[line.kind].release(session, line.id)


def hold_all(session: Session, lines: list[OrderLine]) -> None:
    """Hold what these lines need while their buyer pays. Raises SoldOut."""
    for line in lines:
        KINDS[line.kind].hold(session, line)


def log_of(session: Session, order_id: str) -> list[FulfillmentLog]:
    """What happened to the order, oldest first."""
    query = select(FulfillmentLog).where(FulfillmentLog.order_id == order_id)
    return list(session.exec(query.order_by(col(FulfillmentLog.created_at), col(FulfillmentLog.event))))


def deliveries(session: Session, order_id: str, *, signing_key: str) -> tuple[Delivery, ...]:
    """What the order gives its buyer, line by line, with links that open for minutes."""
    rows = session.exec(
        select(Grant, OrderLine)
        .join(OrderLine, col(Grant.order_line_id) == OrderLine.id)
        .where(Grant.order_id == order_id)
        .order_by(col(OrderLine.position))
    )
    return tuple(
        KINDS[grant.kind].describe(session, grant, _base(grant, line), signing_key=signing_key)
        for grant, line in rows.all()
    )


class _Log:
    """The rows that one call of `settle` has to write, so that they go out in one statement."""

    def __init__(self, order_id: str, *, actor: str, session_id: str | None, now: datetime) -> None:
        self.rows: list[dict[str, Any]] = []
        self._now = now
        self._same = {"order_id": order_id, "actor": actor, "stripe_checkout_session_id": session_id}

    def add(self, event: str, detail: str = "") -> None:
        # A microsecond apart, so that what happened at once still reads in its order.
        moment = self._now + timedelta(microseconds=len(self.rows))
        self.rows.append({**self._same, "event": event, "detail": detail, "created_at": moment})

    def write(self, session: Session) -> None:
        if self.rows:
            session.execute(_LOG, self.rows)


_LOG = insert_once(FulfillmentLog)


def note(session: Session, order_id: str, event: str, *, actor: str, detail: str = "", now: datetime) -> None:
    """Write one line of the order's history, once."""
    log = _Log(order_id, actor=actor, session_id=None, now=now)
    log.add(event, detail)
    log.write(session)


def _adopt(session: Session, order: Order, paid: Checkout, *, now: datetime) -> None:
    """Take over from the paid Session what belongs to the order itself."""
    order.amount_total = paid.amount_total
    order.stripe_checkout_session_id = paid.stripe_checkout_session_id
    order.stripe_payment_intent_id = paid.stripe_payment_intent_id
    order.stripe_subscription_id = paid.stripe_subscription_id
    order.email = paid.email or order.email
    if order.email and order.customer_id is None:
        order.customer_id = customers.remember(session, order.email, now=now)


def _mismatch(order: Order, paid: Checkout) -> str:
    """Why the paid Session is not this order's, or an empty string. Discounts and taxes differ lawfully: not compared."""
    if paid.currency != order.currency:
        return f"currency_mismatch: paid in {paid.currency}, ordered in {order.currency}"
    if paid.amount_subtotal != order.amount_expected:
        return f"amount_mismatch: paid for {paid.amount_subtotal}, ordered {order.amount_expected}"
    return ""


def _converge(
    session: Session, order: Order, progress: Payment, trouble: str, log: _Log, *, now: datetime
) -> list[Grant]:
    if progress in (Payment.OPEN, Payment.PROCESSING):
        return []
    rows = _lines_and_grants(session, order.id)
    if progress is not Payment.PAID:
        release_all(session, [line for line, _ in rows])
        return []
    return [_bring(session, line, grant, trouble, log, now=now) for line, grant in rows]


def _lines_and_grants(session: Session, order_id: str) -> list[tuple[OrderLine, Grant | None]]:
    query = (
        select(OrderLine, Grant)
        .join(Grant, col(Grant.order_line_id) == OrderLine.id, isouter=True)
        .where(OrderLine.order_id == order_id)
        .order_by(col(OrderLine.position))
    )
    return list(session.exec(query.execution_options(populate_existing=True)))


def _bring(session: Session, line: OrderLine, grant: Grant | None, trouble: str, log: _Log, *, now: datetime) -> Grant:
    """Bring one line's grant to what the facts allow."""
    if grant and grant.state is GrantState.ACTIVE:
        return grant
    if grant is None:
        grant = Grant(
            id=new_id("gr"), order_id=line.order_id, order_line_id=line.id, product_id=line.product_id, kind=line.kind,
            quantity=line.quantity, state=GrantState.BLOCKED, created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(grant)
    reason = trouble
    if not trouble:
        if line.kind is Kind.LICENSE:
            session.flush()  # a key refers to its grant
        reason = KINDS[line.kind].grant(session, line, grant, now=now)
    grant.state = GrantState.BLOCKED if reason else GrantState.ACTIVE
    grant.reason = reason
    grant.updated_at = now
    log.add(f"{'blocked' if reason else 'granted'}:{line.position + 1}", reason)
    return grant


def _blocked(grants: list[Grant]) -> str:
    return next((grant.reason for grant in grants if grant.state is GrantState.BLOCKED), "")


def _write(session: Session, order: Order, status: Status, attention: str, *, now: datetime) -> bool:
    """Write what was derived; return whether this is the order's first transition to fulfilled."""
    order.attention = attention
    if status is not order.status:
        order.status = status
        order.updated_at = now
    session.flush()
    if status is not Status.FULFILLED or order.fulfilled_at is not None:
        return False
    first = update(Order).where(col(Order.id) == order.id, col(Order.fulfilled_at).is_(None)).values(fulfilled_at=now)
    return bool(session.execute(first).rowcount)  # type: ignore[attr-defined]


def _note(log: _Log, status: Status, known: list[Checkout], fulfilled_now: bool) -> None:
    if fulfilled_now:
        log.add("fulfilled")
    elif status in (Status.PROCESSING, Status.FAILED, Status.CANCELED):
        log.add(f"{status}:{max((row.attempt for row in known), default=0)}")


def _owe(session: Session, order: Order, status: Status, log: _Log, fulfilled_now: bool) -> None:
    """Owe the outside its messages, in the transaction that made them due."""
    if fulfilled_now and order.email:
        outbox.owe(session, outbox.Job.RECEIPT, order.id, key=order.id)
    if status is Status.FAILED and order.email:
        outbox.owe(session, outbox.Job.PAYMENT_FAILED, order.id, key=order.id)


def _base(grant: Grant, line: OrderLine) -> Delivery:
    return Delivery(
        grant_id=grant.id, product_id=grant.product_id, product=line.name, kind=grant.kind, state=grant.state,
        reason=grant.reason, quantity=grant.quantity, image=line.image,
    )  # fmt: skip
