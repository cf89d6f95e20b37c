"""A database of before addresses were kept apart: its customers keep their ids, and each sees what they bought."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from core.foundation import database, migration
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.people import customers
from core.people.customers import CustomerAddress, How
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.databases import as_written
from tests.fakes import FakeStripe

BEFORE = "0005"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

# Each customer of before, folded as then, with the addresses of their orders.
CUSTOMERS = {
    "cus_nora": ("nora@lindqvist.example", ["Nora@Lindqvist.example", "nora@lindqvist.example"]),
    "cus_alone": ("straße@alone.example".casefold(), ["Straße@alone.example"]),
    "cus_folded": ("strasse@berg.example", ["straße@berg.example", "strasse@berg.example"]),
    "cus_idn_1": ("ole@bücher.example", ["ole@bücher.example"]),
    "cus_idn_2": ("ole@xn--bcher-kva.example", ["ole@xn--bcher-kva.example"]),
    "cus_second": ("first@berg.example", ["second@berg.example"]),
    "cus_none": ("none@berg.example", []),
}


@pytest.fixture
def before(unmigrated_url: str) -> Engine:
    """A database as the code of before left it, with rows."""
    engine = database.connect(unmigrated_url)
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    command.upgrade(config, BEFORE)
    with engine.begin() as connection:
        number = 0
        for minute, (customer, (email, bought)) in enumerate(CUSTOMERS.items()):
            at = NOON.replace(minute=minute, tzinfo=None if engine.dialect.name == "sqlite" else UTC)
            connection.execute(
                text("insert into customers (id, email, created_at) values (:id, :email, :at)"),
                as_written(engine, {"id": customer, "email": email, "at": at}),
            )
            for address in bought:
                number += 1
                connection.execute(
                    text(
                        "insert into orders (id, number, cart_id, browser_id, email, customer_id, status, currency,"
                        " amount_expected, amount_refunded, livemode, attempts, attention, eventful, created_at, updated_at)"
                        " values (:id, :id, :id, '', :email, :customer, 'fulfilled', 'eur', 1, 0, false, 1, '', false, :at, :at)"
                    ),
                    as_written(engine, {"id": f"ord_{number}", "email": address, "customer": customer, "at": at}),
                )
        signed_in = as_written(engine, {"at": at, "email": "ole@bücher.example"})
        connection.execute(
            text("insert into sign_ins (id, email, ip, created_at, expires_at) values ('in_1', :email, '', :at, :at)"),
            signed_in,
        )
        connection.execute(
            text(
                "insert into sign_in_codes (id, email, tries, expires_at, created_at) values ('code_1', :email, 0, :at, :at)"
            ),
            signed_in,
        )
    return engine


def test_a_database_of_before_is_brought_to_addresses_that_are_kept_apart(
    before: Engine, unmigrated_url: str, stripe: FakeStripe, clock: Clock, tmp_path: Path
) -> None:
    assert migration.ensure(before, unmigrated_url) is True
    shop = Shop(Settings(database_url=unmigrated_url), before, stripe, Storage(f"file://{tmp_path}/files"), clock)
    assert {(row.address, row.customer_id, row.how) for row in builders.rows(shop, CustomerAddress)} == {
        ("Nora@Lindqvist.example", "cus_nora", How.CHECKOUT),
        ("Straße@alone.example", "cus_alone", How.CHECKOUT),
        ("straße@berg.example", "cus_folded", How.CHECKOUT),
        ("strasse@berg.example", "cus_folded", How.CHECKOUT),
        ("ole@bücher.example", "cus_idn_1", How.CHECKOUT),
        ("first@berg.example", "cus_second", How.CHECKOUT),
        ("none@berg.example", "cus_none", How.CHECKOUT),
    }
    assert {row.id: row.email for row in builders.rows(shop, customers.Customer)} == {
        "cus_nora": "nora@lindqvist.example", "cus_alone": "straße@alone.example", "cus_folded": "straße@berg.example",
        "cus_idn_1": "ole@xn--bcher-kva.example",
        "cus_second": "first@berg.example", "cus_none": "none@berg.example",
    }  # fmt: skip
    assert sorted(builders.seen(shop, "NORA@lindqvist.example")) == ["ord_1", "ord_2"]
    assert (builders.seen(shop, "Straße@alone.example"), builders.seen(shop, "strasse@alone.example")) == (
        ["ord_3"],
        [],
    )
    assert sorted(builders.seen(shop, "straße@berg.example")) == ["ord_4", "ord_5"]
    assert sorted(builders.seen(shop, "Ole@BÜCHER.example")) == ["ord_6", "ord_7"]
    # What was paid in the end under another address stays with whom it was given to first.
    assert (builders.seen(shop, "first@berg.example"), builders.seen(shop, "second@berg.example")) == (["ord_8"], [])
    with shop.transaction() as session:
        for _, (email, _) in CUSTOMERS.items():
            customers.remember(session, email, how=How.CHECKOUT, now=shop.now())
        customers.remember(session, "new@berg.example", how=How.CHECKOUT, now=shop.now())
        assert session.execute(text("select email from sign_ins")).all() == [("ole@xn--bcher-kva.example",)]
        assert session.execute(text("select email, folded, about from sign_in_codes")).all() == [
            ("ole@bücher.example", "ole@xn--bcher-kva.example", "")
        ]
    before.dispose()
