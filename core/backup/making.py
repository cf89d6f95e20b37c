"""Making a backup: the database first, as it is at one moment, then every stored file, while the shop sells on."""

import mimetypes
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from core.backup import archive, databases
from core.backup.archive import FILES, Manifest, Writer
from core.backup.workplace import workplace
from core.foundation import database, migration
from core.foundation.errors import BackupHindered, Hindrance
from core.kinds.downloads import DownloadFile
from core.kinds.file_versions import FileVersion
from core.shop import Shop

_ANY_TYPE = "application/octet-stream"

_Kinds = Mapping[str, tuple[str, str]]


def make(
    shop: Shop, out: Path, *, with_files: bool = True, tools: str = "", progress: Callable[[str], object] = str
) -> Manifest:
    """Write a backup of the shop to this file; return what is in it. None of the settings' secrets are.

    `tools` is the folder of PostgreSQL's programs, if they are not on the PATH. Raises BackupHindered, or StorageUnreachable.
    """
    url = shop.settings.direct_database
    kind = databases.kind_of(url)
    schema = _schema_of(shop, kind, url)
    manifest = Manifest(
        version=version("pushcart"), schema=schema, database=kind, livemode=shop.settings.livemode,
        made_at=shop.now(), shop_id=shop.id, with_files=with_files,
    )  # fmt: skip
    with (
        _telling_what_failed(),
        workplace(out.parent) as folder,
        archive.written(out) as writer,
    ):
        dumped = folder / databases.PART[kind]
        progress("database")
        databases.dump(url, dumped, folder=tools, progress=progress)
        writer.add_file(dumped.name, dumped)
        dumped.unlink()
        if with_files:
            _add_files(shop, writer, progress)
        writer.conclude(manifest)
    return manifest.of(writer.parts)


def _schema_of(shop: Shop, kind: str, url: str) -> str:
    """At which migration the database is. Raises BackupHindered if there is no shop in it, or it cannot be read."""
    # Looked for first: whoever connects to a SQLite file makes it.
    there = kind != databases.SQLITE or databases.path_of(url).is_file()
    try:
        found = migration.current(shop.engine) if there else None
    except DBAPIError as error:
        if not database.is_damaged(error):
            raise
        raise BackupHindered(Hindrance.DATABASE_DAMAGED, str(error.orig)) from error
    if found is None:
        raise BackupHindered(Hindrance.NO_DATABASE)
    return found


@contextmanager
def _telling_what_failed() -> Iterator[None]:
    """A disk that is full says so wherever it is written to: while SQLite copies, or while the archive is put together."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        if database.is_damaged(error):
            raise BackupHindered(Hindrance.DATABASE_DAMAGED, str(error)) from error
        # Without its number, and the name of a file that was beside its place for a moment.
        raise BackupHindered(Hindrance.NOT_WRITTEN, getattr(error, "strerror", None) or str(error)) from error


def _add_files(shop: Shop, writer: Writer, progress: Callable[[str], object]) -> None:
    sold = _sold(shop)
    for key, size in sorted(shop.storage.everything()):
        progress(key)
        chunks = shop.storage.read_in_chunks(key)
        try:
            first = next(chunks, b"")  # before anything is written of it: what was begun there is to be ended
        except FileNotFoundError:
            continue  # it was removed since it was listed, and so by nobody needed
        media_type, name = sold.get(key) or (mimetypes.guess_type(key)[0] or _ANY_TYPE, "")
        writer.add(f"{FILES}{key}", size, chain([first], chunks), media_type=media_type, sold_as=name)


def _sold(shop: Shop) -> _Kinds:
    """Of which type the files that are, or were, sold are, and under which name, by where they lie."""
    with shop.reading() as session:
        files = {file.id: file for file in session.exec(select(DownloadFile))}
        older = session.exec(select(FileVersion.key, FileVersion.name, FileVersion.file_id)).all()
    found = {key: (files[file_id].media_type, name) for key, name, file_id in older if file_id in files}
    return found | {file.key: (file.media_type, file.name) for file in files.values()}
