"""Everything the sandbox knows: dictionaries in memory, written through to one SQLite file so that a restart forgets
nothing, or to none.

Whoever changes an object calls `save`; `commit` writes what was saved since, in one transaction. All of it happens
on one thread.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

Object = dict[str, Any]

SCHEMA = """
create table if not exists objects (
    kind text not null, id text not null, position integer not null, body blob not null, notes blob,
    primary key (kind, id)
) without rowid;
"""


def _of_invoice(payment: Object) -> Any:
    return payment["payment"].get("payment_intent")


def _of_subscription(invoice: Object) -> Any:
    return ((invoice["parent"] or {}).get("subscription_details") or {}).get("subscription")


def _recovery_url(session: Object) -> Any:
    return ((session.get("after_expiration") or {}).get("recovery") or {}).get("url")


# What objects are looked up by, beside their ids: a shop asks for these at every event.
INDEXES: Mapping[str, Mapping[str, Callable[[Object], Any] | None]] = {
    "balance_transaction": {"source": None},
    "charge": {"payment_intent": None, "customer": None},
    "checkout.session": {
        "payment_intent": None,
        "subscription": None,
        "customer": None,
        "recovered_from": None,
        "recovery_url": _recovery_url,
    },
    "dispute": {"charge": None, "payment_intent": None},
    "invoice": {"customer": None, "subscription": _of_subscription},
    "invoice_payment": {"invoice": None, "payment_intent": _of_invoice},
    "invoiceitem": {"customer": None, "invoice": None},
    "payment_intent": {"customer": None},
    "payment_method": {"customer": None},
    "price": {"product": None, "lookup_key": None},
    "radar.early_fraud_warning": {"charge": None, "payment_intent": None},
    "refund": {"charge": None, "payment_intent": None},
    "subscription": {"customer": None},
    "subscription_item": {"subscription": None},
}


def _opened(path: str) -> sqlite3.Connection:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Isolation level None: transactions begin and end where `commit` says, nowhere else.
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.executescript("pragma journal_mode = wal; pragma synchronous = off;" + SCHEMA)
    return database


class Store:
    """Objects by kind and id, in the order they were made. `kind` is the object's own name for itself (`charge`)."""

    def __init__(self, path: str) -> None:
        self._database = None if path == ":memory:" else _opened(path)
        self._kinds: dict[str, dict[str, Object]] = {}
        self._notes: dict[str, Object] = {}
        self._positions: dict[tuple[str, str], int] = {}
        # Per kind, positions and ids in order, so that a page can begin in the middle.
        self._order: dict[str, tuple[list[int], list[str]]] = {}
        self._index: dict[tuple[str, str, Any], dict[str, None]] = {}
        self._indexed: dict[tuple[str, str], dict[str, Any]] = {}
        self._dirty: dict[tuple[str, str], bool] = {}
        self._next = 1
        # Told after every commit that wrote something.
        self.changed: Callable[[], None] = lambda: None
        self._load()

    def _load(self) -> None:
        if self._database is None:
            return
        rows = self._database.execute("select kind, id, position, body, notes from objects order by position")
        for kind, id, position, body, notes in rows:
            if notes:
                self._notes[id] = orjson.loads(notes)
            self._place(kind, orjson.loads(body), position)

    def _place(self, kind: str, obj: Object, position: int) -> None:
        id = obj["id"]
        self._kinds.setdefault(kind, {})[id] = obj
        self._positions[kind, id] = position
        positions, ids = self._order.setdefault(kind, ([], []))
        positions.append(position)
        ids.append(id)
        self._next = position + 1
        self._file(kind, obj)

    def _file(self, kind: str, obj: Object) -> None:
        """Keep the indexes in step with an object."""
        if (keys := INDEXES.get(kind)) is None:
            return
        id = obj["id"]
        now = {key: read(obj) if read else obj.get(key) for key, read in keys.items()}
        before = self._indexed.get((kind, id), {})
        for key, value in now.items():
            if key not in before or before[key] != value:
                if key in before:
                    self._index[kind, key, before[key]].pop(id, None)
                self._index.setdefault((kind, key, value), {})[id] = None
        self._indexed[kind, id] = now

    def get(self, kind: str, id: str) -> Object | None:
        """The object, or None."""
        return self._kinds.get(kind, {}).get(id)

    def find(self, id: str) -> Object | None:
        """The object with that id, of whatever kind it is."""
        return next((known[id] for known in self._kinds.values() if id in known), None)

    def all(self, kind: str) -> Iterator[Object]:
        """Every object of a kind, newest first."""
        return reversed(self._kinds.get(kind, {}).values())

    def older(self, kind: str, than: str) -> Iterator[Object]:
        """Those made before the one with that id, newest first."""
        positions, ids = self._order.get(kind, ([], []))
        known = self._kinds.get(kind, {})
        for place in range(bisect_left(positions, self._positions[kind, than]) - 1, -1, -1):
            id = ids[place]
            # An id that was deleted and made anew stands there twice.
            if id in known and self._positions[kind, id] == positions[place]:
                yield known[id]

    def having(self, kind: str, key: str, value: Any) -> list[Object]:
        """The objects whose indexed key has that value, newest first."""
        known = self._kinds.get(kind, {})
        found = [known[id] for id in self._index.get((kind, key, value), ())]
        return sorted(found, key=lambda obj: self._positions[kind, obj["id"]], reverse=True)

    def oldest(self, kind: str) -> Object | None:
        """The first of a kind, or None."""
        return next(iter(self._kinds.get(kind, {}).values()), None)

    def count(self, kind: str) -> int:
        """How many there are of a kind."""
        return len(self._kinds.get(kind, {}))

    def counts(self) -> dict[str, int]:
        """How many there are of each kind."""
        return {kind: len(known) for kind, known in self._kinds.items() if known}

    def notes(self, id: str) -> Object:
        """What the sandbox remembers about an object and Stripe would not show. Change it, then `save` the object."""
        return self._notes.setdefault(id, {})

    def save(self, obj: Object) -> Object:
        """Keep a new object, or note that a known one has changed. Returns it."""
        kind = obj["object"]
        key = (kind, obj["id"])
        if key in self._positions:
            self._file(kind, obj)
        else:
            self._place(kind, obj, self._next)
        self._dirty[key] = True
        return obj

    def change(self, obj: Object, **values: Any) -> Object:
        """Set keys of an object and save it. Returns the previous values of those that really changed."""
        previous = {key: obj[key] for key, value in values.items() if obj.get(key) != value and key in obj}
        obj.update(values)
        self.save(obj)
        return previous

    def delete(self, kind: str, id: str) -> None:
        """Forget an object and its notes."""
        if self._kinds.get(kind, {}).pop(id, None) is not None:
            positions, ids = self._order[kind]
            place = bisect_left(positions, self._positions.pop((kind, id)))
            # Timers and idempotency keys come and go at both ends; only then is it cheap to close the gap.
            if place == len(ids) - 1:
                positions.pop()
                ids.pop()
            self._notes.pop(id, None)
            for key, value in self._indexed.pop((kind, id), {}).items():
                self._index[kind, key, value].pop(id, None)
            self._dirty[kind, id] = False

    def clear(self, kind: str | None = None) -> None:
        """Forget all objects, or all of one kind."""
        for name in [kind] if kind else list(self._kinds):
            for id in list(self._kinds.get(name, {})):
                self.delete(name, id)
            self._order.pop(name, None)
        self.commit()

    def commit(self) -> None:
        """Write what has changed since the last time, where there is a file."""
        if not self._dirty:
            return
        if self._database is not None:
            self._write(self._database)
        self._dirty.clear()
        self.changed()

    def _write(self, database: sqlite3.Connection) -> None:
        kept = [self._row(kind, id) for (kind, id), stays in self._dirty.items() if stays]
        gone = [key for key, stays in self._dirty.items() if not stays]
        database.execute("begin")
        database.executemany("insert or replace into objects values (?, ?, ?, ?, ?)", kept)
        database.executemany("delete from objects where kind = ? and id = ?", gone)
        database.execute("commit")

    def _row(self, kind: str, id: str) -> tuple[str, str, int, bytes, bytes | None]:
        notes = self._notes.get(id)
        body = orjson.dumps(self._kinds[kind][id])
        return kind, id, self._positions[kind, id], body, orjson.dumps(notes) if notes else None

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self.commit()
        if self._database is not None:
            self._database.close()
