"""Databases for one test after the other: to empty one of a PostgreSQL server again takes a tenth of making another."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from sqlalchemy import Dialect, Engine

from core.foundation import database

# Where each template keeps a copy of the rows that its databases begin with, and how they are brought back.
_KEPT = "as_it_was"
_TABLES = f"""
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', '{_KEPT}') order by 1, 2
"""
_SEQUENCES = "select schemaname, sequencename, last_value from pg_sequences"
# Notes in the database itself that something else than rows was made, altered or dropped in it.
_NOTING = f"""
    create schema {_KEPT};
    create table {_KEPT}.altered (what text);
    create function {_KEPT}.note() returns event_trigger language plpgsql as
        $$ begin insert into {_KEPT}.altered values (tg_tag); end $$;
"""
_NOTICE = f"create event trigger {_KEPT} on ddl_command_end execute function {_KEPT}.note()"
# So many connections to one database are kept for the next test at most.
_MOST_KEPT = 4


# By the kind of database: what speaks its language, and the statements that were put into it.
_COMPILED: dict[str, tuple[Dialect, Any]] = {}
# By the words that one is opened with: connections that nobody uses.
_OPEN: dict[str, list[psycopg.Connection]] = {}


def connected(url: str) -> Engine:
    """The shop's own engine, at less cost: each statement is compiled once in all tests that use this kind of database, which
    is asked once what it is, and a PostgreSQL connection serves one test after the other: a new one knows no table yet."""
    engine = database.connect(url)
    own = engine.dialect
    kind = own.name
    if kind not in _COMPILED:
        # It learns what it speaks to at its first connection, and may otherwise be the one of an engine that never has any.
        engine.connect().close()
        engine.dispose()
        _COMPILED[kind] = own, engine._compiled_cache
    else:
        own.initialize = lambda _connection: None  # type: ignore[method-assign]
    engine.dialect, engine._compiled_cache = _COMPILED[kind]
    if kind == "postgresql":
        # By this one the pool opens and closes its connections.
        own.connect, own.do_close = partial(_open, own.connect), _put_by  # type: ignore[method-assign]
    return engine


def _open(connect: Callable[..., psycopg.Connection], *words: Any, **more: Any) -> psycopg.Connection:
    # How values are adapted is the same for all, though each engine has an object of its own that says so.
    named = {name: value for name, value in more.items() if name != "context"}
    idle = _OPEN.setdefault(str((words, named)), [])
    while idle:
        connection = idle.pop()
        try:
            connection.autocommit = True
            connection.execute("reset all; unlisten *; select pg_advisory_unlock_all()", prepare=False)
            connection.autocommit = False
        except psycopg.Error:  # its server has gone, or somebody has cut it off
            connection.close()
        else:
            return connection
    connection = connect(*words, **more)
    connection.opened_as = idle  # type: ignore[attr-defined]
    return connection


def _put_by(connection: psycopg.Connection) -> None:
    idle = getattr(connection, "opened_as", None)
    at_rest = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
    if idle is None or len(idle) >= _MOST_KEPT or not at_rest:
        connection.close()
        return
    connection._notice_handlers.clear()
    connection.prepare_threshold = 5
    connection.autocommit = False
    idle.append(connection)


def _leave_to_the_parent() -> None:
    # What is open belongs to the process that opened it: a child must neither use it nor end it.
    _PARENTS.append(dict(_OPEN))
    _OPEN.clear()


_PARENTS: list[dict[str, list[psycopg.Connection]]] = []
os.register_at_fork(after_in_child=_leave_to_the_parent)


def _kept_open() -> list[psycopg.Connection]:
    return [connection for idle in _OPEN.values() for connection in idle]


def as_written(engine: Engine, values: dict[str, object]) -> dict[str, object]:
    """Moments as earlier versions wrote them into SQLite: by Python's own adapter, which is to go."""
    if engine.dialect.name != "sqlite":
        return values
    return {name: value.isoformat(" ") if isinstance(value, datetime) else value for name, value in values.items()}


def keep_rows(address: str) -> None:
    """Let databases that are copied from this one be emptied to what it holds now."""
    with psycopg.connect(address, autocommit=True) as connection:
        tables = connection.execute(_TABLES.encode()).fetchall()
        sequences = connection.execute(_SEQUENCES.encode()).fetchall()
        connection.execute(_NOTING.encode())
        parts: list[sql.Composable] = []
        for schema, name in tables:
            source, kept = sql.Identifier(schema, name), sql.Identifier(_KEPT, f"{schema}.{name}")
            parts.append(sql.SQL("delete from {};").format(source))
            if connection.execute(sql.SQL("select 1 from {} limit 1").format(source)).fetchone():
                connection.execute(sql.SQL("create table {} as table {}").format(kept, source))
                parts.append(sql.SQL("insert into {} select * from {};").format(source, kept))
        for schema, name, value in sequences:
            sequence, counted = sql.Literal(f'"{schema}"."{name}"'), sql.Literal(value is not None)
            parts.append(sql.SQL("perform setval({}, {}, {});").format(sequence, sql.Literal(value or 1), counted))
        # As a function, each of its statements is planned once for all tests that use the database.
        connection.execute(
            sql.SQL("create function {}.restore() returns void language plpgsql as $$ begin {} end $$").format(
                sql.Identifier(_KEPT), sql.SQL(" ").join(parts)
            )
        )
        connection.execute(_NOTICE.encode())


@dataclass(frozen=True)
class _Lent:
    """A database that tests use in turn, and a connection on which it is emptied: rows go in any order, since on that one
    nobody looks at what refers to what."""

    name: str
    address: str
    connection: psycopg.Connection


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server, and a connection to it on which databases are made and dropped."""

    address: str
    connection: psycopg.Connection
    _idle: dict[str, list[_Lent]] = field(default_factory=dict)

    def tell(self, statement: str) -> None:
        self.connection.execute(statement.encode())

    def has(self, name: str) -> bool:
        return bool(self.connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone())

    def address_of(self, name: str) -> str:
        before, _, query = self.address.partition("?")
        address = before.rpartition("/")[0] + "/" + name
        return f"{address}?{query}" if query else address

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database; its address."""
        self.tell(f"create database {name} template {template} strategy file_copy")
        return self.address_of(name)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The address of a database that is gone afterwards."""
        name = f"test_{uuid4().hex[:12]}"
        yield self.create(name, template)
        self._drop(name)

    @contextmanager
    def lent(self, template: str) -> Iterator[str]:
        """The address of a database like this template, which the next test gets as this one did."""
        idle = self._idle.setdefault(template, [])
        lent = idle.pop() if idle else self._made(template)
        yield lent.address
        if self._emptied(lent):
            idle.append(lent)
        else:
            self._gone(lent)

    def put_away(self) -> None:
        """Drop the databases that were lent."""
        for lent in [each for idle in self._idle.values() for each in idle]:
            self._gone(lent)
        for connection in _kept_open():
            connection.close()
        _OPEN.clear()

    def _made(self, template: str) -> _Lent:
        name = f"lent_{uuid4().hex[:12]}"
        address = self.create(name, template)
        connection = psycopg.connect(address, autocommit=True)
        connection.execute("set session_replication_role = replica")
        return _Lent(name, address, connection)

    def _emptied(self, lent: _Lent) -> bool:
        """Whether it stands as it was made. Whoever is connected to it is cut off, but for those who wait for the next test."""
        known = [each.info.backend_pid for each in (lent.connection, *_kept_open()) if not each.closed]
        others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and not pid = any(%s)"
        self.connection.execute(others, [lent.name, known])
        try:
            if lent.connection.execute(f"select 1 from {_KEPT}.altered limit 1".encode()).fetchone():
                return False
            lent.connection.execute(f"select {_KEPT}.restore()".encode())
        except psycopg.OperationalError:  # a test has cut off this connection as well
            return False
        return True

    def _gone(self, lent: _Lent) -> None:
        lent.connection.close()
        self._drop(lent.name)

    def _drop(self, name: str) -> None:
        self.tell(f"drop database {name} with (force)")


def spoiled(engine: Engine, table: str) -> Path:
    """Have a disk fail under a SQLite file: nobody can read one table of it any more. Where the file is."""
    path = Path(str(engine.url.database))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        (size,) = connection.execute("pragma page_size").fetchone()
        (page,) = connection.execute("select rootpage from sqlite_master where name = ?", (table,)).fetchone()
    engine.dispose()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\x99" * size)
    return path
