"""Milestones: the last time that something worked or failed, for the next pass and for the owner to see."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlmodel import Session, col, delete, select, update

from core.foundation import masking
from core.foundation.errors import PermissionMissing, StripeKeyRefused
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job, Notice
from core.foundation.records import Record, text_enum
from core.foundation.writes.inserts import InsertOnce


class Name(StrEnum):
    """What is watched. `payment_page_refused` is a key that may not open the page on which buyers pay, `storage_silent` a
    storage that did not answer when a buyer asked for a file. `restored` is as of when a backup is that was put back,
    `recovered` when Stripe was asked for what came after it. `webhook_took` is an event that came by the webhook."""

    STRIPE_ANSWERED = "stripe_answered"
    STRIPE_SILENT = "stripe_silent"
    KEY_REFUSED = "stripe_key_refused"
    PERMISSION_MISSING = "stripe_permission_missing"
    PAYMENT_PAGE_REFUSED = "payment_page_refused"
    STORAGE_SILENT = "storage_silent"
    EVENTS_SEEN = "events_seen"
    UNDELIVERED_SEEN = "undelivered_seen"
    SWEPT = "swept"
    BALANCE_READ = "balance_read"
    BALANCE_REFUSED = "balance_refused"
    PAYOUTS_READ = "payouts_read"
    PAYOUTS_REFUSED = "payouts_refused"
    RETAINED = "retention_ran"
    RESTORED = "restored"
    RECOVERED = "recovered"
    WEBHOOK_TOOK = "webhook_took"


class Milestone(Record, table=True):
    """When it was last so, and what was said."""

    __tablename__ = "signals"

    name: Name = text_enum(Name, primary_key=True)
    at: datetime
    detail: str = ""


def record(session: Session, name: Name, *, at: datetime, detail: str = "") -> None:
    """Write down that it is so now."""
    said = {"name": name, "at": at, "detail": masking.masked(detail, most=1000)}
    # Several workers may say it for the first time at once.
    if not _FIRST(session, [said]):
        session.exec(update(Milestone).where(col(Milestone.name) == name).values(**said))


_FIRST = InsertOnce(Milestone, returning="name")


def record_refused(session: Session, refusal: StripeKeyRefused, *, at: datetime) -> None:
    """Write down that Stripe turned the key away, or that it may not do something, and owe the owners a letter about that: one
    for each time that the key was good before, and for each thing that it may not do."""
    said = refusal.message or refusal.code
    if isinstance(refusal, PermissionMissing):
        name, topic, since = Name.PERMISSION_MISSING, Notice.PERMISSION_MISSING, sha256(said.encode()).hexdigest()[:12]
    else:
        answered = last(session, Name.STRIPE_ANSWERED)
        name, topic, since = Name.KEY_REFUSED, Notice.KEY_REFUSED, f"{answered.at:%Y%m%dT%H}" if answered else "ever"
    record(session, name, at=at, detail=said)
    outbox.owe(session, Job.SHOP_NOTICE, topic, since, key=f"{topic}:{since}")


def forget(session: Session, name: Name) -> None:
    """It never was so."""
    session.exec(delete(Milestone).where(col(Milestone.name) == name))


def last(session: Session, name: Name) -> Milestone | None:
    """The last time it was so, or None if it never was."""
    return session.get(Milestone, name)


def everything(session: Session) -> dict[Name, Milestone]:
    """The same of all that was ever so, as far as this version knows of it."""
    return {name: row for name, row in zip(Name, last_of(session, Name), strict=True) if row}


def last_of(session: Session, names: Iterable[Name]) -> tuple[Milestone | None, ...]:
    """The same of several, in their order, in one question: the pages of owners ask about many at once."""
    wanted = tuple(names)
    found = {row.name: row for row in session.exec(select(Milestone).where(col(Milestone.name).in_(wanted)))}
    return tuple(found.get(name) for name in wanted)
