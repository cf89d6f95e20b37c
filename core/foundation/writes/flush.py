"""A session that writes what has changed of its rows in as few statements as there are tables: SQLAlchemy's own would be
asked about each row. Rows are written after those that they refer to, so that nobody need see to it."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.orm import InstanceState, SessionTransaction
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import Session, SQLModel

from core.connections.statements import begin, send
from core.foundation.writes.columns import Row
from core.foundation.writes.inserts import Insert
from core.foundation.writes.updates import Delete, Update


class BatchedSession(Session):
    """A session all of whose tables are plain ones: their keys and defaults are made here, and not by the database."""

    _known: tuple[SessionTransaction, Connection] | None = None

    def connection(self, *arguments: Any, **options: Any) -> Connection:
        """The connection of the transaction that is open. SQLAlchemy would look for it anew at each statement."""
        if self._known and self._known[0] is self._transaction and self._known[0].is_active and not options:
            return self._known[1]
        found = super().connection(*arguments, **options)
        assert self._transaction
        self._known = self._transaction, found
        return found

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write what is new, has changed or is to go. What has got another key SQLAlchemy writes, in whatever order it does."""
        if objects is not None:
            super().flush(objects)
            return
        self.tell()
        if self.in_transaction():
            send(self.connection())

    def tell(self) -> None:
        """The same, with whatever statement comes next: what is wrong with it is raised then."""
        dirty = [*self.dirty]
        if any(map(_has_another_key, dirty)):
            super().flush()
        elif dirty or self._new or self._deleted:
            self.dispatch.before_flush(self, None, None)
            # Whoever is asked before may have changed some more.
            self._write([*self.new], [*self.dirty], [*self.deleted])
            begin(self.connection())

    def _save_or_update_state(self, state: InstanceState[Any]) -> None:
        # No table refers to another one's rows as objects: with a row comes no other, and none need be looked for.
        state._orphaned_outside_of_session = False
        self._save_or_update_impl(state)

    def _write(self, new: Sequence[SQLModel], dirty: Sequence[SQLModel], deleted: Sequence[SQLModel]) -> None:
        added, changed, gone = _by_table(new), _by_table(dirty), _by_table(deleted)
        for table in sorted({*added, *changed}, key=_place):
            _update(self, table, changed.get(table, ()))
            if rows := added.get(table):
                _insert(table)(self, [vars(row) for row in rows])
        for table in sorted(gone, key=_place, reverse=True):
            _delete(table)(self, [vars(row) for row in gone[table]])
        self._register_persistent({instance_state(row) for row in new})
        register_written(self, dirty)
        self._remove_newly_deleted([instance_state(row) for row in deleted])


def register_written(session: Session, rows: Sequence[SQLModel]) -> None:
    """Have a session know that what has changed of these rows, whose keys have not, is written."""
    InstanceState._commit_all_states([(instance_state(row), vars(row)) for row in rows], session.identity_map)
    session._register_altered([instance_state(row) for row in rows])


def tell(session: Session) -> None:
    """Write what has changed in a session, with whatever statement comes next, or before the commit."""
    session.tell() if isinstance(session, BatchedSession) else session.flush()


def changed_in(row: SQLModel) -> tuple[str, ...]:
    """The columns of a row that have another value now than the database has."""
    before, now = instance_state(row).committed_state, vars(row)
    return tuple(sorted([name for name in before if before[name] != now[name]]))


def _has_another_key(row: SQLModel) -> bool:
    return not instance_state(row).committed_state.keys().isdisjoint(_names_of_key(row.__table__))  # type: ignore[attr-defined]


def _by_table(rows: Iterable[SQLModel]) -> dict[Table, list[SQLModel]]:
    found: dict[Table, list[SQLModel]] = {}
    for row in rows:
        found.setdefault(row.__table__, []).append(row)  # type: ignore[attr-defined]
    return found


def _update(session: Session, table: Table, rows: Iterable[SQLModel]) -> None:
    groups: dict[tuple[str, ...], list[SQLModel]] = {}
    for row in rows:
        if names := changed_in(row):
            groups.setdefault(names, []).append(row)
    for names, of_them in groups.items():
        # In one order for everybody, as far as the database keeps to it: two who change the same rows would wait for each other.
        in_order = sorted(map(vars, of_them), key=_key_of(table))
        update_of(table, names)(session, in_order, partial(_missing, table, len(of_them)))


def _missing(table: Table, expected: int) -> Exception:
    return StaleDataError(f"not all of {expected} rows of {table.name} that were to be changed were there")


@cache
def update_of(table: Table, names: tuple[str, ...], only: str = "") -> Update:
    """The update of these columns of a table; `only` is what is asked of each row beside its key."""
    return Update(table, names, only=only)


@cache
def _insert(table: Table) -> Insert:
    return Insert(table, [column.name for column in table.columns])


@cache
def _delete(table: Table) -> Delete:
    return Delete(table)


@cache
def _names_of_key(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


@cache
def _key_of(table: Table) -> Callable[[Row], tuple[Any, ...]]:
    names = _names_of_key(table)
    return lambda row: tuple([row[name] for name in names])


@cache
def _place(table: Table) -> int:
    """Where a table stands among those that refer to each other: after those that it refers to."""
    return table.metadata.sorted_tables.index(table)
