"""The schema: made once by whoever comes first, made good after a crash, and the same as what the code declares."""

import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, text

from core import opening, tables
from core.events.inbox import StripeEvent
from core.foundation import database, migration, records
from core.foundation.jobs import outbox
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.invoicing import receipts
from core.journeys import revocation
from core.orders.disputes import Dispute
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.orders.status import Handed
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import begin, end
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.kill.mortal import live_until


def test_four_processes_migrate_at_once_to_one_schema(
    unmigrated_url: str, folder: Path, shop_settings: dict[str, object]
) -> None:
    running = [
        begin("migrate", "--json", folder=folder, **shop_settings, database_url=unmigrated_url) for _ in range(4)
    ]
    said = [end(each) for each in running]
    assert [each.status for each in said] == [0] * 4, [each.errors for each in said]
    assert sorted(str(each.json) for each in said) == ["{'migrated': False}"] * 3 + ["{'migrated': True}"]

    again = end(begin("migrate", folder=folder, **shop_settings, database_url=unmigrated_url))
    assert (again.status, again.output) == (0, "The database is up to date.\n")
    _assert_whole(unmigrated_url)


@pytest.mark.parametrize(
    "at", ["create table orders", "dbos_migrations", "workflow_schedules (", "insert into schema_ready"]
)
def test_a_migration_that_was_killed_is_made_good_by_the_next(at: str, unmigrated_url: str, tmp_path: Path) -> None:
    """In the middle of our tables, between ours and DBOS's, in the middle of DBOS's, and before it is said to be done."""
    stripe = FakeStripe()
    settings = Settings(database_url=unmigrated_url, secret_key="a secret of sixteen letters")
    shop = Shop(settings, database.connect(unmigrated_url), stripe, Storage(f"file://{tmp_path}/files"))
    died = live_until(at, shop, stripe, lambda mortal: migration.ensure(mortal.engine, unmigrated_url))
    assert not died.finished

    assert migration.ensure(shop.engine, unmigrated_url) is True
    _assert_whole(unmigrated_url)
    command.check(alembic_config(shop.engine))
    shop.engine.dispose()


def test_a_database_of_a_later_version_is_left_alone_and_said_to_be_one(database_url: str) -> None:
    engine = database.connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("update schema_ready set version = '9999'"))
    settings = Settings(database_url=database_url, secret_key="a secret of sixteen letters")
    with pytest.raises(
        SystemExit, match=r"^Pushcart cannot start: the database is of a later version of the shop \(schema 9999,"
    ):
        opening.migrate(settings, engine, secret="a secret of sixteen letters")
    engine.dispose()


def test_who_waits_for_a_migration_says_so_and_gives_up_where_nothing_gets_on(
    unmigrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_SAYS_AFTER", "_SAYS_AGAIN", "_PATIENCE"):
        monkeypatch.setattr(migration, name, 0.2)
    settings = Settings(database_url=unmigrated_url, secret_key="a secret of sixteen letters")
    engine, other = database.connect(unmigrated_url), database.connect(unmigrated_url)
    refused = pytest.raises(SystemExit, match=r"has not got on for \d+ seconds \(it is at the first step\)")
    with structlog.testing.capture_logs() as said, migration.alone(other, unmigrated_url), refused:
        opening.migrate(settings, engine, secret="a secret of sixteen letters")
    assert {each["event"] for each in said} == {"waits_for_a_migration"}
    assert {(each["done"], each["last"]) for each in said} == {("nothing yet", migration.newest())}
    assert migration.ensure(engine, unmigrated_url) is True
    engine.dispose()
    other.dispose()


def test_who_waits_is_patient_with_a_migration_that_gets_on(
    unmigrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "_SAYS_AFTER", 0.1)
    monkeypatch.setattr(migration, "_SAYS_AGAIN", 0.1)
    # None at all: only a step that was seen keeps it from giving up.
    monkeypatch.setattr(migration, "_PATIENCE", 0)
    steps, tries = map(str, count()), count()
    monkeypatch.setattr(migration, "_reached", lambda _: next(steps))
    engine = database.connect(unmigrated_url)
    migration._wait_until(lambda: next(tries) == 9, engine)
    engine.dispose()


@builders.on_sqlite
def test_a_process_begins_while_another_writes(database_url: str) -> None:
    """As when a demo's season is put in on a slow machine: to look at the schema takes no turn among those who write."""
    engine, other = database.connect(database_url), database.connect(database_url)
    with other.begin():
        assert migration.ensure(engine, database_url) is False
    engine.dispose()
    other.dispose()


def _assert_whole(url: str) -> None:
    engine = database.connect(url)
    assert migration.ensure(engine, url) is False
    assert outbox.open_client(engine).list_workflows() == []
    engine.dispose()


def alembic_config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).parent / "migrations"))
    config.attributes.update(engine=engine, secret="a secret of sixteen letters")
    return config


def test_the_migrated_schema_is_what_the_code_declares(database_url: str) -> None:
    engine = database.connect(database_url)
    command.check(alembic_config(engine))
    engine.dispose()


def test_no_table_is_left_out_of_that_comparison() -> None:
    folder = Path(tables.__file__).parent
    declaring = {
        ".".join(path.relative_to(folder.parent).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if "table=True" in path.read_text(encoding="utf-8")
    }
    script = "import sys, core.tables; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert declaring
    assert declaring <= set(loaded.split())


def test_a_schema_taken_back_can_be_made_again(database_url: str) -> None:
    engine = database.connect(database_url)
    command.downgrade(alembic_config(engine), "base")
    left = set(inspect(engine).get_table_names())
    assert not left & set(records.metadata.tables)
    assert migration.ensure(engine, database_url) is True
    command.check(alembic_config(engine))
    engine.dispose()


def test_processes_of_an_older_schema_can_still_write_beside_a_newer_one(tmp_path: Path) -> None:
    """What was added to their tables does without a value of theirs, and nothing that they know is gone."""
    engine = database.connect(f"sqlite:///{tmp_path}/shop.db")
    command.upgrade(alembic_config(engine), "0031")  # since when two versions may be at work side by side
    before = _columns(engine)
    command.upgrade(alembic_config(engine), "head")
    after = _columns(engine)
    engine.dispose()
    assert not {name for name in before if name not in after}
    theirs = {table for table, _ in before}
    asked = [name for name, optional in after.items() if name not in before and name[0] in theirs and not optional]
    assert not asked, "give these a server_default, or let them be null: an older process knows nothing of them"


def _columns(engine: Engine) -> dict[tuple[str, str], bool]:
    """Each column, and whether a row may be written without saying anything of it."""
    schema = inspect(engine)
    return {
        (table, column["name"]): column["nullable"] or column["default"] is not None
        for table in schema.get_table_names()
        for column in schema.get_columns(table)
    }


def test_orders_of_before_are_known_by_how_far_they_were_handed_over(shop: Shop, stripe: FakeStripe) -> None:
    kept = [builders.bought(shop, stripe, "guide-eur", "kit-eur", cart=f"cart_{number}") for number in range(3)]
    builders.opened(shop, cart="cart_3")
    revocation.revoke(shop, kept[1], (2,), reason="shared", actor="owner")
    dispute = stripe.dispute(builders.payment_of(shop, kept[2]))
    builders.deliver(shop, stripe.tell("charge.dispute.created", dispute))
    before = {row.id: row.handed for row in builders.rows(shop, Order)}
    assert set(before.values()) == {Handed.DELIVERED, Handed.ENDED, Handed.ON_HOLD, Handed.NOTHING}
    placed = {row.id: row.placed_at for row in builders.rows(shop, OrderLine)}
    command.downgrade(alembic_config(shop.engine), "0012")
    command.upgrade(alembic_config(shop.engine), "head")
    assert {row.id: row.handed for row in builders.rows(shop, Order)} == before
    assert {row.id: row.placed_at for row in builders.rows(shop, OrderLine)} == placed


def test_disputes_of_before_keep_what_they_were_and_an_open_inquiry_is_known_for_one(
    shop: Shop, stripe: FakeStripe
) -> None:
    statuses = {"warning_under_review": True, "warning_closed": True, "needs_response": False, "won": False}
    known = {}
    for number, (status, was_inquiry) in enumerate(statuses.items()):
        order_id = builders.bought(shop, stripe, cart=f"cart_{number}")
        dispute = stripe.dispute(builders.payment_of(shop, order_id), status=status)
        builders.deliver(shop, stripe.tell("charge.dispute.updated", dispute))
        known[dispute["id"]] = was_inquiry
    before = {row.id: row.model_dump() for row in builders.rows(shop, Dispute)}
    command.downgrade(alembic_config(shop.engine), "0009")
    command.upgrade(alembic_config(shop.engine), "head")
    after = {row.id: row.model_dump() for row in builders.rows(shop, Dispute)}
    # Whether their money was taken was not noted then.
    assert {row.pop("withdrawn") for row in after.values()} == {False}
    assert {row.pop("withdrawn") for row in before.values()} == {True, False}
    assert {name: row["was_inquiry"] for name, row in after.items()} == known
    assert after == before


def test_receipts_of_before_keep_the_numbers_that_counted_an_orders_payments(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    of_plan, name = builders.subscribed(shop, stripe)
    builders.opened(shop, cart="cart_2")
    late, session_id = builders.opened(shop, ("guide-eur", 2), cart="cart_2")  # its second page
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    for _ in range(2):
        clock.pass_(days=31)
        builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
    numbers = {row.id: row.number for row in builders.rows(shop, Order)}
    command.downgrade(alembic_config(shop.engine), "0048")
    command.upgrade(alembic_config(shop.engine), "head")
    clock.pass_(days=31)
    newest = stripe.renew(name)["id"]
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.invoices[newest]))
    payments = sorted(builders.rows(shop, Payment), key=lambda row: row.paid_at)
    with shop.reading() as session:
        found = {row.id: receipts.of_payment(session, shop, row.id).number for row in payments}
    assert found.pop(newest).startswith(f"{numbers[of_plan]}-")
    assert sorted(found.values()) == sorted(
        [numbers[late], numbers[of_plan], f"{numbers[of_plan]}-2", f"{numbers[of_plan]}-3"]
    )


def test_payloads_are_packed_and_come_back_as_text(shop: Shop, stripe: FakeStripe) -> None:
    for number in range(2):
        builders.bought(shop, stripe, cart=f"cart_{number}")
    before = {row.id: row.payload for row in builders.rows(shop, StripeEvent)}
    assert max(map(len, before.values())) > 500
    if shop.engine.dialect.name == "sqlite":
        packed = [*_stored(shop).values()]
        assert all(isinstance(each, bytes) for each in packed)
        assert sum(map(len, packed)) < 0.6 * sum(map(len, before.values()))
    assert _packed_by_lz4(shop) == _knows_lz4(shop)
    command.downgrade(alembic_config(shop.engine), "0045")
    assert _stored(shop) == before
    assert _packed_by_lz4(shop) is False
    command.upgrade(alembic_config(shop.engine), "head")
    # Those of before are read as they are.
    assert {row.id: row.payload for row in builders.rows(shop, StripeEvent)} == before


def _stored(shop: Shop) -> dict[str, object]:
    with shop.reading() as session:
        return {row.id: row.payload for row in session.execute(text("select id, payload from stripe_events"))}


def _packed_by_lz4(shop: Shop) -> bool:
    if shop.engine.dialect.name == "sqlite":
        return False
    words = "select attcompression from pg_attribute where attrelid = 'stripe_events'::regclass and attname = 'payload'"
    with shop.reading() as session:
        return session.execute(text(words)).scalar() == "l"


def _knows_lz4(shop: Shop) -> bool:
    if shop.engine.dialect.name == "sqlite":
        return False
    with shop.reading() as session:
        words = "select enumvals from pg_settings where name = 'default_toast_compression'"
        return "lz4" in (session.execute(text(words)).scalar() or ())
