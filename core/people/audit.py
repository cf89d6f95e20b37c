"""The audit log: who did what at the owner's side, and about which row. It is only ever added to.

An entry is written in the transaction of what it tells, so that neither is there without the other.
"""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, Session, col, select

from core.foundation.errors import DoneAlready
from core.foundation.records import Record, new_id
from core.foundation.writes.inserts import InsertOnce

# How an action is kept that came from a terminal, where nobody signs in.
TERMINAL = "terminal"


class AuditEntry(Record, table=True):
    """One thing that somebody did. `subject` is the id of the row it is about, `detail` holds neither secrets nor keys.

    `token` is that of the click: what was clicked twice is here once.
    """

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_at_id", "at", "id"), Index("ix_audit_log_subject_at", "subject", "at"))

    id: str = Field(primary_key=True)
    at: datetime
    who: str
    role: str
    action: str
    subject: str
    detail: str = ""
    token: str | None = Field(default=None, unique=True)


_ONCE = InsertOnce(AuditEntry, conflict="(token) do nothing", returning="id")


def record(
    session: Session, *, who: str, role: str, action: str, subject: str, detail: str = "", token: str | None = None,
    now: datetime,
) -> None:  # fmt: skip
    """Write an entry. Raises DoneAlready if this token's is there: then nothing else of its transaction may stand."""
    row = {
        "id": new_id("au"), "at": now, "who": who, "role": role, "action": action, "subject": subject,
        "detail": detail, "token": token,
    }  # fmt: skip
    if not _ONCE(session, [row]):
        raise DoneAlready


def newest(session: Session, *, before: AuditEntry | None = None, limit: int = 50) -> list[AuditEntry]:
    """The newest entries, or those that follow `before` on the way back."""
    query = select(AuditEntry).order_by(col(AuditEntry.at).desc(), col(AuditEntry.id).desc()).limit(limit)
    if before:
        earlier = (col(AuditEntry.at) == before.at) & (col(AuditEntry.id) < before.id)
        query = query.where(col(AuditEntry.at) <= before.at, (col(AuditEntry.at) < before.at) | earlier)
    return list(session.exec(query))


def of_token(session: Session, token: str) -> AuditEntry | None:
    """What was done by this click."""
    return session.exec(select(AuditEntry).where(AuditEntry.token == token)).first()


def about(session: Session, subject: str) -> list[AuditEntry]:
    """What was done about one row, newest first."""
    query = select(AuditEntry).where(AuditEntry.subject == subject)
    return list(session.exec(query.order_by(col(AuditEntry.at).desc()).limit(100)))
