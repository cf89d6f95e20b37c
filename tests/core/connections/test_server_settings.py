"""What a PostgreSQL server or one of its databases may be set to that the shop would not bear."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text

from core import opening
from core.connections import postgres, statements
from core.foundation import database, migration
from core.foundation.settings import Settings
from core.owner.doctor import house
from tests.databases import Server

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


@contextmanager
def kept_in(server: Server, encoding: str) -> Iterator[str]:
    """A database that keeps its texts so; its address."""
    name = f"test_{uuid4().hex[:12]}"
    server.tell(f"create database {name} encoding '{encoding}' template template0 lc_collate 'C' lc_ctype 'C'")
    try:
        yield server.address_of(name)
    finally:
        server.tell(f"drop database {name} with (force)")


@contextmanager
def set_to(server: Server, **settings: str) -> Iterator[str]:
    """A database that is set so for whoever says nothing else; its address."""
    with server.database() as address:
        for name, value in settings.items():
            server.tell(f"alter database {address.partition('?')[0].rpartition('/')[2]} set {name} = '{value}'")
        yield address


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres, MDY"])
@pytest.mark.parametrize("told", [lambda engine: engine, database.patient])
def test_times_are_read_whatever_way_a_server_writes_them_for_others(
    postgres_server: Server, style: str, told: Callable
) -> None:
    with set_to(postgres_server, datestyle=style) as address:
        engine = database.connect(address)
        with told(engine).begin() as connection:
            assert connection.scalar(text("select :at\\:\\:timestamptz"), {"at": NOON}) == NOON
            assert connection.scalar(text("select timestamptz '2026-11-03 12:00+00'")) == NOON
        engine.dispose()
        with psycopg.connect(address, options=postgres.options()) as connection:  # as the worker's library has them
            assert connection.execute("select timestamptz '2026-11-03 12:00+00'").fetchone() == (NOON,)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
@pytest.mark.parametrize("told", [lambda engine: engine, database.patient])
def test_who_has_waited_for_a_lock_sees_what_was_written_meanwhile(
    postgres_server: Server, level: str, told: Callable[[Engine], Engine]
) -> None:
    with set_to(postgres_server, default_transaction_isolation=level) as address:
        engine = database.connect(address)
        asked = "select current_setting('transaction_isolation')"
        with told(engine).begin() as connection:
            assert connection.scalar(text(asked)) == "read committed"
        with told(engine).begin() as connection:  # and where it is asked of the driver's library itself
            assert statements.ask(connection, asked, ()) == [("read committed",)]
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            assert connection.scalar(text(asked)) == "read committed"
        with told(engine).begin() as connection:  # also on one that was lent to somebody who began no transaction
            assert connection.scalar(text(asked)) == "read committed"
        engine.dispose()
        with psycopg.connect(address, options=postgres.options()) as connection:  # as the worker's library has them
            assert connection.execute(asked).fetchone() == ("read committed",)


def test_nothing_in_a_list_of_values_is_nothing_whatever_a_server_reads_there(postgres_server: Server) -> None:
    with set_to(postgres_server, array_nulls="off") as address:
        engine = database.connect(address)
        with engine.begin() as connection:
            assert statements.ask(connection, "select unnest(%s::varchar[])", (["a", None],)) == [("a",), (None,)]
        engine.dispose()


@pytest.mark.parametrize("told", [lambda engine: engine, database.patient])
def test_no_statement_is_compiled_to_machine_code_on_servers_that_would(
    postgres_server: Server, told: Callable[[Engine], Engine]
) -> None:
    with postgres_server.database() as address:
        engine = database.connect(address)
        with told(engine).begin() as connection:
            assert connection.scalar(text("show jit")) == "off"
        engine.dispose()
        with psycopg.connect(address, options=postgres.options()) as connection:  # as the worker's library has them
            assert connection.execute("show jit").fetchone() == ("off",)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_shop_begins_in_no_database_that_lacks_letters(postgres_server: Server, encoding: str) -> None:
    with kept_in(postgres_server, encoding) as address:
        engine, chosen = database.connect(address), Settings(database_url=address)
        with pytest.raises(SystemExit, match=f"DATABASE_URL: leads to a database that keeps texts in {encoding}"):
            opening.migrate(chosen, engine, secret="a secret of sixteen letters")
        assert migration.current(engine) is None
        engine.dispose()


def test_a_shop_that_is_in_one_already_goes_on_and_is_told(
    postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with kept_in(postgres_server, "LATIN1") as address:
        engine, chosen = database.connect(address), Settings(database_url=address)
        migration.ensure(engine, address)
        assert opening.migrate(chosen, engine, secret="a secret of sixteen letters") is False
        (finding,) = house.encoding(SimpleNamespace(engine=engine))  # type: ignore[arg-type]
        assert (finding.level, finding.what) == ("wrong", "The database keeps texts in LATIN1, which lacks letters.")
        engine.dispose()


def test_nothing_is_said_of_a_database_that_keeps_every_letter(postgres_server: Server) -> None:
    with postgres_server.database() as address:
        engine = database.connect(address)
        assert (postgres.encoding(engine), list(house.encoding(SimpleNamespace(engine=engine)))) == ("UTF8", [])  # type: ignore[arg-type]
        engine.dispose()
