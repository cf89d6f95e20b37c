"""Fulfilment: derive an order's status from its facts, bring its grants to what they allow, and owe each message once.

`settle` is the one function behind the webhook, the return page, the worker and an owner's click. It may be called from
anywhere, any number of times and at once: the order's row is locked, and the result is the same.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy import update
from sqlmodel import Session, col, select

from core.admission import AdmittedSession
from core.catalog.products import Kind, Product
from core.foundation import outbox
from core.foundation.database import new_id
from core.foundation.outbox import Job
from core.kinds import access, deliverables
from core.kinds.grants import Grant
from core.orders import checkouts, disputes, ledger, orders, refunds
from core.orders.checkouts import Checkout
from core.orders.history import Entries
from core.orders.ledger import Ledger
from core.orders.orders import Order, OrderLine
from core.orders.refunds import RefundStatus
from core.orders.status import GrantState, Payment, Status, status_of
from core.people import customers


@dataclass(frozen=True)
class Settled:
    """What settling found: the order's status, and whether this very call was the one that fulfilled it."""

    order_id: str
    status: Status
    fulfilled_now: bool


@dataclass(frozen=True)
class Foreseen:
    """What would become of one delivery. `line` counts from 1; `keeps` is the product's policy after a refund."""

    line: int
    product: str
    quantity: int
    before: GrantState
    after: GrantState
    keeps: bool


def settle(session: Session, order: Order, ledger: Ledger, *, actor: str, now: datetime) -> Settled:
    """Derive and converge. The caller holds the lock on the order, and `ledger` holds what it learned."""
    paid = ledger.paid
    log = Entries(order.id, actor, now, paid.stripe_checkout_session_id if paid else None)
    if paid:
        log.add("paid")
    elif ledger.progress is Payment.FAILED:
        # Most buyers give their address on Stripe's page only, and they are to be told.
        fitting = (row.email for row in reversed(ledger.checkouts) if ledger.fits(row))
        order.email = order.email or next(filter(None, fitting), "")
    grants = _converge(session, order, ledger, log, now=now)
    if ledger.progress is Payment.PAID:
        order.amount_total, order.amount_refunded = ledger.total, ledger.refunded
    if paid:
        _adopt(session, order, paid, now=now)
    plan_alone = bool(grants) and all(grant.kind is Kind.PLAN for grant in grants)
    status = status_of(ledger.facts([grant.state for grant in grants], plan_alone=plan_alone))
    delivered = bool(grants) and all(grant.granted_at for grant in grants)
    fulfilled_now = _write(session, order, status, ledger.trouble or _blocked(grants), delivered, now=now)
    _note(log, order, status, ledger, fulfilled_now)
    log.write(session)
    _owe(session, order, ledger, status, fulfilled_now)
    return Settled(order.id, status, fulfilled_now)


def apply(session: Session, admitted: AdmittedSession, *, actor: str, now: datetime) -> Settled:
    """Record what a Session of ours said of itself and settle its order: for webhook, return page and worker alike."""
    order, book = admitted.order, admitted.book
    checkouts.record(session, book.checkouts, admitted.attempt, admitted.facts, now=now)
    return settle(session, order, book, actor=actor, now=now)


def resettle(session: Session, order_id: str, *, actor: str, now: datetime) -> Settled:
    """Settle an order again, because a fact was recorded beside it or time has passed. The order must exist."""
    order = orders.lock(session, order_id)
    assert order is not None
    return settle(session, order, ledger.read(session, order), actor=actor, now=now)


def foresee(session: Session, order: Order, ledger: Ledger, *, now: datetime) -> tuple[Foreseen, ...]:
    """What settling would bring each delivery to if the order's money stood as in this ledger. Changes nothing."""
    rows = _lines_and_grants(session, order.id)
    keeps = _keeping_products(session, rows)
    allowed = _allowed(ledger, rows, keeps, now=now)
    return tuple(
        Foreseen(line.position + 1, line.name, line.quantity, grant.state, allowed[line.id], line.product_id in keeps)
        for line, grant in rows
        if grant
    )


def _adopt(session: Session, order: Order, paid: Checkout, *, now: datetime) -> None:
    """Take over from the Session that paid for it what belongs to the order itself."""
    order.stripe_checkout_session_id = paid.stripe_checkout_session_id
    order.stripe_payment_intent_id = paid.stripe_payment_intent_id
    order.stripe_subscription_id = paid.stripe_subscription_id or order.stripe_subscription_id
    order.email = paid.email or order.email
    if order.email and order.customer_id is None:
        order.customer_id = customers.remember(session, order.email, now=now)


def _converge(session: Session, order: Order, ledger: Ledger, log: Entries, *, now: datetime) -> list[Grant]:
    if ledger.progress in (Payment.OPEN, Payment.PROCESSING):
        return []
    rows = _lines_and_grants(session, order.id)
    if ledger.progress is not Payment.PAID:
        deliverables.release_all(session, [line for line, _ in rows])
        return []
    allowed = _allowed(ledger, rows, _keeping_products(session, rows) if ledger.refunds else set(), now=now)
    trouble = "" if ledger.paid else ledger.misfit
    plans = [line.id for line, _ in rows if line.kind is Kind.PLAN]
    grants = []
    for line, known in rows:
        grant = known or _first_granted(session, line, trouble, log, now=now)
        before = grant.granted_at
        _bring(session, line, grant, allowed[line.id], now=now)
        if grant.granted_at != before:
            log.add(f"granted:{line.position + 1}")
        if trouble and grant.state is GrantState.BLOCKED:
            grant.reason = trouble
        # The seats of several plans in one subscription are counted together there: then each keeps what was ordered.
        if plans == [line.id] and ledger.subscription and ledger.subscription.quantity:
            grant.quantity = ledger.subscription.quantity
        grants.append(grant)
    return grants


def _allowed(
    ledger: Ledger, rows: list[tuple[OrderLine, Grant | None]], keeps: set[str], *, now: datetime
) -> dict[str, GrantState]:
    """What each line may be used for as the ledger stands, by the line's id."""
    return {
        line.id: access.allowed(ledger, line, keeps_after_refund=line.product_id in keeps, now=now) for line, _ in rows
    }


def _keeping_products(session: Session, rows: list[tuple[OrderLine, Grant | None]]) -> set[str]:
    """Products whose buyers keep what they have even when their money goes back."""
    products = select(Product.id, Product.terms).where(col(Product.id).in_({line.product_id for line, _ in rows}))
    return {product for product, terms in session.exec(products) if terms.get("on_refund") == "keep"}


def _lines_and_grants(session: Session, order_id: str) -> list[tuple[OrderLine, Grant | None]]:
    query = (
        select(OrderLine, Grant)
        .join(Grant, col(Grant.order_line_id) == OrderLine.id, isouter=True)
        .where(OrderLine.order_id == order_id)
        .order_by(col(OrderLine.position))
    )
    return list(session.exec(query.execution_options(populate_existing=True)))


def _first_granted(session: Session, line: OrderLine, trouble: str, log: Entries, *, now: datetime) -> Grant:
    """The grant that being paid for makes, before anything that came later is looked at.

    Also where a refund overtook the payment: so the same rows stand in the end, in whatever order the two were learned.
    """
    grant = Grant(
        id=new_id("gr"), order_id=line.order_id, order_line_id=line.id, product_id=line.product_id, kind=line.kind,
        quantity=line.quantity, state=GrantState.BLOCKED if trouble else GrantState.ACTIVE, reason=trouble,
        granted_at=None if trouble else now, created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(grant)
    session.flush()  # what a kind adds refers to it
    if not trouble and (short := deliverables.KINDS[line.kind].grant(session, line, grant, now=now)):
        grant.state, grant.reason, grant.granted_at = GrantState.BLOCKED, short, None
    log.add(f"{'granted' if grant.state is GrantState.ACTIVE else 'blocked'}:{line.position + 1}", grant.reason)
    return grant


def _bring(session: Session, line: OrderLine, grant: Grant, target: GrantState, *, now: datetime) -> None:
    """Bring one grant to the state that the facts allow."""
    if grant.state is target:
        return
    before = (grant.state, grant.reason)
    reason = grant.reason
    match target:
        case GrantState.ACTIVE:
            reason = deliverables.KINDS[line.kind].grant(session, line, grant, now=now)
            target = GrantState.BLOCKED if reason else target
        case GrantState.SUSPENDED:
            deliverables.KINDS[line.kind].suspend(session, grant, now=now)
        case GrantState.REVOKED:
            # What was blocked may still hold a place.
            deliverables.KINDS[line.kind].release(session, line.id)
            deliverables.KINDS[line.kind].revoke(session, grant, now=now)
        case GrantState.BLOCKED:
            pass
        case _:
            assert_never(target)
    grant.state, grant.reason = target, reason if target is GrantState.BLOCKED else ""
    if (grant.state, grant.reason) != before:
        grant.updated_at = now
    if target is GrantState.ACTIVE:
        grant.granted_at = grant.granted_at or now


def _blocked(grants: list[Grant]) -> str:
    return next((grant.reason for grant in grants if grant.state is GrantState.BLOCKED), "")


def _write(session: Session, order: Order, status: Status, attention: str, delivered: bool, *, now: datetime) -> bool:
    """Write what was derived; return whether this is the first time that everything is delivered."""
    order.attention = attention
    if status is not order.status:
        order.status = status
        order.updated_at = now
    session.flush()
    if not delivered or order.fulfilled_at is not None:
        return False
    first = update(Order).where(col(Order.id) == order.id, col(Order.fulfilled_at).is_(None)).values(fulfilled_at=now)
    return bool(session.execute(first).rowcount)  # type: ignore[attr-defined]


def _note(log: Entries, order: Order, status: Status, ledger: Ledger, fulfilled_now: bool) -> None:
    if fulfilled_now:
        log.add("fulfilled")
    if status in (Status.PROCESSING, Status.FAILED) or (status is Status.CANCELED and not ledger.paid):
        log.add(f"{status}:{max((row.attempt for row in ledger.checkouts), default=0)}")
    if ledger.paid is None:
        return  # what was learned of money that is not known to have come is written when it is
    for entry in [entry for refund in ledger.refunds for entry in refunds.entry(refund)]:
        log.add(entry)
    for entry in [entry for dispute in ledger.disputes for entry in disputes.entry(dispute)]:
        log.add(entry)
    if ledger.paid_twice:
        log.add("paid_twice")


def _owe(session: Session, order: Order, ledger: Ledger, status: Status, fulfilled_now: bool) -> None:
    """Owe the outside its messages, in the transaction that made them due."""
    if fulfilled_now and order.email:
        outbox.owe(session, Job.RECEIPT, order.id, key=order.id, to=order.email)
    if status is Status.FAILED and order.email:
        attempt = str(max(row.attempt for row in ledger.checkouts))
        outbox.owe(session, Job.PAYMENT_FAILED, order.id, attempt, key=f"{order.id}:{attempt}", to=order.email)
    for topic in _worries(order, ledger):
        outbox.owe(session, Job.OWNER_NOTICE, order.id, topic, key=f"{order.id}:{topic}")


def _worries(order: Order, ledger: Ledger) -> list[str]:
    """What the owners must hear of at once, each once."""
    worries = [f"dispute:{dispute.id}" for dispute in ledger.disputes]
    failed = (RefundStatus.FAILED, RefundStatus.CANCELED)
    worries += [f"refund_failed:{refund.id}" for refund in ledger.refunds if refund.status in failed]
    worries += ["paid_twice"] if ledger.paid_twice else []
    return [*worries, "blocked"] if order.attention else worries
