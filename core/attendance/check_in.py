"""The door: who has come. Ticked by staff on a list, or by opening the code of a ticket while one is signed in."""

from datetime import timedelta

from sqlmodel import Session

from core.attendance import tickets
from core.attendance.tickets import Place
from core.foundation.errors import LinkInvalid, PlaceFixed
from core.kinds.places import attendees
from core.kinds.places.attendees import Attendee
from core.people import deeds, staff
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

# So long before and after a date a ticket that is opened at the door checks in by itself.
_NEAR = timedelta(hours=12)


def check_in(shop: Shop, attendee_id: str, *, deed: Deed) -> None:
    """Note that somebody has come; the first time counts. Raises LinkInvalid, PlaceFixed, NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        who = deeds.begin(
            session, shop.settings, deed, Action.ATTENDEES, subject=attendee_id, detail="checked in", now=shop.now()
        )
        found = _locked(session, shop, attendee_id)
        if why := found.shut():
            raise PlaceFixed(why)
        if found.row.checked_in_at is None:
            found.row.checked_in_at, found.row.checked_in_by = shop.now(), who.email


def undo(shop: Shop, attendee_id: str, *, deed: Deed) -> None:
    """They had not come after all. Raises LinkInvalid, NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        deeds.begin(
            session,
            shop.settings,
            deed,
            Action.ATTENDEES,
            subject=attendee_id,
            detail="check-in undone",
            now=shop.now(),
        )
        found = _locked(session, shop, attendee_id)
        found.row.checked_in_at, found.row.checked_in_by = None, ""


def is_at_the_door(shop: Shop, token: str, sign_in_id: str) -> bool:
    """Whether opening this ticket is to check it in: by staff who may, near its date, while nobody has. Raises LinkInvalid."""
    now = shop.now()
    with shop.reading() as session:
        who = staff.of_sign_in(session, sign_in_id, owners=shop.settings.owners, now=now)
        if who is None or not who.may(Action.ATTENDEES):
            return False
        row = attendees.by_token(session, token, signing_key=shop.signing_key)
        found = tickets.place(session, row, livemode=shop.settings.livemode)
    near = found.date.starts_at - _NEAR <= now <= found.date.ends_at + _NEAR
    return near and found.shut() is None and found.row.checked_in_at is None


def works_here(shop: Shop, sign_in_id: str) -> bool:
    """Whether whoever is signed in checks people in."""
    with shop.reading() as session:
        who = staff.of_sign_in(session, sign_in_id, owners=shop.settings.owners, now=shop.now())
    return who is not None and who.may(Action.ATTENDEES)


def _locked(session: Session, shop: Shop, attendee_id: str) -> Place:
    row = session.get(Attendee, attendee_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise LinkInvalid()
    return tickets.place(session, row, livemode=shop.settings.livemode)
