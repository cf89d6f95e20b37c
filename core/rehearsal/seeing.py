"""Seeing: what became of something, looked for until it is there or time is up."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import col, select

from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.messages.letters import Letter, LetterState
from core.orders import history
from core.orders.orders import Order
from core.shop import Shop

Found = TypeVar("Found")

_LOOK_EVERY = 0.5


@dataclass(frozen=True)
class Patience:
    """How long is waited for what machines do and for what a person does, in seconds, and how one waits."""

    machines: float = 60
    person: float = 900
    pause: Callable[[float], object] = time.sleep
    clock: Callable[[], float] = time.monotonic


def until(look: Callable[[], Found], patience: Patience, *, seconds: float = 0) -> Found:
    """What `look` returns as soon as it is true, or else in the end."""
    over = patience.clock() + (seconds or patience.machines)
    while not (found := look()) and patience.clock() < over:
        patience.pause(_LOOK_EVERY)
    return found


def order(shop: Shop, order_id: str) -> Order:
    """The order as it is now."""
    with shop.reading() as session:
        return session.get_one(Order, order_id)


def event(shop: Shop, order_id: str, *types: str) -> StripeEvent | None:
    """The first event of one of these types about an order that was applied."""
    with shop.reading() as session:
        query = select(StripeEvent).where(
            StripeEvent.order_id == order_id, col(StripeEvent.type).in_(types), StripeEvent.state == EventState.APPLIED
        )  # fmt: skip
        return session.exec(query.order_by(col(StripeEvent.received_at))).first()


def actor_of(shop: Shop, order_id: str, entry: str) -> str:
    """By whom an entry of the order's log was made; empty if there is none."""
    with shop.reading() as session:
        return next((row.actor for row in history.of_order(session, order_id) if row.event == entry), "")


def entries(shop: Shop, order_id: str) -> list[str]:
    """What happened to the order so far."""
    with shop.reading() as session:
        return [row.event for row in history.of_order(session, order_id)]


def sent_letters(shop: Shop, order_id: str, kind: str) -> list[Letter]:
    """The letters of this kind about an order that a mail server took."""
    with shop.reading() as session:
        of_kind = col(Letter.id).startswith(f"{kind}:", autoescape=True)
        query = select(Letter).where(Letter.order_id == order_id, of_kind, Letter.state == LetterState.SENT)
        return list(session.exec(query))
