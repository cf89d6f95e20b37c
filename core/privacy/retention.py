"""Retention: what nobody needs any more is removed, or forgotten in part, so long after it happened as the settings say.

Nothing that the books need is touched: orders that were paid, their lines, payments, refunds and history stay. An order that
nobody ever paid stays as a number, for the conversion is counted by it, and forgets whose it was. Letters stay as well, without
what they said, since none is to go out twice. It is done in small batches, each a transaction of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from sqlalchemy import delete, update
from sqlmodel import Field, Session, col, exists, select

from core.events import inbox
from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.database import apart, lock_names
from core.foundation.jobs import standing
from core.foundation.records import Record
from core.foundation.signals import milestones
from core.foundation.signals.heartbeats import Heartbeat
from core.foundation.signals.milestones import Milestone, Name
from core.journeys.carts import Cart, CartLine
from core.kinds.downloads import WITH_ADDRESS, Download
from core.kinds.places.waiting_list import WaitingEntry
from core.kinds.workshops import WorkshopDate
from core.mailboxes.marks import Kind as MarkKind
from core.mailboxes.marks import MailMark
from core.orders import orders
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.status import Status
from core.owner.needs.set_aside import SetAside
from core.people import sign_in
from core.people.codes import SignInCode
from core.people.sign_in import SignIn
from core.privacy import mentions
from core.shop import Shop

# So many rows in one transaction, and so many of those for each part in one pass: what is left waits for the next.
BATCH = 200
_BATCHES = 10
_UNPAID = (Status.PENDING, Status.CANCELED, Status.FAILED)
# Days.
_MARKED_FOR = 365.0
_OVER = (EventState.APPLIED, EventState.IGNORED)


class RetentionMark(Record, table=True):
    """How far a part has come that goes through rows which stay: everything before `reached` was looked at."""

    __tablename__ = "retention_marks"

    part: str = Field(primary_key=True)
    reached: datetime


@dataclass(frozen=True)
class Batch:
    """What a part is done with next: the ids of its rows, and up to which moment they go for a part that keeps a mark."""

    ids: tuple[str, ...]
    reached: datetime | None = None


@dataclass(frozen=True)
class _Part:
    """Something that is kept for a while. `after` is how long, by the settings, None for ever; `find` looks for the next rows
    before a moment, and `forget` does with them what is to be done; it returns how many it changed."""

    after: Callable[[Any], float]
    find: Callable[[Session, datetime], Batch]
    forget: Callable[[Session, Batch], int]


def run(shop: Shop) -> dict[str, int]:
    """Do what is due now, at most so much; how many rows of each part that was. Notes that it ran."""
    done = dict(apart(partial(_run_part, shop), PARTS))
    done["jobs"] = _forget_jobs(shop)
    with shop.transaction() as session:
        said = ", ".join(f"{name} {count}" for name, count in done.items() if count)
        milestones.record(session, Name.RETAINED, at=shop.now(), detail=said)
    return done


def due(shop: Shop) -> dict[str, int]:
    """How many rows of each part the next batch of it would be about, at most BATCH. Changes nothing."""
    with shop.reading() as session:
        found = {
            name: len(part.find(session, before).ids) if (before := _before(shop, part)) else 0
            for name, part in PARTS.items()
        }
    days = shop.settings.retention_jobs_days
    before = shop.now() - timedelta(days=days)
    return {**found, "jobs": len(standing.finished(shop.engine, before=before, limit=BATCH)) if days else 0}


def last(session: Session) -> Milestone | None:
    """When it last ran, and what was done; None if it never did."""
    return milestones.last(session, Name.RETAINED)


def _run_part(shop: Shop, name: str) -> tuple[str, int]:
    part = PARTS[name]
    before, changed = _before(shop, part), 0
    if before is None:
        return name, 0
    for _ in range(_BATCHES):
        with shop.transaction() as session:
            lock_names(session, f"retention {name}")
            batch = part.find(session, before)
            changed += part.forget(session, batch) if batch.ids else 0
            if batch.reached:
                session.merge(RetentionMark(part=name, reached=batch.reached))
        if len(batch.ids) < BATCH:
            break
    return name, changed


def _before(shop: Shop, part: _Part) -> datetime | None:
    days = part.after(shop.settings)
    return shop.now() - timedelta(days=days) if days else None


def _forget_jobs(shop: Shop) -> int:
    """The jobs that are done, in DBOS's tables. What gave up stays: it is for a person."""
    days, removed = shop.settings.retention_jobs_days, 0
    before = shop.now() - timedelta(days=days)
    for _ in range(_BATCHES if days else 0):
        found = standing.finished(shop.engine, before=before, limit=BATCH)
        standing.forget(shop.engine, found)
        removed += len(found)
        if len(found) < BATCH:
            break
    return removed


def _since_mark(table: Any, moment: Any, name: str) -> Callable[[Session, datetime], Batch]:
    """The next rows after the mark of a part, the oldest first, with all of the same moment as the last of them."""

    def find(session: Session, before: datetime) -> Batch:
        mark = session.get(RetentionMark, name)
        open_ = [moment < before, *([moment > mark.reached] if mark else [])]
        last_ones = session.exec(select(moment).where(*open_).order_by(moment).limit(BATCH)).all()
        if not last_ones:
            return Batch(())
        found = session.exec(select(table.id).where(*open_, moment <= last_ones[-1]).order_by(moment)).all()
        return Batch(tuple(found), last_ones[-1])

    return find


def _reduce_events(session: Session, batch: Batch) -> int:
    """Keep the ids of what they tell. One that is not over is still to be applied, and keeps all."""
    whole = (col(StripeEvent.id).in_(batch.ids), col(StripeEvent.state).in_(_OVER))
    rows = session.exec(select(StripeEvent).where(*whole).order_by(col(StripeEvent.id)).with_for_update()).all()
    for row in rows:
        row.payload = orjson.dumps(inbox.reduced(orjson.loads(row.payload))).decode()
    session.flush()
    return len(rows)


def _downloads(session: Session, before: datetime) -> Batch:
    query = select(Download.id).where(WITH_ADDRESS, Download.created_at < before)
    return Batch(tuple(session.exec(query.order_by(col(Download.created_at)).limit(BATCH))))


def _sign_ins(session: Session, before: datetime) -> Batch:
    query = select(SignIn.id).where(sign_in.WITH_ADDRESS, SignIn.created_at < before)
    return Batch(tuple(session.exec(query.order_by(col(SignIn.created_at)).limit(BATCH))))


def _without_ip(table: Any) -> Callable[[Session, Batch], int]:
    def forget(session: Session, batch: Batch) -> int:
        session.exec(update(table).where(col(table.id).in_(batch.ids)).values(ip=""))
        return len(batch.ids)

    return forget


def _codes(session: Session, before: datetime) -> Batch:
    query = select(SignInCode.id).where(SignInCode.created_at < before)
    return Batch(tuple(session.exec(query.order_by(col(SignInCode.created_at)).limit(BATCH))))


def _carts(session: Session, before: datetime) -> Batch:
    """Those in which nothing was put since, the oldest first: what a browser has in its newest one must not come back."""
    used = exists().where(col(CartLine.cart_id) == Cart.id, col(CartLine.added_at) >= before)
    query = select(Cart.id).where(Cart.created_at < before, ~used)
    return Batch(tuple(session.exec(query.order_by(col(Cart.created_at)).limit(BATCH))))


def _over(session: Session, before: datetime) -> Batch:
    """Sign-ins that have ended, or would have: by their letters nobody signs in any more either."""
    query = select(SignIn.id).where(SignIn.expires_at < before)
    return Batch(tuple(session.exec(query.order_by(col(SignIn.expires_at)).limit(BATCH))))


def _waiting(session: Session, before: datetime) -> Batch:
    """Who waited for a date that has begun since: for nothing, or for what they have by an order."""
    past = select(WorkshopDate.id).where(WorkshopDate.starts_at < before)
    query = select(WaitingEntry.id).where(col(WaitingEntry.date_id).in_(past))
    return Batch(tuple(session.exec(query.limit(BATCH))))


def _runs(session: Session, before: datetime) -> Batch:
    query = select(Heartbeat.id).where(col(Heartbeat.ended_at).is_not(None), col(Heartbeat.ended_at) < before)
    return Batch(tuple(session.exec(query.limit(BATCH))))


def _set_aside(session: Session, before: datetime) -> Batch:
    query = select(SetAside.item).where(
        SetAside.since < before, (col(SetAside.until) < before) | col(SetAside.until).is_(None)
    )
    return Batch(tuple(session.exec(query.limit(BATCH))))


def _unhidden(session: Session, batch: Batch) -> int:
    return session.exec(delete(SetAside).where(col(SetAside.item).in_(batch.ids))).rowcount


def _mail_marks(session: Session, before: datetime) -> Batch:
    told = (MarkKind.BOUNCED, MarkKind.COMPLAINED)
    query = select(MailMark.mailbox).where(col(MailMark.kind).in_(told), MailMark.since < before)
    return Batch(tuple(session.exec(query.order_by(col(MailMark.since)).limit(BATCH))))


def _unmarked(session: Session, batch: Batch) -> int:
    told = col(MailMark.kind).in_((MarkKind.BOUNCED, MarkKind.COMPLAINED))
    return session.exec(delete(MailMark).where(col(MailMark.mailbox).in_(batch.ids), told)).rowcount


def _removed(table: Any) -> Callable[[Session, Batch], int]:
    def forget(session: Session, batch: Batch) -> int:
        if table is Cart:
            session.exec(delete(CartLine).where(col(CartLine.cart_id).in_(batch.ids)))
        session.exec(delete(table).where(col(table.id).in_(batch.ids)))
        return len(batch.ids)

    return forget


def _forget_unpaid(session: Session, batch: Batch) -> int:
    """Who nearly bought. Whoever did buy has the order, and it was paid."""
    theirs = [order for order in orders.lock_all(session, batch.ids).values() if _never_paid(order)]
    ids = [order.id for order in theirs]
    for order in theirs:
        order.email = order.name = order.browser_id = ""
    attempts = session.exec(select(Checkout).where(col(Checkout.order_id).in_(ids)).order_by(Checkout.id)).all()
    for attempt in attempts:
        attempt.email = attempt.folded = attempt.name = ""
        attempt.parameters = mentions.without_wish(attempt)
    session.flush()
    return len(theirs)


def _never_paid(order: Order) -> bool:
    untouched = order.paid_at is None and order.fulfilled_at is None and order.customer_id is None
    return untouched and order.status in _UNPAID and bool(order.email or order.name or order.browser_id)


PARTS: Mapping[str, _Part] = {
    "events": _Part(
        lambda s: s.retention_events_days,
        _since_mark(StripeEvent, col(StripeEvent.received_at), "events"),
        _reduce_events,
    ),
    "downloads": _Part(lambda s: s.retention_addresses_days, _downloads, _without_ip(Download)),
    "sign_ins": _Part(lambda s: s.retention_addresses_days, _sign_ins, _without_ip(SignIn)),
    "sign_ins_over": _Part(lambda s: s.retention_addresses_days, _over, _removed(SignIn)),
    "waiting": _Part(lambda s: s.retention_unpaid_days, _waiting, _removed(WaitingEntry)),
    "codes": _Part(lambda s: s.retention_codes_days, _codes, _removed(SignInCode)),
    "carts": _Part(lambda s: s.retention_unpaid_days, _carts, _removed(Cart)),
    "unpaid": _Part(
        lambda s: s.retention_unpaid_days, _since_mark(Order, col(Order.created_at), "unpaid"), _forget_unpaid
    ),
    # What was put off, or dismissed, and did not come up again for so long.
    "set_aside": _Part(lambda _: _MARKED_FOR, _set_aside, _unhidden),
    # A mailbox may be there again by then. What its owner wishes stays.
    "mail_marks": _Part(lambda _: _MARKED_FOR, _mail_marks, _unmarked),
    "runs": _Part(lambda s: s.retention_jobs_days, _runs, _removed(Heartbeat)),
}
