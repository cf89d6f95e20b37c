"""The database: one engine per process, and short transactions."""

import os
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import datetime
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir
from time import sleep
from typing import Any, ParamSpec, TypeVar

import structlog
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool
from sqlmodel import Session

from core.connections import documents, postgres
from core.connections.statements import tell
from core.connections.turns import Turns
from core.foundation import masking
from core.foundation.writes import packing
from core.foundation.writes.flush import BatchedSession

log = structlog.get_logger()

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")

# What PostgreSQL calls a transaction that it gave up so that others could go on: serialization_failure, deadlock_detected.
_GIVEN_UP = ("40001", "40P01")
# The classes of its codes that say that it cannot be had: no connection, no room for one, shutting down.
_AWAY = ("", "08", "53", "57")
# Somebody else holds a lock for too long: lock_not_available.
_LOCKED = "55P03"
# How long somebody's lock is waited for by what others wait behind, in milliseconds. Others hold one for some tens of them.
_BRIEFLY = 500
# And SQLite's: somebody else writes for too long, the disk fails or is full, the file cannot be opened or written.
_AWAY_SQLITE = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
)  # fmt: skip
# What it says of a file in which something else stands than it wrote.
_DAMAGED_SQLITE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
# How often a unit of work is tried, and how long it waits at most before the second time, in seconds.
_TRIES = 6
_BREATH = 0.1
# How long one waits for those who write into SQLite, in seconds.
_SQLITE_WAITS = 30
# So long, in seconds, a connection to SQLite is used again, and so many rows of each index are looked at for its statistics.
_SQLITE_KEEPS, _SAMPLED = 3600, 1000
# Under this name a session knows the clock that its transaction goes by.
NOW = "pushcart_now"
# And under this one the key that its shop signs and seals with.
SECRET = "pushcart_secret"


def connect(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql://…`. Nothing is opened yet."""
    if url.startswith("sqlite"):
        return _sqlite(url)
    return postgres.connect(url)


def patient(engine: Engine) -> Engine:
    """The same engine for what may take as long as it takes, a migration or an export: nothing of it is given up for time."""
    return engine.execution_options(**{postgres.PATIENT: True})


def reader(engine: Engine) -> Engine:
    """The same engine for what only reads: nobody waits for those who write into SQLite, and PostgreSQL is sent the questions
    and no more."""
    return engine.execution_options(**{postgres.READS: True})


def keep_statistics(engine: Engine) -> None:
    """Have SQLite look how its rows are spread, which PostgreSQL does by itself. Without, it takes an index of what nearly all
    rows have in common for as good as one of what few have. A sample is looked at: it takes milliseconds, however many rows."""
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.exec_driver_sql(f"pragma analysis_limit = {_SAMPLED}")
            connection.exec_driver_sql("analyze")


@contextmanager
def transaction(engine: Engine, *, now: Callable[[], datetime], secret: str = "") -> Iterator[Session]:
    """A session that commits on leaving and rolls back on an error. On SQLite it holds the write lock from the start."""
    info = {NOW: now, SECRET: secret}
    with _turn(engine), BatchedSession(engine, expire_on_commit=False, autoflush=False, info=info) as session:
        yield session
        session.commit()


@contextmanager
def joined(connection: Connection, *, now: Callable[[], datetime], secret: str = "") -> Iterator[Session]:
    """A session that is a part of the transaction which is open on this connection: it is undone by itself on an error, and
    stays only if all of that does."""
    options: dict[str, Any] = {"join_transaction_mode": "create_savepoint", "info": {NOW: now, SECRET: secret}}
    with BatchedSession(connection, expire_on_commit=False, autoflush=False, **options) as session:
        yield session
        session.commit()


def _turn(engine: Engine) -> AbstractContextManager[None]:
    """Let the threads and processes of this machine write into SQLite one after the other, each in its turn."""
    turns: Turns | None = engine.get_execution_options().get("pushcart_turns")
    return turns.taken() if turns else nullcontext()


def lock_names(session: Session, *names: str, shared: Sequence[str] = ()) -> None:
    """Lock what has no row: until this transaction ends nobody else locks these names, nor one of the `shared` ones alone.

    On SQLite whoever may write has locked everything already.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    wanted = [("pg_advisory_xact_lock_shared", name) for name in shared]
    wanted += [("pg_advisory_xact_lock", name) for name in names]
    calls = ", ".join(f"{function}(%s)" for function, _ in wanted)
    # Locked before whatever is asked next, with which it goes out.
    tell(session.connection(), f"select {calls}", [_number_of(name) for _, name in wanted])


def wait_briefly(session: Session) -> None:
    """Have this transaction given up soon where somebody else has locked what it needs; `is_held` knows the error.

    On SQLite whoever may write waits for nobody any more.
    """
    if session.get_bind().dialect.name == "postgresql":
        tell(session.connection(), f"set local lock_timeout = {_BRIEFLY}", ())


def _number_of(name: str) -> int:
    """What PostgreSQL calls the lock of this name: it knows numbers of 64 bits only."""
    return int.from_bytes(sha256(f"pushcart {name}".encode()).digest()[:8], "big", signed=True)


class Overtaken(Exception):
    """Somebody else did it first, which was not to be expected: the unit of work is to be done again."""


def repeatable(unit: Callable[P, T]) -> Callable[P, T]:
    """Do a unit of work again from its beginning, a few times, when the database gave it up so that others could go on, or
    somebody else was first.

    Only for functions that may be done twice: a transaction of their own, and nothing that a rollback does not undo.
    """

    @wraps(unit)
    def until_done(*args: P.args, **kwargs: P.kwargs) -> T:
        for tried in range(1, _TRIES):
            try:
                return unit(*args, **kwargs)
            except (DBAPIError, Overtaken) as error:
                if not _was_given_up(error):
                    raise
            # Not all at the same instant, or they meet again.
            sleep(random.uniform(0, _BREATH * 2**tried))
        return unit(*args, **kwargs)

    return until_done


def _was_given_up(error: Exception) -> bool:
    return isinstance(error, Overtaken) or _state_of(error) in _GIVEN_UP


# What a database that cannot be had is known by. Not each of these says so: `is_away` does.
TROUBLE: tuple[type[Exception], ...] = (OperationalError, InterfaceError, PoolTimeout, PendingRollbackError)
# SQLAlchemy's code for what is asked on a connection that was lost within its transaction.
_LOST = "8s2b"


def is_away(error: Exception) -> bool:
    """Whether it is the database itself that cannot be had: then it is of no use to try another unit of work."""
    if isinstance(error, PoolTimeout):
        return True
    if isinstance(error, PendingRollbackError):
        return error.code == _LOST
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode & 0xFF in _AWAY_SQLITE
    return is_held(error) or (_state_of(error) or "")[:2] in _AWAY


def is_damaged(error: Exception) -> bool:
    """Whether SQLite says of its file that it is damaged, or no database: then nothing that is tried again goes well."""
    cause = getattr(error, "orig", None) or error
    return isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in _DAMAGED_SQLITE


def damage(path: Path) -> str:
    """What SQLite finds damaged when it looks through the whole of a file, in one line; empty if nothing is. It reads
    all of it, while others may write."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            (found,) = connection.execute("pragma quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            if not is_damaged(error):
                raise
            found = str(error)
    return "" if found == "ok" else " ".join(found.replace("*** in database main ***", "").split())


def is_held(error: Exception) -> bool:
    """Whether somebody else had locked for too long what was needed: what needs something else may go well."""
    return _state_of(error) == _LOCKED


def _state_of(error: Exception) -> str | None:
    """PostgreSQL's code for what went wrong, where it was PostgreSQL that said so."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def passes(error: Exception) -> bool:
    """Whether the same unit of work may go well later: the database is away, or gave it up so that others could go on."""
    return is_away(error) or _was_given_up(error)


def apart(act: Callable[[S], T], subjects: Iterable[S]) -> list[T]:
    """What this comes to for each of them, one after the other. One for which it fails keeps none of the others waiting: it is
    logged, and left for whoever looks the next time. Raises what is raised where the database cannot be had."""
    done = []
    for each in subjects:
        try:
            done.append(act(each))
        except Exception as error:
            if is_away(error) and not is_held(error):
                raise
            log.error("left_for_later", subject=str(each), exc_info=error)
    return done


def why(error: Exception) -> str:
    """What the database said of it, in one line and without anybody's address; of SQLite also which file it is."""
    cause = getattr(error, "orig", None) or error
    file = getattr(cause, "pushcart_file", "")
    return masking.masked(str(cause).partition("\n")[0] + (f": {file}" if file else ""))


def answers(engine: Engine) -> bool:
    """Whether the database can be had right now. One that is away is waited for some seconds at most."""
    try:
        with reading(engine) as session:
            session.execute(text("select 1"))
    except TROUBLE as error:
        if not is_away(error):
            raise
        return False
    return True


@contextmanager
def reading(engine: Engine, *, patiently: bool = False) -> Iterator[Session]:
    """A session that only reads: on SQLite it does not queue for the write lock, and nothing is committed. `patiently` for
    what reads much and is waited for."""
    with Session(reader(patient(engine) if patiently else engine), expire_on_commit=False, autoflush=False) as session:
        yield session


@cache
def _sorts_in() -> str:
    """Where SQLite is to sort, and to rebuild tables: in files, unless this machine lets the process write none anywhere."""
    try:
        gettempdir()
    except FileNotFoundError:
        return "memory"
    return "default"


# All buyers are in it: no other user of this machine reads a file that the shop has made, or what SQLite keeps beside it, which is
# as open as the file. Whether the user's group does is for the umask to say.
_SHUT_FOLDER, _SHUT_FILE = 0o770, 0o660


class _Connection(sqlite3.Connection):
    """Whoever lets go of it, such as a command that is done with its shop, has closed it: Python from 3.13 on warns otherwise."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            self.close()


def _sqlite(url: str) -> Engine:
    path = Path(url.removeprefix("sqlite:///")).absolute()
    path.parent.mkdir(mode=_SHUT_FOLDER, parents=True, exist_ok=True)
    engine = create_engine(
        f"sqlite:///{path}",
        # Kept open: whoever closes the last one has SQLite write its log into the file and the next one begin it anew.
        # None is refused, since one that waits for another's lock must not keep a third from reading.
        poolclass=QueuePool,
        pool_size=10,
        max_overflow=-1,
        pool_recycle=_SQLITE_KEEPS,  # a connection knows the statistics that there were when it was opened
        connect_args={"timeout": _SQLITE_WAITS, "check_same_thread": False, "factory": _Connection},
        json_deserializer=documents.read,
        hide_parameters=True,
        execution_options={"pushcart_turns": Turns(path)},
    )

    @event.listens_for(engine, "do_connect")
    def keep_to_itself(*_: object) -> None:
        if not path.exists():
            with suppress(OSError):  # SQLite says what is the matter
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, _SHUT_FILE))

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        packing.teach(connection)
        connection.executescript(
            "pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on; "
            f"pragma busy_timeout={_SQLITE_WAITS * 1000}; pragma temp_store={_sorts_in()};"
        )

    @event.listens_for(engine, "handle_error")
    def name_file(context: ExceptionContext) -> None:
        # SQLite says that a file can't be opened, or written, and never which.
        context.original_exception.pushcart_file = path  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # The default takes the lock at the first write: two who have both read by then lose an update silently.
        reads = connection.get_execution_options().get(postgres.READS)
        connection.exec_driver_sql("begin" if reads else "begin immediate")

    return engine
