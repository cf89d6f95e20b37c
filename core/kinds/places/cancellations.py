"""Cancellations: places in a workshop that were given up, by their buyer or with the whole date, and the money that goes back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, func
from sqlmodel import Field, Session, col, select

from core.foundation.records import Record, text_enum


class MoneyBack(StrEnum):
    """How far the refund of a cancellation has come: to be asked for, asked for, not to be had, or none was due."""

    QUEUED = "queued"
    DONE = "done"
    REFUSED = "refused"
    NONE = "none"


class PlaceCancellation(Record, table=True):
    """Places of one order line that were canceled at once. `percent` of what they cost goes back.

    Its id is the key of the refund: however often that is asked for, it is made once.
    """

    __tablename__ = "place_cancellations"
    __table_args__ = (Index("ix_place_cancellations_date_id_money", "date_id", "money"),)

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    order_line_id: str = Field(foreign_key="order_lines.id", index=True)
    date_id: str = Field(foreign_key="workshop_dates.id")
    places: int
    percent: int
    money: MoneyBack = text_enum(MoneyBack)
    error: str = ""
    by: str
    whole_date: bool = False
    created_at: datetime
    done_at: datetime | None = None


def queued(session: Session, order_id: str) -> Sequence[str]:
    """The ids of the order's cancellations whose money is still to be asked for, in an order that does not change."""
    query = select(PlaceCancellation.id).where(
        PlaceCancellation.order_id == order_id, PlaceCancellation.money == MoneyBack.QUEUED
    )
    return session.exec(query.order_by(col(PlaceCancellation.id))).all()


def refused(session: Session, order_id: str) -> Sequence[PlaceCancellation]:
    """The order's cancellations whose money could not be asked for, oldest first."""
    query = select(PlaceCancellation).where(
        PlaceCancellation.order_id == order_id, PlaceCancellation.money == MoneyBack.REFUSED
    )
    return session.exec(query.order_by(col(PlaceCancellation.created_at), col(PlaceCancellation.id))).all()


def progress(session: Session, date_ids: Collection[str]) -> dict[str, dict[MoneyBack, int]]:
    """How many refunds of each of these dates are how far, of those that are owed because it was canceled as a whole."""
    query = (
        select(PlaceCancellation.date_id, PlaceCancellation.money, func.count())
        .where(col(PlaceCancellation.date_id).in_(date_ids), col(PlaceCancellation.whole_date))
        .group_by(PlaceCancellation.date_id, PlaceCancellation.money)
    )
    found: dict[str, dict[MoneyBack, int]] = {}
    for date_id, money, number in session.exec(query):
        found.setdefault(date_id, {})[MoneyBack(money)] = number
    return found
