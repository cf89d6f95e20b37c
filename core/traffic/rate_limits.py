"""Rate limits that all processes share: so many hits of one subject from its first one on, counted in the database."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from math import ceil

from sqlalchemy import Double, delete, text
from sqlmodel import Field, Session, col, select

from core.foundation.database import Record

# Whoever was not heard of for so long, in seconds, begins anew anyway. No limit is longer.
_KEPT = 3600
_MOST_FORGOTTEN = 1000


class RateLimit(Record, table=True):
    """How often a subject came since `began_at`, in seconds since 1970. The subject is a hash: it names no address."""

    __tablename__ = "rate_limits"

    subject: str = Field(primary_key=True)
    began_at: float = Field(sa_type=Double, index=True)
    hits: int


@dataclass(frozen=True)
class Limit:
    """At most so many within so many seconds."""

    name: str
    most: int
    seconds: int = 60


# One statement, so that nobody reads what another is about to change.
_HIT = text(
    "insert into rate_limits (subject, began_at, hits) values (:subject, :now, 1) on conflict (subject) do update set"
    " hits = case when rate_limits.began_at <= :over then 1 else rate_limits.hits + 1 end,"
    " began_at = case when rate_limits.began_at <= :over then excluded.began_at else rate_limits.began_at end"
    " returning hits, began_at"
)


def hit(session: Session, limit: Limit, who: str, *, now: datetime) -> int:
    """Count one hit; return 0 if it is within the limit, else in how many seconds there is room again.

    Commit it also when it is too much.
    """
    at = now.timestamp()
    values = {"subject": _subject(limit, who), "now": at, "over": at - limit.seconds}
    hits, began_at = session.connection().execute(_HIT, values).one()
    return max(1, ceil(began_at + limit.seconds - at)) if hits > limit.most else 0


def forget(session: Session, *, now: datetime) -> int:
    """Remove the subjects that were not heard of for an hour; return how many. For whoever sweeps, alone."""
    old = select(RateLimit.subject).where(col(RateLimit.began_at) < now.timestamp() - _KEPT).limit(_MOST_FORGOTTEN)
    found = session.exec(old).all()
    for subject in found:
        stays_old = col(RateLimit.began_at) < now.timestamp() - _KEPT
        session.execute(delete(RateLimit).where(col(RateLimit.subject) == subject, stays_old))
    return len(found)


def _subject(limit: Limit, who: str) -> str:
    return sha256(f"{limit.name} {who}".encode()).hexdigest()[:40]
