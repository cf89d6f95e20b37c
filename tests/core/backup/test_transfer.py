"""A shop that began on SQLite goes on in PostgreSQL: every row is there, nothing is owed twice, and what can't be is refused."""

import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Column, Table, insert, inspect, text
from sqlalchemy import Enum as SqlEnum

from core.backup import databases, making, restoring, transfer
from core.backup.restoring import Restored
from core.events import reconciliation
from core.events.handlers import EventState
from core.foundation import migration
from core.foundation.errors import BackupHindered, Hindrance
from core.foundation.records import metadata
from core.foundation.signals import milestones
from core.journeys import refund
from core.orders.orders import Order
from core.orders.refunds import Refund
from core.owner import publishing
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.builders import bought, deliver, on_sqlite, opened, subscribed
from tests.command_line.test_migrate import alembic_config
from tests.conftest import CATALOGUE
from tests.core.backup.places import everything, files, on_postgres
from tests.fakes import FakeStripe

pytestmark = on_sqlite

# What stands in the way of those who copy texts: separators, quotes, marks for what is nothing, and letters of all lengths.
_ODD = "\\N \\. \t tab, \"quote\", 'one', back\\slash\r\n, {a}, ünïcødé \u2028 💶, \x07 "
_DOCUMENT = {"odd": [_ODD, None, True, -1.5, 2**53, "\0"], "half a pair": "\ud83d"}


@contextmanager
def moved(request: pytest.FixtureRequest, shop: Shop, folder: Path, **how: Any) -> Iterator[tuple[Shop, Restored]]:
    """The shop as it is in PostgreSQL, without PostgreSQL's programs, and what was said of it."""
    making.make(shop, folder / "shop.backup")
    with on_postgres(request, shop, folder / "elsewhere") as new:
        yield new, restoring.restore(new, folder / "shop.backup", tools=str(folder), **{"gap": 0, **how})


def rows(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """All rows of all of the shop's tables, but for what says that it was put back."""
    found = everything(shop)
    found["signals"] = [row for row in found["signals"] if row["name"] is not milestones.Name.RESTORED]
    return found


def job_rows(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """All rows of DBOS's tables."""
    looked_at = inspect(shop.engine)
    place = "dbos." if shop.engine.dialect.name == "postgresql" else ""
    with shop.reading() as session:
        return {
            name: sorted(
                (dict(row._mapping) for row in session.execute(text(f"select * from {place}{name}"))), key=repr
            )
            for name in looked_at.get_table_names(place.strip(".") or None)
            if name not in {*metadata.tables, "alembic_version", "schema_ready", "event_dispatch_kv"}
        }


def made_up(table: Table, number: int, before: dict[str, dict[str, Any]], *, bare: bool) -> dict[str, Any]:
    """A row of this table with something in every column, or in as few as can be."""

    def value(column: Column[Any]) -> Any:
        if bare and column.nullable:
            return None
        for key in column.foreign_keys:
            return before[key.column.table.name][key.column.name]
        if column.primary_key and str(column.type) == "VARCHAR":
            return f"{column.name} {number}"
        if isinstance(column.type, SqlEnum):
            return [*column.type.enum_class][-number]  # type: ignore[misc]
        if (table.name, column.name) == ("workshop_dates", "taken"):
            return number  # no more than there are
        return kinds[str(column.type)]

    words = _ODD if not bare else ""
    kinds: dict[str, Any] = {
        "VARCHAR": words, "TEXT": words, "BOOLEAN": not bare, "JSON": _DOCUMENT,
        "INTEGER": 2**31 - 1 - number, "BIGINT": 2**62 - number, "FLOAT": 0.1 + number / 3, "DOUBLE": 1e15 / number,
        "DATETIME": datetime(2038, 1, 19, 3, 14, 7, 120000 + number, UTC), "DATE": date(1999, 12, 31),
    }  # fmt: skip
    return {column.name: value(column) for column in table.columns}


def test_every_column_of_every_table_is_the_same(
    request: pytest.FixtureRequest, bare_shop: Shop, tmp_path: Path
) -> None:
    with bare_shop.transaction() as session:
        session.execute(text("delete from counters"))
        for number, bare in ((1, False), (2, True)):
            written: dict[str, dict[str, Any]] = {}
            for table in metadata.sorted_tables:
                written[table.name] = made_up(table, number, written, bare=bare)
                session.execute(insert(table).values(written[table.name]))
    with bare_shop.reading() as session:
        assert session.execute(text("pragma foreign_key_check")).all() == []
    before = rows(bare_shop)
    assert {len(found) for found in before.values()} <= {1, 2}
    with bare_shop.engine.begin() as connection:
        connection.execute(text("update counters set name = 'order' where name = 'name 1'"))
    before["counters"] = everything(bare_shop)["counters"]
    with moved(request, bare_shop, tmp_path) as (new, done):
        assert rows(new) == before
        assert done.transferred
        assert (done.transferred.replaced, done.transferred.left) == (0, ())
        _assert_same_tables(bare_shop, new)
        with new.reading() as session:
            counted = session.execute(text("select nextval(pg_get_serial_sequence('doctor_findings', 'position'))"))
            assert counted.scalar_one() > max(row["position"] for row in before["doctor_findings"])


def _assert_same_tables(shop: Shop, new: Shop) -> None:
    """No table nor column of SQLite is without one in PostgreSQL, of ours or of DBOS's, which brings both kinds up by itself."""
    mine, theirs = inspect(shop.engine), inspect(new.engine)
    places = {name: place for place in ("public", "dbos") for name in theirs.get_table_names(place)}
    for name in mine.get_table_names():
        columns = {column["name"] for column in theirs.get_columns(name, places[name])}
        assert {column["name"] for column in mine.get_columns(name)} <= columns
    assert _dbos_version(shop) == _dbos_version(new)


def _dbos_version(shop: Shop) -> int:
    place = "dbos." if shop.engine.dialect.name == "postgresql" else ""
    with shop.reading() as session:
        return int(session.execute(text(f"select version from {place}dbos_migrations")).scalar_one())


def test_a_shop_in_trade_goes_on_where_it_stood(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    both = bought(shop, stripe, "kit-eur", ("clinic-eur", 2), cart="both")
    plan, _ = subscribed(shop, stripe, ("plan-month", 3), cart="plan", browser="br_2")
    disputed = bought(shop, stripe, "guide-eur", cart="disputed")
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(builders.payment_of(shop, disputed))))
    back = bought(shop, stripe, "guide-eur", cart="back")
    asked = refund.request(shop, back, actor="owner", key="asked", amount=900)
    waiting, unpaid = opened(shop, cart="waiting", browser="br_3")
    everybody = [both, plan, disputed, back, waiting]
    before, owed = rows(shop), job_rows(shop)
    details = {order_id: builders.detail(shop, order_id) for order_id in everybody}
    assert owed["workflow_status"]
    with moved(request, shop, tmp_path) as (new, done):
        assert (rows(new), files(new)) == (before, files(shop))
        assert _as_told(job_rows(new)) == _as_told(owed)
        assert {order_id: builders.detail(new, order_id) for order_id in everybody} == details
        assert builders.license_key(new, both) == builders.license_key(shop, both)
        assert [item.topic for item in attention.items(new)] == [item.topic for item in attention.items(shop)]
        # What Stripe told before and tells again changes nothing, and nothing is owed for it once more.
        told, jobs = builders.rows(new, Refund), builders.jobs(new)
        completed = [paid for paid, said in stripe.sessions.items() if said["status"] == "complete"]
        assert len(completed) == 4
        for event in [*stripe.happened, *(stripe.event("completed", paid) for paid in completed)]:
            deliver(new, event)
        assert (builders.jobs(new), builders.rows(new, Refund)) == (jobs, told)
        # What it tells for the first time is applied, once.
        event = stripe.tell("refund.updated", stripe.refunds[next(reversed(stripe.refunds))])
        assert [deliver(new, event).state for _ in range(2)] == [EventState.APPLIED] * 2
        stripe.pay(unpaid)
        deliver(new, stripe.event("completed", unpaid))
        assert builders.log(new, waiting).count("fulfilled") == 1
        assert [row.id for row in builders.rows(new, Refund) if row.order_id == back] == [asked.id]
        next_one = bought(new, stripe, "guide-eur", cart="next")
        numbers = {int(builders.order(new, order_id).number.removeprefix("SH-")) for order_id in everybody}
        assert done.after == max(numbers)
        assert builders.order(new, next_one).number == f"SH-{done.after + 1}"
        assert reconciliation.sweep(new, everything=True).failed == []


def _as_told(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The same with yes and no as both kinds of databases say it, without columns that only one of them has."""
    return {
        name: [
            {
                column: int(said) if isinstance(said, bool) else said
                for column, said in row.items()
                if column != "request"
            }
            for row in found_in
        ]
        for name, found_in in found.items()
    }


def test_what_was_backed_up_by_an_older_version_is_brought_up_on_its_way(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    order_id = bought(shop, stripe)
    command.downgrade(alembic_config(shop.engine), "0045")
    with shop.transaction() as session:
        session.execute(text("update schema_ready set version = '0045'"))
    with moved(request, shop, tmp_path) as (new, done):
        assert done.manifest.schema == "0045"
        assert migration.current(new.engine) == migration.newest()
        assert builders.status(new, order_id) == "fulfilled"


def test_what_became_of_it_is_said(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    """How many numbers are left out, in how many texts a letter is another, and which tables of others stayed behind."""
    bought(shop, stripe)
    with shop.transaction() as session:
        session.execute(text("update orders set name = :name"), {"name": "No\0ra"})
        session.execute(text("create table _litestream_seq (id integer primary key, seq integer)"))
    seen: list[str] = []
    with moved(request, shop, tmp_path, gap=50, progress=seen.append) as (new, done):
        assert [order.name for order in builders.rows(new, Order)] == ["No\ufffdra"]
        assert done.transferred
        assert (done.transferred.replaced, done.transferred.left) == (1, ("_litestream_seq",))
        assert done.after == 1051
        assert builders.order(new, bought(new, stripe, cart="next")).number == "SH-1052"
        with new.reading() as session:
            assert milestones.last(session, milestones.Name.RESTORED)


def _too_large(connection: sqlite3.Connection) -> None:
    connection.execute("update order_lines set quantity = 3000000000")


def _leads_nowhere(connection: sqlite3.Connection) -> None:
    connection.execute("pragma foreign_keys = off")
    connection.execute("update order_lines set order_id = 'ord_of_nobody'")


def _not_packed(connection: sqlite3.Connection) -> None:
    connection.execute("update stripe_events set payload = x'0102'")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_too_large, "order_lines.quantity, row 1: value \"3000000000\" is out of range for type integer"),
        (_leads_nowhere, "order_lines: insert or update on table"),
        (_not_packed, "stripe_events: Error -3 while decompressing"),
    ],
    ids=["too large", "leads nowhere", "not packed"],
)  # fmt: skip
def test_what_postgresql_does_not_take_is_named_and_leaves_it_empty(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path,
    spoil: Callable[[sqlite3.Connection], None], said: str,
) -> None:  # fmt: skip
    bought(shop, stripe)
    with closing(sqlite3.connect(databases.path_of(shop.settings.database_url))) as connection:
        spoil(connection)
        connection.commit()
    making.make(shop, tmp_path / "odd.backup")
    with on_postgres(request, shop, tmp_path / "elsewhere") as new:
        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, tmp_path / "odd.backup")
        assert hindered.value.why is Hindrance.NOT_TRANSFERRED
        assert hindered.value.detail.startswith(said)
        assert databases.is_empty(new.engine)


def test_whoever_stops_it_on_its_way_may_begin_again(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    order_id = bought(shop, stripe)

    def stop(what: str) -> None:
        if what.startswith("database, "):
            raise KeyboardInterrupt

    making.make(shop, tmp_path / "shop.backup")
    with on_postgres(request, shop, tmp_path / "elsewhere") as new:
        with pytest.raises(KeyboardInterrupt):
            restoring.restore(new, tmp_path / "shop.backup", progress=stop)
        restoring.restore(new, tmp_path / "shop.backup")
        assert builders.status(new, order_id) == "fulfilled"


def test_a_shop_that_is_opened_meanwhile_where_it_is_to_go_is_not_emptied(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    making.make(shop, tmp_path / "shop.backup", with_files=False)
    with on_postgres(request, shop, tmp_path / "elsewhere") as new:

        def open_meanwhile(what: str) -> None:
            if what == "database":
                migration.ensure(new.engine, new.settings.database_url, secret=new.signing_key)
                publishing.apply(new, CATALOGUE)

        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, tmp_path / "shop.backup", progress=open_meanwhile)
        assert hindered.value.why is Hindrance.NOT_EMPTY
        assert builders.status(new, bought(new, stripe)) == "fulfilled"


_MANY = """
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
    insert into customer_notes (id, customer_id, who, text, created_at)
    select 'note_' || i, (select id from customers), 'owner', hex(zeroblob(1000)), '2026-11-23 10:24:00.000000' from n
"""


def test_however_many_rows_there_are_few_of_them_are_in_memory(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe
) -> None:
    bought(shop, stripe)
    with shop.transaction() as session:
        session.execute(text(_MANY))
    seen: list[str] = []
    request.getfixturevalue("postgres_templates")
    with request.getfixturevalue("postgres_server").database("migrated") as url:
        tracemalloc.start()
        try:
            done = transfer.transfer(databases.path_of(shop.settings.database_url), url, progress=seen.append)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert done.rows > 20000
    assert most < 8_000_000  # of forty that are in the table
    assert len({each for each in seen if each.startswith("database, ")}) > 5
