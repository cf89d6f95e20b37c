"""The seat desk: seats of somebody's plan are given and taken at the owner's side, each as a click that is written into the audit
log and on the order."""

from sqlmodel import Session

from core import seating
from core.foundation import addresses
from core.foundation.errors import MadeUp, OtherMode, SeatNotFound
from core.orders import history
from core.people import customers, deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.seating import Table
from core.shop import Shop


def give(shop: Shop, grant_id: str, guest: str, *, deed: Deed) -> bool:
    """Ask somebody by a letter to take a seat of this plan, or ask once more, as its buyer would. Its buyer has one at once,
    without a letter: returns whether one goes out.

    Raises AddressUnfit, NotPermitted, DoneAlready, SeatNotFound, OtherMode, MadeUp, PlanNotActive, SeatHeld,
    SeatsTaken.
    """
    address, now = addresses.checked(guest, reachable=shop.settings.livemode), shop.now()
    with shop.transaction() as session:
        table = seating.lock(session, grant_id)
        _begin(session, shop, table, "seat_given", deed)
        return seating.ask(session, table, address, customers.whose(session, address), now=now)


def take(shop: Shop, seat_id: str, *, deed: Deed) -> None:
    """Take a seat away; the plan costs what it did. Raises NotPermitted, DoneAlready, SeatNotFound, OtherMode, MadeUp."""
    with shop.transaction() as session:
        table, seat = seating.lock_of_seat(session, seat_id)
        if seat not in table.seats:
            raise SeatNotFound(seat=seat_id)
        _begin(session, shop, table, "seat_taken", deed)
        seating.take(session, table, seat, now=shop.now())


def _begin(session: Session, shop: Shop, table: Table, what: str, deed: Deed) -> None:
    """Write down that somebody does it. Whose seat it is stands with the seat alone."""
    order, now = table.order, shop.now()
    if order.livemode is not shop.settings.livemode:
        raise OtherMode(order_id=order.id, livemode=order.livemode)
    if order.from_season:
        raise MadeUp(order_id=order.id)
    who = deeds.begin(session, shop.settings, deed, Action.SEATS, subject=order.id, detail=what, now=now)
    history.note(session, order.id, f"{what}:{deed.token}", actor=who.role, now=now)
