"""The list of those who come to a workshop as a file of commas, with what people typed made harmless for spreadsheets."""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from core.foundation.errors import UnknownDate
from core.kinds.places import attendees
from core.kinds.places.attendees import Attendee
from core.kinds.workshops import WorkshopDate
from core.orders.orders import Order
from core.owner.accounting import spreadsheet
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

_HEADERS = ("name", "email", "order", "place", "canceled_at_utc", "checked_in_at_utc", "id")


def begin(shop: Shop, date_id: str, *, deed: Deed) -> Iterator[str]:
    """The file in pieces, once it is written down who took it. Raises NotPermitted, DoneAlready or UnknownDate, all before the
    first piece."""
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.EXPORT, subject=date_id, detail="attendees", now=shop.now())
        if session.get(WorkshopDate, date_id) is None:
            raise UnknownDate(product="", date=date_id)
    return _pieces(shop, date_id)


def _pieces(shop: Shop, date_id: str) -> Iterator[str]:
    yield spreadsheet.BYTE_ORDER_MARK + spreadsheet.line(_HEADERS)
    with shop.reading(patiently=True) as session:
        rows = _read(session, date_id)
    yield from map(spreadsheet.line, rows)


def _read(session: Session, date_id: str) -> list[tuple[str, ...]]:
    query = select(Attendee, Order).join(Order, col(Order.id) == Attendee.order_id).where(Attendee.date_id == date_id)
    return [
        (
            spreadsheet.text(attendees.shown(row, order.name)), spreadsheet.text(row.email or order.email), order.number,
            str(row.place + 1), _stamp(row.canceled_at), _stamp(row.checked_in_at), row.id,
        )
        for row, order in session.exec(query.order_by(col(Order.number), col(Attendee.place)))
    ]  # fmt: skip


def _stamp(moment: object) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
