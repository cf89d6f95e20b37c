"""Units of work that the database gives up for others' sake, and that are done again."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, OperationalError, PendingRollbackError, ProgrammingError
from sqlmodel import Session

from core.catalog.products import Product
from core.connections import postgres, statements
from core.foundation import database
from core.foundation.database import repeatable
from core.shop import Shop
from tests import builders, machine, seed


class GivenUp(Exception):
    """What a driver raises for a transaction that the database ended."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(("sqlstate", "times"), [("40P01", 3), ("40001", 3), ("23505", 1)])
def test_what_was_given_up_is_tried_again_and_nothing_else_is(sqlstate: str, times: int) -> None:
    tries = []

    @repeatable
    def work(answer: str) -> str:
        tries.append(answer)
        if len(tries) < 3:
            raise DBAPIError("update", {}, GivenUp(sqlstate))
        return answer

    if times == 1:
        with pytest.raises(DBAPIError):
            work("done")
    else:
        assert work("done") == "done"
    assert len(tries) == times


def test_it_is_not_tried_for_ever() -> None:
    tries = []

    @repeatable
    def work() -> None:
        tries.append(1)
        raise DBAPIError("update", {}, GivenUp("40P01"))

    with pytest.raises(DBAPIError):
        work()
    assert len(tries) == 6


def test_transactions_that_lock_the_same_rows_crosswise_all_come_to_their_end(shop: Shop) -> None:
    @repeatable
    def work(first: str, second: str) -> None:
        with shop.transaction() as session:
            for product in (first, second):
                session.execute(
                    text("update products set max_quantity = max_quantity + 1 where id = :id"), {"id": product}
                )

    pairs = [("guide", "kit"), ("kit", "guide")] * 4
    results = builders.at_once(*[lambda pair=pair: work(*pair) for pair in pairs])
    assert results == [None] * 8
    with shop.reading() as session:
        counts = session.execute(text("select max_quantity from products where id in ('guide', 'kit') order by id"))
        assert list(counts.scalars()) == [5 + 8, 1 + 8]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whenever a connection is asked whether it still stands."""
    times: list[object] = []
    ping = PGDialect_psycopg.do_ping

    def heard(self: PGDialect_psycopg, connection: Any) -> bool:
        times.append(connection)
        return ping(self, connection)

    monkeypatch.setattr(PGDialect_psycopg, "do_ping", heard)
    return times


def one(engine: Engine) -> int:
    with database.transaction(engine, now=datetime.now) as session:
        return int(session.execute(text("select 1")).scalar_one())


def test_connections_outlive_a_restart_of_the_server(asked: list[object]) -> None:
    with machine.postgres() as address:
        engine = database.connect(address)
        assert builders.at_once(*[lambda: one(engine)] * 3) == [1, 1, 1]
        machine.restart(address)
        assert [one(engine) for _ in range(5)] == [1] * 5
        assert len(asked) == 1  # the first that was found gone spoke for all
        engine.dispose()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_only_a_connection_that_lay_idle_is_asked_before_it_is_used(
    database_url: str, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = database.connect(database_url)
    assert [one(engine) for _ in range(5)] == [1] * 5
    assert asked == []
    later = monotonic() + 6
    monkeypatch.setattr(postgres, "monotonic", lambda: later)
    assert one(engine) == one(engine) == 1
    assert len(asked) == 1
    engine.dispose()


def _status(session: Session) -> TransactionStatus:
    """What the server says of the transaction that a session has open there, once it was asked something."""
    session.execute(text("select 1"))
    driver: Any = session.connection().connection.driver_connection
    return TransactionStatus(driver.info.transaction_status)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_only_reads_sends_postgresql_the_questions_and_neither_a_beginning_nor_an_end(database_url: str) -> None:
    engine = database.connect(database_url)
    for _ in range(2):  # over the same connection, one after the other
        with database.reading(engine) as session:
            assert _status(session) == TransactionStatus.IDLE
        with database.transaction(engine, now=datetime.now) as session:
            assert _status(session) == TransactionStatus.INTRANS
        # What takes its time is told so for a transaction.
        with database.reading(engine, patiently=True) as session:
            assert _status(session) == TransactionStatus.INTRANS
    assert engine.pool.checkedin() == 1
    engine.dispose()


@pytest.mark.parametrize(
    "words",
    [
        "insert into written values (1)",
        "INSERT INTO written VALUES (1) RETURNING number",
        " update written set number = 2",
        "with done as (insert into written values (1) returning 1) select * from done",
        "WITH done AS (DELETE FROM written RETURNING 1) SELECT * FROM done",
        "select number from written for update",
        "select number from written for no key update skip locked",
        "select pg_advisory_xact_lock(1)",
        "drop table written",
        "create table another (number int)",
    ],
)
@pytest.mark.parametrize("driven", [True, False])
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_whatever_else_a_reader_does_is_undone(database_url: str, words: str, *, driven: bool) -> None:
    engine = database.connect(database_url)
    with database.transaction(engine, now=datetime.now) as session:
        session.execute(text("create table written (number int); create table kept (number int)"))
        session.execute(text("insert into written values (7)"))
    with database.reading(engine) as session:
        assert _status(session) == TransactionStatus.IDLE
        if driven:
            statements.tell(session.connection(), words, ())
            statements.send(session.connection())
        else:
            session.execute(text(words))
        assert _status(session) == TransactionStatus.INTRANS
        session.execute(text("insert into kept values (8)"))
    with database.reading(engine) as session:
        assert _status(session) == TransactionStatus.IDLE
        assert session.execute(text("select array_agg(number) from written")).scalar() == [7]
        assert session.execute(text("select to_regclass('another'), (select count(*) from kept)")).one() == (None, 0)
    engine.dispose()


@pytest.mark.parametrize(
    "words",
    [
        "select updated_at from orders",
        "SELECT orders.id FROM orders WHERE orders.id IN (SELECT 1)",
        "WITH sold AS (SELECT 1 AS one) SELECT one FROM sold",
        "select deleted, for_sale, locked_at from products",
    ],
)
def test_a_question_is_known_by_its_words(words: str) -> None:
    assert postgres._only_reads(words)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_reader_whose_question_failed_leaves_a_connection_that_writes_in_transactions(database_url: str) -> None:
    engine = database.connect(database_url)
    with pytest.raises(ProgrammingError), database.reading(engine) as session:
        session.execute(text("select nothing_of_this_name"))
    with suppress(ZeroDivisionError), database.transaction(engine, now=datetime.now) as session:
        session.execute(text("create table written (number int)"))
        raise ZeroDivisionError
    with database.reading(engine) as session:
        assert session.execute(text("select to_regclass('written')")).scalar() is None
    assert engine.pool.checkedin() == 1
    engine.dispose()


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_reader_whose_connection_was_cut_hurts_nobody_after_it(database_url: str) -> None:
    engine = database.connect(database_url)
    with database.reading(engine) as session:
        [mine] = session.execute(text("select pg_backend_pid()")).one()
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s, 5000)", [mine])
        with pytest.raises(OperationalError):
            session.execute(text("select 1"))
    with database.reading(engine) as session:
        assert _status(session) == TransactionStatus.IDLE
    assert one(engine) == 1
    engine.dispose()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_threads_write_into_sqlite_in_turn_so_that_none_has_to_look_again(database_url: str) -> None:
    engine = database.connect(database_url)
    writing: list[int] = []
    most: list[int] = []

    def taken(*_: object) -> None:
        writing.append(1)
        most.append(len(writing))

    event.listen(engine, "checkout", taken)
    event.listen(engine, "commit", lambda _connection: writing.pop())
    event.listen(engine, "rollback", lambda _connection: writing.pop())

    def write(number: int) -> None:
        with database.transaction(engine, now=datetime.now) as session:
            session.execute(
                text("insert into shop_texts (key, text, from_demo) values (:key, '', false)"), {"key": number}
            )
            sleep(0.005)  # long enough for the others to come meanwhile
            if number % 2:
                raise ValueError(number)

    results = builders.at_once(*[lambda number=number: write(number) for number in range(16)])
    assert [str(each) for each in results if each] == [str(number) for number in range(1, 16, 2)]
    assert most == [1] * 16
    with database.reading(engine) as session:
        assert session.execute(text("select count(*) from shop_texts")).scalar_one() == 8


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_sqlite_is_opened_once_for_transactions_that_follow_each_other(database_url: str) -> None:
    engine = database.connect(database_url)
    opened: list[object] = []
    event.listen(engine, "connect", lambda connection, _record: opened.append(connection))
    for number in range(3):
        with database.transaction(engine, now=datetime.now) as session:
            session.execute(
                text("insert into shop_texts (key, text, from_demo) values (:key, '', false)"), {"key": str(number)}
            )
        with database.reading(engine) as session:
            assert session.execute(text("select count(*) from shop_texts")).scalar_one() == number + 1
    assert len(opened) == 1


def test_an_attribute_that_is_set_to_what_it_is_changes_nothing(shop: Shop) -> None:
    with shop.transaction() as session:
        product = session.get_one(Product, "guide")
        product.name, product.summary, product.active = str(product.name), str(product.summary), True
        assert product not in session.dirty
        product.name = "Another guide"
        assert product in session.dirty


def test_sqlite_goes_by_what_few_rows_have_once_it_has_looked_how_they_are_spread(shop: Shop) -> None:
    if shop.engine.dialect.name != "sqlite":
        return  # PostgreSQL looks by itself
    seed.seed(shop.engine, 400)
    question = "select id from orders where customer_id = 'cus_7' and livemode = false order by created_at desc limit 1"
    plans = []
    for _ in range(2):
        with shop.engine.begin() as connection:
            plans.append(str(connection.exec_driver_sql(f"explain query plan {question}").all()))
        database.keep_statistics(shop.engine)
        shop.engine.dispose()  # whoever is connected knows what was known then
    assert "livemode=?" in plans[0]
    assert "customer_id=?" in plans[1]


def test_what_is_asked_of_a_connection_that_was_lost_midway_says_that_the_database_is_away(shop: Shop) -> None:
    with shop.engine.connect() as connection:
        connection.begin()
        connection.invalidate()
        with pytest.raises(PendingRollbackError) as lost:
            connection.exec_driver_sql("select 1")
    assert database.is_away(lost.value)
    assert not database.is_away(PendingRollbackError("an earlier mistake", code="7s2a"))


def test_nobody_else_on_the_machine_reads_a_database_or_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    places = [tmp_path / "var" / "shop.db", tmp_path / "open" / "shop.db"]
    before = os.umask(0o022)
    try:
        for place in places:
            engine = database.connect(f"sqlite:///{place}")
            assert not place.exists()
            with engine.begin() as connection:
                connection.execute(text("create table people (email text)"))
                connection.execute(text("insert into people values ('nora@lindqvist.example')"))
            written = [each for each in place.parent.iterdir() if each.stat().st_size]
            assert {each.name for each in written} >= {"shop.db", "shop.db-wal"}
            assert [oct(each.stat().st_mode & 0o007) for each in written] == [oct(0)] * len(written)
            engine.dispose()
    finally:
        os.umask(before)
    assert [place.parent.stat().st_mode & 0o007 for place in places] == [0, 0o005]
