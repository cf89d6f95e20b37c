"""Periods: for how long the law lets a buyer withdraw from each line of an order, by what they agreed to. It is shown to
whoever decides, and decides nothing."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from core.foundation.money import Money
from core.orders import orders
from core.orders.orders import Order, OrderLine
from core.orders.subscriptions import Subscription
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
    could; `unused` what of its price is for the time that was still to come, where that is known."""

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
    ends = session.exec(select(Subscription.period_end).where(col(Subscription.order_id) == order_id)).first()
    found = []
    for line in orders.lines(session, order_id):
        right = _right(*asked.get(line.product_id, (None, False)), late=at > until)
        unused = _unused(line, begun, ends, at) if right is Right.PART else None
        found.append(LineRight(line.position + 1, line.name, right, until, unused))
    return tuple(found)


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


def _unused(line: OrderLine, begun: datetime, ends: datetime | None, at: datetime) -> Money | None:
    """The part of the line's price for the time from then to the end of what was paid for."""
    if ends is None or ends <= begun:
        return None
    share = max(timedelta(), ends - at) / (ends - begun)
    paid = line.unit_amount * line.quantity - line.amount_discount
    return Money(round(paid * min(1.0, share)), line.currency)
