"""`pushcart backup` and `pushcart restore` at a terminal: what they say, and how they end."""

import signal
from pathlib import Path
from typing import Any

import pytest

from core.backup import making
from core.foundation.errors import BackupHindered
from core.shop import Shop
from tests.builders import bought, on_sqlite, opened
from tests.command_line.conftest import Run, begin, end
from tests.databases import spoiled
from tests.fakes import FakeStripe
from tests.machine import eventually


@on_sqlite
def test_a_backup_is_made_and_put_back_where_nothing_is(
    pushcart: Run, folder: Path, shop_settings: dict[str, object], database_url: str
) -> None:
    made: Any = pushcart("backup", "shop.backup", "--json").json
    assert (made["file"], made["files"]) == ("shop.backup", 0)
    refused = pushcart("restore", "shop.backup")
    assert (refused.status, refused.output) == (1, "")
    assert "is not empty" in refused.errors
    fresh = {**shop_settings, "database_url": f"sqlite:///{folder}/new/shop.db"}
    done = end(begin("restore", "shop.backup", folder=folder, **fresh))
    assert done.status == 0, done.errors
    assert "The next order is number 2001." in done.output
    assert "pushcart reconcile" in done.output
    assert end(begin("orders", "--json", folder=folder, **fresh)).json == []


@on_sqlite
def test_a_damaged_database_is_told_in_words_by_every_command(
    pushcart: Run, shop: Shop, stripe: FakeStripe, folder: Path
) -> None:
    bought(shop, stripe)
    spoiled(shop.engine, "orders")
    for words in (("orders",), ("backup", "shop.backup")):
        said = pushcart(*words)
        assert (said.status, said.output) == (1, "")
        (line,) = said.complaints
        assert "The database is damaged: " in line
        assert "pushcart restore" in line
    assert list(folder.iterdir()) == []


@on_sqlite
def test_a_shop_moves_to_postgresql_with_all_that_it_has(
    request: pytest.FixtureRequest,
    pushcart: Run,
    folder: Path,
    shop_settings: dict[str, object],
    shop: Shop,
    stripe: FakeStripe,
) -> None:
    """Backed up on SQLite, put back where an empty PostgreSQL database is: by commands alone, as its owner does it."""
    orders = [bought(shop, stripe, "kit-eur", ("clinic-eur", 2), cart="both"), opened(shop, cart="waiting")[0]]
    before = {order_id: pushcart("order", order_id, "--json").json for order_id in orders}
    assert pushcart("backup", "shop.backup").status == 0
    with request.getfixturevalue("postgres_server").database() as url:
        moved = {**shop_settings, "database_url": url}
        done: Any = end(begin("restore", "shop.backup", "--gap", "0", "--json", folder=folder, **moved)).json
        assert done["next_number"] == 1003
        assert (done["moved"]["replaced"], done["moved"]["left"]) == (0, [])
        again = end(begin("restore", "shop.backup", folder=folder, **moved))
        assert (again.status, "is not empty" in again.errors) == (1, True)
        for order_id, said in before.items():
            assert end(begin("order", order_id, "--json", folder=folder, **moved)).json == said
    with request.getfixturevalue("postgres_server").database() as url:
        done = end(begin("restore", "shop.backup", folder=folder, **{**moved, "database_url": url}))
        assert "It is in PostgreSQL now, with all of its" in done.output
        assert "The next order is number 2003." in done.output


# Stands for pg_dump on a large shop: it has begun, and goes on for as long as the command does.
_SLOW = """#!/bin/sh
case "$1" in --version) echo "pg_dump (PostgreSQL) 99.1"; exit;; esac
touch "$0.began"
while kill -0 $PPID 2>/dev/null; do sleep 0.05; done
"""


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_of_a_backup_that_was_ended_on_its_way(
    number: signal.Signals, shop: Shop, folder: Path, shop_settings: dict[str, object], database_url: str
) -> None:
    """By a supervisor, by a line that broke, or by the power: what it had written is as large as the shop, and each night more."""
    slow, place = folder / "pg_dump", folder / "backups"
    slow.write_text(_SLOW)
    slow.chmod(0o755)
    place.mkdir()
    words = ("backup", "backups/shop.backup", "--tools", str(folder))
    running = begin(*words, folder=folder, **shop_settings, database_url=database_url)
    eventually((folder / "pg_dump.began").exists)
    assert list(place.iterdir()) != []
    running.send_signal(number)
    assert end(running).status != 0
    if number is signal.SIGKILL:
        with pytest.raises(BackupHindered):
            making.make(shop, place / "another.backup", tools=str(place))
    assert list(place.iterdir()) == []
