"""Marks: that a mailbox is not there, that its owner took a letter for spam, or wants no news of what they bought."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlmodel import Field, Session, col, delete, select

from core.foundation import masking
from core.foundation.addresses import fold
from core.foundation.jobs.kinds import Job
from core.foundation.records import Record, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.orders.orders import Order


class Kind(StrEnum):
    """What is said of a mailbox: letters come back for good, or were taken for spam, or whoever reads there wants none that they
    need not have: none at all of these, no news of what they bought, or nothing that is written to all who attend."""

    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    NO_NEWS = "no_news"
    NO_MESSAGES = "no_messages"


class MailMark(Record, table=True):
    """One of these about one mailbox, since when, and in whose words. `mailbox` stands for its address; `order_id` is the newest
    order of that address, if there is one."""

    __tablename__ = "mail_marks"
    __table_args__ = (Index("ix_mail_marks_kind_since", "kind", "since"),)

    mailbox: str = Field(primary_key=True)
    kind: Kind = text_enum(Kind, primary_key=True)
    since: datetime
    detail: str = ""
    order_id: str | None = Field(default=None, foreign_key="orders.id", index=True)


# Somebody waits for these at a screen, and asked for them this minute: whether the mailbox is there, they know best.
ASKED_FOR = frozenset({Job.SIGN_IN_CODE})


def mailbox_of(address: str, *, signing_key: str) -> str:
    """What stands for this address here."""
    return hmac.digest(f"mailbox:{signing_key}".encode(), fold(address).encode(), "sha256").hex()


def report(session: Session, address: str, kind: Kind, *, detail: str = "", signing_key: str, now: datetime) -> bool:
    """Mark the mailbox of this address, because its provider says so; False if it was marked so before."""
    newest = select(Order.id).where(col(Order.email).in_({address, fold(address)}), ~col(Order.from_season))
    order_id = session.exec(newest.order_by(col(Order.created_at).desc()).limit(1)).first()
    return _mark(session, mailbox_of(address, signing_key=signing_key), kind, detail, order_id, now=now)


def opt_out(session: Session, mailbox: str, kind: Kind, *, now: datetime) -> bool:
    """Mark a mailbox as its owner wishes; False if it was marked so before."""
    return _mark(session, mailbox, kind, "", None, now=now)


def _mark(session: Session, mailbox: str, kind: Kind, detail: str, order_id: str | None, *, now: datetime) -> bool:
    said = masking.masked(detail, most=500)
    row = {"mailbox": mailbox, "kind": kind, "since": now, "detail": said, "order_id": order_id}
    return bool(_ONCE(session, [row]))


_ONCE = InsertOnce(MailMark, returning="mailbox")


def lift(session: Session, address: str, *kinds: Kind, signing_key: str) -> bool:
    """Take these marks off the mailbox of this address; whether there were any."""
    theirs = (col(MailMark.mailbox) == mailbox_of(address, signing_key=signing_key), col(MailMark.kind).in_(kinds))
    return bool(session.exec(delete(MailMark).where(*theirs)).rowcount)


def of(session: Session, address: str, *, signing_key: str) -> dict[Kind, MailMark]:
    """All marks of this mailbox."""
    mailbox = mailbox_of(address, signing_key=signing_key)
    return {row.kind: row for row in session.exec(select(MailMark).where(MailMark.mailbox == mailbox))}


@dataclass(frozen=True)
class Refusal:
    """Why a letter does not go to an address. If `wished`, whoever reads there wants it so, and nobody need look at it."""

    reason: str
    wished: bool


def refusal(session: Session, address: str, job: Job, stream: Kind | None, *, signing_key: str) -> Refusal | None:
    """Why no letter of this job goes to this address, None where one may. Codes that were asked for always do. `stream` is the
    mark that keeps such letters away from who wants none of them."""
    if job in ASKED_FOR:
        return None
    found = of(session, address, signing_key=signing_key)
    if bounced := found.get(Kind.BOUNCED):
        return Refusal(f"letters to this address come back: {bounced.detail or 'no such mailbox'}", wished=False)
    if stream and found.keys() & {stream, Kind.UNSUBSCRIBED, Kind.COMPLAINED}:
        return Refusal("whoever reads there wants none of these", wished=True)
    return None


@dataclass(frozen=True)
class Unreachable:
    """A buyer whom no letter reaches, by the order that was bought with the address last."""

    order_id: str
    number: str
    since: datetime
    kind: Kind
    detail: str


def unreachable(session: Session, *, signing_key: str, livemode: bool, limit: int) -> list[Unreachable]:
    """The buyers of this mode whose letters come back or are taken for spam, the newest first; not those whose order has another
    address by now, and nobody's who has no order."""
    query = select(MailMark, Order).join(Order, col(Order.id) == MailMark.order_id)
    query = query.where(col(MailMark.kind).in_((Kind.BOUNCED, Kind.COMPLAINED)), Order.livemode == livemode)
    query = query.order_by(col(MailMark.since).desc())
    return [
        Unreachable(order.id, order.number, mark.since, mark.kind, mark.detail)
        for mark, order in session.exec(query.limit(limit))
        if order.email and mailbox_of(order.email, signing_key=signing_key) == mark.mailbox
    ]


def forget(session: Session, addresses: Sequence[str], *, signing_key: str) -> None:
    """Remove all marks of these mailboxes: whoever had them is forgotten."""
    theirs = {mailbox_of(each, signing_key=signing_key) for each in addresses}
    session.exec(delete(MailMark).where(col(MailMark.mailbox).in_(theirs)))
