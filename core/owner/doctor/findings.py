"""Findings: what the doctor said last, kept so that pages can show it without asking anybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Field, Session, col, delete, select

from core.foundation import masking
from core.foundation.database import lock_names
from core.foundation.records import Record, text_enum


class Level(StrEnum):
    """How it stands. What is `later` keeps nobody from trying the shop, and everybody from opening it for real money."""

    FINE = "fine"
    LATER = "later"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """What one check found: `what` is so, `why` that matters, `how` to mend it. `mended` if the doctor just did."""

    check: str
    level: Level
    what: str
    why: str = ""
    how: str = ""
    mended: bool = False


class KeptFinding(Record, table=True):
    """A finding of the last examination, in its order."""

    __tablename__ = "doctor_findings"

    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    check_name: str
    level: Level = text_enum(Level)
    what: str
    why: str
    how: str
    found_at: datetime


@dataclass(frozen=True)
class Examination:
    """The last examination: when it was, and all that it found."""

    at: datetime
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What must be mended."""
        return tuple(each for each in self.findings if each.level is Level.WRONG)


def keep(session: Session, found: Sequence[Finding], *, now: datetime) -> None:
    """Keep these in place of those of the examination before."""
    lock_names(session, "doctor")  # of two that look at once the later one is kept
    session.exec(delete(KeptFinding))
    session.add_all(
        KeptFinding(
            position=position, check_name=each.check, level=each.level, what=masking.masked(each.what, most=500),
            why=each.why, how=each.how, found_at=now,
        )
        for position, each in enumerate(found)
    )  # fmt: skip


def last(session: Session) -> Examination | None:
    """The last examination, or None if there was none yet."""
    rows = session.exec(select(KeptFinding).order_by(col(KeptFinding.position))).all()
    if not rows:
        return None
    return Examination(
        rows[0].found_at, tuple(Finding(row.check_name, row.level, row.what, row.why, row.how) for row in rows)
    )
