"""The list of orders: a page at a time, found by an index whatever is asked for, and never counted.

A page begins after an order, named by its id: to leaf a million orders costs no more at their end than at their beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, literal, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Session, UTCDateTime, col, select

from core.foundation.money import Money
from core.foundation.records import beside
from core.orders import orders
from core.orders.orders import FROM_SOMEWHERE, Order, OrderLine
from core.orders.status import Handed, Status
from core.owner.figures.days import midnight
from core.owner.order_book import lookup
from core.owner.order_book.filters import Filters, Mode, Sort

PAGE = 25
# For a list of no days in particular.
_NO_DAYS = ZoneInfo("UTC")


@dataclass(frozen=True)
class OrderRow:
    """An order in a list. `total` is what was paid or, until then, what is to be paid."""

    id: str
    number: str
    placed_at: datetime
    email: str
    name: str
    products: tuple[str, ...]
    total: Money
    refunded: Money
    status: Status
    handed: Handed
    country: str
    livemode: bool


@dataclass(frozen=True)
class OrderPage:
    """Some rows, and the orders from which their neighbours are leafed to, empty where there are none."""

    rows: tuple[OrderRow, ...]
    before: str = ""
    after: str = ""


def page(
    session: Session, filters: Filters, zone: ZoneInfo, *, livemode: bool, after: str = "", before: str = "",
    size: int = PAGE,
) -> OrderPage:  # fmt: skip
    """The first of these orders, or those that follow `after` or precede `before`. An order unknown by now is passed over, and
    where none is left, such as by a filter that the last ones do not fit any more, the list begins anew.

    The days that are asked for are those of `zone`.
    """
    # What stands in an address may be anything; PostgreSQL takes no text with a zero in it.
    name = (after or before).replace("\0", "")
    mark = session.get(Order, name) if name else None
    found = _page(session, filters, mark, zone, backwards=bool(before and not after), livemode=livemode, size=size)
    if mark and not found.rows:
        return _page(session, filters, None, zone, backwards=False, livemode=livemode, size=size)
    return found


def following(
    session: Session, filters: Filters, zone: ZoneInfo, *, livemode: bool, after: str, size: int
) -> OrderPage:
    """The same for a list that is read to its end: where none is left it is over."""
    mark = session.get(Order, after) if after else None
    return _page(session, filters, mark, zone, backwards=False, livemode=livemode, size=size)


def _page(
    session: Session,
    filters: Filters,
    mark: Order | None,
    zone: ZoneInfo,
    *,
    backwards: bool,
    livemode: bool,
    size: int,
) -> OrderPage:
    backwards = bool(backwards and mark)
    found = _rows(session, filters, mark, zone, backwards=backwards, livemode=livemode, size=size + 1)
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    earlier, later = (more, True) if backwards else (bool(mark), more)
    return OrderPage(
        described(session, found),
        before=found[0].id if found and earlier else "", after=found[-1].id if found and later else "",
    )  # fmt: skip


def newest(session: Session, *, livemode: bool, size: int) -> tuple[OrderRow, ...]:
    """The newest orders of this mode."""
    return page(session, Filters(), _NO_DAYS, livemode=livemode, size=size).rows


def described(session: Session, found: Sequence[Order]) -> tuple[OrderRow, ...]:
    """These orders as rows of a list; what belongs to them is read for all at once."""
    ids = [order.id for order in found]
    lines = orders.lines_of(session, ids)
    return tuple(_row(order, lines[order.id]) for order in found)


def _row(order: Order, lines: Sequence[OrderLine]) -> OrderRow:
    due = order.amount_expected if order.amount_total is None else order.amount_total
    return OrderRow(
        id=order.id, number=order.number, placed_at=order.created_at, email=order.email, name=order.name,
        products=tuple(f"{line.name} × {line.quantity}" if line.quantity > 1 else line.name for line in lines),
        total=Money(due, order.currency), refunded=Money(order.amount_refunded, order.currency), status=order.status,
        handed=order.handed, country=order.country, livemode=order.livemode,
    )  # fmt: skip


def _rows(
    session: Session,
    filters: Filters,
    mark: Order | None,
    zone: ZoneInfo,
    *,
    backwards: bool,
    livemode: bool,
    size: int,
) -> list[Order]:
    # Each state has its newest in an index; of several at once SQLite would look through all orders.
    each = [replace(filters, status=(status,)) for status in filters.status] or [filters]
    found = [
        order
        for one in each
        for order in _of_one_state(session, one, mark, zone, backwards=backwards, livemode=livemode, size=size)
    ]
    if len(each) == 1:
        return found
    falling = (filters.sort is Sort.NEWEST) is not backwards
    return sorted(found, key=lambda order: (order.created_at, order.id), reverse=falling)[:size]


def _of_one_state(
    session: Session,
    filters: Filters,
    mark: Order | None,
    zone: ZoneInfo,
    *,
    backwards: bool,
    livemode: bool,
    size: int,
) -> list[Order]:
    # The newest orders of a product stand in an index of its lines.
    key: tuple[Any, Any] = (col(Order.created_at), col(Order.id))
    query = select(Order)
    if filters.product:
        key = (col(OrderLine.placed_at), col(OrderLine.order_id))
        query = query.join(OrderLine, col(OrderLine.order_id) == Order.id).where(*_of_product(filters.product))
    query = query.where(*_conditions(session, filters, key[0], zone, livemode=livemode))
    falling = (filters.sort is Sort.NEWEST) is not backwards
    if mark:
        here = tuple_(literal(mark.created_at, type_=UTCDateTime()), literal(mark.id))
        query = query.where(tuple_(*key) < here if falling else tuple_(*key) > here)
    order = [each.desc() if falling else each.asc() for each in key]
    return list(session.exec(query.order_by(*order).limit(size)))


def _of_product(product: str) -> list[ColumnElement[bool]]:
    """One line for each order: a product may be bought at two prices at once."""
    earlier = aliased(OrderLine)
    same = (col(earlier.order_id) == OrderLine.order_id) & (col(earlier.product_id) == OrderLine.product_id)
    return [col(OrderLine.product_id) == product, ~exists().where(same, col(earlier.position) < OrderLine.position)]


def _conditions(
    session: Session, filters: Filters, placed: Any, zone: ZoneInfo, *, livemode: bool
) -> list[ColumnElement[bool]]:
    wanted = livemode is (filters.mode is Mode.OURS)
    named = bool(filters.text or filters.ids)
    # Whoever names orders has named few of them: it must not be by their mode that they are looked for.
    found: list[ColumnElement[bool]] = [beside(Order.livemode) == wanted if named else col(Order.livemode).is_(wanted)]
    if filters.text:
        found.append(col(Order.id).in_(lookup.matching(session, filters.text)))
    if filters.ids:
        found.append(col(Order.id).in_(filters.ids))
    if filters.status:
        found.append(col(Order.status).in_(filters.status))
    if filters.country:
        found += [col(Order.country) == filters.country, FROM_SOMEWHERE]
    if filters.currency:
        found.append(col(Order.currency) == filters.currency)
    if filters.handed:
        found.append(col(Order.handed) == filters.handed)
    if filters.since:
        found.append(placed >= midnight(filters.since, zone))
    if filters.until:
        found.append(placed < midnight(filters.until + timedelta(days=1), zone))
    return found
