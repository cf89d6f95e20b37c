"""Databases for one test after the other: to empty one of a PostgreSQL server again takes a tenth of making another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import Dialect, Engine

from core.foundation import database

# Where each template keeps a copy of the rows that its databases begin with.
_KEPT = "as_it_was"
_OURS = "n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"
_TABLES = f"""
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and {_OURS} order by 1, 2
"""
_SEQUENCES = "select schemaname, sequencename, last_value from pg_sequences"
# Whatever is altered, made anew or renamed gives another one.
_SHAPE = f"""
    select md5(string_agg(part, ' ' order by part)) from (
        select c.oid || c.relname || c.relfilenode || c.relnatts
            || (select count(*) from pg_attribute a where a.attrelid = c.oid and (a.attnotnull or a.attisdropped)) as part
        from pg_class c join pg_namespace n on n.oid = c.relnamespace where {_OURS}
        union all
        select k.oid || k.conname from pg_constraint k join pg_namespace n on n.oid = k.connamespace where {_OURS}
        union all
        select p.oid || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {_OURS}
    ) parts
"""


# By the kind of database: what speaks its language, and the statements that were put into it.
_COMPILED: dict[str, tuple[Dialect, Any]] = {}


def connected(url: str) -> Engine:
    """The shop's own engine, at less cost: each statement is compiled once in all tests that use this kind of database."""
    engine = database.connect(url)
    kind = engine.dialect.name
    if kind not in _COMPILED:
        # It learns what it speaks to at its first connection, and may otherwise be the one of an engine that never has any.
        engine.connect().close()
        _COMPILED[kind] = engine.dialect, engine._compiled_cache
    engine.dialect, engine._compiled_cache = _COMPILED[kind]
    return engine


def keep_rows(address: str) -> None:
    """Let databases that are copied from this one be emptied to what it holds now."""
    with psycopg.connect(address, autocommit=True) as connection:
        tables = connection.execute(_TABLES.encode()).fetchall()
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(_KEPT)))
        for schema, name in tables:
            source, kept = sql.Identifier(schema, name), sql.Identifier(_KEPT, f"{schema}.{name}")
            if connection.execute(sql.SQL("select 1 from {} limit 1").format(source)).fetchone():
                connection.execute(sql.SQL("create table {} as table {}").format(kept, source))


@dataclass(frozen=True)
class _Lent:
    """A database that tests use in turn, the shape that it has while its tables are untouched, and how it is emptied."""

    name: str
    address: str
    shape: str
    emptying: bytes


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
            self._drop(lent.name)

    def put_away(self) -> None:
        """Drop the databases that were lent."""
        for lent in [each for idle in self._idle.values() for each in idle]:
            self._drop(lent.name)

    def _made(self, template: str) -> _Lent:
        name = f"lent_{uuid4().hex[:12]}"
        address = self.create(name, template)
        with psycopg.connect(address) as connection:
            return _Lent(name, address, _shape(connection), _emptying(connection))

    def _emptied(self, lent: _Lent) -> bool:
        """Whether it stands as it was made. Whoever is connected to it is cut off."""
        others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"
        self.connection.execute(others, [lent.name])
        with psycopg.connect(lent.address) as connection:
            if _shape(connection) != lent.shape:
                return False
            connection.execute(lent.emptying)
            return True

    def _drop(self, name: str) -> None:
        self.tell(f"drop database {name} with (force)")


def _shape(connection: psycopg.Connection) -> str:
    row = connection.execute(_SHAPE.encode()).fetchone()
    assert row
    return str(row[0])


def _emptying(connection: psycopg.Connection) -> bytes:
    """Statements that bring all rows back to what they were, and the numbers that are counted up."""
    found = [(schema, name) for schema, name in connection.execute(_TABLES.encode()).fetchall()]
    kept = {name for schema, name in found if schema == _KEPT}
    # Rows go in any order while nobody looks at what refers to what.
    parts: list[sql.Composable] = [sql.SQL("set local session_replication_role = replica")]
    for schema, name in found:
        if schema != _KEPT:
            table = sql.Identifier(schema, name)
            parts.append(sql.SQL("delete from {}").format(table))
            if f"{schema}.{name}" in kept:
                source = sql.Identifier(_KEPT, f"{schema}.{name}")
                parts.append(sql.SQL("insert into {} select * from {}").format(table, source))
    for schema, name, value in connection.execute(_SEQUENCES.encode()).fetchall():
        set_to = sql.SQL("select setval({}, {}, {})")
        sequence = sql.Literal(f'"{schema}"."{name}"')
        parts.append(set_to.format(sequence, sql.Literal(value or 1), sql.Literal(value is not None)))
    return sql.SQL("; ").join(parts).as_bytes(connection)
