"""Corrections: facts that became known, or changed, long after their own time. Sums that are kept of days which are over
must be made anew for theirs."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import event, inspect
from sqlmodel import Field, Session

from core.foundation.database import NOW
from core.foundation.records import Record, new_id

# Of what happened less than this ago nobody keeps sums yet. No transaction lasts as long.
FRESH = timedelta(minutes=30)


class Correction(Record, table=True):
    """That sums of what happened at this moment may be wrong by now. It goes when they were made anew."""

    __tablename__ = "corrections"

    id: str = Field(primary_key=True)
    at: datetime


class Dated(Record):
    """A fact that is summed by the day of its `dated` attribute: what of it is summed, or tells which are, is `counted`."""

    dated: ClassVar[str]
    counted: ClassVar[frozenset[str]]


def note(session: Session, moments: Iterable[datetime | None]) -> None:
    """Something changed about what happened at these moments. Of those that have only just been, nothing need be noted."""
    past = {at for at in moments if isinstance(at, datetime)}
    if past:
        now: Callable[[], datetime] = session.info.get(NOW, _utc_now)
        until = now() - FRESH
        session.add_all(Correction(id=new_id("cor"), at=at) for at in sorted(past) if at < until)


def note_changes(session: Session, rows: Iterable[object]) -> None:
    """Note what has changed of these rows and is not written yet."""
    note(session, [at for row in rows if isinstance(row, Dated) for at in _moments(row)])


def _moments(row: Dated) -> list[Any]:
    state = inspect(row)
    assert state is not None
    if state.key is None or state.deleted:
        return [getattr(row, row.dated)]
    before = state.committed_state
    if not any(before[name] != getattr(row, name) for name in row.counted if name in before):
        return []
    return [getattr(row, row.dated), before.get(row.dated)]


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, _context: object, _objects: object) -> None:
    note_changes(session, [*session.new, *session.dirty, *session.deleted])


def _utc_now() -> datetime:
    return datetime.now(UTC)
