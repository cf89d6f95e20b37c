"""What PostgreSQL is sent in one go: prepared once on each connection, and as it would be sent one by one."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from core.connections.statements import Question, ask, ask_all, send, tell
from core.shop import Shop

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
NAMED = "select count(*) from pg_prepared_statements where name like 'pushcart%%'"
LANDS = "insert into counters (name, value) values (%s, %s)"


def prepared(connection: Connection) -> int:
    return int(connection.exec_driver_sql(NAMED).scalar_one())


def test_a_statement_is_prepared_once_whatever_its_values_and_stays_when_a_transaction_is_undone(shop: Shop) -> None:
    echo = "select %s::bigint, %s::text"
    given: Sequence[tuple[Any, ...]] = [(1, "a"), (2**40, None), (None, "Größe »L«, 100 % \\ '\" {}")]
    with shop.engine.connect() as connection:
        before = prepared(connection)
        for values in given:
            assert ask(connection, echo, values) == [values]
        connection.rollback()
        assert ask(connection, echo, (3, "b")) == [(3, "b")]
        assert prepared(connection) == before + 1


def test_what_is_wrong_with_one_is_said_of_it_and_the_connection_is_of_use_afterwards(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        tell(connection, LANDS, ("apples", 1))
        tell(connection, LANDS, ("apples", 2))
        with pytest.raises(IntegrityError, match="insert into counters"):
            ask(connection, "select 'never asked'", ())
        with connection.begin() as undone:
            assert ask_all(connection, [Question("select 1", ()), Question("select 2", ())]) == [[(1,)], [(2,)]]
            tell(connection, LANDS, ("apples", 3))
            send(connection)
            undone.rollback()
        with connection.begin():
            assert ask(connection, "select name from counters where name = %s", ("apples",)) == []


def test_a_text_that_the_database_cannot_hold_is_not_cut_off(shop: Shop) -> None:
    with shop.engine.connect() as connection, pytest.raises(DataError):
        ask(connection, "select %s::text", ("apples\0and pears",))


def test_a_connection_that_was_cut_off_is_given_up(shop: Shop) -> None:
    with shop.engine.connect() as connection, shop.engine.connect() as other:
        [(backend,)] = ask(connection, "select pg_backend_pid()", ())
        ask(other, "select pg_terminate_backend(%s)", (backend,))
        with pytest.raises(OperationalError) as raised:
            ask_all(connection, [Question("select 1", ()), Question("select 2", ())])
        assert raised.value.connection_invalidated
        connection.rollback()
        assert ask(connection, "select 1", ()) == [(1,)]
