"""Stripe's events: each remembered once, applied in one transaction, and kept when it could not be."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Index, bindparam, delete, update
from sqlmodel import Field, Session, col, func, select

from core import admission
from core.events import application, arrivals
from core.events.handlers import HANDLERS, LIVE_AT_TEST, TEST_AT_LIVE, Context, EventState, OfSession, Outcome
from core.foundation import masking
from core.foundation.database import is_away, is_held, repeatable, wait_briefly
from core.foundation.errors import EventNotFound, EventReduced
from core.foundation.records import Record, constant, index_where, text_enum
from core.foundation.telemetry import requests
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.packing import Packed
from core.foundation.writes.rows import Rows
from core.gateway import personal_parts
from core.gateway.signature import verified
from core.shop import Shop

_ORDER_ID = re.compile(r"ord_[!-~]{1,80}")
# Marks an event of which only the ids are kept.
_REDUCED = "reduced"


class StripeEvent(Record, table=True):
    """An event of Stripe's. `error` says why it failed, is parked or was ignored.

    `payload` is its text as it came, for as long as it may have to be applied. Once it is over, only what the Checkout Session
    says of its buyer stays of people, and of somebody who was erased not even that.
    """

    __tablename__ = "stripe_events"
    __table_args__ = (Index("ix_stripe_events_state_received_at", "state", "received_at"),)

    id: str = Field(primary_key=True)
    type: str
    created: datetime
    livemode: bool
    payload: str = Field(sa_type=Packed)
    state: EventState = text_enum(EventState)
    order_id: str | None = Field(default=None, index=True)
    attempts: int
    error: str = ""
    received_at: datetime = Field(index=True)
    updated_at: datetime
    retry_after: datetime

    @property
    def outcome(self) -> Outcome:
        """What became of it when it was last tried."""
        return Outcome(self.state, self.order_id, self.error)

    @property
    def is_over(self) -> bool:
        """Whether it need not be tried again."""
        return self.state in (EventState.APPLIED, EventState.IGNORED)


@dataclass(frozen=True)
class Told:
    """An event that is known to be Stripe's, with its text as it came. `again` if it is to be applied once more, and `arrived` if
    it came by the webhook just now; `request` is the one that brought it, as `requests.carried` says it."""

    event: dict[str, Any]
    payload: str
    actor: str
    again: bool = False
    arrived: bool = False
    request: str = field(default_factory=requests.carried)

    @property
    def id(self) -> str:
        return str(self.event["id"])


OF_THE_OTHER_MODE = col(StripeEvent.error).in_([constant(LIVE_AT_TEST), constant(TEST_AT_LIVE)])
index_where(OF_THE_OTHER_MODE, "ix_stripe_events_other_mode", StripeEvent.received_at)


def receive(shop: Shop, raw: bytes, signature: str | None) -> Outcome:
    """The webhook: check the raw body's signature, then remember and apply its event in one transaction.

    No network, and nothing is marked done before it is done. Raises EventRefused, leaving no trace, for what Stripe did
    not sign. Any other error is noted on the event and raised again: Stripe will retry.
    """
    return take(shop, opened(shop, raw, signature))


def opened(shop: Shop, raw: bytes, signature: str | None) -> Told:
    """The event in a webhook's raw body, if Stripe signed it. Raises EventRefused."""
    secrets = [secret.get_secret_value() for secret in shop.settings.stripe_webhook_secret]
    event = verified(raw, signature, secrets)
    return Told(event, raw.decode(), actor=f"webhook {event['id']}", arrived=True)


def take(shop: Shop, told: Told) -> Outcome:
    """Remember and apply one event. Raises what it failed by."""
    [taken] = take_all(shop, [told])
    if isinstance(taken, Exception):
        raise taken
    return taken


def take_all(shop: Shop, told: Sequence[Told], *, waits: bool = True) -> list[Outcome | Exception]:
    """Remember and apply these events, in one transaction; return what became of each, in their order.

    If that fails, each half is tried by itself, and so on: one that cannot be applied fails alone. Those whose order somebody else
    has locked keep the others waiting for half a second. Then each is waited for by itself, unless it is not to be (`waits`):
    then the error is returned, which `is_held` knows, and nothing is noted.
    """
    try:
        return [*_taken(shop, told, waits=waits and len(told) == 1)]
    except Exception as error:
        held = is_held(error)
        if len(told) == 1:
            if waits or not held:
                _note_failure(shop, told[0], error)
            return [error]
        if is_away(error) and not held:
            return [error] * len(told)  # it is none of the events that is the matter
    part = 1 if held else (len(told) + 1) // 2
    parts = [told[begin : begin + part] for begin in range(0, len(told), part)]
    return [outcome for each in parts for outcome in take_all(shop, each, waits=waits)]


@repeatable
def _taken(shop: Shop, told: Sequence[Told], *, waits: bool) -> list[Outcome]:
    came = any(each.arrived and _is_stripes(each.event, livemode=shop.settings.livemode) for each in told)
    with shop.transaction() as session:
        if not waits:
            wait_briefly(session)
        outcomes = _remember_and_apply(session, shop, told)
        noted = came and arrivals.note(session, shop)
    if noted:
        arrivals.noted(shop)
    return outcomes


def _is_stripes(event: dict[str, Any], *, livemode: bool) -> bool:
    """Whether that it came proves that Stripe tells the shop: a ping of the doctor's is signed by the shop itself."""
    return event["type"] in HANDLERS and event.get("livemode") is livemode


def replay(shop: Shop, event_id: str, *, actor: str) -> Outcome:
    """Apply a remembered event once more; one that had worked changes nothing. Raises EventNotFound, EventReduced,
    or what went wrong."""
    [outcome] = replay_all(shop, [event_id], actor=actor)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def replay_all(shop: Shop, event_ids: Sequence[str], *, actor: str) -> list[Outcome | Exception]:
    """Apply remembered events once more, in one transaction as far as they can be; return what became of each, in their order."""
    with shop.reading() as session:
        query = select(StripeEvent.id, StripeEvent.payload).where(col(StripeEvent.id).in_(event_ids))
        payloads = dict(session.exec(query).all())
    events = {each: orjson.loads(payloads[each]) for each in event_ids if each in payloads}
    told = [Told(event, payloads[each], actor, again=True) for each, event in events.items() if not event.get(_REDUCED)]
    found: dict[str, Outcome | Exception] = {
        each: EventReduced(event=each) if each in events else EventNotFound(event=each) for each in event_ids
    }
    if told:
        found.update(zip([each.id for each in told], take_all(shop, told), strict=True))
    return [found[each] for each in event_ids]


def reduced(event: dict[str, Any]) -> dict[str, Any]:
    """The ids alone of what an event tells, and that it is no more than that. It cannot be applied any more."""
    subject = (event.get("data") or {}).get("object") or {}
    kept: dict[str, Any] = {
        name: event[name] for name in ("id", "object", "type", "created", "livemode") if name in event
    }
    return {
        **kept, "data": {"object": {name: subject[name] for name in ("id", "object") if name in subject}}, _REDUCED: True,
    }  # fmt: skip


def payload_of(shop: Shop, event_id: str) -> str:
    """A remembered event, as far as it is kept. Raises EventNotFound."""
    with shop.reading() as session:
        row = session.get(StripeEvent, event_id)
    if row is None:
        raise EventNotFound(event=event_id)
    return row.payload


def unfinished(session: Session, *, due_at: datetime | None, limit: int | None) -> list[str]:
    """The ids of failed and parked events whose next try is due (all of them where `due_at` is None).

    Of each state and type in turn the one that has waited longest, so that no kind that fails keeps another waiting.
    """
    waited = (col(StripeEvent.retry_after), col(StripeEvent.id))
    place = func.row_number().over(partition_by=(col(StripeEvent.state), col(StripeEvent.type)), order_by=waited)
    query = select(StripeEvent.id, StripeEvent.retry_after, place.label("place")).where(
        col(StripeEvent.state).in_([EventState.FAILED, EventState.PARKED])
    )
    if due_at:
        query = query.where(col(StripeEvent.retry_after) <= due_at)
    due = query.subquery()
    return list(session.exec(select(due.c.id).order_by(due.c.place, due.c.retry_after, due.c.id).limit(limit)))


def parked_of(session: Session, order_id: str) -> list[str]:
    """The events that wait for this order."""
    query = select(StripeEvent.id).where(StripeEvent.order_id == order_id, StripeEvent.state == EventState.PARKED)
    return list(session.exec(query))


def waits_for_stripe(event: StripeEvent) -> bool:
    """Whether a parked event belongs to an order that only Stripe can name."""
    return event.error == admission.ASKING


def dismiss(shop: Shop, event_id: str, reason: str) -> Outcome:
    """Stop trying a parked event: it turned out to be none of ours. Returns how it stands then."""
    with shop.transaction() as session:
        [row] = _locked(session, [event_id])
        if row.state is not EventState.PARKED:
            return row.outcome
        dismissed = Outcome(EventState.IGNORED, reason=reason)
        _conclude(session, event_id, dismissed, row.attempts, now=shop.now())
    return dismissed


def forget(shop: Shop, event_id: str) -> bool:
    """Remove an event that had no effect and was not Stripe's; whether it was there."""
    with shop.transaction() as session:
        of_it = (col(StripeEvent.id) == event_id, col(StripeEvent.state) == EventState.IGNORED)
        gone = session.exec(delete(StripeEvent).where(*of_it).returning(col(StripeEvent.id)))
        return gone.first() is not None


def remembered(session: Session, event_ids: list[str]) -> set[str]:
    """Those of these events that were seen before, whatever became of them: failed and parked ones have their own time."""
    return set(session.exec(select(StripeEvent.id).where(col(StripeEvent.id).in_(event_ids))))


_REMEMBER = InsertOnce(StripeEvent, returning="id")
_CONCLUDE = (
    update(StripeEvent)
    .where(col(StripeEvent.id) == bindparam("event"))
    .values(
        state=bindparam("state"), order_id=bindparam("order_id"), error=bindparam("error"),
        attempts=bindparam("attempts"), updated_at=bindparam("now"), retry_after=bindparam("later"),
    )
)  # fmt: skip


def _remember_and_apply(session: Session, shop: Shop, told: Sequence[Told]) -> list[Outcome]:
    now = shop.now()
    first: dict[str, Told] = {}
    for each in told:
        first.setdefault(each.id, each)
    # Written as if it had worked, which it has when this transaction commits: the usual event needs no second statement.
    # In the order of their ids, as everybody writes them, or two who have the same events would wait for each other.
    rows = [_row(first[event_id], _hoped(first[event_id]), now=now) for event_id in sorted(first)]
    kept = {str(row["id"]): str(row["payload"]) for row in rows}
    application.read_ahead(session, [each.event for each in first.values()], livemode=shop.settings.livemode)
    new = {event_id for (event_id,) in _REMEMBER(session, rows)}
    earlier = {row.id: row for row in _locked(session, first.keys() - new)} if first.keys() - new else {}
    kept |= {row.id: row.payload for row in earlier.values()}
    outcomes = {row.id: row.outcome for row in earlier.values() if row.is_over and not first[row.id].again}
    waiting = [each for each in first.values() if each.id not in outcomes]
    contexts = [Context(shop.id, each.event, each.actor, now, each.request) for each in waiting]
    found = application.apply(session, contexts, livemode=shop.settings.livemode)
    for each, outcome in zip(waiting, found, strict=True):
        outcomes[each.id] = outcome
        attempts = earlier[each.id].attempts + 1 if each.id in earlier else 1
        if outcome != _hoped(each) or attempts > 1:
            _conclude(session, each.id, outcome, attempts, now=now)
            if (payload := _kept(each, outcome)) != kept[each.id]:
                session.execute(_KEEP, {"event": each.id, "payload": payload})
    return [outcomes[each.id] for each in told]


_KEEP = update(StripeEvent).where(col(StripeEvent.id) == bindparam("event")).values(payload=bindparam("payload"))


def _kept(told: Told, outcome: Outcome) -> str:
    """The text that is kept of an event of which this became."""
    needed = isinstance(HANDLERS.get(told.event["type"]), OfSession) and not outcome.erased
    if needed or outcome.state not in (EventState.APPLIED, EventState.IGNORED):
        return told.payload
    impersonal = personal_parts.removed(told.event)
    return told.payload if impersonal == told.event else orjson.dumps(impersonal).decode()


def _hoped(told: Told) -> Outcome:
    return Outcome(EventState.APPLIED, _order_named_in(told.event))


def _note_failure(shop: Shop, told: Told, error: Exception) -> None:
    """What failed was rolled back, the event's own row with it: say so in a transaction of its own."""
    now = shop.now()
    failed = Outcome(EventState.FAILED, _order_named_in(told.event), masking.described(error))
    with shop.transaction() as session:
        if _REMEMBER(session, [_row(told, failed, now=now)]):
            return
        [earlier] = _locked(session, [told.id])
        if not earlier.is_over:
            _conclude(session, told.id, failed, earlier.attempts + 1, now=now)


def _row(told: Told, outcome: Outcome, *, now: datetime) -> dict[str, Any]:
    event = told.event
    return {
        "id": event["id"], "type": event["type"], "created": datetime.fromtimestamp(event.get("created") or 0, UTC),
        "livemode": bool(event.get("livemode")), "payload": _kept(told, outcome), "state": outcome.state,
        "order_id": outcome.order_id, "attempts": 1, "error": outcome.reason, "received_at": now, "updated_at": now,
        "retry_after": now + _patience(1),
    }  # fmt: skip


_LOCKED = Rows(StripeEvent, "id", locked=True)


def _locked(session: Session, event_ids: Collection[str]) -> Sequence[StripeEvent]:
    return _LOCKED.of(session, event_ids)


def _conclude(session: Session, event_id: str, outcome: Outcome, attempts: int, *, now: datetime) -> None:
    session.execute(
        _CONCLUDE,
        {
            "event": event_id,
            "state": outcome.state,
            "order_id": outcome.order_id,
            "error": outcome.reason,
            "attempts": attempts,
            "now": now,
            "later": now + _patience(attempts),
        },
    )


def _patience(attempts: int) -> timedelta:
    """How long to wait before the next try: half a minute, then twice as long each time, up to an hour."""
    return min(timedelta(seconds=15 * 2 ** min(attempts, 10)), timedelta(hours=1))


def _order_named_in(event: dict[str, Any]) -> str | None:
    metadata = event["data"]["object"].get("metadata")
    # What a type that is not known yet has there may be of any form.
    named = metadata.get("order_id") if isinstance(metadata, dict) else None
    return named if isinstance(named, str) and _ORDER_ID.fullmatch(named) else None
