"""The database: one engine per process, short transactions, and the column types that SQLite and PostgreSQL share."""

import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from time import sleep
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    Index,
    MetaData,
    create_engine,
    event,
    literal_column,
)
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm.attributes import InstrumentedAttribute, set_attribute
from sqlalchemy.pool import NullPool
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

P = ParamSpec("P")
T = TypeVar("T")

# What PostgreSQL calls a transaction that it gave up so that others could go on: serialization_failure, deadlock_detected.
_GIVEN_UP = ("40001", "40P01")
# The classes of its codes that say that it cannot be had: no connection, no room for one, shutting down. SQLite has none.
_AWAY = ("", "08", "53", "57")
# How often a unit of work is tried, and how long it waits at most before the second time, in seconds.
_TRIES = 6
_BREATH = 0.1
# Under this name a session knows the clock that its transaction goes by.
NOW = "pushcart_now"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Record(SQLModel):
    """What every table's rows are. An attribute that is set is noted for the database and no more: SQLModel would hand it to
    Pydantic as well, which checks nothing of what is in a table."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(type(self).__dict__.get(name), InstrumentedAttribute):
            set_attribute(self, name, value)
        else:
            super().__setattr__(name, value)


def new_id(prefix: str) -> str:
    """An unguessable id such as `ord_3k9…`, made before the insert so that it can be an idempotency key (100 bits)."""
    return prefix + "_" + "".join(_ALPHABET[byte % 32] for byte in secrets.token_bytes(20))


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


def connect(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql://…`. Nothing is opened yet."""
    if url.startswith("sqlite"):
        return _sqlite(url)
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=10,
        max_overflow=10,
        pool_pre_ping=True,
        hide_parameters=True,  # an error would name them, and with them people's addresses
        # A server that is away is said to be so soon: requests that wait for it would use up all threads.
        connect_args={} if "connect_timeout=" in url else {"connect_timeout": 5},
    )


@contextmanager
def transaction(engine: Engine, *, now: Callable[[], datetime]) -> Iterator[Session]:
    """A session that commits on leaving and rolls back on an error. On SQLite it holds the write lock from the start."""
    with Session(engine, expire_on_commit=False, autoflush=False, info={NOW: now}) as session:
        yield session
        session.commit()


def repeatable(unit: Callable[P, T]) -> Callable[P, T]:
    """Do a unit of work again from its beginning, a few times, when the database gave it up so that others could go on.

    Only for functions that may be done twice: a transaction of their own, and nothing that a rollback does not undo.
    """

    @wraps(unit)
    def until_done(*args: P.args, **kwargs: P.kwargs) -> T:
        for tried in range(1, _TRIES):
            try:
                return unit(*args, **kwargs)
            except DBAPIError as error:
                if not _was_given_up(error):
                    raise
            # Not all at the same instant, or they meet again.
            sleep(random.uniform(0, _BREATH * 2**tried))
        return unit(*args, **kwargs)

    return until_done


def _was_given_up(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _GIVEN_UP


def is_away(error: Exception) -> bool:
    """Whether it is the database itself that cannot be had: then it is of no use to try another unit of work."""
    code = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    return isinstance(error, (OperationalError, InterfaceError)) and code[:2] in _AWAY


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads: on SQLite it does not queue for the write lock, and nothing is committed."""
    reader = engine.execution_options(pushcart_reads=True)
    with Session(reader, expire_on_commit=False, autoflush=False) as session:
        yield session


def _sqlite(url: str) -> Engine:
    path = Path(url.removeprefix("sqlite:///")).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    # A connection per transaction costs 0.1 ms and never sits idle with a stale snapshot in another thread.
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"timeout": 30}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        connection.executescript(
            "pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on; pragma busy_timeout=30000;"
        )

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # The default takes the lock at the first write: two who have both read by then lose an update silently.
        reads = connection.get_execution_options().get("pushcart_reads")
        connection.exec_driver_sql("begin" if reads else "begin immediate")

    return engine
