"""Setbacks: what was tried in vain, object by object, so that each rests for a while and keeps nothing else waiting.

They stand in the database, since the worker is several processes, each of which may be restarted at any time. Events and
letters note their own failures.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, update
from sqlalchemy.orm import Mapped
from sqlmodel import Field, Session, col, delete, select

from core.foundation import masking
from core.foundation.records import Record
from core.foundation.writes.inserts import InsertOnce

# After so many tries an object is for a person: by then it has failed for a quarter of an hour.
_MANY = 6
_LONGEST_REST = timedelta(minutes=15)


class Setback(Record, table=True):
    """An object that the last try failed for. `subject` is its id, here or at Stripe; gone as soon as a try works."""

    __tablename__ = "setbacks"

    subject: str = Field(primary_key=True)
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)
    tries: int
    error: str
    since: datetime
    retry_after: datetime = Field(index=True)


# Those that need a person, since trying again does not help.
LASTING = col(Setback.tries) >= _MANY

_NOTED = InsertOnce(Setback)


def note(session: Session, subject: str, error: str, *, order_id: str | None, now: datetime) -> None:
    """The try for this object failed: it rests for half a minute, then twice as long each time, up to a quarter of an hour."""
    new = {"subject": subject, "order_id": order_id, "tries": 0, "error": "", "since": now, "retry_after": now}
    _NOTED(session, [new])  # another worker may be at the same object
    row = session.get_one(Setback, subject, with_for_update=True)
    row.tries, row.error = row.tries + 1, masking.masked(error, most=1000)
    row.order_id = row.order_id or order_id
    row.retry_after = now + min(timedelta(seconds=15 * 2 ** min(row.tries, 10)), _LONGEST_REST)
    session.flush()


def clear(session: Session, subject: str) -> None:
    """The try for this object worked."""
    session.exec(delete(Setback).where(col(Setback.subject) == subject))


def by_subject(session: Session) -> dict[str, datetime]:
    """The objects that the last try failed for, and until when each rests."""
    return dict(session.exec(select(Setback.subject, Setback.retry_after)).all())


def wake_all(session: Session, *, now: datetime) -> None:
    """None of them rests any longer: somebody wants all of it tried now."""
    session.exec(update(Setback).where(col(Setback.retry_after) > now).values(retry_after=now))


def resting(subject: Mapped[str] | Mapped[str | None], *, now: datetime) -> ColumnElement[bool]:
    """A condition for statements: that this object had a setback and is not to be tried yet."""
    return exists().where(col(Setback.subject) == subject, col(Setback.retry_after) > now)
