"""The season as a fact: whether one is in the shop, how far it has come, and by what its rows are known."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Field, Session, select

from core.foundation.database import lock_names
from core.foundation.records import Record
from core.foundation.settings import Settings
from core.orders.orders import Order

DAYS = 120
# Every id that stands for something at Stripe has this after its kind: `evt_season_0017_3` is of the 17th order.
EVENTS, PAYOUTS, MOVEMENTS = "evt_season_", "po_season_", "txn_season_"
MARK = "_season_"
# The dates of workshops and the addresses that are the season's alone.
DATES, DOMAIN = "season/", "season.example"
# The promotion code that some of its buyers used, as Stripe names it and as they typed it, and how many percent it took off.
PROMOTION, CODE, PERCENT = "promo_season_opening", "OPENING-20", 20
# Whoever has made nothing for so long is no longer at it.
STALLED = timedelta(minutes=1)


class Season(Record, table=True):
    """The one season there may be. `run` is who makes it now, `until` the moment at which it ends, which is when it was
    first asked for; `done` of so many orders are made and stay so."""

    __tablename__ = "seasons"

    id: str = Field(primary_key=True)
    run: str
    until: datetime
    done: int
    of: int
    touched_at: datetime

    @property
    def is_complete(self) -> bool:
        """Whether all of it is made, with the payouts at its end."""
        return self.done > self.of


def find(session: Session) -> Season | None:
    """The season that is in the shop, whole or in part, or None."""
    return session.get(Season, "season")


def lock(session: Session) -> Season | None:
    """The same, and nobody else begins, goes on with or removes one before this transaction ends."""
    lock_names(session, "season")
    return session.exec(select(Season).with_for_update().execution_options(populate_existing=True)).first()


class Offer(StrEnum):
    """What the owners are offered: to fill a shop in which nobody has ordered yet, to go on, or to remove what there is."""

    NOTHING = "nothing"
    FILL = "fill"
    GO_ON = "go_on"
    REMOVE = "remove"


def offer(session: Session, settings: Settings) -> Offer:
    """What is offered now. A season is made in a demo alone, and removed also when the shop has come to a key of its own."""
    if season := find(session):
        return Offer.GO_ON if settings.demo and not season.is_complete else Offer.REMOVE
    if not settings.demo:
        return Offer.NOTHING
    anybody = session.exec(select(Order.id).limit(1)).first()
    return Offer.NOTHING if anybody else Offer.FILL
