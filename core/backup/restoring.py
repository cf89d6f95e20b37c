"""Restoring: all of a backup is read and found whole before anything of it is put where there is nothing yet."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError, OperationalError

from core.backup import archive, databases, transfer
from core.backup.archive import FILES, Manifest
from core.backup.databases import POSTGRESQL, SQLITE
from core.backup.transfer import Transferred
from core.backup.workplace import workplace
from core.foundation import database, migration
from core.foundation.errors import BackupHindered, Hindrance
from core.foundation.signals import milestones
from core.orders import orders
from core.shop import Shop

# So many numbers of orders are left out, since some were given to buyers after the backup was made.
GAP = 1000


@dataclass(frozen=True)
class Restored:
    """What was put back: the backup, and after which number the next orders are counted; and what was `transferred`, if the
    database is of another kind now."""

    manifest: Manifest
    after: int
    transferred: Transferred | None = None


def restore(
    shop: Shop,
    path: Path,
    *,
    gap: int = GAP,
    another_key: bool = False,
    tools: str = "",
    progress: Callable[[str], object] = str,
) -> Restored:
    """Fill the shop's empty database and its storage from a backup, and bring both to this version. `shop` need not be open.

    What was backed up of SQLite may be put into PostgreSQL. `another_key` takes a backup that was made under another SECRET_KEY.
    Raises BackupHindered with nothing changed, but for stored files that may be there already.
    """
    url = shop.settings.direct_database
    kind = databases.kind_of(url)
    _refuse_if_not_empty(shop)
    if kind == POSTGRESQL:
        databases.check_tools(archive.first_of(path), folder=tools)
    beside = databases.path_of(url).parent if kind == SQLITE else None
    with _telling_what_failed(), workplace(beside) as folder:
        manifest = archive.verified(path, folder, progress=progress)
        _refuse_if_unfit(shop, manifest, kind, another_key)
        dumped = folder / databases.PART[manifest.database]
        # Versions that did not look into the database before they backed it up are still about.
        if manifest.database == SQLITE and (found := database.damage(dumped)):
            raise BackupHindered(Hindrance.DAMAGED, f"its database is damaged, {found}")
        _put_files(shop, path, manifest, progress)
        progress("database")
        if manifest.database == POSTGRESQL:
            with databases.left_as_it_was(url):
                databases.load(url, dumped, folder=tools)
                return Restored(manifest, _brought_up(shop, url, manifest, gap))
        after = _brought_up(shop, f"sqlite:///{dumped}", manifest, gap)
        _in_one_file(dumped)
        if kind == POSTGRESQL:
            return Restored(manifest, after, _transferred(shop, dumped, url, progress))
        databases.put_in_place(dumped, databases.path_of(url))  # whole, or not there
        return Restored(manifest, after)


@contextmanager
def _telling_what_failed() -> Iterator[None]:
    """A disk that is full says so whatever is written: the database unpacked, or brought to this version."""
    try:
        yield
    except (OSError, sqlite3.OperationalError, OperationalError) as error:
        cause = getattr(error, "orig", error)
        if cause is error or (isinstance(cause, sqlite3.Error) and database.is_away(error)):
            raise BackupHindered(Hindrance.NOT_PUT_BACK, getattr(cause, "strerror", None) or str(cause)) from error
        raise


def _refuse_if_not_empty(shop: Shop) -> None:
    url = shop.settings.direct_database
    there = databases.kind_of(url) != SQLITE or databases.path_of(url).exists()
    try:
        if there and not databases.is_empty(shop.engine):
            raise BackupHindered(Hindrance.NOT_EMPTY)
    except DBAPIError as error:
        if not database.is_damaged(error):
            raise
        raise BackupHindered(Hindrance.IN_THE_WAY, databases.path_of(url).name) from error
    shop.engine.dispose()
    if databases.kind_of(url) == SQLITE:
        if left := databases.left_beside(databases.path_of(url)):
            raise BackupHindered(Hindrance.LEFT_BESIDE, left)
        databases.path_of(url).unlink(missing_ok=True)


def _refuse_if_unfit(shop: Shop, manifest: Manifest, kind: str, another_key: bool) -> None:
    if manifest.schema > migration.newest():
        raise BackupHindered(Hindrance.NEWER, manifest.version)
    if manifest.database not in (kind, SQLITE):
        raise BackupHindered(Hindrance.OTHER_DATABASE, manifest.database)
    if manifest.shop_id != shop.id and not another_key:
        raise BackupHindered(Hindrance.OTHER_KEY)


def _put_files(shop: Shop, path: Path, manifest: Manifest, progress: Callable[[str], object]) -> None:
    said = {part.name: part for part in manifest.files}
    for key, chunks in archive.files_of(path) if said else ():
        progress(key)
        part = said[FILES + key]
        shop.storage.put_stream(key, chunks, media_type=part.media_type, name=part.sold_as)


def _brought_up(shop: Shop, url: str, manifest: Manifest, gap: int) -> int:
    """Bring what was restored to this version, give no number twice, and note as of when it is; return the last number."""
    engine = database.connect(url)
    try:
        migration.ensure(engine, url, secret=shop.signing_key)
        with database.transaction(engine, now=shop.now, secret=shop.signing_key) as session:
            milestones.record(session, milestones.Name.RESTORED, at=manifest.made_at)
            return orders.leave_out(session, gap)
    finally:
        engine.dispose()


def _transferred(shop: Shop, source: Path, url: str, progress: Callable[[str], object]) -> Transferred:
    """Put all rows of a SQLite database that was brought up already into an empty PostgreSQL database."""
    with databases.left_as_it_was(url):
        engine = database.connect(url)
        try:
            migration.ensure(engine, url, secret=shop.signing_key)
        finally:
            engine.dispose()
        return transfer.transfer(source, url, progress=progress)


def _in_one_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
