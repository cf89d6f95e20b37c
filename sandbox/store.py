"""Everything the sandbox knows: dictionaries in memory, written through to one SQLite file so that a restart forgets
nothing.

Whoever changes an object calls `save`; `commit` writes what was saved since, in one transaction. All of it happens
on one thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
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


class Store:
    """Objects by kind and id, in the order they were made. `kind` is the object's own name for itself (`charge`)."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Isolation level None: transactions begin and end where `commit` says, nowhere else.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.executescript("pragma journal_mode = wal; pragma synchronous = off;" + SCHEMA)
        self._kinds: dict[str, dict[str, Object]] = {}
        self._notes: dict[str, Object] = {}
        self._positions: dict[tuple[str, str], int] = {}
        self._dirty: dict[tuple[str, str], bool] = {}
        self._next = 1
        self._load()

    def _load(self) -> None:
        rows = self._database.execute("select kind, id, position, body, notes from objects order by position")
        for kind, id, position, body, notes in rows:
            self._kinds.setdefault(kind, {})[id] = orjson.loads(body)
            if notes:
                self._notes[id] = orjson.loads(notes)
            self._positions[kind, id] = position
            self._next = position + 1

    def get(self, kind: str, id: str) -> Object | None:
        """The object, or None."""
        return self._kinds.get(kind, {}).get(id)

    def all(self, kind: str) -> Iterator[Object]:
        """Every object of a kind, newest first."""
        return reversed(self._kinds.get(kind, {}).values())

    def oldest(self, kind: str) -> Object | None:
        """The first of a kind, or None."""
        return next(iter(self._kinds.get(kind, {}).values()), None)

    def count(self, kind: str) -> int:
        """How many there are of a kind."""
        return len(self._kinds.get(kind, {}))

    def notes(self, id: str) -> Object:
        """What the sandbox remembers about an object and Stripe would not show. Change it, then `save` the object."""
        return self._notes.setdefault(id, {})

    def save(self, obj: Object) -> Object:
        """Keep a new object, or note that a known one has changed. Returns it."""
        kind = obj["object"]
        key = (kind, obj["id"])
        if key not in self._positions:
            self._positions[key] = self._next
            self._next += 1
            self._kinds.setdefault(kind, {})[obj["id"]] = obj
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
            self._positions.pop((kind, id))
            self._notes.pop(id, None)
            self._dirty[kind, id] = False

    def clear(self, kind: str | None = None) -> None:
        """Forget all objects, or all of one kind."""
        for name in [kind] if kind else list(self._kinds):
            for id in list(self._kinds.get(name, {})):
                self.delete(name, id)
        self.commit()

    def commit(self) -> None:
        """Write what has changed since the last time."""
        if not self._dirty:
            return
        execute = self._database.execute
        execute("begin")
        for (kind, id), kept in self._dirty.items():
            if kept:
                self._write(kind, id)
            else:
                execute("delete from objects where kind = ? and id = ?", (kind, id))
        execute("commit")
        self._dirty.clear()

    def _write(self, kind: str, id: str) -> None:
        notes = self._notes.get(id)
        self._database.execute(
            "insert or replace into objects values (?, ?, ?, ?, ?)",
            (
                kind,
                id,
                self._positions[kind, id],
                orjson.dumps(self._kinds[kind][id]),
                orjson.dumps(notes) if notes else None,
            ),
        )

    def close(self) -> None:
        """Write what is left and let go of the file."""
        self.commit()
        self._database.close()
