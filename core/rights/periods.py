"""Periods: for how long the law lets a buyer withdraw from each line of an order, by what they agreed to. It is shown to
whoever decides, and decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlmodel import Session

from core.foundation.currencies import step_of
from core.foundation.money import Money
from core.orders import allocation, ledger, orders
from core.orders.ledger import Ledger
from core.orders.orders import Order, OrderLine
from core.orders.payments import FIRST_OF_PLAN, RENEWAL, Payment
from core.rights import consents
from core.rights.clauses import Clause

DAYS = 14


class Right(StrEnum):
    """How it stands: `open` within the 14 days, `part` within them where what was used is paid for, `over` after them, `lapsed`
    as delivery began by the buyer's own wish, `none` for what takes place on a date."""

    OPEN = "open"
    PART = "part"
    OVER = "over"
    LAPSED = "lapsed"
    NONE = "none"


@dataclass(frozen=True)
class LineRight:
    """How it stood with one line, counted from 1, when it was withdrawn from. `until` is the end of the last day on which one
    could; `unused` what of the money paid for it is for the time that was still to come, where that is known and can go back."""

    position: int
    name: str
    right: Right
    until: datetime
    unused: Money | None


def of_order(session: Session, order_id: str, zone: ZoneInfo, *, at: datetime) -> tuple[LineRight, ...]:
    """How it stands with each line of an order that was paid, at this moment."""
    order = session.get_one(Order, order_id)
    begun = order.paid_at or order.created_at
    until = _last_moment(begun, zone)
    asked = {
        product: (row.clause, row.given)
        for row in consents.of_order(session, order_id)
        if row.clause in (Clause.DIGITAL, Clause.SERVICE, Clause.EVENT)
        for product in row.product_ids
    }
    rights = [
        (line, _right(*asked.get(line.product_id, (None, False)), late=at > until))
        for line in orders.lines(session, order_id)
    ]
    used = [line for line, right in rights if right is Right.PART and line.interval]
    unused = _unused(session, order, [line for line, _ in rights], used, at) if used else {}
    return tuple(LineRight(line.position + 1, line.name, right, until, unused.get(line.id)) for line, right in rights)


def _right(clause: Clause | None, given: bool, *, late: bool) -> Right:
    if clause is Clause.EVENT:
        return Right.NONE
    if clause is Clause.DIGITAL and given:
        return Right.LAPSED
    if late:
        return Right.OVER
    return Right.PART if clause is Clause.SERVICE and given else Right.OPEN


def _last_moment(begun: datetime, zone: ZoneInfo) -> datetime:
    """The end of the fourteenth day after the one on which the contract was made, by the shop's clock."""
    day = begun.astimezone(zone).date() + timedelta(days=DAYS + 1)
    return datetime.combine(day, time(), zone)


def _unused(
    session: Session, order: Order, lines: Sequence[OrderLine], used: Sequence[OrderLine], at: datetime
) -> dict[str, Money | None]:
    """What of the money for each of these plans, which were `used`, is for the time to come, by the line's id."""
    book = ledger.read(session, order)
    book.lines = lines
    book.attribute()
    return {line.id: _unused_of(book, line, at) for line in used}


def _unused_of(book: Ledger, line: OrderLine, at: datetime) -> Money | None:
    """What of the money that came in for a plan, with its tax, is for the time from then on: of each payment the part of its own
    period, and no more than can still go back of it, in steps of the currency. None if that is nothing, as in a trial."""
    found = 0
    for payment in allocation.refundable(book):
        received = next(each for each in book.payments if each.id == payment.payment_id)
        whole = book.share(received, line)
        rest = min(round(whole * _share_to_come(book, received, at)), payment.lines.get(line.id, 0))
        found += max(rest, 0)
    step = step_of(line.currency)
    return Money(found // step * step, line.currency) if found >= step else None


def _share_to_come(book: Ledger, payment: Payment, at: datetime) -> float:
    """Which part of the time that a payment is for was still to come: until the next one for a plan that renewed meanwhile."""
    plan = next((each for each in book.subscriptions if each.id == payment.stripe_subscription_id), None)
    if plan is None:
        return 0.0
    begins = plan.created_at if payment.billing_reason == FIRST_OF_PLAN else payment.paid_at
    renewed = (
        each.paid_at
        for each in book.payments
        if each.stripe_subscription_id == plan.id and each.billing_reason == RENEWAL and each.paid_at > payment.paid_at
    )
    ends = next(renewed, plan.period_end)
    if ends is None or ends <= begins:
        return 0.0
    return min(1.0, max(timedelta(), ends - at) / (ends - begins))
