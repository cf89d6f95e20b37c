"""Heartbeats: which processes of the shop are at work, and since when nothing was heard of one.

All times are the database's, so that hosts whose clocks disagree agree on who is alive.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, update
from sqlalchemy import func as sql
from sqlmodel import Field, Session, col, func, select

from core.foundation.records import Record, new_id, text_enum


class Kind(StrEnum):
    """What the process is: a worker of its own, or one inside the storefront."""

    WORKER = "worker"
    EMBEDDED = "embedded"


class Heartbeat(Record, table=True):
    """One run of a process. It is at work until it `ended_at`, by itself or because the others found it `lost`."""

    __tablename__ = "heartbeats"

    id: str = Field(primary_key=True)
    kind: Kind = text_enum(Kind)
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime
    ended_at: datetime | None = None
    lost: bool = False


def database_time(session: Session) -> datetime:
    """What time it is by the database's clock."""
    if session.get_bind().dialect.name == "sqlite":
        told = session.exec(select(sql.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now"))).one()
        return datetime.fromisoformat(str(told))
    now: datetime = session.exec(select(sql.clock_timestamp())).one()
    return now.astimezone(UTC)


def begin(session: Session, kind: Kind, *, host: str, pid: int, now: datetime) -> str:
    """Note that a process is at work; returns the id of this run, which no other ever has."""
    run = Heartbeat(id=new_id("run"), kind=kind, host=host, pid=pid, started_at=now, beat_at=now)
    session.add(run)
    session.flush()
    return run.id


def beat(session: Session, run_id: str, *, now: datetime) -> timedelta | None:
    """Note that this run is still at work. Returns how long it was silent, or None if it has been ended meanwhile."""
    query = select(Heartbeat).where(Heartbeat.id == run_id, col(Heartbeat.ended_at).is_(None))
    run = session.exec(query.with_for_update()).first()
    if run is None:
        return None
    silence = now - run.beat_at
    run.beat_at = now
    session.flush()
    return silence


def end_silent(session: Session, *, silent_for: timedelta, now: datetime) -> list[str]:
    """End every run of which nothing was heard for so long; returns their ids. One that beats after all is told by `beat`."""
    silent = update(Heartbeat).where(col(Heartbeat.ended_at).is_(None), col(Heartbeat.beat_at) < now - silent_for)
    return list(session.exec(silent.values(ended_at=now, lost=True).returning(col(Heartbeat.id))).scalars())


def end(session: Session, run_id: str, *, now: datetime) -> None:
    """Note that this run stops by itself."""
    session.exec(
        update(Heartbeat).where(col(Heartbeat.id) == run_id, col(Heartbeat.ended_at).is_(None)).values(ended_at=now)
    )


def at_work(session: Session) -> set[str]:
    """The ids of the runs that have not ended."""
    return set(session.exec(select(Heartbeat.id).where(col(Heartbeat.ended_at).is_(None))))


@dataclass(frozen=True)
class LastSeen:
    """When a process was last at work, and for how long nothing was heard since."""

    at: datetime
    silence: timedelta


def last_seen(session: Session) -> LastSeen | None:
    """When a worker was last at work, of its own or embedded; None if none was for as long as runs are kept,
    or ever."""
    beat = session.exec(select(Heartbeat.beat_at).order_by(col(Heartbeat.beat_at).desc()).limit(1)).first()
    return LastSeen(beat, database_time(session) - beat) if beat else None


def working_for(session: Session) -> timedelta | None:
    """For how long the worker has been at work that began first among those that have not ended; None if all have."""
    begun = session.exec(select(func.min(Heartbeat.started_at)).where(col(Heartbeat.ended_at).is_(None))).one()
    return database_time(session) - begun if begun else None


def is_at_work(run_id: str) -> ColumnElement[bool]:
    """A condition for statements: that this run has not ended."""
    return exists().where(col(Heartbeat.id) == run_id, col(Heartbeat.ended_at).is_(None))


@dataclass(frozen=True)
class Run:
    """A run of a process as it stands: for how long nothing was heard of it, and how it ended if it has."""

    kind: Kind
    host: str
    pid: int
    started_at: datetime
    silence: timedelta
    ended: bool
    lost: bool


def newest(session: Session, *, limit: int) -> list[Run]:
    """The runs that were heard of last."""
    now = database_time(session)
    query = select(Heartbeat).order_by(col(Heartbeat.beat_at).desc()).limit(limit)
    return [
        Run(row.kind, row.host, row.pid, row.started_at, now - row.beat_at, row.ended_at is not None, row.lost)
        for row in session.exec(query)
    ]
