"""What the shop owes the outside: jobs enqueued in the very transaction that owes them, each once.

A job that has to wait does not wait at work: its turn ends, and the transaction that ends it owes the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine
from sqlmodel import Session

from core.foundation.database import reader
from core.foundation.errors import StripeKeyRefused, StripeUnreachable
from core.foundation.jobs.kinds import APPLICATION, APPLICATION_VERSION, BY_DOMAIN, NEXT_TURN, QUEUES, Job, Queue, Turn
from core.foundation.telemetry import requests
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.later import at_the_end

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions

# Nobody waits for these, of which there may be thousands at once.
_UNHURRIED = frozenset({Job.NEW_VERSION, Job.RENEWED})
# A job with a lower number comes first.
_LAST = 2**31 - 1
# What was tried more often than this is all alike.
_TURNS = 1000
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

# What DBOS writes of a job that is enqueued; all else of it has a default.
_STATUS = (
    "workflow_uuid", "status", "name", "queue_name", "queue_partition_key", "application_version", "application_name",
    "priority", "recovery_attempts", "serialization", "authenticated_user", "delay_until_epoch_ms", "created_at", "updated_at",
)  # fmt: skip
_INPUT = ("workflow_uuid", "inputs", "retention_timestamp")


class _Rows:
    """Writes jobs into DBOS's own tables: as its `enqueue_in_transaction` does, but all of a transaction at once."""

    def __init__(self, client: "DBOSClient") -> None:
        self._client = client
        tables, schema = client._sys_db.tables, client._sys_db.schema
        place = f"{schema}." if schema else ""
        self._statuses = InsertOnce(tables.workflow_status, *_STATUS, name=f"{place}workflow_status")
        self._inputs = InsertOnce(tables.workflow_input, *_INPUT, name=f"{place}workflow_input")

    def write(self, session: Session, owed: list[tuple["EnqueueOptions", tuple[object, ...]]]) -> None:
        """Enqueue these; of one that was owed before nothing changes."""
        now = int(datetime.now(UTC).timestamp() * 1000)
        moments = {"created_at": now, "updated_at": now, "retention_timestamp": now, "recovery_attempts": 0}
        rows: dict[str, dict[str, Any]] = {}
        for options, arguments in owed:
            job_id, status = self._client._build_enqueue_status(options, *arguments)
            version = status["app_version"]
            rows.setdefault(job_id, {**status, **moments, "application_version": version})
        # In one order for everybody: two who owe the same jobs would wait for each other.
        written = [rows[job_id] for job_id in sorted(rows)]
        self._statuses(session, written)
        self._inputs(session, written)


_SILENT = "pushcart_silent"
_clients: dict[int, tuple["DBOSClient", _Rows]] = {}
_readers: dict[int, "DBOSClient"] = {}
_opening = Lock()


def silence(session: Session) -> None:
    """Have this transaction owe nothing, whatever is told to be owed in it: what happens in it is made up."""
    session.info[_SILENT] = True


def is_silent(session: Session) -> bool:
    """Whether what happens in this transaction is made up."""
    return bool(session.info.get(_SILENT))


def owe(session: Session, job: Job, *arguments: str, key: str, to: str = "") -> None:
    """Enqueue `job` with this transaction. The same job under the same key is one job, however often it is owed.

    `to` is the address that its letter goes to, or the id of the endpoint that its message goes to.
    """
    if is_silent(session):
        return
    options = _options(QUEUES[job], job.value, f"{job.value}:{key}", to)
    if QUEUES[job] in BY_DOMAIN:
        # The newest first: somebody is waiting for it, and those in front may all be to addresses that make trouble.
        age = int((datetime.now(UTC) - _EPOCH).total_seconds())
        options["priority"] = _LAST - (5 * _TURNS if job in _UNHURRIED else 10 * _TURNS + age)
    _enqueue(session, options, *arguments)


@contextmanager
def remembered() -> Iterator[None]:
    """What is asked of Stripe in here is owed as a job already: trouble that decides nothing says so."""
    try:
        yield
    except (StripeUnreachable, StripeKeyRefused) as trouble:
        trouble.remembered = True
        raise


def stamp(moment: datetime) -> str:
    """A moment as it stands among a job's arguments and in its key: the same one is the same text, by whatever clock."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}"


def owe_next(session: Session, turn: Turn, *, wait: timedelta, to: str = "", apart: bool = False) -> None:
    """Enqueue the turn after this one, to start when `wait` has passed; `apart` from the first turns of others.

    However often a turn is run, as after a crash, it is followed by one.
    """
    number = turn.number + 1
    options = _options(Queue.RETRIES if apart else QUEUES[turn.job], NEXT_TURN, f"{turn.root}#{number}", to)
    options["delay_seconds"] = wait.total_seconds()
    # After all first turns, and after those that were tried less often: what never works keeps nothing waiting that may. A code
    # is worth nothing when it comes late.
    options["priority"] = _LAST - (2 if turn.job is Job.SIGN_IN_CODE else 1) * _TURNS + min(number, _TURNS)
    _enqueue(session, options, turn.job.value, turn.root, number, *turn.arguments)


def _options(queue: Queue, workflow: str, workflow_id: str, to: str) -> "EnqueueOptions":
    options: EnqueueOptions = {
        "queue_name": queue.value,
        "workflow_name": workflow,
        "workflow_id": workflow_id,
        "app_version": APPLICATION_VERSION,
    }
    # DBOS hands it on as the user for whom a job is done; whose letters and questions ours are stands in their arguments.
    if request := requests.carried():
        options["authenticated_user"] = request
    if queue in BY_DOMAIN:
        options["queue_partition_key"] = _domain_key(to)
    return options


def _domain_key(address: str) -> str:
    """Stands for the domain of an address. A hash, because the rows of jobs outlive what a buyer may have erased."""
    return sha256(address.rpartition("@")[2].strip(" >").casefold().encode()).hexdigest()[:12]


def _enqueue(session: Session, options: "EnqueueOptions", *arguments: object) -> None:
    at_the_end(session, _write, (options, arguments))


def _write(session: Session, owed: list[tuple["EnqueueOptions", tuple[object, ...]]]) -> None:
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    _opened(engine)[1].write(session, owed)


def open_client(engine: Engine) -> "DBOSClient":
    """The enqueueing client of this process. Importing DBOS takes seconds: processes that serve call this at start."""
    return _opened(engine)[0]


def _opened(engine: Engine) -> tuple["DBOSClient", _Rows]:
    with _opening:
        if id(engine) not in _clients:
            from dbos import DBOSClient

            # Our own engine, so that it needs no connections of its own.
            client = DBOSClient(system_database_engine=engine, application_name=APPLICATION, lazy=True)
            _clients[id(engine)] = client, _Rows(client)
        return _clients[id(engine)]


def reading_client(engine: Engine) -> "DBOSClient":
    """A client that only asks: DBOS asks again without end while SQLite is locked, and so must not need the lock."""
    with _opening:
        if id(engine) not in _readers:
            from dbos import DBOSClient

            _readers[id(engine)] = DBOSClient(
                system_database_engine=reader(engine), application_name=APPLICATION, lazy=True
            )
        return _readers[id(engine)]
