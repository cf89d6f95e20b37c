"""Changes of a place: another name by whoever has its ticket; somebody else or another date by whom the place is."""

from datetime import datetime

from sqlmodel import Session

from core.attendance import tickets
from core.attendance.tickets import Place
from core.foundation import addresses
from core.foundation.addresses import fold
from core.foundation.database import repeatable
from core.foundation.errors import Fixed, NameMissing, PlaceFixed, UnknownDate
from core.foundation.jobs import outbox
from core.kinds import workshops
from core.kinds.places import attendees, owed_letters, waiting_list
from core.kinds.places.attendees import Attendee
from core.kinds.places.owed_letters import Topic
from core.orders import history, orders
from core.shop import Shop
from core.traffic import letters_to_others

MOST_LETTERS = 120
# So often within an hour a place goes on to somebody else, who is written to.
_MOST_HANDED_OVER = 5


def rename(shop: Shop, token: str, name: str) -> None:
    """Say who comes. Raises LinkInvalid, NameMissing or PlaceFixed."""
    name = cleaned(name)
    if not name:
        raise NameMissing()
    with shop.transaction() as session:
        found = _locked(session, shop, token, now=shop.now())
        if found.row.name != name:
            found.row.name = name
            attendees.changed(session, [found.row])


def hand_over(shop: Shop, token: str, name: str, email: str, *, signed_in: str) -> bool:
    """Give a place to somebody else: they get a ticket of their own, and this one opens nothing any more. For whoever has it, it is
    another name. Returns whether the place went to somebody else. Only with its holder's or buyer's address `signed_in`.

    Raises LinkInvalid, NameMissing, AddressUnfit, PlaceFixed, or TooManyTries where it went on and on.
    """
    name, email = cleaned(name), addresses.checked(email, reachable=shop.settings.livemode)
    if not name:
        raise NameMissing()
    with shop.reading() as session:
        found = _place(session, shop, token)
        goes_on = tickets.is_holder(session, found, signed_in) and not _has(found, email)
    if goes_on:
        letters_to_others.admit(shop, email, about=found.row.id, most=_MOST_HANDED_OVER)
    with shop.transaction() as session:
        orders.lock(session, attendees.order_of(session, token, signing_key=shop.signing_key))
        found = _locked(session, shop, token, now=shop.now())
        _check_holder(session, found, signed_in)
        row = found.row
        if _has(found, email):
            row.name = name
            attendees.changed(session, [row])
            return False
        row.checked_in_at, row.checked_in_by = None, ""  # whoever has come was somebody else
        row.former, row.name, row.email, row.folded = row.email, name, email, fold(email)
        row.turn += 1
        attendees.changed(session, [row])
        owed_letters.owe(session, row, Topic.GONE, str(row.turn), to=row.former or found.order.email)
        owed_letters.owe(session, row, Topic.TICKET, str(row.turn), to=row.email)
        _note(session, found, "place_handed_over", str(row.turn), detail=found.line.name, now=shop.now())
        return True


@repeatable
def move(shop: Shop, token: str, date_id: str, *, signed_in: str) -> None:
    """Come on another date of the same workshop, with its holder's or buyer's address `signed_in`.

    Raises LinkInvalid, PlaceFixed, UnknownDate or SoldOut.
    """
    now = shop.now()
    with shop.transaction() as session:
        order_id = attendees.order_of(session, token, signing_key=shop.signing_key)
        orders.lock(session, order_id)
        found = _place(session, shop, token)
        dates = {date.id: date for date in workshops.lock(session, [found.row.date_id, date_id], now=now)}
        found = _locked(session, shop, token, now=now)
        _check_holder(session, found, signed_in)
        if date_id not in dates or dates[date_id].product_id != found.line.product_id:
            raise UnknownDate(product=found.line.product_id, date=date_id)
        if date_id == found.row.date_id:
            return
        if not workshops.take(session, date_id, 1, *workshops.bookable(now)):
            raise workshops.sold_out(found.line.product_id, dates[date_id], date_id)
        if found.terms.hours is not None and found.is_too_late(now):
            # Else whoever cannot come would move first, and give it up then.
            history.note(session, found.order.id, tickets.bound_event(found.row), actor="buyer", now=now)
        before = found.row.date_id
        found.row.date_id, found.row.checked_in_at, found.row.checked_in_by = date_id, None, ""
        attendees.changed(session, [found.row])
        waiting_list.free(session, before, 1)
        stamp = f"{outbox.stamp(dates[date_id].starts_at)}.{found.row.sequence}"
        to = found.row.email or found.order.email
        owed_letters.owe(session, found.row, Topic.MOVED, stamp, to=to)
        _note(session, found, "place_moved", str(found.row.sequence), detail=f"{before} > {date_id}", now=now)


def cleaned(text: str) -> str:
    """What somebody typed, on one line and no longer than anybody's name."""
    return " ".join(text.replace("\0", "").split())[:MOST_LETTERS]


def _place(session: Session, shop: Shop, token: str) -> Place:
    row = attendees.by_token(session, token, signing_key=shop.signing_key)
    return tickets.place(session, row, livemode=shop.settings.livemode)


def _locked(session: Session, shop: Shop, token: str, *, now: datetime) -> Place:
    """The place, which nobody else changes any more. Raises PlaceFixed if nothing of it can be changed."""
    row: Attendee = attendees.by_token(session, token, signing_key=shop.signing_key, lock=True)
    found = tickets.place(session, row, livemode=shop.settings.livemode)
    if why := found.fixed(now):
        raise PlaceFixed(why)
    return found


def _has(found: Place, email: str) -> bool:
    """Whether whoever has this address has the place already."""
    return fold(email) == fold(found.row.email or found.order.email)


def _check_holder(session: Session, found: Place, signed_in: str) -> None:
    if not tickets.is_holder(session, found, signed_in):
        raise PlaceFixed(Fixed.HOLDER)


def _note(session: Session, found: Place, event: str, mark: str, *, detail: str, now: datetime) -> None:
    told = f"{event}:{found.row.id}:{mark}"
    history.note(session, found.order.id, told, actor="buyer", detail=detail, now=now)
