"""What PostgreSQL is sent in one go: prepared once on each connection, and as it would be sent one by one."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from core.connections.statements import Expected, Question, answered, ask, ask_all, ask_along, begin, send, tell
from core.shop import Shop
from tests.machine import eventually

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


DOUBLED = "update counters set value = 2 * value where name like 'apples%%' and value <= %s"
ALONG = Question("select value from counters where name = 'apples'", ())


def test_what_is_asked_along_is_answered_with_what_comes_next_and_told_once(shop: Shop) -> None:
    with shop.engine.begin() as connection:
        ask_along(connection, "apples", ALONG)
        assert answered(connection, "apples") is None
        tell(connection, LANDS, ("apples", 1))
        assert ask(connection, "select 'next'", ()) == [("next",)]
        assert answered(connection, "apples") == [(1,)]
        assert answered(connection, "apples") is None


def test_what_was_answered_is_not_believed_once_something_was_changed(shop: Shop) -> None:
    changes: Sequence[Any] = [
        lambda connection: tell(connection, LANDS, ("pears", 1)),
        lambda connection: connection.exec_driver_sql("insert into counters (name, value) values ('plums', 1)"),
        lambda connection: connection.execute(text("UPDATE counters SET value = 2")),
    ]
    for change in changes:
        with shop.engine.begin() as connection:
            ask_along(connection, "apples", ALONG)
            ask(connection, "select 'next'", ())
            change(connection)
            assert answered(connection, "apples") is None
    with shop.engine.begin() as connection:
        ask_along(connection, "apples", ALONG)
        ask(connection, "select 'next'", ())
        connection.execute(select(1))
        assert answered(connection, "apples") == []


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_nothing_is_known_of_what_another_transaction_asked(shop: Shop, end: str, asked: bool) -> None:
    with shop.engine.connect() as connection:
        before = connection.begin()
        ask_along(connection, "apples", ALONG)
        if asked:
            ask(connection, "select 'next'", ())
        getattr(before, end)()
        with connection.begin():
            assert ask(connection, "select 'another'", ()) == [("another",)]
            assert answered(connection, "apples") is None


@pytest.mark.parametrize(("least", "expected"), [(1, 2), (0, 1), (1, 0)])
def test_what_is_done_to_other_rows_than_expected_is_undone_also_where_nobody_asked(
    shop: Shop, least: int, expected: int
) -> None:
    with shop.engine.connect() as connection:
        told = connection.begin()
        tell(connection, LANDS, ("apples", 1))
        tell(connection, DOUBLED, (least,), expected=Expected(expected, LookupError))
        with pytest.raises(LookupError):
            told.commit()
    with shop.engine.begin() as connection:
        assert ask(connection, "select 1 from counters where name = 'apples'", ()) == []


def test_what_is_done_to_the_rows_that_were_expected_stays(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        with connection.begin():
            tell(connection, LANDS, ("apples", 1))
            tell(connection, LANDS, ("apples of another kind", 1))
            tell(connection, DOUBLED, (1,), expected=Expected(2, LookupError))
        with connection.begin():
            assert ask(connection, "select value from counters where name like 'apples%%'", ()) == [(2,), (2,)]


def test_what_fails_only_because_of_what_was_not_as_expected_is_told_as_that(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        tell(connection, "delete from counters where name = 'none'", (), expected=Expected(1, LookupError))
        with pytest.raises(LookupError):
            ask(connection, "select 1 / 0", ())


def test_a_division_by_zero_of_anybody_elses_is_no_more_than_that(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        told = connection.begin()
        tell(connection, "insert into counters (name, value) values ('apples', 1 / %s)", (0,))
        with pytest.raises(DataError, match="division by zero"):
            told.commit()


TAKES = "select pg_advisory_xact_lock(%s)"
HELD = "select count(*) from pg_locks where locktype = 'advisory' and granted and objid = %s"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_what_takes_long_is_begun_at_once_and_ends_with_its_transaction(shop: Shop, end: str) -> None:
    with shop.engine.connect() as connection, shop.engine.connect() as other:
        told = connection.begin()
        tell(connection, LANDS, ("apples", 1))
        tell(connection, TAKES, (17,))
        begin(connection)
        eventually(lambda: ask(other, HELD, (17,)) == [(1,)])
        getattr(told, end)()
        assert ask(other, HELD, (17,)) == [(0,)]
        with connection.begin():
            assert ask(connection, *_of("apples")) == ([(1,)] if end == "commit" else [])


def test_what_was_told_in_vain_is_forgotten_with_its_transaction(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        with connection.begin() as undone:
            tell(connection, "select 1 / %s", (0,))
            begin(connection)
            undone.rollback()
        with connection.begin():
            assert ask(connection, "select 'still here'", ()) == [("still here",)]


def test_values_that_no_database_takes_spoil_nothing_that_was_told_before(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        with connection.begin():
            tell(connection, LANDS, ("apples", 1))
            begin(connection)
            with pytest.raises(DataError):
                tell(connection, LANDS, ("pears\0", 1))
            with pytest.raises(DataError):
                ask_all(connection, [ALONG, Question("select %s::text", ("pears\0",))])
            assert ask(connection, *_of("apples")) == [(1,)]
        assert ask(connection, *_of("apples")) == [(1,)]


def test_what_was_told_before_values_that_no_database_takes_is_still_to_be_as_expected(shop: Shop) -> None:
    with shop.engine.connect() as connection, connection.begin():
        tell(connection, LANDS, ("apples", 1))
        tell(connection, DOUBLED, (1,), expected=Expected(2, LookupError))
        with pytest.raises(DataError):
            ask(connection, "select %s::text", ("pears\0",))
        with pytest.raises(LookupError):
            ask(connection, "select 'next'", ())


def _of(name: str) -> tuple[str, tuple[str]]:
    return "select value from counters where name = %s", (name,)


def test_more_than_there_is_room_for_is_told_all_the_same(shop: Shop) -> None:
    with shop.engine.connect() as connection, connection.begin():
        for number in range(40):
            tell(connection, LANDS, (f"{number} {'x' * 1_000}", number))
            begin(connection)
            tell(connection, "select %s::text", ("y" * 200_000,))
            begin(connection)
        assert ask(connection, "select count(*) from counters where name like '%%x'", ()) == [(40,)]


def test_a_savepoint_that_is_undone_undoes_what_was_told_in_it(shop: Shop) -> None:
    with shop.engine.connect() as connection, connection.begin():
        tell(connection, LANDS, ("apples", 1))
        begin(connection)
        inner = connection.begin_nested()
        tell(connection, LANDS, ("pears", 1))
        begin(connection)
        inner.rollback()
        assert ask(connection, *_of("apples")) == [(1,)]
        assert ask(connection, *_of("pears")) == []


def test_what_was_told_is_begun_when_that_is_asked_for(shop: Shop) -> None:
    with shop.engine.connect() as connection, shop.engine.connect() as other, connection.begin():
        begin(connection)  # there is nothing as yet
        tell(connection, TAKES, (18,))
        begin(connection)
        eventually(lambda: ask(other, HELD, (18,)) == [(1,)])
        assert ask(connection, "select 'next'", ()) == [("next",)]
