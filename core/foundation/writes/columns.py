"""Columns: how their values are handed to a database's driver. What SQLAlchemy looks up at every call is looked up once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Table

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class Columns:
    """Some columns of a table, in this order."""

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._types = [table.c[name].type for name in names]
        self._converters: dict[str, list[tuple[str, _Convert | None]]] = {}
        self._readers: dict[str, list[tuple[int, str, _Convert]]] = {}

    def values(self, row: Row, dialect: Dialect) -> tuple[Any, ...]:
        """What of a row is in these columns, as the driver takes it."""
        return tuple(
            [row[name] if convert is None else convert(row[name]) for name, convert in self._converted(dialect)]
        )

    def arrays(self, rows: Sequence[Row], dialect: Dialect) -> tuple[list[Any], ...]:
        """The same of several rows, each column by itself."""
        return tuple([list(column) for column in zip(*(self.values(row, dialect) for row in rows), strict=True)])

    def read(self, values: Sequence[Any], dialect: Dialect) -> dict[str, Any]:
        """A row as the driver gave it, by the names of these columns."""
        row = dict(zip(self.names, values, strict=True))
        for place, name, convert in self._read_by(dialect):
            row[name] = convert(values[place])
        return row

    def types(self, dialect: Dialect) -> list[str]:
        """What the database calls the types of these columns."""
        return [kind.compile(dialect) for kind in self._types]

    def _converted(self, dialect: Dialect) -> list[tuple[str, _Convert | None]]:
        if dialect.name not in self._converters:
            converters = [kind.dialect_impl(dialect).bind_processor(dialect) for kind in self._types]
            self._converters[dialect.name] = list(zip(self.names, converters, strict=True))
        return self._converters[dialect.name]

    def _read_by(self, dialect: Dialect) -> list[tuple[int, str, _Convert]]:
        if dialect.name not in self._readers:
            converters = [kind.dialect_impl(dialect).result_processor(dialect, None) for kind in self._types]
            places = enumerate(zip(self.names, converters, strict=True))
            self._readers[dialect.name] = [(place, name, convert) for place, (name, convert) in places if convert]
        return self._readers[dialect.name]


def mark(dialect: Dialect) -> str:
    """What stands for a value in a statement."""
    return "%s" if dialect.name == "postgresql" else "?"
