"""Reminders: the day before and an hour before a date begins, once each to everybody who has a place."""

from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session, col, select

from core.foundation.database import apart
from core.foundation.jobs import outbox
from core.kinds.places import owed_letters
from core.kinds.places.attendees import Attendee
from core.kinds.places.owed_letters import Topic
from core.kinds.workshops import WorkshopDate
from core.orders.orders import MADE_UP, Order
from core.shop import Shop

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
# A date that is added or moved nearer than this is remembered well enough.
_SOON = timedelta(hours=3)


def owe_due(shop: Shop) -> int:
    """Owe the reminders whose time has come; of how many dates."""
    now = shop.now()
    with shop.reading() as session:
        near = select(WorkshopDate.id).where(
            col(WorkshopDate.starts_at) > now, col(WorkshopDate.starts_at) <= now + _DAY
        )
        found = [each for each in session.exec(near.order_by(col(WorkshopDate.starts_at))) if each]
    return sum(apart(partial(_owe_of_date, shop, now=now), found))


def _owe_of_date(shop: Shop, date_id: str, *, now: datetime) -> bool:
    with shop.reading() as session:
        if not _due(session.get_one(WorkshopDate, date_id), now):
            return False
    with shop.transaction() as session:
        date = session.get_one(WorkshopDate, date_id, with_for_update={"key_share": True})
        topic = _due(date, now)
        if topic is None:
            return False
        if topic is Topic.DAY:
            date.day_told = date.starts_at
        else:
            date.hour_told = date.starts_at
        _owe_all(session, date, topic, livemode=shop.settings.livemode)
    return True


def _due(date: WorkshopDate, now: datetime) -> Topic | None:
    """Which reminder of a date is due and was not made for the time at which it begins."""
    left = date.starts_at - now
    if date.canceled_at or left <= timedelta(0):
        return None
    if left <= _HOUR:
        return None if date.hour_told == date.starts_at else Topic.HOUR
    return Topic.DAY if _SOON <= left <= _DAY and date.day_told != date.starts_at else None


def _owe_all(session: Session, date: WorkshopDate, topic: Topic, *, livemode: bool) -> None:
    query = select(Attendee, Order.email).join(Order, col(Order.id) == Attendee.order_id)
    query = query.where(Attendee.date_id == date.id, col(Attendee.holds), ~MADE_UP)
    # A place that was bought with test money lets nobody in once money is real.
    for row, email in session.exec(query.where(col(Order.livemode)) if livemode else query).all():
        owed_letters.owe(session, row, topic, outbox.stamp(date.starts_at), to=row.email or email)
