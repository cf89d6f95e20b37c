"""Stripe's events: each remembered once, applied in one transaction, and kept when it could not be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Text, bindparam, update
from sqlmodel import Field, Session, SQLModel, col, select

from core import fulfillment, payments, stripe_api
from core.database import insert_once, text_enum
from core.errors import EventNotFound
from core.orders import Order
from core.shop import Shop


class EventState(StrEnum):
    """What became of an event. `parked` waits for its order, `failed` for whatever broke; both are tried again."""

    APPLIED = "applied"
    IGNORED = "ignored"
    PARKED = "parked"
    FAILED = "failed"


class StripeEvent(SQLModel, table=True):
    """An event as Stripe sent it. `error` says why it failed, is parked or was ignored."""

    __tablename__ = "stripe_events"

    id: str = Field(primary_key=True)
    type: str
    created: datetime
    livemode: bool
    payload: str = Field(sa_type=Text)
    state: EventState = text_enum(EventState, index=True)
    order_id: str | None = Field(default=None, index=True)
    attempts: int
    error: str = ""
    received_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What a handler made of an event."""

    state: EventState
    order_id: str | None = None
    reason: str = ""


def _ignored(reason: str) -> Outcome:
    return Outcome(EventState.IGNORED, reason=reason)


def receive(shop: Shop, raw: bytes, signature: str | None) -> Outcome:
    """The webhook: check the raw body's signature, then remember and apply its event in one transaction.

    No network, and nothing is marked done before it is done. Raises EventRefused, leaving no trace, for what Stripe did
    not sign. Any other error is noted on the event and raised again: Stripe will retry.
    """
    secrets = [secret.get_secret_value() for secret in shop.settings.stripe_webhook_secret]
    event = stripe_api.verified(raw, signature, secrets)
    return take(shop, event, raw.decode(), actor=f"webhook {event['id']}")


def take(shop: Shop, event: dict[str, Any], payload: str, *, actor: str, again: bool = False) -> Outcome:
    """Remember and apply an event that is known to be Stripe's. `again` applies it even if it was applied before."""
    try:
        with shop.transaction() as session:
            return _remember_and_apply(session, shop, event, payload, actor=actor, again=again)
    except Exception as error:
        _note_failure(shop, event, payload, error)
        raise


def replay(shop: Shop, event_id: str, *, actor: str) -> Outcome:
    """Apply a remembered event once more; one that had worked changes nothing. Raises EventNotFound, or what went wrong."""
    with shop.reading() as session:
        row = session.get(StripeEvent, event_id)
    if row is None:
        raise EventNotFound(event=event_id)
    return take(shop, orjson.loads(row.payload), row.payload, actor=actor, again=True)


def unfinished(session: Session, *, limit: int) -> list[str]:
    """The ids of failed and parked events, oldest first."""
    query = select(StripeEvent.id).where(col(StripeEvent.state).in_([EventState.FAILED, EventState.PARKED]))
    return list(session.exec(query.order_by(col(StripeEvent.created), col(StripeEvent.id)).limit(limit)))


def known(session: Session, event_ids: list[str]) -> set[str]:
    """Those of these events that need nothing more: applied or ignored."""
    done = col(StripeEvent.state).in_([EventState.APPLIED, EventState.IGNORED])
    return set(session.exec(select(StripeEvent.id).where(col(StripeEvent.id).in_(event_ids), done)))


def _on_checkout(session: Session, shop: Shop, event: dict[str, Any], actor: str, now: datetime) -> Outcome:
    facts = payments.read_session(event["data"]["object"], event=event["type"])
    if not facts.order_id.startswith("ord_"):
        return _ignored("not an order of this shop")
    if facts.shop_id and facts.shop_id != shop.id and not _knows(session, facts.order_id):
        return _ignored("an order of another shop")
    settled = fulfillment.apply(session, facts, actor=actor, now=now)
    if settled is None:
        return Outcome(EventState.PARKED, facts.order_id, "its order is not known yet")
    return Outcome(EventState.APPLIED, settled.order_id)


Handler = Callable[[Session, Shop, dict[str, Any], str, datetime], Outcome]

HANDLERS: Mapping[str, Handler] = {
    "checkout.session.completed": _on_checkout,
    "checkout.session.async_payment_succeeded": _on_checkout,
    "checkout.session.async_payment_failed": _on_checkout,
    "checkout.session.expired": _on_checkout,
}

_REMEMBER = insert_once(StripeEvent)
_CONCLUDE = (
    update(StripeEvent)
    .where(col(StripeEvent.id) == bindparam("event"))
    .values(
        state=bindparam("state"), order_id=bindparam("order_id"), error=bindparam("error"),
        attempts=bindparam("attempts"), updated_at=bindparam("now"),
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
        return _ignored("live event, test key" if event.get("livemode") else "test event, live key")
    handler = HANDLERS.get(event["type"])
    return handler(session, shop, event, actor, now) if handler else _ignored("a type the shop has no use for")


def _note_failure(shop: Shop, event: dict[str, Any], payload: str, error: Exception) -> None:
    """What failed was rolled back, the event's own row with it: say so in a transaction of its own."""
    now = shop.now()
    reason = f"{type(error).__name__}: {error}"[:2000]
    failed = Outcome(EventState.FAILED, _order_named_in(event), reason)
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
        },
    )


def _order_named_in(event: dict[str, Any]) -> str | None:
    subject = event["data"]["object"]
    named = (subject.get("metadata") or {}).get("order_id") or subject.get("client_reference_id") or ""
    return named if named.startswith("ord_") else None


def _knows(session: Session, order_id: str) -> bool:
    return session.exec(select(Order.id).where(Order.id == order_id)).first() is not None
