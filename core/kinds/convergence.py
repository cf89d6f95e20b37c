"""Convergence: bringing what was delivered of an order to what the facts about its money allow, or seeing what that would be.

It may be done any number of times: the result is the same, and each grant keeps when it was first given.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import assert_never

from sqlmodel import Session

from core.catalog import products
from core.catalog.products import Kind
from core.foundation.errors import SoldOut
from core.foundation.records import new_id
from core.foundation.writes import rows as reading
from core.foundation.writes.rows import Rows
from core.kinds import access, deliverables
from core.kinds.grants import Grant
from core.orders.history import Entries
from core.orders.ledger import Ledger
from core.orders.orders import Order, OrderLine
from core.orders.status import GrantState, Progress


@dataclass
class Converged:
    """The grants as they are now, and the lines (counted from 1) that could not be delivered at first and are settled:
    delivered after all, or given up since their money went back."""

    grants: list[Grant] = field(default_factory=list)
    delivered_late: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)

    def add(self, grant: Grant, line: int, *, late: bool, given_up: bool) -> None:
        """Note a grant as it is now: `late` if its buyer was told that it is missing."""
        self.grants.append(grant)
        if late and grant.state is GrantState.ACTIVE:
            self.delivered_late.append(line)
        if given_up:
            self.given_up.append(line)

    @property
    def delivered(self) -> bool:
        """Whether every line was delivered, at whatever time."""
        return bool(self.grants) and all(grant.granted_at for grant in self.grants)


@dataclass(frozen=True)
class Foreseen:
    """What would become of one delivery. `line` counts from 1; `keeps` is the product's policy after a refund."""

    line: int
    product: str
    quantity: int
    before: GrantState
    after: GrantState
    keeps: bool


@dataclass(frozen=True)
class Task:
    """An order to converge: its row, its ledger, and where to note what is granted. The order must be locked."""

    order: Order
    ledger: Ledger
    log: Entries


def converge(session: Session, tasks: Sequence[Task], *, now: datetime) -> list[Converged]:
    """Bring the grants of these orders to what their ledgers allow now, and give back what nobody can be paying for any
    more. What it reads, it reads for all of them at once."""
    over = [task for task in tasks if task.ledger.progress not in (Progress.OPEN, Progress.PROCESSING)]
    rows = _lines_and_grants(session, [task.order.id for task in over])
    for task in over:
        task.ledger.lines = [line for line, _ in rows[task.order.id]]
    deliverables.lock_stock(session, [line for task in over for line in task.ledger.lines])
    refunded = [line.product_id for task in over if task.ledger.refunds for line in task.ledger.lines]
    keeps = products.kept_after_refund(session, refunded) if refunded else set()
    found = []
    for task in tasks:
        if task.ledger.progress is Progress.PAID:
            found.append(_converged(session, task, rows[task.order.id], keeps, now=now))
            continue
        if task.order.id in rows:
            deliverables.release_all(session, task.ledger.lines)
        found.append(Converged())
    return found


def _converged(
    session: Session, task: Task, rows: list[tuple[OrderLine, Grant | None]], keeps: set[str], *, now: datetime
) -> Converged:
    found, ledger, log = Converged(), task.ledger, task.log
    allowed = _allowed(ledger, rows, keeps, now=now)
    trouble = "" if ledger.paid else ledger.misfit
    # Money that was not what was ordered is not the order's own: nobody was told of it that something is missing.
    told = task.order.stripe_checkout_session_id is not None
    for line, known in rows:
        grant = known or _first_granted(session, line, trouble, log, now=now)
        before = grant.granted_at
        _bring(session, line, grant, allowed[line.id], now=now)
        if grant.granted_at != before:
            log.add(f"granted:{line.position + 1}")
        if trouble and grant.state is GrantState.BLOCKED:
            grant.reason = trouble
        _explain(grant, ledger, line, keeps=line.product_id in keeps, now=now)
        if line.kind is Kind.PLAN:
            plan = access.of_plan(ledger, line, keeps_after_refund=line.product_id in keeps, now=now)
            _follow(grant, plan, now=now)
        found.add(grant, line.position + 1, late=told and before is None, given_up=_is_given_up(ledger, line, grant))
    return found


def foresee(session: Session, order: Order, ledger: Ledger, *, now: datetime) -> tuple[Foreseen, ...]:
    """What converging would bring each delivery to if the order's money stood as in this ledger. Changes nothing."""
    rows = _lines_and_grants(session, [order.id])[order.id]
    ledger.lines = [line for line, _ in rows]
    keeps = products.kept_after_refund(session, [line.product_id for line in ledger.lines])
    allowed = _allowed(ledger, rows, keeps, now=now)
    return tuple(
        Foreseen(line.position + 1, line.name, line.quantity, grant.state, allowed[line.id], line.product_id in keeps)
        for line, grant in rows
        if grant
    )


def _allowed(
    ledger: Ledger, rows: list[tuple[OrderLine, Grant | None]], keeps: set[str], *, now: datetime
) -> dict[str, GrantState]:
    """What each line may be used for as the ledger stands, by the line's id."""
    return {
        line.id: access.allowed(ledger, line, keeps_after_refund=line.product_id in keeps, now=now) for line, _ in rows
    }


# Not joined: as long as PostgreSQL has not counted a new shop's grants it takes them for few, and would read all for a join.
_LINES_AND_GRANTS = (Rows(OrderLine, "order_id"), Rows(Grant, "order_id"))


def read_ahead(session: Session, order_ids: Collection[str]) -> None:
    """Have what was delivered of these orders read with whatever the database is asked next. They must be locked by that."""
    reading.read_ahead(session, _LINES_AND_GRANTS, order_ids)


def _lines_and_grants(session: Session, order_ids: Collection[str]) -> dict[str, list[tuple[OrderLine, Grant | None]]]:
    """The lines of these orders, each with its grant if it has one yet, by the order's id."""
    found: dict[str, list[tuple[OrderLine, Grant | None]]] = {order_id: [] for order_id in order_ids}
    lines, grants = reading.read_together(session, _LINES_AND_GRANTS, order_ids) if found else ([], [])
    of_lines = {grant.order_line_id: grant for grant in grants}
    for line in sorted(lines, key=attrgetter("position")):
        found[line.order_id].append((line, of_lines.get(line.id)))
    return found


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
    if trouble:
        _keep_stock(session, line, now=now)
    elif short := deliverables.KINDS[line.kind].grant(session, line, grant, now=now):
        grant.state, grant.reason, grant.granted_at = GrantState.BLOCKED, short, None
    log.add(f"{'granted' if grant.state is GrantState.ACTIVE else 'blocked'}:{line.position + 1}", grant.reason)
    return grant


def _keep_stock(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Hold what a blocked line counts on until a person decides; that there is none left is told when they do."""
    with suppress(SoldOut):
        deliverables.KINDS[line.kind].hold(session, line, now=now)


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
            _keep_stock(session, line, now=now)  # its money is back with us: so is what it counted on, if it is free
        case _:
            assert_never(target)
    grant.state, grant.reason = target, reason if target is GrantState.BLOCKED else ""
    if (grant.state, grant.reason) != before:
        grant.updated_at = now
    if target is GrantState.ACTIVE:
        grant.granted_at = grant.granted_at or now


def _explain(grant: Grant, ledger: Ledger, line: OrderLine, *, keeps: bool, now: datetime) -> None:
    """Note what a grant that is not open came to that by: of the lines of one order each has a cause of its own."""
    cause = access.closing(ledger, line, grant.state, keeps_after_refund=keeps, now=now)
    if cause and grant.reason != cause:
        grant.reason, grant.updated_at = str(cause), now


def _is_given_up(ledger: Ledger, line: OrderLine, grant: Grant) -> bool:
    """Whether what was never delivered need not be any more, because its money was sent back."""
    never_there = grant.granted_at is None and grant.state is GrantState.REVOKED
    return never_there and ledger.paid is not None and access.is_sent_back(ledger, line)


def _follow(grant: Grant, plan: access.PlanAccess, *, now: datetime) -> None:
    """Move a grant to the plan and the seats that its subscription has come to."""
    before = (grant.product_id, grant.quantity)
    grant.product_id = plan.product_id or grant.product_id
    grant.quantity = grant.quantity if plan.quantity is None else plan.quantity
    if (grant.product_id, grant.quantity) != before:
        grant.updated_at = now
