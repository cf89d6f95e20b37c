"""Dates: what an owner does with the dates of a workshop. Whoever has a place keeps it."""

from sqlalchemy import update
from sqlmodel import Session, col, select

from core.catalog import products
from core.catalog.catalog_file import DateEntry
from core.catalog.products import Kind, Product
from core.foundation.errors import PlacesTaken, Problem, ProductNotFound, ProductUnfit, UnknownDate
from core.kinds.places import waiting_list
from core.kinds.workshops import WorkshopDate
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


def add(shop: Shop, product_id: str, entry: DateEntry, *, deed: Deed) -> str:
    """Offer a workshop on this date as well; the date's id. Raises ProductUnfit, ProductNotFound, NotPermitted or DoneAlready."""
    now = shop.now()
    begins, ends = entry.begins(now), entry.finishes(now)
    with shop.transaction() as session:
        _begin(
            session,
            shop,
            product_id,
            deed,
            f"new date {begins:%Y-%m-%d %H:%M} {entry.timezone}, {entry.capacity} places",
        )
        product = session.get(Product, product_id)
        if product is None or product.kind is not Kind.WORKSHOP:
            raise ProductNotFound(product=product_id)
        if begins <= now:
            raise ProductUnfit([Problem("dates.starts_at", 0, "has passed already")])
        known = set(session.exec(select(WorkshopDate.id).where(WorkshopDate.product_id == product_id)))
        row = WorkshopDate(
            id=next(name for number in range(1, len(known) + 2) if (name := f"{product_id}/{number}") not in known),
            product_id=product_id, starts_at=begins, ends_at=ends, timezone=entry.timezone, capacity=entry.capacity,
            join_url=entry.join_url,
        )  # fmt: skip
        session.add(row)
        return row.id


def resize(shop: Shop, date_id: str, capacity: int, *, deed: Deed) -> None:
    """Have so many places on a date. Raises PlacesTaken for fewer than are taken, ProductUnfit for none, UnknownDate,
    NotPermitted or DoneAlready."""
    if capacity < 1:
        raise ProductUnfit([Problem("dates.capacity", 0, "must be at least 1")])
    with shop.transaction() as session:
        date = _offered(session, shop, date_id, deed, f"{capacity} places")
        room = col(WorkshopDate.taken) <= capacity
        changed = session.exec(
            update(WorkshopDate).where(col(WorkshopDate.id) == date_id, room).values(capacity=capacity)
        )
        if not changed.rowcount:
            raise PlacesTaken(date=date_id, taken=date.taken)
        waiting_list.look(session, date_id)


def take_off(shop: Shop, date_id: str, *, deed: Deed) -> None:
    """Offer a date no more on which nobody has a place, or is paying for one. Raises PlacesTaken, UnknownDate, NotPermitted,
    DoneAlready, or ProductUnfit for the last date of what is on the shelves."""
    with shop.transaction() as session:
        date = _offered(session, shop, date_id, deed, "taken off")
        others = select(WorkshopDate.id).where(
            WorkshopDate.product_id == date.product_id, col(WorkshopDate.active), WorkshopDate.id != date_id
        )
        if session.get_one(Product, date.product_id).active and session.exec(others).first() is None:
            raise ProductUnfit([Problem("dates", 0, "are none besides: take the workshop off the shelves instead")])
        free = col(WorkshopDate.taken) == 0
        changed = session.exec(update(WorkshopDate).where(col(WorkshopDate.id) == date_id, free).values(active=False))
        if not changed.rowcount:
            raise PlacesTaken(date=date_id, taken=date.taken)


def _offered(session: Session, shop: Shop, date_id: str, deed: Deed, detail: str) -> WorkshopDate:
    product_id = session.exec(select(WorkshopDate.product_id).where(WorkshopDate.id == date_id)).first()
    _begin(session, shop, product_id or date_id, deed, f"date {date_id}: {detail}")
    date = session.get(WorkshopDate, date_id)
    if date is None or not date.active:
        raise UnknownDate(product=product_id or "", date=date_id)
    return date


def _begin(session: Session, shop: Shop, product_id: str, deed: Deed, detail: str) -> None:
    products.lock_shelves(session)
    deeds.begin(session, shop.settings, deed, Action.SHELVES, subject=product_id, detail=detail, now=shop.now())
