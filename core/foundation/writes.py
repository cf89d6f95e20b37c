"""Writes: many rows in one statement, and what can wait until the transaction ends, so that it is written all at once."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import ARRAY, CursorResult, Table, TextClause, bindparam, event, text
from sqlmodel import Session, SQLModel

_LATER = "pushcart_later"
# SQLite takes some thirty thousand values in one statement.
_MOST_ROWS = 500

Row = Mapping[str, Any]


class InsertOnce:
    """An insert of many rows that leaves those alone which are there already, and says which were not.

    Its words are made once: SQLAlchemy compiles its own `on conflict` anew at every call. PostgreSQL takes the rows as
    arrays, so that one statement is prepared for however many there are.
    """

    def __init__(
        self,
        of: type[SQLModel] | Table,
        *columns: str,
        name: str = "",
        conflict: str = "do nothing",
        returning: str = "",
    ) -> None:
        self._table: Table = of if isinstance(of, Table) else of.__table__  # type: ignore[attr-defined]
        self._name, self._returns = name or self._table.name, bool(returning)
        self._columns = columns or tuple(column.name for column in self._table.columns)
        self._end = f"on conflict {conflict}" + (f" returning {returning}" if returning else "")

    def __call__(self, session: Session, rows: Sequence[Row]) -> list[Any]:
        """Insert these, each with all its columns; return what the statement returns, if it was told to."""
        found: list[Any] = []
        for start in range(0, len(rows), _MOST_ROWS):
            result: CursorResult[Any] = self._insert(session, rows[start : start + _MOST_ROWS])
            found += result.all() if result.returns_rows else []
        return found

    def _insert(self, session: Session, rows: Sequence[Row]) -> Any:
        connection = session.connection()  # a session would look what of it is an object's
        if connection.dialect.name == "postgresql":
            return connection.execute(self._of_arrays, {name: [row[name] for row in rows] for name in self._columns})
        if not self._returns:  # then one statement does for however many there are
            return connection.execute(
                self._of_values(1), [{f"{name}_0": row[name] for name in self._columns} for row in rows]
            )
        values = {f"{name}_{place}": row[name] for place, row in enumerate(rows) for name in self._columns}
        return connection.execute(self._of_values(len(rows)), values)

    @cached_property
    def _of_arrays(self) -> TextClause:
        arrays = ", ".join(f":{name}" for name in self._columns)
        statement = text(f"{self._begin} select * from unnest({arrays}) {self._end}")
        types = ((name, ARRAY(self._table.c[name].type)) for name in self._columns)
        return statement.bindparams(*(bindparam(name, type_=kind) for name, kind in types))

    @lru_cache(maxsize=_MOST_ROWS)  # noqa: B019 - these live as long as the process
    def _of_values(self, count: int) -> TextClause:
        names = [[f"{name}_{place}" for name in self._columns] for place in range(count)]
        values = ", ".join("(" + ", ".join(f":{name}" for name in row) + ")" for row in names)
        types = (self._table.c[name].type for name in self._columns)
        binds = [
            (name, kind) for kind, of_column in zip(types, zip(*names, strict=True), strict=True) for name in of_column
        ]
        statement = text(f"{self._begin} values {values} {self._end}")
        return statement.bindparams(*(bindparam(name, type_=kind) for name, kind in binds))

    @property
    def _begin(self) -> str:
        return f"insert into {self._name} ({', '.join(self._columns)})"


def at_the_end(session: Session, write: Callable[[Session, list[Any]], object], *rows: Any) -> None:
    """Hand these to `write`, together with all that it is to be handed in this transaction, when that is about to commit."""
    session.info.setdefault(_LATER, {}).setdefault(write, []).extend(rows)


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    session.flush()  # what they refer to; and what only that leaves to be written
    # Again, as long as what is written leaves something to be written after it.
    while waiting := session.info.pop(_LATER, None):
        for write, rows in waiting.items():
            write(session, rows)
        session.flush()


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_LATER, None)
