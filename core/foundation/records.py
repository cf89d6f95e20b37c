"""Records: what rows are, and the kinds of columns and indexes that SQLite and PostgreSQL share."""

import secrets
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Index,
    MetaData,
    Table,
    and_,
    event,
    func,
    literal_column,
    or_,
)
from sqlalchemy import Enum as SqlEnum
from sqlalchemy import select as select_columns
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.attributes import InstrumentedAttribute, QueryableAttribute, instance_state
from sqlmodel import Field, Session, SQLModel

# Named constraints, so that later migrations can drop them on both databases.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: MetaData = SQLModel.metadata

# What five bits of an id are written as: the digits and letters of Crockford's Base32, which sort as the numbers do.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
# What each byte of chance is written as, and each ten bits of the time.
_BYTES = _LETTERS.encode() * 8
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
# What no attribute is equal to.
_UNKNOWN: Any = object()


class Record(SQLModel):
    """What every table's rows are. An attribute that is set is noted for the database and no more: SQLModel would hand it to
    Pydantic as well, which checks nothing of what is in a table."""

    def __init__(self, **values: Any) -> None:
        defaults, factories = _defaults(type(self))
        if unknown := values.keys() - defaults.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        made = {name: make() for name, make in factories.items() if name not in values}
        vars(self).update({**defaults, **made, **values})

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name, _UNKNOWN)
        # Facts are merged again and again, and mostly say what is known: then there is nothing to note.
        if before == value:
            return
        column = _columns(type(self)).get(name)
        if column is None:
            super().__setattr__(name, value)
            return
        state = instance_state(self)
        if state._strong_obj is None or before is _UNKNOWN:
            column.__set__(self, value)
        else:
            # That the row has changed is known already: what remains is what SQLAlchemy keeps of this attribute.
            state.committed_state.setdefault(name, before)
            self.__dict__[name] = value


class _Attribute:
    """Stands in a class for SQLAlchemy's attribute of this name. It has no `__set__`: so Python finds what a row has in the row
    itself, and comes here only for what it has not. SQLAlchemy's own would be called each time, for many times as long."""

    def __init__(self, own: QueryableAttribute[Any]) -> None:
        self._own = own

    def __get__(self, row: Record | None, kind: type[Record]) -> Any:
        return self._own.__get__(row, kind)


@event.listens_for(Mapper, "mapper_configured")
def _read_from_rows_themselves(mapper: Mapper[Any], kind: type[Any]) -> None:
    if issubclass(kind, Record):
        for name, own in mapper.class_manager.items():
            type.__setattr__(kind, name, _Attribute(own))


@cache
def _columns(kind: type[Record]) -> Mapping[str, InstrumentedAttribute[Any]]:
    """What notes for the database that an attribute has changed, by the attribute's name."""
    return kind.__mapper__.class_manager  # type: ignore[attr-defined, no-any-return]


@cache
def _defaults(kind: type[Record]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """What is in each column of a new row where nothing else is said, and what is made for each of them."""
    fields = kind.model_fields
    factories: dict[str, Any] = {name: field.default_factory for name, field in fields.items() if field.default_factory}
    return {name: None if field.is_required() else field.default for name, field in fields.items()}, factories


def new_id(prefix: str) -> str:
    """An unguessable id such as `ord_01kb…`, made before the insert so that it can be an idempotency key: a ULID in small letters,
    which is the time in milliseconds and 80 bits of chance.

    Ids that are made one after the other stand beside each other in each index. By chance alone each would change a page of its own
    there, and the more orders a shop has the fewer of these pages are at hand.
    """
    chance = secrets.token_bytes(16).translate(_BYTES).decode()
    return f"{prefix}_{_written(time.time_ns() // 1_000_000)}{chance}"


@lru_cache(1)
def _written(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> bits & 1023] for bits in (40, 30, 20, 10, 0)])


def text_enum(kind: type[StrEnum], **options: Any) -> Any:
    """A column that holds the enum's *values* as text: SQLModel alone would store names and make native enums."""
    column = SqlEnum(kind, native_enum=False, length=32, values_callable=lambda e: [m.value for m in e])
    return Field(sa_type=column, **options)


def minor_units(**options: Any) -> Any:
    """A 64-bit column: SQLModel's `int` is 32 bits wide on PostgreSQL, less than a large sum in rupiah."""
    return Field(sa_type=BigInteger, **options)


def constant(value: str) -> ColumnElement[str]:
    """A value that stands in a statement's own words, where a planner sees that a partial index has what is asked for."""
    return literal_column("'" + value.replace("'", "''") + "'")


def index_where(condition: ColumnElement[bool], name: str, *columns: Any) -> Index:
    """An index of those rows alone of which the condition is true; statements find them by the very same condition."""
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition)


def begins(session: Session, column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column begins with this text, as each database finds it by its index."""
    if session.get_bind().dialect.name == "postgresql":
        beginning: ColumnElement[bool] = column.startswith(text, autoescape=True)
        return beginning
    return and_(column >= text, column < text + "\U0010ffff")


def beside(column: Any) -> Any:
    """A column by which no index is to be looked at, since nearly all rows have the same in it."""
    return func.coalesce(column, None)


def _subquery(column: Any, rows: ColumnElement[bool]) -> Any:
    return select_columns(column).where(rows)


def leading_to(
    rows: Mapping[Table, ColumnElement[bool]],
    *,
    through: Callable[[Any, ColumnElement[bool]], Any] = _subquery,
) -> dict[Table, ColumnElement[bool]]:
    """These rows and all that lead to them by foreign keys, however far: by table, those above before those below, the
    condition on what of it is meant. `through` makes the values of a column in some rows into what another may be in."""
    found = dict(rows)
    for table in metadata.sorted_tables:
        ways = [
            key.parent.in_(through(key.column, found[key.column.table]))
            for key in table.foreign_keys
            if key.column.table in found
        ]
        if ways and table not in rows:
            found[table] = or_(*ways)
    return found
