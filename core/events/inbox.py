"""Stripe's events: each remembered once, applied in one transaction, and kept when it could not be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Index, Text, bindparam, update
from sqlmodel import Field, Session, SQLModel, col, func, select

from core import admission
from core.events.handlers import HANDLERS, LIVE_AT_TEST, TEST_AT_LIVE, Context, EventState, Outcome, ignored
from core.foundation import masking
from core.foundation.database import constant, index_where, insert_once, repeatable, text_enum
from core.foundation.errors import EventNotFound
from core.gateway.signature import verified
from core.shop import Shop


class StripeEvent(SQLModel, table=True):
    """An event as Stripe sent it. `error` says why it failed, is parked or was ignored."""

    __tablename__ = "stripe_events"
    __table_args__ = (Index("ix_stripe_events_state_received_at", "state", "received_at"),)

    id: str = Field(primary_key=True)
    type: str
    created: datetime
    livemode: bool
    payload: str = Field(sa_type=Text)
    state: EventState = text_enum(EventState)
    order_id: str | None = Field(default=None, index=True)
    attempts: int
    error: str = ""
    received_at: datetime = Field(index=True)
    updated_at: datetime
    retry_after: datetime


OF_THE_OTHER_MODE = col(StripeEvent.error).in_([constant(LIVE_AT_TEST), constant(TEST_AT_LIVE)])
index_where(OF_THE_OTHER_MODE, "ix_stripe_events_other_mode", StripeEvent.received_at)


def receive(shop: Shop, raw: bytes, signature: str | None) -> Outcome:
    """The webhook: check the raw body's signature, then remember and apply its event in one transaction.

    No network, and nothing is marked done before it is done. Raises EventRefused, leaving no trace, for what Stripe did
    not sign. Any other error is noted on the event and raised again: Stripe will retry.
    """
    secrets = [secret.get_secret_value() for secret in shop.settings.stripe_webhook_secret]
    event = verified(raw, signature, secrets)
    return take(shop, event, raw.decode(), actor=f"webhook {event['id']}")


def take(shop: Shop, event: dict[str, Any], payload: str, *, actor: str, again: bool = False) -> Outcome:
    """Remember and apply an event that is known to be Stripe's. `again` applies it even if it was applied before."""
    try:
        return _taken(shop, event, payload, actor=actor, again=again)
    except Exception as error:
        _note_failure(shop, event, payload, error)
        raise


@repeatable
def _taken(shop: Shop, event: dict[str, Any], payload: str, *, actor: str, again: bool) -> Outcome:
    with shop.transaction() as session:
        return _remember_and_apply(session, shop, event, payload, actor=actor, again=again)


def replay(shop: Shop, event_id: str, *, actor: str) -> Outcome:
    """Apply a remembered event once more; one that had worked changes nothing. Raises EventNotFound, or what went wrong."""
    payload = payload_of(shop, event_id)
    return take(shop, orjson.loads(payload), payload, actor=actor, again=True)


def payload_of(shop: Shop, event_id: str) -> str:
    """A remembered event as Stripe sent it. Raises EventNotFound."""
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


def waits_for_stripe(event: StripeEvent) -> bool:
    """Whether a parked event belongs to an order that only Stripe can name."""
    return event.error == admission.ASKING


def dismiss(shop: Shop, event_id: str, reason: str) -> Outcome:
    """Stop trying a parked event: it turned out to be none of ours. Returns how it stands then."""
    with shop.transaction() as session:
        row = _locked(session, event_id)
        if row.state is not EventState.PARKED:
            return Outcome(row.state, row.order_id, row.error)
        dismissed = Outcome(EventState.IGNORED, reason=reason)
        _conclude(session, event_id, dismissed, row.attempts, now=shop.now())
    return dismissed


def remembered(session: Session, event_ids: list[str]) -> set[str]:
    """Those of these events that were seen before, whatever became of them: failed and parked ones have their own time."""
    return set(session.exec(select(StripeEvent.id).where(col(StripeEvent.id).in_(event_ids))))


_REMEMBER = insert_once(StripeEvent)
_CONCLUDE = (
    update(StripeEvent)
    .where(col(StripeEvent.id) == bindparam("event"))
    .values(
        state=bindparam("state"), order_id=bindparam("order_id"), error=bindparam("error"),
        attempts=bindparam("attempts"), updated_at=bindparam("now"), retry_after=bindparam("later"),
    )
)  # fmt: skip


def _remember_and_apply(
    session: Session, shop: Shop, event: dict[str, Any], payload: str, *, actor: str, again: bool
) -> Outcome:
    now = shop.now()
    # Written as if it had worked, which it has when this transaction commits: the usual event needs no second statement.
    hoped = Outcome(EventState.APPLIED, _order_named_in(event))
    row = _row(event, payload, hoped, now=now)
    attempts = 1
    if not session.execute(_REMEMBER, row).rowcount:  # type: ignore[attr-defined]
        earlier = _locked(session, event["id"])
        if earlier.state in (EventState.APPLIED, EventState.IGNORED) and not again:
            return Outcome(earlier.state, earlier.order_id, earlier.error)
        attempts = earlier.attempts + 1
    outcome = _apply(session, shop, event, actor, now)
    if outcome != hoped or attempts > 1:
        _conclude(session, event["id"], outcome, attempts, now=now)
    return outcome


def _apply(session: Session, shop: Shop, event: dict[str, Any], actor: str, now: datetime) -> Outcome:
    if bool(event.get("livemode")) != shop.settings.livemode:
        return ignored(LIVE_AT_TEST if event.get("livemode") else TEST_AT_LIVE)
    handler = HANDLERS.get(event["type"])
    if handler is None:
        return ignored("a type the shop has no use for")
    return handler(session, Context(shop.id, event, actor, now))


def _note_failure(shop: Shop, event: dict[str, Any], payload: str, error: Exception) -> None:
    """What failed was rolled back, the event's own row with it: say so in a transaction of its own."""
    now = shop.now()
    failed = Outcome(EventState.FAILED, _order_named_in(event), masking.described(error))
    with shop.transaction() as session:
        if session.execute(_REMEMBER, _row(event, payload, failed, now=now)).rowcount:  # type: ignore[attr-defined]
            return
        earlier = _locked(session, event["id"])
        if earlier.state not in (EventState.APPLIED, EventState.IGNORED):
            _conclude(session, event["id"], failed, earlier.attempts + 1, now=now)


def _row(event: dict[str, Any], payload: str, outcome: Outcome, *, now: datetime) -> dict[str, Any]:
    return {
        "id": event["id"], "type": event["type"], "created": datetime.fromtimestamp(event.get("created") or 0, UTC),
        "livemode": bool(event.get("livemode")), "payload": payload, "state": outcome.state,
        "order_id": outcome.order_id, "attempts": 1, "error": outcome.reason, "received_at": now, "updated_at": now,
        "retry_after": now + _patience(1),
    }  # fmt: skip


def _locked(session: Session, event_id: str) -> StripeEvent:
    return session.exec(select(StripeEvent).where(StripeEvent.id == event_id).with_for_update()).one()


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
    subject = event["data"]["object"]
    named = (subject.get("metadata") or {}).get("order_id") or ""
    return named if named.startswith("ord_") else None
