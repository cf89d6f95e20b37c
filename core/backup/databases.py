"""A whole database in a file, and back: SQLite by its own online backup, PostgreSQL by its `pg_dump` and `pg_restore`."""

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Inspector, NullPool, create_engine, inspect

from core.foundation import database, masking, migration
from core.foundation.errors import BackupHindered, Hindrance

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# Where a backup keeps which kind.
PART = {SQLITE: "database.sqlite", POSTGRESQL: "database.pgdump"}
_PAGES_AT_ONCE = 4096


def kind_of(url: str) -> str:
    """Which kind of database this address is of."""
    return SQLITE if url.startswith("sqlite") else POSTGRESQL


def path_of(url: str) -> Path:
    """Where the file of a SQLite database is."""
    return Path(url.removeprefix("sqlite:///")).absolute()


def dump(url: str, out: Path, *, folder: str = "", progress: Callable[[str], object]) -> None:
    """Write the database as it is at this moment, while others write on. `folder` is where PostgreSQL's programs are, if not
    on the PATH. Raises BackupHindered."""
    if kind_of(url) == SQLITE:
        _copy_sqlite(path_of(url), out, progress)
        return
    program = _program("pg_dump", folder)
    _check_age(program, url)
    _run([program, "--format=custom", f"--file={out}"], url)


def load(url: str, dumped: Path, *, folder: str = "") -> None:
    """Fill an empty PostgreSQL database, or leave it empty. Raises BackupHindered."""
    program = _program("pg_restore", folder)
    # A process that is started now would begin a shop in it.
    with migration.alone(plain(url), url):
        _run([program, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(dumped)], url)


def check_tools(part: str, *, folder: str = "") -> None:
    """Raise BackupHindered if what is needed to read this part of a backup is not there."""
    if part == PART[POSTGRESQL]:
        _program("pg_restore", folder)


def is_empty(engine: Engine) -> bool:
    """Whether there is no table in a database."""
    with engine.connect() as connection:
        looked_at = inspect(connection)
        return not any(looked_at.get_table_names(schema) for schema in schemas(looked_at))


def plain(url: str) -> Engine:
    """An engine for a PostgreSQL database that keeps no connection, and says nothing to any."""
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)


@contextmanager
def left_as_it_was(url: str) -> Iterator[None]:
    """Whatever is put into an empty PostgreSQL database here is taken out of it again if something goes wrong: else the next try
    would be refused. Raises BackupHindered if it is not empty by now: what came in meanwhile is somebody's."""
    engine = plain(url)
    if not is_empty(engine):
        raise BackupHindered(Hindrance.NOT_EMPTY)
    with engine.connect() as connection:
        before = schemas(inspect(connection))
    try:
        yield
    except BaseException:
        with engine.begin() as connection:
            _empty(connection, before)
        raise


def _empty(connection: Connection, kept: Collection[str]) -> None:
    looked_at = inspect(connection)
    quoted = connection.dialect.identifier_preparer.quote_identifier
    connection.exec_driver_sql("set local lock_timeout = '30s'")
    for schema in schemas(looked_at):
        if schema not in kept:
            connection.exec_driver_sql(f"drop schema {quoted(schema)} cascade")
            continue
        for kind, names in (
            ("table", looked_at.get_table_names(schema)),
            ("sequence", looked_at.get_sequence_names(schema)),
        ):
            for name in names:
                connection.exec_driver_sql(f"drop {kind} if exists {quoted(schema)}.{quoted(name)} cascade")


def schemas(looked_at: Inspector) -> list[str]:
    """The schemas of a database but for the server's own."""
    return [name for name in looked_at.get_schema_names() if name not in ("information_schema", "pg_catalog")]


def put_in_place(file: Path, place: Path) -> None:
    """Give a whole SQLite file, which nobody has open, its place, unless there is something by now. Raises BackupHindered."""
    if left_beside(place):
        raise BackupHindered(Hindrance.NOT_EMPTY)
    file.chmod(file.stat().st_mode & 0o770)  # it was in a folder that nobody else looks into, and has all buyers in it
    try:
        # Unlike a file that is renamed, a link never takes the place of what a process has just begun.
        place.hardlink_to(file)
    except FileExistsError as error:
        raise BackupHindered(Hindrance.NOT_EMPTY) from error
    except OSError:  # there are no links on every disk
        if place.exists():
            raise BackupHindered(Hindrance.NOT_EMPTY) from None
        file.rename(place)


def left_beside(path: Path) -> str:
    """The name of a journal beside a SQLite file that nobody here has open, or an empty string: SQLite would take what stands in it
    for a part of whatever lies under that name."""
    return next((f"{path.name}{ending}" for ending in ("-wal", "-journal") if Path(f"{path}{ending}").exists()), "")


def _copy_sqlite(source: Path, out: Path, progress: Callable[[str], object]) -> None:
    def told(_status: int, remaining: int, total: int) -> None:
        progress(f"database, {100 * (total - remaining) // max(total, 1)} %")

    with closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, isolation_level=None)) as original:
        # All steps see what the first one sees: without a transaction of its own, each write of the shop would begin it anew.
        original.execute("begin")
        original.execute("select 1 from sqlite_master limit 1").fetchall()
        with closing(sqlite3.connect(out)) as copy:
            original.backup(copy, pages=_PAGES_AT_ONCE, progress=told, sleep=0)
            copy.execute("pragma journal_mode = delete")  # so that all of it is in one file
    # Pages are copied as they are: what is damaged would be found out when the backup is needed, and the good ones are gone.
    if found := database.damage(out):
        raise BackupHindered(Hindrance.DATABASE_DAMAGED, found)


def _program(name: str, folder: str) -> str:
    found = shutil.which(name, path=folder or None)
    if found is None:
        raise BackupHindered(Hindrance.NO_TOOL, name)
    return found


def _check_age(program: str, url: str) -> None:
    """An older pg_dump does not read a newer server."""
    import psycopg

    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    own = re.search(r"\d+", said)
    with psycopg.connect(url) as connection:
        theirs = connection.info.server_version // 10000
    if own is None or int(own[0]) < theirs:
        raise BackupHindered(Hindrance.OLD_TOOL, f"{said.strip()}, and the server is {theirs}")


def _run(command: list[str], url: str) -> None:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    asked: dict[str, Any] = conninfo_to_dict(url)
    # Not on the command line, where everybody on the machine could read it.
    password = asked.pop("password", None)
    env = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    done = subprocess.run(
        [*command, f"--dbname={make_conninfo(**asked)}"], env=env, capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise BackupHindered(Hindrance.TOOL_FAILED, masking.masked(last))
