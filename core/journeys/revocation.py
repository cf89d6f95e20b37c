"""Revocation: an owner ends access to what an order gave, with a reason and without money, or gives it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from core import fulfillment
from core.foundation.errors import NeverPaid, NoSuchLine, OrderNotFound, RevocationChanged
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.kinds import convergence
from core.kinds.convergence import Foreseen
from core.orders import history, ledger, orders
from core.orders.ledger import Ledger
from core.orders.orders import Order, OrderLine
from core.orders.status import Progress
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


@dataclass(frozen=True)
class Revocation:
    """What an order's deliveries would come to, all of them; `lines` are those that it is about, counted from 1."""

    order_id: str
    number: str
    lines: tuple[int, ...]
    deliveries: tuple[Foreseen, ...]


def preview(shop: Shop, order_id: str, lines: Sequence[int] = (), *, restore: bool = False) -> Revocation:
    """What `revoke` or `restore` would do now to these lines, counted from 1, or to all.

    Raises OrderNotFound, NoSuchLine, or NeverPaid for an order that was never paid.
    """
    with shop.reading() as session:
        order, book, chosen = _chosen(session, order_id, lines)
        return _foreseen(session, order, book, chosen, restore=restore, now=shop.now())


def revoke(
    shop: Shop,
    order_id: str,
    lines: Sequence[int] = (),
    *,
    reason: str,
    actor: str,
    agreed: Revocation | None = None,
    deed: Deed | None = None,
) -> Revocation:
    """End access to these lines, or to all. What was ended before stays as it was. Raises as `preview`, or
    RevocationChanged if that is no longer what was `agreed`; with a `deed` also NotPermitted or DoneAlready."""
    return _carry_out(shop, order_id, lines, reason, actor=actor, agreed=agreed, deed=deed, restore=False)


def restore(
    shop: Shop,
    order_id: str,
    lines: Sequence[int] = (),
    *,
    reason: str = "",
    actor: str,
    agreed: Revocation | None = None,
    deed: Deed | None = None,
) -> Revocation:
    """Give back what `revoke` ended, as far as the order's money allows. Raises as `revoke`."""
    return _carry_out(shop, order_id, lines, reason, actor=actor, agreed=agreed, deed=deed, restore=True)


def _carry_out(
    shop: Shop,
    order_id: str,
    lines: Sequence[int],
    reason: str,
    *,
    actor: str,
    agreed: Revocation | None,
    deed: Deed | None,
    restore: bool,
) -> Revocation:
    now = shop.now()
    action = Action.GIVE_BACK if restore else Action.TAKE_BACK
    with shop.transaction() as session:
        if deed:
            actor = deeds.permit(session, shop.settings, deed, action, now=now).role
        order, book, chosen = _chosen(session, order_id, lines)
        planned = _foreseen(session, order, book, chosen, restore=restore, now=now)
        if agreed not in (None, planned):
            raise RevocationChanged(order_id=order_id)
        if deed:
            said = _said(planned, reason)
            deeds.begin(session, shop.settings, deed, action, subject=order_id, detail=said, now=now)
        done = "given_back" if restore else "taken_back"
        for line in [line for line in chosen if bool(line.taken_back_at) is restore]:
            line.taken_back_at, line.taken_back_reason = (None, "") if restore else (now, reason)
            # Each time is an entry of its own: what was ended may be given back, and ended again.
            history.note(
                session, order_id, f"{done}:{line.position + 1}:{now:%Y-%m-%dT%H:%M:%S.%fZ}", actor=actor,
                detail=reason, now=now,
            )  # fmt: skip
        fulfillment.resettle(session, order_id, actor=actor, now=now)
        _owe_letter(session, order, planned, done, now=now)
    return planned


def _owe_letter(session: Session, order: Order, plan: Revocation, done: str, *, now: datetime) -> None:
    """Owe the buyer a letter about what is really closed or opened by it. The reason stays here: it is the staff's own."""
    changed = [each.line for each in plan.deliveries if each.line in plan.lines and each.before is not each.after]
    if changed and order.email and not order.from_season:
        told = (order.id, done, ",".join(map(str, changed)), outbox.stamp(now))
        outbox.owe(session, Job.ACCESS_CHANGED, *told, key=":".join(told), to=order.email)


def _said(plan: Revocation, reason: str) -> str:
    return f"lines {', '.join(map(str, plan.lines))}" + (f": {reason}" if reason else "")


def _chosen(session: Session, order_id: str, positions: Sequence[int]) -> tuple[Order, Ledger, list[OrderLine]]:
    order = orders.lock(session, order_id)
    if order is None:
        raise OrderNotFound(order=order_id)
    book = ledger.read(session, order)
    if book.progress is not Progress.PAID:
        raise NeverPaid(order_id=order_id)
    lines = orders.lines(session, order_id)
    for position in positions:
        if not 1 <= position <= len(lines):
            raise NoSuchLine(line=position, lines=len(lines))
    return order, book, [line for line in lines if not positions or line.position + 1 in positions]


def _foreseen(
    session: Session, order: Order, book: Ledger, chosen: Sequence[OrderLine], *, restore: bool, now: datetime
) -> Revocation:
    book.attribute()
    book.decided = {line.id: not restore for line in chosen}
    deliveries = convergence.foresee(session, order, book, now=now)
    return Revocation(order.id, order.number, tuple(line.position + 1 for line in chosen), deliveries)
