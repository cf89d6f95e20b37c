"""The export: everything held about one person, as JSON, written as it is read.

It is of the tables as they are, found by what leads to the person, so that a table which is added later is in it as well.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Table, select, tuple_

from core.catalog.looks import brand
from core.people import audit, deeds
from core.people.deeds import Deed
from core.people.staff import Action, Role
from core.privacy import persons
from core.privacy.persons import Person
from core.shop import Shop

_AT_ONCE = 200
# What would open something, or is Stripe's and ours alone.
_SECRET = {
    "checkouts": ("parameters",),
    "sign_ins": ("id", "letter"),
    "sign_in_codes": ("id", "browser_id"),
    "orders": ("browser_id",),
    "withdrawals": ("token",),
    # Somebody else, who had the place before.
    "attendees": ("former",),
}


def by_staff(shop: Shop, customer_id: str, *, deed: Deed) -> Iterator[bytes]:
    """The file in pieces, once it is written down who took it. Raises NotPermitted, DoneAlready or CustomerNotFound, all before
    the first piece."""
    with shop.transaction() as session:
        deeds.begin(
            session, shop.settings, deed, Action.EXPORT, subject=customer_id, detail="all about them", now=shop.now()
        )
        person = persons.of_customer(session, customer_id)
    return pieces(shop, person)


def by_buyer(shop: Shop, email: str) -> Iterator[bytes]:
    """All about whoever is signed in with this address. Raises CustomerNotFound before the first piece."""
    with shop.reading(patiently=True) as session:
        person = persons.of_address(session, email)
    return pieces(shop, person)


def from_terminal(shop: Shop, address: str) -> Iterator[bytes]:
    """The same for whoever goes by this address. Raises CustomerNotFound before the first piece."""
    with shop.transaction() as session:
        person = persons.of_address(session, address)
        audit.record(
            session, who=audit.TERMINAL, role=Role.OWNER, action=Action.EXPORT, subject=person.customer_id,
            detail="all about them", now=shop.now(),
        )  # fmt: skip
    return pieces(shop, person)


def pieces(shop: Shop, person: Person) -> Iterator[bytes]:
    """All about them: an object with the rows of each table, in the words of the database."""
    # A session for each page of rows: nobody holds a connection while a slow reader takes what it was sent.
    with shop.reading(patiently=True) as session:
        name = brand.named(session, shop.settings).shop_name
        places = persons.places(session, person)
    yield orjson.dumps({"shop": name, "made_at": shop.now(), "addresses": person.written})[:-1]
    for table, rows in places.items():
        yield b',"' + table.name.encode() + b'":['
        for place, page in enumerate(_pages(shop, table, rows)):
            yield (b"," if place else b"") + b",".join(orjson.dumps(_told(table, row)) for row in page)
        yield b"]"
    yield b"}\n"


def _pages(shop: Shop, table: Table, rows: ColumnElement[bool]) -> Iterator[list[dict[str, Any]]]:
    """These rows of a table, in the order of its key, so many at once."""
    key = tuple_(*table.primary_key)
    query = select(table).where(rows).order_by(*table.primary_key).limit(_AT_ONCE)
    page: list[dict[str, Any]] = []
    while True:
        behind = [key > tuple_(*(page[-1][each.name] for each in table.primary_key))] if page else []
        with shop.reading(patiently=True) as session:
            page = [dict(row) for row in session.execute(query.where(*behind)).mappings()]
        if page:
            yield page
        if len(page) < _AT_ONCE:
            return


def _told(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in row.items() if name not in _SECRET.get(table.name, ())}
    if "payload" in told:
        told["payload"] = orjson.Fragment(told["payload"])
    return told
