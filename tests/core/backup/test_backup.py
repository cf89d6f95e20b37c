"""A backup is the shop at one moment, while it sells on; put back it is the same shop, or nothing has changed."""

import errno
import gzip
import os
import resource
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from alembic.util import CommandError
from sqlalchemy import text

from core.backup import archive, databases, making, restoring
from core.foundation import database, migration
from core.foundation.errors import BackupHindered, Hindrance, StorageUnreachable
from core.foundation.signals import milestones
from core.kinds.downloads import DownloadFile
from core.orders.orders import Order
from core.owner import publishing
from core.shop import Shop
from tests import builders
from tests.builders import bought, on_sqlite
from tests.conftest import CATALOGUE, Clock
from tests.core.backup.places import everything, files, new_machine, tools
from tests.databases import spoiled
from tests.fakes import FakeStripe


def test_what_is_put_back_is_the_shop_as_it_was_and_gives_no_number_twice(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, clock: Clock, tmp_path: Path
) -> None:
    order_id = bought(shop, stripe, "guide-eur", "kit-eur", ("clinic-eur", 2))
    before, key = everything(shop, "counters", "signals"), builders.license_key(shop, order_id)
    made_at, owed = clock.time, builders.jobs(shop)
    file = tmp_path / "shop.backup"
    seen: list[str] = []
    manifest = making.make(shop, file, tools=tools(shop), progress=seen.append)
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert "database" in seen
    assert {name for name in os.listdir(tmp_path) if "backup" in name} == {"shop.backup"}
    clock.pass_(hours=1)
    lost = bought(shop, stripe, "guide-eur", cart="cart_2")
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        done = restoring.restore(new, file, tools=tools(shop))
        assert (done.manifest, everything(new, "counters", "signals")) == (manifest, before)
        assert (files(new), builders.jobs(new)) == (files(shop), owed)
        assert builders.license_key(new, order_id) == key
        if databases.kind_of(new.settings.database_url) == databases.SQLITE:
            assert databases.path_of(new.settings.database_url).stat().st_mode & 0o007 == 0
        with new.reading() as session:
            restored = milestones.last(session, milestones.Name.RESTORED)
        assert restored
        assert restored.at == made_at
        again, number = bought(new, stripe, "guide-eur", cart="cart_3"), builders.order(shop, lost).number
        assert builders.order(new, again).number == f"SH-{done.after + 1}"
        assert done.after > int(number.removeprefix("SH-"))


@on_sqlite  # what pg_dump writes nobody can read as it is
def test_the_secrets_of_the_settings_are_not_in_it(shop: Shop, stripe: FakeStripe, tmp_path: Path) -> None:
    order_id = bought(shop, stripe, "kit-eur")
    file = tmp_path / "shop.backup"
    making.make(shop, file, tools=tools(shop))
    (tmp_path / "kept").mkdir()
    archive.verified(file, tmp_path / "kept", progress=str)
    held = gzip.decompress(file.read_bytes())
    for secret in (shop.signing_key, builders.license_key(shop, order_id)):
        assert secret.encode() not in held


def test_a_shop_sells_on_while_it_is_backed_up_and_each_order_in_it_is_whole(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    over, sold = Event(), Event()
    failed: list[Exception] = []

    def sell() -> None:
        try:
            for number in range(500):
                bought(shop, stripe, "guide-eur", cart=f"cart_{number}")
                sold.set()
                if over.is_set():
                    return
        except Exception as error:
            failed.append(error)
            sold.set()

    seller = Thread(target=sell)
    seller.start()
    sold.wait()
    making.make(shop, tmp_path / "shop.backup", with_files=False, tools=tools(shop))
    over.set()
    seller.join()
    assert failed == []
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        restoring.restore(new, tmp_path / "shop.backup", tools=tools(shop))
        found = builders.rows(new, Order)
        assert 0 < len(found) <= len(builders.rows(shop, Order))
        for order in found:
            if order.status == "fulfilled":
                assert builders.grants(new, order.id) == [("guide", "active")]
        if databases.kind_of(new.settings.database_url) == databases.SQLITE:
            with new.reading() as session:
                assert session.execute(text("pragma integrity_check")).scalar_one() == "ok"
                assert session.execute(text("pragma foreign_key_check")).all() == []


def _half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _one_byte(file: Path) -> None:
    held = bytearray(gzip.decompress(file.read_bytes()))
    held[4096] ^= 1
    file.write_bytes(gzip.compress(bytes(held), 1))


def _another_file(file: Path) -> None:
    file.write_bytes(b"something else" * 1000)


def _without_its_end(file: Path) -> None:
    held = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(held[: held.rindex(b"manifest.json")], 1))


@on_sqlite
@pytest.mark.parametrize("spoil", [_half, _one_byte, _another_file, _without_its_end])
def test_what_is_damaged_is_refused_before_anything_is_put_back(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    file = tmp_path / "shop.backup"
    making.make(shop, file)
    spoil(file)
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, file)
        assert hindered.value.why is Hindrance.DAMAGED
        assert os.listdir(tmp_path / "elsewhere") == []


def test_only_an_empty_database_is_filled(shop: Shop, stripe: FakeStripe, tmp_path: Path) -> None:
    making.make(shop, tmp_path / "shop.backup", tools=tools(shop))
    bought(shop, stripe)
    before = everything(shop)
    with pytest.raises(BackupHindered) as hindered:
        restoring.restore(shop, tmp_path / "shop.backup", tools=tools(shop))
    assert hindered.value.why is Hindrance.NOT_EMPTY
    assert everything(shop) == before


def test_a_shop_that_is_opened_while_a_backup_is_put_back_is_not_written_over(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    """A supervisor starts the processes anew, and what they sold in those minutes is nowhere else."""
    making.make(shop, tmp_path / "shop.backup", tools=tools(shop))
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        sold: list[str] = []

        def open_meanwhile(what: str) -> None:
            if what == "database":
                migration.ensure(new.engine, new.settings.database_url, secret=new.signing_key)
                publishing.apply(new, CATALOGUE)
                sold.append(bought(new, stripe, "guide-eur"))

        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, tmp_path / "shop.backup", tools=tools(shop), progress=open_meanwhile)
        assert hindered.value.why is Hindrance.NOT_EMPTY
        assert [order.id for order in builders.rows(new, Order)] == sold
        assert builders.status(new, sold[0]) == "fulfilled"
        new.engine.dispose()
        assert {name for name in os.listdir(tmp_path / "elsewhere") if name.startswith(".")} == set()


@on_sqlite
def test_what_a_database_left_beside_its_place_is_never_read_into_the_one_that_is_put_back(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    """A process was killed, and only the database itself moved away: SQLite would take its journal for the new one's."""
    making.make(shop, tmp_path / "shop.backup")
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        place = databases.path_of(new.settings.database_url)
        with closing(sqlite3.connect(place)) as killed:
            killed.execute("pragma journal_mode = wal")
            killed.execute("create table orders (id)")
            killed.commit()
            journal = Path(f"{place}-wal").read_bytes()
        place.unlink()
        Path(f"{place}-wal").write_bytes(journal)
        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, tmp_path / "shop.backup")
        assert (hindered.value.why, hindered.value.detail) == (Hindrance.LEFT_BESIDE, f"{place.name}-wal")
        assert os.listdir(place.parent) == [f"{place.name}-wal"]
        Path(f"{place}-wal").unlink()
        restoring.restore(new, tmp_path / "shop.backup")
        assert everything(new, "counters", "signals") == everything(shop, "counters", "signals")


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schema": "9999", "version": "77.0"}, Hindrance.NEWER),
        ({"format": 2}, Hindrance.NEWER),
        ({"database": "postgresql"}, Hindrance.OTHER_DATABASE),
        ({"database": "of another kind"}, Hindrance.OTHER_DATABASE),
        ({"shop_id": "shop_another"}, Hindrance.OTHER_KEY),
    ],
)
def test_what_does_not_fit_here_is_refused(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path, changes: dict[str, object], why: Hindrance
) -> None:
    file = tmp_path / "shop.backup"
    made = making.make(shop, tmp_path / "first.backup")
    with archive.written(file) as writer:
        (tmp_path / "kept").mkdir()
        archive.verified(tmp_path / "first.backup", tmp_path / "kept", progress=str)
        writer.add_file("database.sqlite", tmp_path / "kept" / "database.sqlite")
        writer.conclude(replace(made, **changes))  # type: ignore[arg-type]
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, file)
        assert hindered.value.why is why
        assert os.listdir(tmp_path / "elsewhere") == []
        if why is Hindrance.OTHER_KEY:
            assert restoring.restore(new, file, another_key=True).manifest.shop_id == "shop_another"


@on_sqlite
@pytest.mark.parametrize("name", ["files/../../outside.txt", "files//outside.txt"])
def test_no_file_of_a_backup_leads_out_of_the_storage(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path, name: str
) -> None:
    made = making.make(shop, tmp_path / "first.backup", with_files=False)
    (tmp_path / "kept").mkdir()
    archive.verified(tmp_path / "first.backup", tmp_path / "kept", progress=str)
    with archive.written(tmp_path / "shop.backup") as writer:
        writer.add_file("database.sqlite", tmp_path / "kept" / "database.sqlite")
        writer.add(name, 4, [b"evil"])
        writer.conclude(made)
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, tmp_path / "shop.backup")
        assert hindered.value.why is Hindrance.DAMAGED
        assert os.listdir(tmp_path / "elsewhere") == []


@on_sqlite
def test_a_file_that_is_shorter_than_the_storage_said_makes_no_backup(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(shop.storage), "read_in_chunks", lambda _self, _key: iter([b"half"]))
    with pytest.raises(BackupHindered) as hindered:
        making.make(shop, tmp_path / "shop.backup")
    assert hindered.value.why is Hindrance.SHORT
    assert [name for name in os.listdir(tmp_path) if "backup" in name] == []


@on_sqlite
def test_what_is_removed_while_the_files_are_put_in_spoils_no_backup(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path
) -> None:
    """The pieces of an upload are, once it is whole."""
    shop.storage.put("uploads/up_1/pc_1", b"a piece", media_type="application/octet-stream")

    def finish(said: str) -> None:
        if said == "uploads/up_1/pc_1":
            shop.storage.clear("uploads/up_1")

    made = making.make(shop, tmp_path / "shop.backup", progress=finish)
    assert [part.name for part in made.files] == [f"files/{key}" for key in sorted(files(shop))]
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        assert restoring.restore(new, tmp_path / "shop.backup").manifest == made
        assert files(new) == files(shop)


@on_sqlite
def test_a_full_disk_makes_no_backup_and_keeps_nothing_of_it(shop: Shop, tmp_path: Path) -> None:
    """It is full while SQLite copies, or while the archive is put together."""
    place = tmp_path / "full"
    place.mkdir()
    (place / "shop.backup").write_text("the one of yesterday")
    with closing(sqlite3.connect(databases.path_of(shop.settings.direct_database))) as connection:
        size = connection.execute("pragma page_count").fetchone()[0] * 4096
    large = [os.urandom(size + 4_000_000)]
    shop.storage.put_stream("downloads/large.zip", iter(large), media_type="application/zip", name="large.zip")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (8_000, size + 1_000_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            with pytest.raises(BackupHindered) as hindered:
                making.make(shop, place / "shop.backup")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert hindered.value.why is Hindrance.NOT_WRITTEN
        assert os.listdir(place) == ["shop.backup"]
        assert (place / "shop.backup").read_text() == "the one of yesterday"


@on_sqlite
def test_a_disk_that_knows_no_locks_takes_a_backup_too(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some of other machines do not. What somebody may be at work on is left alone there."""

    def unknown(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    (tmp_path / ".pushcart-backup-another").mkdir()
    (tmp_path / ".pushcart-backup-another" / "held").touch()
    monkeypatch.setattr("fcntl.flock", unknown)
    making.make(shop, tmp_path / "shop.backup")
    assert {name for name in os.listdir(tmp_path) if "backup" in name} == {"shop.backup", ".pushcart-backup-another"}
    monkeypatch.undo()
    making.make(shop, tmp_path / "shop.backup")
    assert {name for name in os.listdir(tmp_path) if "backup" in name} == {"shop.backup"}


@on_sqlite
def test_a_full_disk_puts_nothing_back_and_says_so(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    """It is full while the database is unpacked, while it is brought to this version, or while the files are put down."""
    order_id = bought(shop, stripe)
    large = [os.urandom(8_000_000)]
    shop.storage.put_stream("downloads/large.zip", iter(large), media_type="application/zip", name="large.zip")
    making.make(shop, tmp_path / "shop.backup")
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        for room in (100_000, 6_000_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
            try:
                with pytest.raises((BackupHindered, StorageUnreachable)) as hindered:
                    restoring.restore(new, tmp_path / "shop.backup")
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert "File too large" in str(vars(hindered.value))
            assert not databases.path_of(new.settings.database_url).exists()
        restoring.restore(new, tmp_path / "shop.backup")
        assert builders.status(new, order_id) == "fulfilled"


@on_sqlite
def test_a_damaged_database_makes_no_backup_and_leaves_the_one_of_before(
    shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    """SQLite copies page by page whatever stands in them: the backup would be no better, and found out when it is needed."""
    bought(shop, stripe)
    file = tmp_path / "shop.backup"
    file.write_text("the one of yesterday")
    path = spoiled(shop.engine, "orders")
    with pytest.raises(BackupHindered) as hindered:
        making.make(shop, file)
    assert hindered.value.why is Hindrance.DATABASE_DAMAGED
    path.write_bytes(b"of another kind" * 1000)
    with pytest.raises(BackupHindered) as hindered:
        making.make(shop, file)
    assert hindered.value.why is Hindrance.DATABASE_DAMAGED
    assert file.read_text() == "the one of yesterday"
    assert {name for name in os.listdir(tmp_path) if "backup" in name} == {"shop.backup"}


@on_sqlite
def test_a_backup_of_a_damaged_database_is_not_put_back(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    """As versions made it that did not look."""
    bought(shop, stripe)
    made = making.make(shop, tmp_path / "first.backup")
    with archive.written(tmp_path / "shop.backup") as writer:
        (tmp_path / "kept").mkdir()
        archive.verified(tmp_path / "first.backup", tmp_path / "kept", progress=str)
        kept = database.connect(f"sqlite:///{tmp_path}/kept/database.sqlite")
        writer.add_file("database.sqlite", spoiled(kept, "orders"))
        writer.conclude(made)
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, tmp_path / "shop.backup")
        assert hindered.value.why is Hindrance.DAMAGED
        assert "its database is damaged" in hindered.value.detail
        assert os.listdir(tmp_path / "elsewhere") == []


@on_sqlite
def test_what_is_no_database_any_more_is_not_written_over(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path
) -> None:
    """Its owner may want to save what is left of it, or it is another file of theirs."""
    making.make(shop, tmp_path / "shop.backup")
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        place = databases.path_of(new.settings.database_url)
        place.write_bytes(b"of another kind" * 1000)
        with pytest.raises(BackupHindered) as hindered:
            restoring.restore(new, tmp_path / "shop.backup")
        assert (hindered.value.why, hindered.value.detail) == (Hindrance.IN_THE_WAY, "shop.db")
        assert place.read_bytes() == b"of another kind" * 1000


@on_sqlite
def test_a_place_that_takes_no_file_is_said_without_the_names_of_files_beside_it(shop: Shop) -> None:
    with pytest.raises(BackupHindered) as hindered:
        making.make(shop, Path("/proc/shop.backup"))
    assert (hindered.value.why, hindered.value.detail) == (Hindrance.NOT_WRITTEN, "No such file or directory")


@on_sqlite
def test_a_bucket_is_told_again_what_its_files_are(request: pytest.FixtureRequest, shop: Shop, tmp_path: Path) -> None:
    manifest = making.make(shop, tmp_path / "shop.backup")
    sold = {f"files/{file.key}": (file.media_type, file.name) for file in builders.rows(shop, DownloadFile)}
    assert sold
    assert {part.name: (part.media_type, part.sold_as) for part in manifest.files} == sold


@on_sqlite
def test_a_place_without_a_shop_has_nothing_to_be_backed_up(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path
) -> None:
    with new_machine(request, shop, tmp_path / "elsewhere") as new, pytest.raises(BackupHindered) as hindered:
        making.make(new, tmp_path / "shop.backup")
    assert hindered.value.why is Hindrance.NO_DATABASE


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_programs_of_postgresql_that_are_missing_or_too_old_are_named(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(BackupHindered) as hindered:
        making.make(shop, tmp_path / "shop.backup", tools=str(tmp_path))
    assert (hindered.value.why, hindered.value.detail) == (Hindrance.NO_TOOL, "pg_dump")
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    old.chmod(0o755)
    with pytest.raises(BackupHindered) as hindered:
        making.make(shop, tmp_path / "shop.backup", tools=str(tmp_path))
    assert hindered.value.why is Hindrance.OLD_TOOL
    assert "9.6.1" in hindered.value.detail


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_program_that_is_missing_is_named_before_all_of_a_backup_is_read(
    request: pytest.FixtureRequest, shop: Shop, tmp_path: Path
) -> None:
    making.make(shop, tmp_path / "shop.backup", tools=tools(shop))
    read: list[str] = []
    with new_machine(request, shop, tmp_path / "elsewhere") as new, pytest.raises(BackupHindered) as hindered:
        restoring.restore(new, tmp_path / "shop.backup", tools=str(tmp_path), progress=read.append)
    assert (hindered.value.why, hindered.value.detail, read) == (Hindrance.NO_TOOL, "pg_restore", [])


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_there_is_no_way_from_postgresql_to_sqlite(shop: Shop, tmp_path: Path) -> None:
    making.make(shop, tmp_path / "shop.backup", tools=tools(shop))
    (tmp_path / "elsewhere").mkdir()
    sqlite = {
        "database_url": f"sqlite:///{tmp_path}/elsewhere/shop.db",
        "storage_url": f"file://{tmp_path}/elsewhere/files",
    }
    settings = shop.settings.model_copy(update=sqlite)
    with pytest.raises(BackupHindered) as hindered:
        restoring.restore(replace(shop, settings=settings), tmp_path / "shop.backup", tools=str(tmp_path))
    assert (hindered.value.why, hindered.value.detail) == (Hindrance.OTHER_DATABASE, "postgresql")
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_no_pooler_is_asked_for_all_there_is(request: pytest.FixtureRequest, shop: Shop, tmp_path: Path) -> None:
    def behind_a_pooler(of: Shop) -> Shop:
        """As such a shop is: what cannot go through the pooler, which takes no such program, has another address."""
        url = {"database_url": "postgresql://127.0.0.1:1/shop", "database_direct_url": of.settings.database_url}
        return replace(of, settings=of.settings.model_copy(update=url))

    file = tmp_path / "shop.backup"
    making.make(behind_a_pooler(shop), file, tools=tools(shop), with_files=False)
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        restoring.restore(behind_a_pooler(new), file, tools=tools(shop))
        assert everything(new, "counters", "signals") == everything(shop, "counters", "signals")


@on_sqlite
def test_a_backup_of_an_older_version_is_brought_up(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    order_id = bought(shop, stripe)
    with shop.transaction() as session:
        session.execute(text("update schema_ready set version = '0027'"))
        session.execute(text("update alembic_version set version_num = :version"), {"version": migration.newest()})
    making.make(shop, tmp_path / "shop.backup")
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        assert restoring.restore(new, tmp_path / "shop.backup").manifest.schema == "0027"
        assert migration.current(new.engine) == migration.newest()
        assert builders.status(new, order_id) == "fulfilled"


def test_what_cannot_be_brought_up_leaves_the_database_empty_for_the_next_try(
    request: pytest.FixtureRequest, shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    order_id = bought(shop, stripe)
    making.make(shop, tmp_path / "good.backup", tools=tools(shop), with_files=False)
    with shop.transaction() as session:
        session.execute(text("update schema_ready set version = '0027'"))
        session.execute(text("update alembic_version set version_num = 'unknown'"))
    making.make(shop, tmp_path / "odd.backup", tools=tools(shop), with_files=False)
    with new_machine(request, shop, tmp_path / "elsewhere") as new:
        with pytest.raises(CommandError):
            restoring.restore(new, tmp_path / "odd.backup", tools=tools(shop))
        restoring.restore(new, tmp_path / "good.backup", tools=tools(shop))
        assert builders.status(new, order_id) == "fulfilled"
