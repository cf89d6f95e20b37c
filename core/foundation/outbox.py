"""What the shop owes the outside: jobs enqueued in the very transaction that owes them, each once.

A job that has to wait does not wait at work: its turn ends, and the transaction that ends it owes the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Engine, Executable, Table, func, literal, select, true
from sqlmodel import Session

from core.foundation import masking
from core.foundation.errors import StripeKeyRefused, StripeUnreachable
from core.foundation.records import constant
from core.foundation.telemetry import requests
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.later import at_the_end

if TYPE_CHECKING:
    from dbos import DBOSClient, EnqueueOptions

# Pinned: DBOS would otherwise name versions after the code, and a deployment would strand the jobs in flight.
APPLICATION = "pushcart"
APPLICATION_VERSION = "1"
# The workflow that runs every turn of a job but its first. A name of its own: a worker of an earlier version, which may
# still be running, leaves it alone.
NEXT_TURN = "next_turn"


class Job(StrEnum):
    """The jobs there are; the worker runs one workflow of the same name for each."""

    RECEIPT = "receipt"
    LATE_DELIVERY = "late_delivery"
    PAYMENT_FAILED = "payment_failed"
    PAID_AFTER_END = "paid_after_end"
    REFUNDED = "refunded"
    RENEWED = "renewed"
    RENEWAL_FAILED = "renewal_failed"
    PLAN_ENDING = "plan_ending"
    PLAN_ENDED = "plan_ended"
    ACCESS_CHANGED = "access_changed"
    NEW_VERSION = "new_version"
    TEST_LETTER = "test_letter"
    DIGEST = "digest"
    WITHDRAWAL = "withdrawal"
    WITHDRAWAL_NOTICE = "withdrawal_notice"
    PLAN_REMINDER = "plan_reminder"
    SIGN_IN_CODE = "sign_in_code"
    OWNER_NOTICE = "owner_notice"
    SHOP_NOTICE = "shop_notice"
    INVITATION = "invitation"
    ASK_STRIPE = "ask_stripe"
    CANCEL_SUBSCRIPTION = "cancel_subscription"
    ARCHIVE_PRICE = "archive_price"
    PLAN_PRICES = "plan_prices"
    PROMOTION_CODE = "promotion_code"
    CORRECT_INVOICES = "correct_invoices"
    TELL_BUYERS = "tell_buyers"
    WEBHOOK = "webhook"
    ENTITLEMENTS = "entitlements"
    SEAT_INVITATION = "seat_invitation"
    PLACE_LETTER = "place_letter"
    WAITING_LETTER = "waiting_letter"
    PLACE_REFUND = "place_refund"


class Notice(StrEnum):
    """What a notice to the owners is about: Stripe turns the key away, or does not let it do something, or was paid for an order
    that is lost."""

    KEY_REFUSED = "key_refused"
    PERMISSION_MISSING = "permission_missing"
    ORDER_LOST = "order_lost"


class Queue(StrEnum):
    """Where jobs wait, by purpose, so that none waits for another's trouble."""

    CODES = "codes"
    BUYERS = "buyers"
    OWNERS = "owners"
    STRIPE = "stripe"
    # Messages to the seller's own programs, and what these ask of.
    WEBHOOKS = "webhooks"
    # Letters whose recipient made trouble.
    RETRIES = "retries"
    # What a version before this one owed; nothing new is put here.
    EARLIER = "letters"


_QUEUES = {
    Job.RECEIPT: Queue.BUYERS,
    Job.LATE_DELIVERY: Queue.BUYERS,
    Job.PAYMENT_FAILED: Queue.BUYERS,
    Job.PAID_AFTER_END: Queue.BUYERS,
    Job.REFUNDED: Queue.BUYERS,
    Job.RENEWED: Queue.BUYERS,
    Job.RENEWAL_FAILED: Queue.BUYERS,
    Job.PLAN_ENDING: Queue.BUYERS,
    Job.PLAN_ENDED: Queue.BUYERS,
    Job.ACCESS_CHANGED: Queue.BUYERS,
    Job.WITHDRAWAL: Queue.BUYERS,
    Job.PLAN_REMINDER: Queue.BUYERS,
    Job.NEW_VERSION: Queue.BUYERS,
    Job.SIGN_IN_CODE: Queue.CODES,
    Job.OWNER_NOTICE: Queue.OWNERS,
    Job.SHOP_NOTICE: Queue.OWNERS,
    Job.WITHDRAWAL_NOTICE: Queue.OWNERS,
    Job.INVITATION: Queue.OWNERS,
    Job.TEST_LETTER: Queue.OWNERS,
    Job.DIGEST: Queue.OWNERS,
    Job.TELL_BUYERS: Queue.OWNERS,
    Job.ASK_STRIPE: Queue.STRIPE,
    Job.CANCEL_SUBSCRIPTION: Queue.STRIPE,
    Job.ARCHIVE_PRICE: Queue.STRIPE,
    Job.PLAN_PRICES: Queue.STRIPE,
    Job.PROMOTION_CODE: Queue.STRIPE,
    Job.CORRECT_INVOICES: Queue.STRIPE,
    Job.WEBHOOK: Queue.WEBHOOKS,
    Job.ENTITLEMENTS: Queue.WEBHOOKS,
    Job.SEAT_INVITATION: Queue.BUYERS,
    Job.PLACE_LETTER: Queue.BUYERS,
    Job.WAITING_LETTER: Queue.BUYERS,
    Job.PLACE_REFUND: Queue.STRIPE,
}
# Nobody waits for these, of which there may be thousands at once.
_UNHURRIED = frozenset({Job.NEW_VERSION, Job.RENEWED})
# In these, each recipient's domain has a few places of its own; each endpoint that messages go to as well.
BY_DOMAIN = frozenset({Queue.CODES, Queue.BUYERS, Queue.RETRIES, Queue.WEBHOOKS})
# More of those that gave up nobody reads at once.
MOST_DEAD = 1000
# A job with a lower number comes first.
_LAST = 2**31 - 1
# What was tried more often than this is all alike.
_TURNS = 1000
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Turn:
    """One turn of a job: `root` is the id it was owed under, `number` counts from 0."""

    job: Job
    root: str
    number: int
    arguments: tuple[str, ...]


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
    options = _options(_QUEUES[job], job.value, f"{job.value}:{key}", to)
    if _QUEUES[job] in BY_DOMAIN:
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
    options = _options(Queue.RETRIES if apart else _QUEUES[turn.job], NEXT_TURN, f"{turn.root}#{number}", to)
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


def _reading(engine: Engine) -> Engine:
    """Asks without waiting for whoever writes into SQLite."""
    return engine.execution_options(pushcart_reads=True)


def _reading_client(engine: Engine) -> "DBOSClient":
    """A client that only asks: DBOS asks again without end while SQLite is locked, and so must not need the lock."""
    with _opening:
        if id(engine) not in _readers:
            from dbos import DBOSClient

            _readers[id(engine)] = DBOSClient(
                system_database_engine=_reading(engine), application_name=APPLICATION, lazy=True
            )
        return _readers[id(engine)]


def is_waiting(engine: Engine, jobs: Table, queue: str) -> bool:
    """Whether a job of this queue waits to be taken, by the engine and the table that DBOS has for them."""
    waiting = select(literal(1)).where(jobs.c.queue_name == queue, jobs.c.status == constant("ENQUEUED")).limit(1)
    with engine.connect() as connection:
        return connection.execute(waiting).first() is not None


@dataclass(frozen=True)
class AtHand:
    """The queues in which a job waits to be taken, and when the next is `due` of those that are put off, in milliseconds since
    1970."""

    queues: frozenset[str]
    due: int | None


def at_hand(connection: Connection, jobs: Table) -> AtHand:
    """What is at hand of all queues, by a connection of DBOS's and the table that it has for jobs."""
    *waits, due = connection.execute(_of_all_queues(jobs)).one()
    return AtHand(frozenset(queue.value for queue, some in zip(Queue, waits, strict=True) if some), due)


@cache
def _of_all_queues(jobs: Table) -> Executable:
    waiting = [
        select(literal(1)).where(jobs.c.queue_name == constant(queue.value), jobs.c.status == constant("ENQUEUED")).exists()
        for queue in Queue
    ]  # fmt: skip
    put_off = select(func.min(jobs.c.delay_until_epoch_ms)).where(jobs.c.status == constant("DELAYED"))
    return select(
        *(each.label(queue.name) for queue, each in zip(Queue, waiting, strict=True)), put_off.scalar_subquery()
    )


def is_known(jobs: Table, engine: Engine) -> ColumnElement[bool]:
    """A condition: that this version knows the job, whichever turn of it that is. A later version may owe others as well."""
    kind = (
        func.split_part(jobs.c.workflow_uuid, ":", 1)
        if engine.dialect.name == "postgresql"
        else func.substr(jobs.c.workflow_uuid, 1, func.instr(jobs.c.workflow_uuid, ":") - 1)
    )
    return kind.in_([job.value for job in Job])


def unknown(engine: Engine, *, limit: int) -> "list[JobRow]":
    """The jobs that wait for a worker of a later version, the oldest first."""
    system = open_client(engine)._sys_db
    jobs = system.tables.workflow_status
    of_index = jobs.c.status.in_([constant(each) for each in _IN_FLIGHT])
    waiting = (of_index, jobs.c.status == constant("ENQUEUED"), ~is_known(jobs, engine))
    query = select(jobs.c.workflow_uuid, jobs.c.queue_name, jobs.c.created_at).where(*waiting)
    with _reading(system.engine).connect() as connection:
        rows = connection.execute(query.order_by(jobs.c.created_at).limit(limit)).all()
    return [
        JobRow(job_id, queue or "", Stage.WAITING, datetime.fromtimestamp(since / 1000, UTC), "")
        for job_id, queue, since in rows
    ]


def next_partitions(engine: Engine, jobs: Table, queue: str, *, besides: list[str]) -> list[str]:
    """The partitions of the jobs of this queue that come next, those first of which each is one; a hundred jobs are looked at."""
    of_index = jobs.c.status.in_([constant(each) for each in _IN_FLIGHT])
    waiting = (jobs.c.queue_name == queue, of_index, jobs.c.status == constant("ENQUEUED"), is_known(jobs, engine))
    query = select(jobs.c.queue_partition_key).where(*waiting, jobs.c.queue_partition_key.is_not(None))
    query = query.where(jobs.c.queue_partition_key.not_in(besides)) if besides else query
    with engine.connect() as connection:
        return list(connection.execute(query.order_by(jobs.c.priority, jobs.c.created_at).limit(100)).scalars())


def executors(engine: Engine) -> set[str]:
    """The ids of the workers that jobs are in the hands of, also of workers that are gone."""
    under_way = open_client(engine).list_workflows(status="PENDING", load_input=False, load_output=False)
    return {job.executor_id for job in under_way if job.executor_id}


def dead_jobs(engine: Engine) -> list[tuple[str, datetime, str]]:
    """Jobs that gave up, the newest MOST_DEAD of them: id, when, and what they said last."""
    return [(job.id, job.since, job.said) for job in jobs(engine, Stage.DEAD, limit=MOST_DEAD)]


class Stage(StrEnum):
    """How far a job is: `waiting` for its turn, `running` in a worker's hands, `dead` when it gave up."""

    WAITING = "waiting"
    RUNNING = "running"
    DEAD = "dead"


# What DBOS calls these, each as one of those that it has an index of: a statement finds them by the index's very words.
_IN_FLIGHT = ("ENQUEUED", "PENDING")
_ENDED_BADLY = ("ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_STAGES: dict[Stage, dict[str, tuple[str, ...]]] = {
    Stage.WAITING: {"ENQUEUED": _IN_FLIGHT, "DELAYED": ("DELAYED",)},
    Stage.RUNNING: {"PENDING": ("PENDING",)},
    Stage.DEAD: {"ERROR": _ENDED_BADLY, "MAX_RECOVERY_ATTEMPTS_EXCEEDED": _ENDED_BADLY},
}


@dataclass(frozen=True)
class Tally:
    """How many jobs of a queue are `waiting`, `delayed` until later, `running` or `dead`, and since when the oldest of them is."""

    queue: str
    stage: str
    count: int
    oldest: datetime | None


# What is counted, each found by an index that DBOS has of it.
_TALLIED = {
    "waiting": ("ENQUEUED", _IN_FLIGHT), "delayed": ("DELAYED", ("DELAYED",)), "running": ("PENDING", _IN_FLIGHT),
    "dead": ("ERROR", _ENDED_BADLY),
}  # fmt: skip


def tallies(engine: Engine) -> list[Tally]:
    """How many jobs of each queue are at each stage, also where there are none."""
    system = open_client(engine)._sys_db
    jobs = system.tables.workflow_status
    found: list[Tally] = []
    with _reading(system.engine).connect() as connection:
        for stage, (status, index) in _TALLIED.items():
            of_index = jobs.c.status.in_([constant(each) for each in index]) if len(index) > 1 else true()
            wanted = select(jobs.c.queue_name, func.count(), func.min(jobs.c.created_at)).where(
                of_index, jobs.c.status == constant(status)
            )
            rows = {
                name: (count, since) for name, count, since in connection.execute(wanted.group_by(jobs.c.queue_name))
            }
            for queue in Queue:
                count, since = rows.get(queue.value, (0, None))
                found.append(Tally(queue, stage, count, datetime.fromtimestamp(since / 1000, UTC) if since else None))
    return found


@dataclass(frozen=True)
class JobRow:
    """A job as it stands. `since` is when that changed last, `said` what it gave up with."""

    id: str
    queue: str
    stage: Stage
    since: datetime
    said: str


def jobs(engine: Engine, stage: Stage, *, limit: int) -> list[JobRow]:
    """The jobs of a stage, the newest first, at most `limit`. Their arguments are not told."""
    found = _described(engine, _named(engine, stage, limit), said=stage is Stage.DEAD)
    rows = [
        JobRow(
            job.workflow_id, job.queue_name or "", stage, datetime.fromtimestamp((job.updated_at or 0) / 1000, UTC),
            masking.masked(str(job.error)) if job.error else "",
        )
        for job in found
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row.since, reverse=True)[:limit]


def _named(engine: Engine, stage: Stage, limit: int) -> list[str]:
    """The ids of the newest jobs of a stage, or whose time comes next, at most `limit` of each status. DBOS itself would look
    through all jobs."""
    system = open_client(engine)._sys_db
    jobs = system.tables.workflow_status
    found: list[str] = []
    with _reading(system.engine).connect() as connection:
        for status, index in _STAGES[stage].items():
            words = [constant(each) for each in index]
            of_index = jobs.c.status.in_(words) if len(words) > 1 else jobs.c.status == words[0]
            query = select(jobs.c.workflow_uuid).where(of_index, jobs.c.status == constant(status))
            # Of what is put off, DBOS has an index by when its time comes.
            order = jobs.c.delay_until_epoch_ms if status == "DELAYED" else jobs.c.created_at.desc()
            found += connection.execute(query.order_by(order).limit(limit)).scalars()
    return found


def _described(engine: Engine, ids: list[str], *, said: bool) -> list[Any]:
    """These jobs as DBOS describes them, with what they ended with if that is `said`."""
    if not ids:
        return []
    return list(_reading_client(engine).list_workflows(workflow_ids=ids, load_input=False, load_output=said))


def finished(engine: Engine, *, before: datetime, limit: int) -> list[str]:
    """The ids of the oldest jobs that were done and were owed before this moment."""
    system = open_client(engine)._sys_db
    jobs = system.tables.workflow_status
    done = (jobs.c.created_at < int(before.timestamp() * 1000), jobs.c.status == constant("SUCCESS"))
    with _reading(system.engine).connect() as connection:
        return list(
            connection.execute(
                select(jobs.c.workflow_uuid).where(*done).order_by(jobs.c.created_at).limit(limit)
            ).scalars()
        )


def forget(engine: Engine, job_ids: list[str]) -> None:
    """Remove these jobs, with what they were given. One that is owed again under the same key may be run again: what it does is
    done once by itself, as no letter is sent twice."""
    if job_ids:
        open_client(engine).delete_workflows(job_ids)


def retry(engine: Engine, job_id: str) -> bool:
    """Let a job that gave up have its turn again, in the queue that it was in; False if it has not given up (any more)."""
    client = open_client(engine)
    found = [job for job in _described(engine, [job_id], said=False) if job.status in _STAGES[Stage.DEAD]]
    for job in found:
        client.rewind_workflow(
            job_id, application_version=APPLICATION_VERSION, queue_name=job.queue_name,
            queue_partition_key=job.queue_partition_key,
        )  # fmt: skip
    return bool(found)
