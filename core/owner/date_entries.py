"""The dates in a catalogue file: known again when they move, so that nobody's place is ever on another date than they chose."""

from collections.abc import Collection
from datetime import datetime
from itertools import count

from sqlmodel import Session, col, select

from core.attendance import dates
from core.catalog.catalog_file import DateEntry, ProductEntry
from core.foundation.errors import CatalogInvalid
from core.kinds.places import waiting_list
from core.kinds.workshops import WorkshopDate

Known = dict[str, WorkshopDate]


def known(session: Session, product_ids: list[str]) -> Known:
    """The dates of these products by id, locked in the order in which buyers lock them too."""
    query = select(WorkshopDate).where(col(WorkshopDate.product_id).in_(product_ids)).order_by(col(WorkshopDate.id))
    return {row.id: row for row in session.exec(query.with_for_update(key_share=True))}


def write(session: Session, product: ProductEntry, known: Known, *, now: datetime) -> None:
    """Bring a workshop's dates to what the file says; those that it drops are no longer offered, and keep their
    buyers. What was canceled stays so, and whoever has a place is told of another time.

    Raises CatalogInvalid for fewer places than are taken, and for a date that has begun and would take place again.
    """
    theirs = {date_id: row for date_id, row in known.items() if row.product_id == product.id}
    for row in theirs.values():
        row.active = False
    for date_id, entry in zip(_ids(product, theirs, now=now), product.dates, strict=True):
        row = theirs.get(date_id) or WorkshopDate(
            # `taken` is what was sold elsewhere before this shop opened: from here on only sales change it.
            id=date_id, product_id=product.id, starts_at=entry.begins(now), ends_at=entry.finishes(now),
            timezone=entry.timezone, capacity=entry.capacity, taken=entry.taken,
        )  # fmt: skip
        before = row.starts_at, row.ends_at
        _bring(row, entry, now=now)
        session.add(row)
        session.flush()
        if (row.starts_at, row.ends_at) != before and row.starts_at > now:
            dates.tell_of_move(session, row, now=now)
        waiting_list.look(session, row.id)
    session.flush()


def _bring(row: WorkshopDate, entry: DateEntry, *, now: datetime) -> None:
    if entry.capacity < row.taken:
        raise CatalogInvalid([f"{row.id}: {row.taken} places are taken, capacity cannot become {entry.capacity}"])
    if row.starts_at <= now < entry.begins(now):
        raise CatalogInvalid([f"{row.id} has begun and cannot be moved: give the new date an id of its own"])
    row.sqlmodel_update(
        {
            "starts_at": entry.begins(now), "ends_at": entry.finishes(now), "timezone": entry.timezone,
            "capacity": entry.capacity, "join_url": entry.join_url, "active": row.canceled_at is None,
        }
    )  # fmt: skip


def _ids(product: ProductEntry, known: Known, *, now: datetime) -> list[str]:
    """Under which id the database has each date of the file, or will have it.

    That is the one which the file gives. Where it gives none, a date is known again by when it begins, else by its place
    in the file: so it keeps its id when it is moved, and when others come and go around it.
    """
    ids = [f"{product.id}/{entry.id}" if entry.id else "" for entry in product.dates]
    for index, entry in enumerate(product.dates):
        if not ids[index] and entry.starts_at:
            ids[index] = _beginning(known, entry.begins(now), besides=ids)
    for index, found in enumerate(ids):
        ids[index] = found or _by_place(product.id, index + 1, known, besides=ids, now=now)
    return ids


def _beginning(known: Known, at: datetime, *, besides: Collection[str]) -> str:
    return next((date_id for date_id, row in known.items() if row.starts_at == at and date_id not in besides), "")


def _by_place(product_id: str, place: int, known: Known, *, besides: Collection[str], now: datetime) -> str:
    """The id of the date that was in this place, unless that has begun, else one that nothing had yet."""
    usual = f"{product_id}/{place}"
    if usual not in besides and (usual not in known or known[usual].starts_at > now):
        return usual
    numbers = (f"{product_id}/{number}" for number in count(1))
    return next(date_id for date_id in numbers if date_id not in besides and date_id not in known)
