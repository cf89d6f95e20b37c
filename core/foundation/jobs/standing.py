"""The jobs as they stand: which wait, which are late or in a worker's hands, and which gave up."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Executable, Table, func, literal, select, true

from core.foundation import masking
from core.foundation.database import reader
from core.foundation.jobs.kinds import APPLICATION_VERSION, Job, Queue
from core.foundation.jobs.outbox import open_client, reading_client
from core.foundation.records import constant

# More of those that gave up nobody reads at once.
MOST_DEAD = 1000


def is_waiting(engine: Engine, jobs: Table, queue: str) -> bool:
    """Whether a job of this queue waits to be taken, by the engine and the table that DBOS has for them."""
    waiting = select(literal(1)).where(jobs.c.queue_name == queue, *_waits(jobs)).limit(1)
    with engine.connect() as connection:
        return connection.execute(waiting).first() is not None


def _waits(jobs: Table) -> tuple[ColumnElement[bool], ...]:
    """Conditions: that a job waits to be taken. SQLite finds it by DBOS's index where the words of that stand beside it."""
    return jobs.c.status.in_([constant(each) for each in _IN_FLIGHT]), jobs.c.status == constant("ENQUEUED")


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
        select(literal(1)).where(jobs.c.queue_name == constant(queue.value), *_waits(jobs)).exists()
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
    query = select(jobs.c.workflow_uuid, jobs.c.queue_name, jobs.c.created_at)
    query = query.where(*_waits(jobs), ~is_known(jobs, engine))
    with reader(system.engine).connect() as connection:
        rows = connection.execute(query.order_by(jobs.c.created_at).limit(limit)).all()
    return [
        JobRow(job_id, queue or "", Stage.WAITING, datetime.fromtimestamp(since / 1000, UTC), "")
        for job_id, queue, since in rows
    ]


def next_partitions(engine: Engine, jobs: Table, queue: str, *, besides: list[str]) -> list[str]:
    """The partitions of the jobs of this queue that come next, those first of which each is one; a hundred jobs are looked at."""
    waiting = (jobs.c.queue_name == queue, *_waits(jobs), is_known(jobs, engine))
    query = select(jobs.c.queue_partition_key).where(*waiting, jobs.c.queue_partition_key.is_not(None))
    query = query.where(jobs.c.queue_partition_key.not_in(besides)) if besides else query
    with engine.connect() as connection:
        return list(connection.execute(query.order_by(jobs.c.priority, jobs.c.created_at).limit(100)).scalars())


def executors(engine: Engine) -> set[str]:
    """The ids of the workers that jobs are in the hands of, also of workers that are gone. DBOS itself would look through all
    jobs."""
    system = open_client(engine)._sys_db
    jobs = system.tables.workflow_status
    under_way = select(jobs.c.executor_id).where(jobs.c.status == constant("PENDING")).distinct()
    with reader(system.engine).connect() as connection:
        return {executor for executor in connection.execute(under_way).scalars() if executor}


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
    with reader(system.engine).connect() as connection:
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
    with reader(system.engine).connect() as connection:
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
    return list(reading_client(engine).list_workflows(workflow_ids=ids, load_input=False, load_output=said))


def finished(engine: Engine, *, before: datetime, limit: int) -> list[str]:
    """The ids of the oldest jobs that were done and were owed before this moment."""
    system = open_client(engine)._sys_db
    jobs = system.tables.workflow_status
    done = (jobs.c.created_at < int(before.timestamp() * 1000), jobs.c.status == constant("SUCCESS"))
    with reader(system.engine).connect() as connection:
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
    found = _dead(engine, job_id)
    if not found:
        return False
    try:
        open_client(engine).rewind_workflow(
            job_id, application_version=APPLICATION_VERSION, queue_name=found[0].queue_name,
            queue_partition_key=found[0].queue_partition_key,
        )  # fmt: skip
    except Exception:
        if _dead(engine, job_id):
            raise
        return False  # somebody else was first
    return True


def _dead(engine: Engine, job_id: str) -> list[Any]:
    return [job for job in _described(engine, [job_id], said=False) if job.status in _STAGES[Stage.DEAD]]
