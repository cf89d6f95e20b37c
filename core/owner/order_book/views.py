"""Saved views: what of the orders somebody of the staff looks at again and again, under names of their own."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, UniqueConstraint, delete
from sqlmodel import Field, Session, col, select

from core.foundation.addresses import fold
from core.foundation.database import lock_names, repeatable
from core.foundation.errors import BadInput, NotPermitted
from core.foundation.records import Record, new_id
from core.foundation.writes.inserts import InsertOnce
from core.owner.order_book import filters
from core.owner.order_book.filters import Filters
from core.people import staff
from core.shop import Shop

# More of them are no help to find anything.
MOST = 20
_LONGEST = 40


class SavedView(Record, table=True):
    """One view of one member of the staff. `query` is what the address of the list says."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("folded", "name"),)

    id: str = Field(primary_key=True)
    folded: str
    name: str
    query: dict[str, str] = Field(sa_type=JSON)
    created_at: datetime


_KEEP = InsertOnce(SavedView, conflict="(folded, name) do update set query = excluded.query")


@dataclass(frozen=True)
class View:
    """A view as its owner sees it. What the address would say no more, it asks for no more."""

    id: str
    name: str
    filters: Filters


def of(session: Session, address: str) -> tuple[View, ...]:
    """The views of whoever works here under this address, by their names."""
    query = select(SavedView).where(SavedView.folded == fold(address)).order_by(col(SavedView.name))
    return tuple(View(row.id, row.name, filters.read(row.query)) for row in session.exec(query))


@repeatable
def save(shop: Shop, name: str, wanted: Filters, *, sign_in_id: str) -> None:
    """Keep a view for whoever is signed in; one of the same name is replaced.

    Raises NotPermitted, or BadInput for a name that is empty or too long, or one view too many.
    """
    name = " ".join(name.replace("\0", "").split())
    if not 1 <= len(name) <= _LONGEST:
        raise BadInput
    with shop.transaction() as session:
        folded = _whose(session, shop, sign_in_id)
        # Another tab of theirs may keep one of this name, or the last there is room for, at the same moment.
        lock_names(session, f"saved views {folded}")
        known = set(session.exec(select(SavedView.name).where(SavedView.folded == folded)))
        if name not in known and len(known) >= MOST:
            raise BadInput
        row = {"id": new_id("view"), "folded": folded, "name": name, "query": wanted.query(), "created_at": shop.now()}
        _KEEP(session, [row])


def remove(shop: Shop, view_id: str, *, sign_in_id: str) -> None:
    """Forget a view of whoever is signed in, if it is there still. Raises NotPermitted."""
    with shop.transaction() as session:
        theirs = col(SavedView.folded) == _whose(session, shop, sign_in_id)
        session.execute(delete(SavedView).where(theirs, col(SavedView.id) == view_id))


def _whose(session: Session, shop: Shop, sign_in_id: str) -> str:
    """Views are everybody's own: all that is asked is whether somebody works here at all."""
    who = staff.of_sign_in(session, sign_in_id, owners=shop.settings.owners, now=shop.now())
    if who is None:
        raise NotPermitted("view")
    return fold(who.email)
