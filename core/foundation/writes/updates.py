"""Updates of many rows in one statement, each to values of its own, and deletes."""

from collections.abc import Callable, Sequence
from functools import cache

from sqlalchemy import Dialect, Table
from sqlmodel import Session

from core.connections.statements import Expected, begin, tell, tell_each
from core.foundation.writes.columns import ANY_OF, Columns, Row, mark


class Update:
    """An update of these columns of rows that are found by their key; `only` is what is asked of each beside it."""

    def __init__(self, table: Table, names: Sequence[str], *, only: str = "") -> None:
        self._table, self._changed = table.name, tuple(names)
        self._key = [column.name for column in table.primary_key]
        self._only = f" and {self._table}.{only}" if only else ""
        self._columns = Columns(table, [*names, *self._key])
        self._unnested = ""

    def __call__(self, session: Session, rows: Sequence[Row], otherwise: Callable[[], Exception] | None) -> None:
        """Update these, each with its key and all of the columns. If not all are found, `otherwise` makes what is raised; none if
        they need not be."""
        connection = session.connection()
        dialect, expected = connection.dialect, Expected(len(rows), otherwise) if otherwise else None
        if len(rows) > 1 and dialect.name == "postgresql":
            self._unnested = self._unnested or self._of_arrays(dialect)
            arrays = self._columns.arrays(rows, dialect)
            named = arrays[len(self._changed)]
            tell(connection, self._unnested, [*arrays, named], expected=expected)
            begin(connection)
        else:
            values = [self._columns.values(row, dialect) for row in rows]
            tell_each(connection, self._of_values(mark(dialect)), values, expected=expected)

    def _of_arrays(self, dialect: Dialect) -> str:
        changed = ", ".join(f"{name} = given.{name}" for name in self._changed)
        types = self._columns.types(dialect)
        given = f"unnest({', '.join(f'%s::{kind}[]' for kind in types)}) as given ({', '.join(self._columns.names)})"
        # Named once more, so that they are looked up also while the database takes the table for so small that it would go through
        # all of it for a join.
        named = f"{self._table}.{self._key[0]} {ANY_OF.format(kind=types[len(self._changed)])}"
        found = " and ".join(f"{self._table}.{name} = given.{name}" for name in self._key)
        return f"update {self._table} set {changed} from {given} where {named} and {found}{self._only}"

    @cache  # noqa: B019 - these live as long as the process
    def _of_values(self, mark: str) -> str:
        changed = ", ".join(f"{name} = {mark}" for name in self._changed)
        found = " and ".join(f"{self._table}.{name} = {mark}" for name in self._key)
        return f"update {self._table} set {changed} where {found}{self._only}"


class Delete:
    """A delete of rows that are found by their key."""

    def __init__(self, table: Table) -> None:
        self._table, self._key = table.name, [column.name for column in table.primary_key]
        self._columns = Columns(table, self._key)

    def __call__(self, session: Session, rows: Sequence[Row]) -> None:
        """Delete these, each with its key."""
        connection = session.connection()
        found = " and ".join(f"{name} = {mark(connection.dialect)}" for name in self._key)
        keys = [self._columns.values(row, connection.dialect) for row in rows]
        tell_each(connection, f"delete from {self._table} where {found}", keys)
