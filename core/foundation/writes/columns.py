"""Columns: how their values are handed to a database's driver. What SQLAlchemy looks up at every call is looked up once."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import JSON, DateTime, Dialect, Enum, Table
from sqlalchemy.types import TypeEngine

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]

# Moments and names of states: the rows of one transaction have the same few again and again. So many are remembered, and
# moments by all columns together.
_REMEMBERED = 256
_remembering: dict[tuple[type[TypeEngine[Any]], str], _Convert] = {}


class Columns:
    """Some columns of a table, in this order."""

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._types = [table.c[name].type for name in names]
        self._converters: dict[str, list[tuple[int, _Convert]]] = {}
        self._readers: dict[str, list[tuple[int, str, _Convert]]] = {}

    def values(self, row: Row, dialect: Dialect) -> list[Any]:
        """What of a row is in these columns, as the driver takes it."""
        values = [row[name] for name in self.names]
        for place, convert in self._converted(dialect):
            values[place] = convert(values[place])
        return values

    def document(self, rows: Sequence[Row], dialect: Dialect) -> str:
        """The same of several rows as one text, which PostgreSQL reads as `records` says."""
        found = [dict(zip(self.names, self.values(row, dialect), strict=True)) for row in rows]
        return orjson.dumps(found, default=_written).decode()

    def records(self, dialect: Dialect) -> str:
        """What PostgreSQL makes of such a text: rows that are called `given`."""
        kinds = ["text" if isinstance(kind, JSON) else kind.compile(dialect) for kind in self._types]
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(self.names, kinds, strict=True))
        return f"json_to_recordset(%s) as given ({columns})"

    def given(self) -> list[str]:
        """What each of these columns is in them."""
        pairs = zip(self.names, self._types, strict=True)
        return [f"given.{name}::json" if isinstance(kind, JSON) else f"given.{name}" for name, kind in pairs]

    def read(self, values: Sequence[Any], dialect: Dialect) -> dict[str, Any]:
        """A row as the driver gave it, by the names of these columns."""
        row = dict(zip(self.names, values, strict=True))
        for place, name, convert in self._read_by(dialect):
            row[name] = convert(values[place])
        return row

    def _converted(self, dialect: Dialect) -> list[tuple[int, _Convert]]:
        known = self._converters.get(dialect.name)
        if known is None:
            found = [(place, _converter(kind, dialect)) for place, kind in enumerate(self._types)]
            known = self._converters[dialect.name] = [(place, convert) for place, convert in found if convert]
        return known

    def _read_by(self, dialect: Dialect) -> list[tuple[int, str, _Convert]]:
        known = self._readers.get(dialect.name)
        if known is None:
            found = [kind.dialect_impl(dialect).result_processor(dialect, None) for kind in self._types]
            places = enumerate(zip(self.names, found, strict=True))
            known = [(place, name, convert) for place, (name, convert) in places if convert]
            self._readers[dialect.name] = known
        return known


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    impl = kind.dialect_impl(dialect)
    convert = impl.bind_processor(dialect)
    if convert is None:
        return None
    plain = getattr(impl, "impl_instance", impl)
    if isinstance(plain, DateTime):
        return _remembering.setdefault((type(kind), dialect.name), lru_cache(_REMEMBERED)(convert))
    return lru_cache(_REMEMBERED)(convert) if isinstance(plain, Enum) else convert


def _written(value: Any) -> str:
    """What is kept as JSON, as the driver would write it: in a text of its own, so that none of it is taken for a null."""
    return json.dumps(value.obj)


def mark(dialect: Dialect) -> str:
    """What stands for a value in a statement."""
    return "%s" if dialect.name == "postgresql" else "?"
