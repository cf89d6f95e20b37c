"""Inserts of many rows in one statement, whose words are put together once."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Dialect, Table
from sqlmodel import Session, SQLModel

from core.connections.statements import Expected, ask, begin, tell, tell_each
from core.foundation.writes.columns import Columns, Row, mark

# SQLite takes some thirty thousand values in one statement.
_MOST_ROWS = 500


class Insert:
    """An insert of many rows. `end` is what its statement says after them.

    PostgreSQL takes several rows as arrays, so that one statement is prepared for however many there are.
    """

    def __init__(self, table: Table, names: Sequence[str], *, name: str = "", end: str = "") -> None:
        self._columns = Columns(table, names)
        self._begin = f"insert into {name or table.name} ({', '.join(names)})"
        self._end, self._returns = end, "returning" in end
        self._unnested = ""

    def __call__(
        self, session: Session, rows: Sequence[Row], otherwise: Callable[[], Exception] | None = None
    ) -> list[Any]:
        """Insert these, each with all its columns; return what the statement returns, each row a tuple, if it was told to. If
        not, `otherwise` makes what is raised where one of them is there already."""
        found: list[Any] = []
        for start in range(0, len(rows), _MOST_ROWS):
            some = rows[start : start + _MOST_ROWS]
            found += self._insert(session, some, Expected(len(some), otherwise) if otherwise else None)
        return found

    def _insert(self, session: Session, rows: Sequence[Row], expected: Expected | None) -> list[Any]:
        connection = session.connection()
        dialect = connection.dialect
        if len(rows) > 1 and dialect.name == "postgresql":
            self._unnested = self._unnested or self._of_arrays(dialect)
            words, given = self._unnested, [*self._columns.arrays(rows, dialect)]
        elif len(rows) == 1 or self._returns:
            words = self._of_values(len(rows), mark(dialect))
            given = [*chain.from_iterable([self._columns.values(row, dialect) for row in rows])]
        else:  # one statement does for however many there are
            every = [self._columns.values(row, dialect) for row in rows]
            tell_each(connection, self._of_values(1, mark(dialect)), every, expected=expected)
            return []
        if self._returns:
            return ask(connection, words, given)
        tell(connection, words, given, expected=expected)
        if len(rows) > 1:
            begin(connection)
        return []

    def _of_arrays(self, dialect: Dialect) -> str:
        arrays = ", ".join(f"%s::{kind}[]" for kind in self._columns.types(dialect))
        return f"{self._begin} select * from unnest({arrays}) {self._end}"

    @cache  # noqa: B019 - these live as long as the process
    def _of_values(self, count: int, mark: str) -> str:
        row = "(" + ", ".join([mark] * len(self._columns.names)) + ")"
        return f"{self._begin} values {', '.join([row] * count)} {self._end}"


class InsertOnce(Insert):
    """An insert that leaves those rows alone which are there already, and says which were not."""

    def __init__(
        self,
        of: type[SQLModel] | Table,
        *names: str,
        name: str = "",
        conflict: str = "do nothing",
        returning: str = "",
    ) -> None:
        table: Table = of if isinstance(of, Table) else of.__table__  # type: ignore[attr-defined]
        end = f"on conflict {conflict}" + (f" returning {returning}" if returning else "")
        super().__init__(table, names or [column.name for column in table.columns], name=name, end=end)
