"""PostgreSQL's connections: what each is told once it is opened, and before it is used again.

A pooler that lends a connection for one transaction only (PgBouncer's transaction mode) gives the next one to somebody else:
nothing may be kept on it, neither prepared statements nor settings. That it is one is seen, and needs no setting.
"""

import re
import select
from collections.abc import Mapping
from functools import lru_cache
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import InvalidatePoolError

from core.connections import documents, statements
from core.connections.pipeline import keep_prepared

_LEVEL = "read committed"
# How long, in milliseconds, one waits for somebody's lock, for a statement, and for a transaction in which nothing happens.
LIMITS: dict[str, int | str] = {
    "lock_timeout": 10_000,
    "statement_timeout": 60_000,
    "idle_in_transaction_session_timeout": 60_000,
}
# Whatever a server is set to for others. Times are written in the way that they are read here, what is nothing stays so in a list
# of values, and whoever has waited for a lock sees what was written meanwhile. And no statement is compiled to machine code: that
# is done for what the server takes for dear, as until PostgreSQL 17 each is that reads a table as a whole against `_BY_INDEX`, and
# to read twenty rows took 80 milliseconds.
_ALWAYS = {"datestyle": "ISO", "array_nulls": "on", "default_transaction_isolation": _LEVEL, "jit": "off"}
# What is asked again and again finds its rows by an index. For as long as the database has not counted a new shop's rows it takes
# them for few, would read each table as a whole, and go on so where a statement is prepared.
_BY_INDEX, _AS_IT_LIKES = {"enable_seqscan": "off"}, {"enable_seqscan": "on"}
UTF8 = "UTF8"
# Under this option a connection has no such limits: a migration or an export takes as long as it takes, and reads whole tables.
PATIENT = "pushcart_patient"
# Under this one it only reads.
READS = "pushcart_reads"
# A connection that was used this long ago at most, in seconds, is there still unless its server has said otherwise.
_TRUSTED = 5
# Seconds that one waits for a connection: for the server to take it, and for another thread to be done with one.
_CONNECTS, _SPARES = 5, 10
_POOLED = "pushcart_pooled"
# A server that is away is said to be so soon: requests that wait for it would use up all threads. What it is sent and sends is
# UTF-8 also where this machine, or the database, would have it otherwise.
_USUAL: dict[str, int | str] = {"connect_timeout": _CONNECTS, "client_encoding": "UTF8"}


def connect(url: str) -> Engine:
    """An engine for `postgresql://…`. Nothing is opened yet."""
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=10,
        max_overflow=10,
        pool_timeout=_SPARES,
        # Said with each BEGIN: behind a pooler what holds for a session holds for somebody else's.
        isolation_level=_LEVEL.upper(),
        json_deserializer=documents.read,
        hide_parameters=True,  # an error would name them, and with them people's addresses
        connect_args={name: value for name, value in _USUAL.items() if f"{name}=" not in url},
    )
    statements.send_in_time(engine)
    _prepare(engine)
    _ask_before_use(engine)
    return engine


def is_pooled(engine: Engine) -> bool:
    """Whether a pooler stands between this process and the database. Opens a connection where none is."""
    if engine.dialect.name != "postgresql":
        return False
    with engine.connect() as connection:
        return bool(connection.info[_POOLED])


def encoding(engine: Engine) -> str:
    """In what the database keeps its texts: `UTF8`, as any other lacks letters of somebody's name. Opens a connection where none
    is."""
    if engine.dialect.name != "postgresql":
        return UTF8
    with engine.connect() as connection:
        return str(_driver(connection).info.parameter_status("server_encoding"))


def is_same(engine: Engine, direct: Engine) -> bool:
    """Whether both lead to one database of one server: whoever asks there sees the connection that the other has here."""
    if engine.dialect.name != direct.dialect.name:
        return False
    with direct.connect() as itself, engine.connect() as asking:
        [mine] = itself.execute(_WHO, {"pid": itself.scalar(text("select pg_backend_pid()"))}).all()
        seen = asking.execute(_WHO, {"pid": mine.pid}).all()
        here = asking.scalar(text("select current_database()"))
    # Of another role's connections the server does not say since when they are.
    return any(each.datname == mine.datname == here and each.since in (mine.since, None) for each in seen)


_WHO = text("select pid, datname, backend_start as since from pg_stat_activity where pid = :pid")


def options() -> str:
    """The limits, and what holds always, as libpq's `options`, for connections of a library that makes its own."""
    limits = {name: limit for name, limit in LIMITS.items() if not name.startswith("idle")}
    said = {name: str(to).replace(" ", r"\ ") for name, to in {**limits, **_ALWAYS}.items()}
    return " ".join(f"-c {name}={to}" for name, to in said.items())


def _prepare(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def opened(connection: Any, record: Any) -> None:
        keep_prepared(connection)
        connection.autocommit = True
        [backend] = connection.execute("select pg_backend_pid()").fetchone()
        # A pooler answers with numbers of its own, by which it knows its clients.
        record.info[_POOLED] = backend != connection.info.backend_pid
        if record.info[_POOLED]:
            connection.prepare_threshold = None
        else:
            connection.execute(_setting({**LIMITS, **_BY_INDEX, **_ALWAYS}, of_transaction=False))
        connection.autocommit = False

    @event.listens_for(engine, "begin")
    def begins(connection: Connection) -> None:
        if connection.get_execution_options().get(PATIENT):
            patient: dict[str, int | str] = {**dict.fromkeys(LIMITS, 0), **_AS_IT_LIKES, **_ALWAYS}
            statements.tell(connection, _setting(patient, of_transaction=True), ())
        elif connection.info[_POOLED]:
            statements.tell(connection, _setting({**LIMITS, **_BY_INDEX, **_ALWAYS}, of_transaction=True), ())
        elif connection.get_execution_options().get(READS):
            # Each question is a transaction of its own. Here they see no less by that, as each sees what is committed when it is
            # asked, and the way to the server and back that a beginning and an end take is saved twice.
            _driver(connection).autocommit = True

    @event.listens_for(engine, "before_cursor_execute")
    def asks(connection: Connection, _cursor: Any, words: str, *_: Any) -> None:
        if connection.get_execution_options().get(READS) and _driver(connection).autocommit and not _only_reads(words):
            # Whatever else is done under it is done in a transaction, which is undone.
            _driver(connection).autocommit = False

    @event.listens_for(engine, "checkin")
    def has_read(connection: Any, _record: Any) -> None:
        if connection is not None and connection.autocommit and not connection.closed:
            connection.autocommit = False


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


@lru_cache(1000)
def _only_reads(words: str) -> bool:
    """Whether a statement neither writes nor locks anything."""
    return bool(_READS.match(words)) and not _DOES.search(words)


_READS = re.compile(r"\s*(?:select|with|explain|show)\b", re.IGNORECASE)
_DOES = re.compile(
    r"\b(?:insert into|update|delete from|merge into|for (?:no key update|share|key share)|analyze)\b|\w_lock|set_config|nextval",
    re.IGNORECASE,
)


def _setting(settings: Mapping[str, int | str], *, of_transaction: bool) -> str:
    return "select " + ", ".join(f"set_config('{name}', '{to}', {of_transaction})" for name, to in settings.items())


def _ask_before_use(engine: Engine) -> None:
    """Have a connection asked whether it still stands before it is used again, unless there is no doubt of it: asking every
    time, as the pool itself would, is a round trip for each transaction."""

    @event.listens_for(engine, "checkin")
    def put_back(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        since = record.info.pop("idle_since", None)  # a new one has not been put back yet
        if since is None or (monotonic() - since < _TRUSTED and not _was_spoken_to(connection)):
            return
        if not engine.dialect._do_ping_w_event(connection):
            raise InvalidatePoolError


def _was_spoken_to(connection: Any) -> bool:
    """Whether the server has sent what nobody asked for: that it shuts down, most likely, or an end of the connection."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
