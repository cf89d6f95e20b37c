"""Claims: sellers who invite people themselves give and take seats by API key, without any letter of the shop's."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from core import seating
from core.foundation import addresses
from core.foundation.database import repeatable
from core.foundation.errors import OtherMode, PlanNotActive, SeatNotFound
from core.kinds.grants import Grant
from core.kinds.seats import Seat
from core.orders import orders
from core.orders.orders import Order
from core.orders.status import GrantState
from core.people import customers
from core.people.customers import How
from core.seating import Table
from core.shop import Shop


@dataclass(frozen=True)
class Claimed:
    """A seat as it is told. `free` is how many of the plan are left; `id` is empty for the buyer's own. `external_id` is the id by
    which the person goes in the seller's programs, which may be another than was asked for."""

    id: str
    order: str
    product: str
    person: str
    external_id: str | None
    state: str
    seats: int
    free: int

    def told(self) -> dict[str, Any]:
        """The object of the contract."""
        return {**vars(self), "id": self.id or None}


def claim(shop: Shop, order: str, email: str, *, product: str = "", external_id: str = "") -> Claimed:
    """Give this address a seat of an order's plan, of this `product` where there are several, at once. Whoever has one keeps it.

    Raises AddressUnfit, OtherMode, SeatNotFound where the order has no such plan, PlanNotActive, SeatsTaken.
    """
    address = addresses.checked(email, reachable=shop.settings.livemode)
    return _claim(shop, order, address, product, external_id)


@repeatable
def _claim(shop: Shop, order: str, email: str, product: str, external_id: str) -> Claimed:
    now = shop.now()
    with shop.transaction() as session:
        named = select(Order.id).where((Order.id == order) | (Order.number == order))
        row = orders.lock(session, session.exec(named).first() or "")
        if row is None:
            raise SeatNotFound(seat=order)
        if row.livemode is not shop.settings.livemode:
            raise OtherMode(order_id=row.id, livemode=row.livemode)
        table = seating.lock_of_order(session, row.id, product)
        if table.grant.state is not GrantState.ACTIVE:
            raise PlanNotActive()
        person = customers.remember(session, email, how=How.OWNER, now=now)
        if external_id:
            customers.refer(session, person, external_id)
        if person == row.customer_id:
            seating.sit(session, table, buyer=True, now=now)
            return _told(session, table, person, "", "accepted")
        seat = seating.give(session, table, email, customer_id=person, now=now)
        return _told(session, table, person, seat.id, seat.state)


def release(shop: Shop, seat_id: str) -> None:
    """Take a seat away; one that is gone already is a success. Raises SeatNotFound for one that there never was, OtherMode."""
    with shop.reading() as session:
        row = session.get(Seat, seat_id)
        grant = session.get(Grant, row.grant_id) if row else None
    if grant is None:
        raise SeatNotFound(seat=seat_id)
    _release(shop, seat_id, grant.order_id)


@repeatable
def _release(shop: Shop, seat_id: str, order_id: str) -> None:
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        if order is not None and order.livemode is not shop.settings.livemode:
            raise OtherMode(order_id=order.id, livemode=order.livemode)
        table, seat = seating.lock_of_seat(session, seat_id)
        seating.take(session, table, seat, now=shop.now())


def _told(session: Session, table: Table, person: str, seat_id: str, state: str) -> Claimed:
    known_as = customers.reference_of(session, person)
    return Claimed(
        seat_id, table.order.id, table.grant.product_id, person, known_as, state, table.grant.quantity, table.free
    )  # fmt: skip
