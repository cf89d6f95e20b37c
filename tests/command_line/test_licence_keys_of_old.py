"""A database whose licence keys were kept as they are: sealed by the upgrade, each found and shown as before, and back again."""

from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import Engine

from core.foundation import database, signing
from core.kinds import license_keys
from tests.command_line.test_migrate import alembic_config
from tests.command_line.test_workshop_dates_of_old import insert, product, rows

BEFORE, SEALED = "0016", "0021"
SECRET = "a secret of sixteen letters"
KEYS = {"lic_1": "ABCDE-FGHJK-LMNPQ-RSTUV", "lic_2": "22222-33333-44444-55555"}
NOW = datetime.now(UTC).replace(tzinfo=None)


def sell(engine: Engine, name: str, number: int, key: str) -> None:
    insert(engine, "orders", id=f"ord_{number}", number=f"P-{number}", cart_id=f"c{number}", browser_id="", email="",
           status="fulfilled", currency="eur", amount_expected=1, amount_refunded=0, livemode=number == 2, attempts=1,
           attention="", eventful=True, created_at=NOW, updated_at=NOW, from_season=False, handed="delivered")  # fmt: skip
    insert(engine, "order_lines", id=f"l{number}", order_id=f"ord_{number}", position=0, product_id="kit",
           price_id="kit-eur", kind="license", name="", quantity=1, unit_amount=1, currency="eur", image="",
           placed_at=NOW)  # fmt: skip
    insert(engine, "grants", id=f"gr_{number}", order_id=f"ord_{number}", order_line_id=f"l{number}", product_id="kit",
           kind="license", quantity=1, state="active", reason="", created_at=NOW, updated_at=NOW)  # fmt: skip
    insert(engine, "license_keys", id=name, grant_id=f"gr_{number}", key=key, machines=3, created_at=NOW)
    insert(
        engine, "license_activations", id=f"act_{number}", license_key_id=name, machine=f"box {number}", created_at=NOW
    )


@pytest.fixture
def engine(unmigrated_url: str) -> Engine:
    engine = database.connect(unmigrated_url)
    command.upgrade(alembic_config(engine), BEFORE)
    product(engine, "kit", "license")
    for number, (name, key) in enumerate(KEYS.items(), start=1):
        sell(engine, name, number, key)
    return engine


def test_keys_of_before_are_sealed_and_the_same(engine: Engine) -> None:
    before = {
        table: rows(engine, f"select * from {table} order by 1") for table in ("license_keys", "license_activations")
    }
    command.upgrade(alembic_config(engine), SEALED)
    found = rows(
        engine, "select id, grant_id, product_id, livemode, machines, key_hash, hint, sealed from license_keys"
    )
    assert {
        row[0]: (*row[1:3], bool(row[3]), *row[4:7], signing.unseal(SECRET, signing.LICENSE_KEY, row[7])) for row in found
    } == {
        name: (
            f"gr_{number}", "kit", number == 2, 3, license_keys.fingerprint(key), license_keys.hint(key), key
        )
        for number, (name, key) in enumerate(KEYS.items(), start=1)
    }  # fmt: skip
    terms = "position, origin, holder, floating, on_expiry, expires_at, updates_until, disabled_at"
    assert {tuple(row) for row in rows(engine, f"select {terms} from license_keys")} == {
        (0, "order", "", False, "stop", None, None, None)
    }
    assert rows(
        engine,
        "select id, license_key_id, fingerprint, label, lease_until, ended_at from license_activations order by 1",
    ) == [(f"act_{n}", f"lic_{n}", f"box {n}", "", None, None) for n in (1, 2)]
    assert rows(engine, "select created_at from license_activations") == rows(
        engine, "select last_seen_at from license_activations"
    )
    command.downgrade(alembic_config(engine), BEFORE)
    columns = {
        "license_keys": "id, grant_id, key, machines, created_at",
        "license_activations": "id, license_key_id, machine, created_at",
    }
    after = {table: rows(engine, f"select {names} from {table} order by 1") for table, names in columns.items()}
    assert after == before
    engine.dispose()


def test_without_a_secret_nothing_is_half_sealed(engine: Engine) -> None:
    config = alembic_config(engine)
    config.attributes["secret"] = ""
    with pytest.raises(SystemExit, match="set SECRET_KEY"):
        command.upgrade(config, SEALED)
    assert dict(rows(engine, "select id, key from license_keys")) == KEYS
    engine.dispose()
