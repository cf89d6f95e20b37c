"""Stripe's events that need a person: failed or of no known order, of the other mode, and what keeps failing to be asked about."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, exists
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from core.events import inbox
from core.events.handlers import EventState
from core.events.inbox import OF_THE_OTHER_MODE, StripeEvent
from core.journeys.checkout_sessions.lost_orders import LostOrder
from core.orders import setbacks
from core.orders.setbacks import Setback
from core.owner.needs.items import LIVEMODE, LONG_PARKED, Item, Kind

# A mode mismatch is worth a warning while it goes on, not for ever.
_RECENT = timedelta(days=2)


@cache
def setbacks_lasting() -> Kind:
    """What keeps failing to be asked of Stripe."""
    lasting = select(Setback).where(setbacks.LASTING)
    return Kind(lasting, Setback.order_id, (Setback.since, Setback.subject), _setback)


def _setback(row: Setback) -> Iterator[Item]:
    yield Item(
        "keeps_failing", row.subject, row.order_id, row.since, None, f"{row.error} ({row.tries} tries)",
        "It is tried again every quarter of an hour; nothing else waits for it. Look it up in Stripe's dashboard, and"
        " `pushcart reconcile` tries it at once.",
    )  # fmt: skip


def _events() -> Select[Any]:
    # What Stripe sent with them is kept packed, and said nowhere here.
    return select(StripeEvent).options(defer(StripeEvent.payload))  # type: ignore[arg-type]


_BY_ARRIVAL = StripeEvent.received_at, StripeEvent.id


@cache
def failed() -> Kind:
    """Events that could not be applied."""
    return Kind(
        _events().where(col(StripeEvent.state) == EventState.FAILED), StripeEvent.order_id, _BY_ARRIVAL, _failed_event
    )


@cache
def parked() -> Kind:
    """Events that have waited long for their order."""
    parked = _events().where(col(StripeEvent.state) == EventState.PARKED, col(StripeEvent.received_at) < LONG_PARKED)
    # Where the order itself is listed, it is that which needs somebody.
    lost = exists().where(col(LostOrder.order_id) == StripeEvent.order_id, col(LostOrder.livemode) == LIVEMODE)
    return Kind(parked.where(~lost), StripeEvent.order_id, _BY_ARRIVAL, _parked_event)


@cache
def _newest_of_the_other_mode() -> Select[Any]:
    mixed = _events().where(OF_THE_OTHER_MODE, col(StripeEvent.received_at) > bindparam("recently"))
    return mixed.order_by(col(StripeEvent.received_at).desc()).limit(1)


def of_the_other_mode(session: Session, *, now: datetime) -> Iterator[Item]:
    """That events of the other mode arrive, while they do."""
    for newest in session.execute(_newest_of_the_other_mode(), {"recently": now - _RECENT}).scalars():
        yield Item(
            "mode_mismatch", newest.id, None, newest.received_at, None, newest.error,
            "Events of the other mode arrive here. Let that endpoint point at the shop that has that key.",
        )  # fmt: skip


def _failed_event(row: StripeEvent) -> Iterator[Item]:
    yield Item(
        "event_failed", row.id, row.order_id, row.received_at, None, row.error,
        "It is tried again by itself. If the reason stays, mend it and run `pushcart replay`.",
    )  # fmt: skip


def _parked_event(row: StripeEvent) -> Iterator[Item]:
    yield Item(
        "event_parked", row.id, row.order_id, row.received_at, None, row.error,
        _STILL_ASKING if inbox.waits_for_stripe(row) else _UNKNOWN_ORDER,
    )  # fmt: skip


_UNKNOWN_ORDER = (
    "Stripe speaks of an order that this database does not have, and nobody could say yet which Session it was for."
)
_STILL_ASKING = (
    "Stripe has not said yet which order this belongs to. It is asked again by itself; `pushcart reconcile` asks now."
)
