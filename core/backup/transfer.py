"""Every row of a SQLite database in PostgreSQL's tables: what a shop that began small takes along when it moves."""

import re
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Inspector, inspect

from core.backup import databases
from core.foundation import masking
from core.foundation.errors import BackupHindered, Hindrance
from core.foundation.writes import packing

# What migrations keep of themselves. Both databases are at the same one.
_OF_MIGRATIONS = frozenset({"alembic_version", "schema_ready", "dbos_migrations"})
# After so many rows it is said how far it is.
_TOLD_EVERY = 2000
# PostgreSQL's texts have no letter 0. This one stands for what could not be read.
_NUL, _INSTEAD = "\0", "\N{REPLACEMENT CHARACTER}"
# The server waits for as long as a large shop takes. Moments stand in SQLite in UTC, without saying so.
_SETTINGS = """
    set local statement_timeout = 0; set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0;
    set local timezone = 'UTC'; set local datestyle = 'ISO'
"""
_WHERE = re.compile(r"line (\d+)(?:, column ([^:]+))?")


@dataclass(frozen=True)
class Transferred:
    """How many `rows` there are now, in how many texts a NUL was `replaced`, and which tables of others were `left` behind."""

    rows: int
    replaced: int
    left: tuple[str, ...]


def transfer(source: Path, url: str, *, progress: Callable[[str], object]) -> Transferred:
    """Copy what is in a SQLite file into PostgreSQL, in one transaction: the shop's tables and those of its jobs, of which none
    is lost or owed once more. Both are at this version, and nobody writes into either.

    Raises BackupHindered for a row that PostgreSQL does not take.
    """
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as original,
        databases.plain(url).begin() as connection,
    ):
        connection.exec_driver_sql(_SETTINGS)
        found = _tables(original)
        places = {name: place for name, place in _places(inspect(connection)).items() if name in found}
        # What migrations put into them is in the other one too. Nobody else comes in until it is done.
        connection.exec_driver_sql(f"truncate {', '.join(places.values())}")
        copying = _Copying(original, connection, sum(_count(original, name) for name in places), progress)
        for name, place in places.items():
            copying.copy(name, place)
        _go_on_counting(connection, places)
        return Transferred(copying.rows, copying.replaced, tuple(sorted(found - places.keys())))


@dataclass
class _Copying:
    """What is under way, and how far it is."""

    _original: sqlite3.Connection
    _connection: Connection
    _total: int
    _progress: Callable[[str], object]
    rows: int = field(default=0, init=False)
    replaced: int = field(default=0, init=False)

    def copy(self, name: str, place: str) -> None:
        """All rows of one table, as they come: however many there are, few of them are in memory."""
        rows = self._original.execute(f"select * from {_quoted(name)}")
        columns = ", ".join(_quoted(column) for column, *_ in rows.description)
        cursor = self._connection.connection.cursor()
        with _telling_of(name), cursor.copy(f"copy {place} ({columns}) from stdin") as copy:
            for row in self._counted(rows):
                copy.write_row([self._value(value) if isinstance(value, (str, bytes)) else value for value in row])
        # Its statistics, by which statements find rows: a server looks by itself, but not at once.
        self._connection.exec_driver_sql(f"analyze {place}")

    def _counted(self, rows: Iterable[Any]) -> Iterator[Any]:
        for row in rows:
            if self.rows % _TOLD_EVERY == 0:
                self._progress(f"database, {100 * self.rows // self._total} %")
            self.rows += 1
            yield row

    def _value(self, value: str | bytes) -> str | None:
        text = packing.unpacked(value)
        if text and _NUL in text:
            self.replaced += 1
            return text.replace(_NUL, _INSTEAD)
        return text


def _tables(original: sqlite3.Connection) -> set[str]:
    names = original.execute(
        "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\'"
    )
    return {name for (name,) in names} - _OF_MIGRATIONS


def _count(original: sqlite3.Connection, name: str) -> int:
    return int(original.execute(f"select count(*) from {_quoted(name)}").fetchone()[0])


def _places(looked_at: Inspector) -> dict[str, str]:
    """Where PostgreSQL has each table, those that others refer to before these."""
    return {
        name: f"{_quoted(schema)}.{_quoted(name)}"
        for schema in databases.schemas(looked_at)
        for name, _ in looked_at.get_sorted_table_and_fkc_names(schema)
        if name
    }


def _go_on_counting(connection: Connection, places: dict[str, str]) -> None:
    """Have what PostgreSQL counts by itself go on after the last that was copied."""
    owned = "select a.attname, pg_get_serial_sequence(%(place)s, a.attname) from pg_attribute a where a.attnum > 0"
    of_table = f"{owned} and not a.attisdropped and a.attrelid = %(place)s::regclass"
    for place in places.values():
        for column, sequence in connection.exec_driver_sql(of_table, {"place": place}).all():
            if sequence:
                last = f"max({_quoted(column)})"
                connection.exec_driver_sql(
                    f"select setval(%(it)s, {last}) from {place} having {last} is not null", {"it": sequence}
                )


@contextmanager
def _telling_of(name: str) -> Iterator[None]:
    """Say which table it was, and where in it, if one of the two databases does not go on."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        where = _WHERE.search(error.diag.context or "")
        column = f".{where[2]}" if where and where[2] else ""
        row = f", row {where[1]}" if where else ""
        said = masking.masked(error.diag.message_primary or str(error).partition("\n")[0])
        raise BackupHindered(Hindrance.NOT_TRANSFERRED, f"{name}{column}{row}: {said}") from error
    except (sqlite3.Error, zlib.error, UnicodeError) as error:
        raise BackupHindered(Hindrance.NOT_TRANSFERRED, f"{name}: {masking.masked(str(error))}") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
