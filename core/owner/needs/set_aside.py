"""Set aside: what needs a person and was put off until a day, or dismissed, with a note why.

What has happened anew since then is shown again.
"""

from datetime import datetime

from sqlmodel import Field, col, select

from core.foundation.records import Record
from core.foundation.writes.inserts import InsertOnce
from core.owner.needs import attention
from core.owner.needs.items import Item
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


class SetAside(Record, table=True):
    """An item of the list of what needs a person, as it stood at `since`. Without `until` it was dismissed."""

    __tablename__ = "attention_set_aside"

    item: str = Field(primary_key=True)
    since: datetime
    until: datetime | None = None
    note: str = ""
    who: str


# Of two who do so at once, what the later one says counts.
_PUT = InsertOnce(
    SetAside,
    conflict="(item) do update set since = excluded.since, until = excluded.until, note = excluded.note, who = excluded.who",
)


def name(item: Item) -> str:
    """By what an item is known again."""
    return f"{item.topic}:{item.subject}"


def put(shop: Shop, item: Item, *, until: datetime | None, note: str, deed: Deed) -> None:
    """Hide an item until then, or for good. Raises NotPermitted or DoneAlready."""
    now = shop.now()
    with shop.transaction() as session:
        detail = f"until {until:%Y-%m-%d}: {note}" if until else f"dismissed: {note}"
        who = deeds.begin(session, shop.settings, deed, Action.SET_ASIDE, subject=name(item), detail=detail, now=now)
        row = {"item": name(item), "since": item.since, "until": until, "note": note, "who": who.email}
        _PUT(session, [row])


def needs(shop: Shop) -> list[Item]:
    """What needs a person and is not set aside now, as `attention.items` has it."""
    with shop.reading() as session:
        rows = {row.item: row for row in session.exec(select(SetAside))}
    # What is set aside takes no place from what is not.
    items, now = attention.items(shop, beside=len(rows)), shop.now()
    return [item for item in items if not _hidden(rows.get(name(item)), item, now=now)]


def is_anything(shop: Shop) -> bool:
    """Whether something is set aside now, be it still so or not."""
    still = col(SetAside.until).is_(None) | (col(SetAside.until) > shop.now())
    with shop.reading() as session:
        return session.exec(select(SetAside.item).where(still).limit(1)).first() is not None


def _hidden(row: SetAside | None, item: Item, *, now: datetime) -> bool:
    return row is not None and item.since <= row.since and (row.until is None or now < row.until)
