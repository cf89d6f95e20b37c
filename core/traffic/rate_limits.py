"""Rate limits that all processes share: so many hits of one subject from its first one on, counted in the database."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from math import ceil

from sqlalchemy import Double, delete, text
from sqlmodel import Field, Session, col, select

from core.foundation.records import Record

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


# Payments that were declined, of all buyers: one who mistypes makes some, who tries out stolen cards makes many.
DECLINES = Limit("declined payments", 20, 3600)

# One statement, so that nobody reads what another is about to change.
_HIT = text(
    "insert into rate_limits (subject, began_at, hits) values (:subject, :now, :cost) on conflict (subject) do update set"
    " hits = case when rate_limits.began_at <= :over then excluded.hits else rate_limits.hits + excluded.hits end,"
    " began_at = case when rate_limits.began_at <= :over then excluded.began_at else rate_limits.began_at end"
    " returning hits, began_at"
)


def hit(session: Session, limit: Limit, who: str, *, cost: int = 1, now: datetime) -> int:
    """Count one hit, or so many at once; return 0 if it is within the limit, else in how many seconds there is room again.

    Commit it also when it is too much.
    """
    at = now.timestamp()
    values = {"subject": subject_of(limit, who), "now": at, "cost": cost, "over": at - limit.seconds}
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


def standing(session: Session, limit: Limit, who: str) -> RateLimit | None:
    """The row of a subject, if it has come since its window began. Counts nothing."""
    return session.get(RateLimit, subject_of(limit, who))


def subject_of(limit: Limit, who: str) -> str:
    """What a subject of a limit is called in the table: it names no address."""
    return sha256(f"{limit.name} {who}".encode()).hexdigest()[:40]
