"""Arrivals: that Stripe's events come by the webhook. The worker learns of each one sooner or later, so that a webhook which takes
none, since its secret is another one or nothing leads to it, would be seen by nothing but that all of it is slow."""

from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.orders.history import FulfillmentLog
from core.orders.orders import MADE_UP, Order
from core.shop import Shop

# So often each process writes it down: a busy shop takes hundreds of events a second.
EVERY = timedelta(minutes=5)
_NEWEST = 20
_NOTED: WeakKeyDictionary[Engine, datetime] = WeakKeyDictionary()


def note(session: Session, shop: Shop) -> bool:
    """Write down that an event of the shop's mode came by the webhook, unless that was done lately; whether it was."""
    now, last = shop.now(), _NOTED.get(shop.engine)
    if last and last <= now < last + EVERY:
        return False
    milestones.record(session, Name.WEBHOOK_TOOK, at=now, detail=_mode(shop.settings.livemode))
    return True


def noted(shop: Shop) -> None:
    """What was written down is committed."""
    _NOTED[shop.engine] = shop.now()


def last(session: Session, *, livemode: bool) -> datetime | None:
    """When an event with a good signature last came by the webhook in this mode, to `EVERY` exactly."""
    took = milestones.last(session, Name.WEBHOOK_TOOK)
    return took.at if took and took.detail == _mode(livemode) else None


def are_in_history(session: Session, *, livemode: bool) -> bool:
    """Whether one of the newest orders was told of by the webhook: by that versions are believed which did not note it."""
    orders = select(Order.id).where(Order.livemode == livemode, ~MADE_UP)
    newest = session.exec(orders.order_by(col(Order.created_at).desc()).limit(_NEWEST)).all()
    told = col(FulfillmentLog.actor).startswith("webhook evt_", autoescape=True)
    query = select(FulfillmentLog.order_id).where(col(FulfillmentLog.order_id).in_(newest), told)
    return session.exec(query.limit(1)).first() is not None


def _mode(livemode: bool) -> str:
    return "live" if livemode else "test"
