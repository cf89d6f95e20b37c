"""Where a backup is put back in tests: a new machine with an empty database, and all that stands in one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from core import tables  # noqa: F401 - declares them all
from core.backup import databases
from core.foundation.records import metadata
from core.foundation.storage import Storage
from core.shop import Shop
from tests.databases import connected


@contextmanager
def new_machine(request: pytest.FixtureRequest, shop: Shop, folder: Path) -> Iterator[Shop]:
    """The same shop where there is nothing of it yet: an empty database of the same kind, and an empty storage."""
    folder.mkdir()
    if databases.kind_of(shop.settings.database_url) == databases.SQLITE:
        with _at(shop, f"sqlite:///{folder}/shop.db", folder) as new:
            yield new
        return
    with request.getfixturevalue("postgres_server").database() as url, _at(shop, url, folder) as new:
        yield new


@contextmanager
def on_postgres(request: pytest.FixtureRequest, shop: Shop, folder: Path) -> Iterator[Shop]:
    """The same shop where there is nothing of it yet but an empty PostgreSQL database, of whatever kind its own is."""
    folder.mkdir()
    with request.getfixturevalue("postgres_server").database() as url, _at(shop, url, folder) as new:
        yield new


@contextmanager
def _at(shop: Shop, url: str, folder: Path) -> Iterator[Shop]:
    files = f"file://{folder}/files"
    settings = shop.settings.model_copy(update={"database_url": url, "storage_url": files})
    new = replace(shop, settings=settings, engine=connected(url), storage=Storage(files))
    yield new
    new.engine.dispose()


def tools(shop: Shop) -> str:
    """The folder of the programs that belong to the shop's server: the machine's own may be older, or not there."""
    if databases.kind_of(shop.settings.database_url) == databases.SQLITE:
        return ""
    with shop.reading() as session:
        return str(session.execute(text("select setting from pg_config where name = 'BINDIR'")).scalar_one())


def everything(shop: Shop, *besides: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all of the shop's tables, but for those of some."""
    with shop.reading() as session:
        return {
            table.name: sorted((dict(row._mapping) for row in session.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name not in besides
        }


def files(shop: Shop) -> dict[str, bytes]:
    """All that is stored."""
    return {key: b"".join(shop.storage.read_in_chunks(key)) for key, _ in shop.storage.everything()}


def destroyed(shop: Shop) -> None:
    """Nothing is left of what the shop stored."""
    shutil.rmtree(shop.storage.url.removeprefix("file://"))
