"""The schema: Alembic's tables first, then DBOS's, by whichever process comes first while the others wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import structlog
from sqlalchemy import Engine, inspect, text

from core.foundation import database
from core.foundation.errors import DatabaseNewer, MigrationStuck

_SCRIPTS = Path(__file__).parent / "migrations"
# A number of our own for PostgreSQL's advisory locks: "push".
_LOCK = 0x70757368
# Seconds. What takes longer says so, and again each time; who waits gives up where nothing has got on for so long. One step may
# take minutes: it rewrites a table of millions of rows.
_SAYS_AFTER = 5.0
_SAYS_AGAIN = 30.0
_PATIENCE = 1800.0

log = structlog.get_logger()


def ensure(engine: Engine, url: str, *, secret: str = "") -> bool:
    """Bring the database to this version's schema; return whether anything was to be done. `secret` is SECRET_KEY, with which
    licence keys of before are sealed.

    Raises DatabaseNewer where a later version has been at work, and MigrationStuck where another process is at it and does not
    get on. Safe from several processes at once. Looking costs one query, so that a second start does not import Alembic.
    """
    if _is_current(engine):
        return False
    with alone(engine, url):
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
    with database.reader(engine).connect() as connection:
        if not inspect(connection).has_table("schema_ready"):
            return None
        return connection.execute(text("select version from schema_ready")).scalar()


def _upgrade(engine: Engine, secret: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes.update(engine=database.patient(engine), secret=secret, step=_Progress().step)
    command.upgrade(config, "head")


class _Progress:
    """Says how far a migration is, if it takes long."""

    def __init__(self) -> None:
        self._says_at = monotonic() + _SAYS_AFTER

    def step(self, *, step: Any, **_: Any) -> None:
        """One more is done."""
        if monotonic() >= self._says_at:
            log.info("migrating", done=step.up_revision_id, last=newest())
            self._says_at = monotonic() + _SAYS_AFTER


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
def alone(engine: Engine, url: str) -> Iterator[None]:
    """Nobody else brings this database to a schema meanwhile: whoever starts waits, and then finds what there is.

    Raises MigrationStuck.
    """
    if engine.dialect.name == "sqlite":
        with _file_lock(engine, Path(url.removeprefix("sqlite:///")).absolute()):
            yield
        return
    # Without a transaction around it: DBOS builds indexes concurrently, which waits for every open one to end.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Nor may we wait inside a statement: DBOS's index would wait for that one too, and we for DBOS.
        asked = text("select pg_try_advisory_lock(:number)")
        _wait_until(lambda: bool(connection.execute(asked, {"number": _LOCK}).scalar_one()), engine)
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:number)"), {"number": _LOCK})


@contextmanager
def _file_lock(engine: Engine, database: Path) -> Iterator[None]:
    import fcntl

    def taken() -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    with open(database.with_suffix(".lock"), "w") as file:
        _wait_until(taken, engine)
        yield


def _wait_until(taken: Callable[[], bool], engine: Engine) -> None:
    """Try until it is taken, and say what is waited for. Raises MigrationStuck."""
    began = got_on = monotonic()
    says_at, at = began + _SAYS_AFTER, _reached(engine)
    while not taken():
        sleep(0.1)
        if (now := monotonic()) < says_at:
            continue
        if (found := _reached(engine)) != at:
            at, got_on = found, now
        log.warning("waits_for_a_migration", seconds=round(now - began), done=at or "nothing yet", last=newest())
        if now - got_on > _PATIENCE:
            raise MigrationStuck(seconds=round(now - got_on), at=at)
        says_at = now + _SAYS_AGAIN


def _reached(engine: Engine) -> str:
    """Up to which migration another process has come; empty if to none."""
    with database.reader(engine).connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.execute(text("select version_num from alembic_version")).scalar() or "")
