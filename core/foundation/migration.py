"""The schema: Alembic's tables first, then DBOS's, by whichever process comes first while the others wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from sqlalchemy import Engine, inspect, text

from core.foundation import database
from core.foundation.errors import DatabaseNewer

_SCRIPTS = Path(__file__).parent / "migrations"
# A number of our own for PostgreSQL's advisory locks: "push".
_LOCK = 0x70757368


def ensure(engine: Engine, url: str, *, secret: str = "") -> bool:
    """Bring the database to this version's schema; return whether anything was to be done. `secret` is SECRET_KEY, with which
    licence keys of before are sealed.

    Raises DatabaseNewer where a later version has been at work. Safe from several processes at once. Looking costs one
    query, so that a second start does not import Alembic.
    """
    if _is_current(engine):
        return False
    with _alone(engine, url):
        if _is_current(engine):
            return False
        _upgrade(engine, secret)
        _upgrade_dbos(url)
        _stamp(engine)
    return True


def _is_current(engine: Engine) -> bool:
    found, known = current(engine), newest()
    if found and found > known:
        raise DatabaseNewer(found=found, known=known)
    return found == known


def newest() -> str:
    """The id of the newest migration: their files are numbered, so that the last name is the newest."""
    return max(path.stem.split("_")[0] for path in (_SCRIPTS / "versions").glob("[0-9]*.py"))


def current(engine: Engine) -> str | None:
    """Which migration a database is at, or None if it was never brought to the end of one."""
    # Looked at without waiting for whoever writes into SQLite: a process begins also while the demo's season is put in.
    with engine.connect().execution_options(pushcart_reads=True) as connection:
        if not inspect(connection).has_table("schema_ready"):
            return None
        return connection.execute(text("select version from schema_ready")).scalar()


def _upgrade(engine: Engine, secret: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes.update(engine=database.patient(engine), secret=secret)
    command.upgrade(config, "head")


def _upgrade_dbos(url: str) -> None:
    import logging

    from dbos import DBOS

    logging.getLogger("dbos").setLevel(logging.WARNING)
    DBOS.migrate(url)


def _stamp(engine: Engine) -> None:
    """Say that both halves are done: a start that died between them is made good by the next one."""
    with engine.begin() as connection:
        connection.execute(text("delete from schema_ready"))
        connection.execute(text("insert into schema_ready (version) values (:version)"), {"version": newest()})


@contextmanager
def _alone(engine: Engine, url: str) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        with _file_lock(Path(url.removeprefix("sqlite:///")).absolute()):
            yield
        return
    # Without a transaction around it: DBOS builds indexes concurrently, which waits for every open one to end.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Nor may we wait inside a statement: DBOS's index would wait for that one too, and we for DBOS.
        while not connection.execute(text("select pg_try_advisory_lock(:number)"), {"number": _LOCK}).scalar_one():
            sleep(0.1)
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:number)"), {"number": _LOCK})


@contextmanager
def _file_lock(database: Path) -> Iterator[None]:
    import fcntl

    with open(database.with_suffix(".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
