"""Stripe's events as a list: what became of each, its payload without what is somebody's own, and once more from the beginning."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlmodel import Session, col, func, select

from core.events import inbox
from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation import masking
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.registers import paging
from core.registers.paging import Page, Place
from core.shop import Shop

STATES = tuple(EventState)
# Nothing is left to try.
_OVER = (EventState.APPLIED, EventState.IGNORED)
# More than so many nobody counts.
COUNTED = 1000
# More than so many are not replayed by one click: a page waits for it.
AT_ONCE = 200
_LONGEST = 40_000
# Where Stripe tells who somebody is. Of these a country and a currency are kept, which are nobody's own.
_PEOPLE = frozenset({
    "customer_details", "billing_details", "shipping", "shipping_details", "shipping_address", "customer_address",
    "customer_shipping", "collected_information", "custom_fields", "owner", "customer_tax_ids", "tax_ids", "evidence",
    "payment_method_details", "bank_transfer_details",
})  # fmt: skip
_OWN = frozenset({
    "name", "email", "phone", "receipt_email", "customer_email", "customer_name", "customer_phone", "description",
    "individual_name", "business_name", "ip", "ip_address", "client_secret",
})  # fmt: skip
_KEPT = frozenset({"country", "currency", "type", "object", "brand", "network"})
_MASKED = "[masked]"


@dataclass(frozen=True)
class EventRow:
    """An event in the list. `error` says why it failed, is parked or was ignored."""

    id: str
    type: str
    state: EventState
    order_id: str | None
    attempts: int
    error: str
    livemode: bool
    received_at: datetime
    retry_after: datetime

    @property
    def waits(self) -> bool:
        """Whether it has not had its effect yet, and is tried again."""
        return self.state in (EventState.FAILED, EventState.PARKED)


@dataclass(frozen=True)
class Replayed:
    """What came of replaying several: how many worked, and which did not, each with the reason."""

    worked: int
    left: tuple[tuple[str, str], ...]


def page(session: Session, state: str, *, place: Place, size: int = paging.PAGE) -> Page[EventRow]:
    """The newest events, of this state if it is one."""
    query = select(StripeEvent)
    if wanted := paging.one_of(EventState, state):
        query = query.where(StripeEvent.state == wanted)
    return paging.page(session, query, StripeEvent, by="received_at", place=place, size=size).each(_row)


def waiting(session: Session) -> dict[str, int]:
    """How many events failed and are parked, each counted up to COUNTED."""
    return {state: _count(session, state) for state in (EventState.FAILED, EventState.PARKED)}


def payload(shop: Shop, event_id: str) -> str:
    """What Stripe sent, to be read, without secrets and without what people told of themselves. Raises EventNotFound."""
    said = _masked(orjson.loads(inbox.payload_of(shop, event_id)), "")
    return masking.masked(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode(), most=_LONGEST)


def replay(shop: Shop, event_id: str, *, deed: Deed) -> bool:
    """Apply an event once more; return whether it has had its effect by now.

    Raises NotPermitted, DoneAlready, EventNotFound, or what it failed by, which is noted on the event.
    """
    with shop.transaction() as session:
        who = deeds.begin(session, shop.settings, deed, Action.MEND, subject=event_id, now=shop.now())
    return inbox.replay(shop, event_id, actor=who.role).state in _OVER


def replay_all(shop: Shop, *, deed: Deed, progress: Callable[[int, int], object]) -> Replayed:
    """Replay what failed or is parked, AT_ONCE at most; `progress` is told how many of how many are done.

    One that fails again keeps no other from its turn. Raises NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        found = inbox.unfinished(session, due_at=None, limit=AT_ONCE)
        detail = f"{len(found)} events"
        who = deeds.begin(session, shop.settings, deed, Action.MEND, subject="events", detail=detail, now=shop.now())
    left = []
    for number, event_id in enumerate(found, start=1):
        if reason := _tried(shop, event_id, actor=who.role):
            left.append((event_id, reason))
        progress(number, len(found))
    return Replayed(len(found) - len(left), tuple(left))


def _tried(shop: Shop, event_id: str, *, actor: str) -> str:
    """Why it has still not had its effect, or an empty string."""
    try:
        outcome = inbox.replay(shop, event_id, actor=actor)
    except Exception as error:  # whatever it is, it stands with the event
        return masking.described(error)
    return "" if outcome.state in _OVER else outcome.reason


def _row(row: StripeEvent) -> EventRow:
    return EventRow(
        row.id, row.type, row.state, row.order_id, row.attempts, row.error, row.livemode, row.received_at,
        row.retry_after,
    )  # fmt: skip


def _count(session: Session, state: EventState) -> int:
    some = select(StripeEvent.id).where(col(StripeEvent.state) == state).limit(COUNTED).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _masked(value: Any, name: str, *, personal: bool = False) -> Any:
    match value:
        case dict():
            within = personal or name in _PEOPLE
            return {key: _masked(each, key, personal=within) for key, each in value.items()}
        case list():
            return [_masked(each, name, personal=personal) for each in value]
        case str() if name not in _KEPT and (personal or name in _OWN or masking.is_secret(name, value)):
            return _MASKED if value else value
    return value
