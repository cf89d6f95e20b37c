"""Columns: how their values are handed to a database's driver. What SQLAlchemy looks up at every call is looked up once."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import DateTime, Dialect, Enum, Table
from sqlalchemy.types import TypeEngine

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]

# Moments and names of states: the rows of one transaction have the same few again and again. So many are remembered, and
# moments by all columns together.
_REMEMBERED = 256
# A list that PostgreSQL is given. Were it not selected from, it would plan anew each time for as many as there are.
ANY_OF = "= any(array(select unnest(%s::{kind}[])))"
# In JSON it may begin what only JSON knows, such as a line's end.
_BACKSLASH = b"\\"
_remembering: dict[tuple[type[TypeEngine[Any]], str], _Convert] = {}


class Columns:
    """Some columns of a table, in this order."""

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        self.names = tuple(names)
        # Of one name alone it would give the value itself.
        self._of: Callable[[Row], Sequence[Any]] = itemgetter(*names) if len(names) > 1 else lambda row: [row[names[0]]]
        self._types = [table.c[name].type for name in names]
        self._converters: dict[str, list[tuple[int, _Convert]]] = {}
        self._readers: dict[str, list[tuple[int, str, _Convert]]] = {}

    def values(self, row: Row, dialect: Dialect) -> list[Any]:
        """What of a row is in these columns, as the driver takes it."""
        values = [*self._of(row)]
        for place, convert in self._converted(dialect):
            values[place] = convert(values[place])
        return values

    def arrays(self, rows: Sequence[Row], dialect: Dialect) -> list[str]:
        """The same of several rows, each column by itself, as PostgreSQL writes an array. The driver would look at each value."""
        return [*map(array, zip(*[self.values(row, dialect) for row in rows], strict=True))]

    def read(self, values: Sequence[Any], dialect: Dialect) -> dict[str, Any]:
        """A row as the driver gave it, by the names of these columns."""
        row = dict(zip(self.names, values, strict=True))
        for place, name, convert in self._read_by(dialect):
            row[name] = convert(values[place])
        return row

    def types(self, dialect: Dialect) -> list[str]:
        """What the database calls the types of these columns."""
        return [kind.compile(dialect) for kind in self._types]

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


def array(column: Sequence[Any]) -> str:
    """Values as PostgreSQL writes an array of them. JSON writes most lists alike, and is made in one go."""
    try:
        written = orjson.dumps(column)
    except orjson.JSONEncodeError:
        return _written(column)
    if _BACKSLASH in written and _BACKSLASH in written.replace(b"\\\\", b"").replace(b'\\"', b""):
        return _written(column)
    return "{" + written[1:-1].decode() + "}"


def _written(column: Sequence[Any]) -> str:
    return "{" + ",".join(map(_element, column)) + "}"


def _element(value: Any) -> str:
    """A value within an array of PostgreSQL's."""
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return str(value)
    # What is kept as JSON comes wrapped in what the driver knows it by.
    text = value if isinstance(value, str) else str(value) if isinstance(value, date) else json.dumps(value.obj)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def mark(dialect: Dialect) -> str:
    """What stands for a value in a statement."""
    return "%s" if dialect.name == "postgresql" else "?"


def one_of(dialect: Dialect) -> str:
    """What says that a text is one of those of a list, which is one value, as `listed` makes it."""
    return ANY_OF.format(kind="text") if dialect.name == "postgresql" else "in (select value from json_each(?))"


def listed(names: Iterable[str], dialect: Dialect) -> str:
    """Texts as the one value that stands for all of them."""
    return array([*names]) if dialect.name == "postgresql" else json.dumps([*names])
