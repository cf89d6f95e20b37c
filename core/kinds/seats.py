"""Seats of a plan: how many people may use it, and who they are."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, SQLModel, col, select

from core.catalog.products import Kind
from core.kinds.grants import Delivery, Grant
from core.orders.orders import OrderLine
from core.orders.status import GrantState
from core.orders.subscriptions import Subscription


class Seat(SQLModel, table=True):
    """Somebody who uses one of a grant's seats."""

    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("grant_id", "email"),)

    id: str = Field(primary_key=True)
    grant_id: str = Field(foreign_key="grants.id", index=True)
    email: str
    created_at: datetime


def hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Seats are never short: nothing to hold."""


def release(session: Session, line_id: str) -> None:
    """Nothing was held."""


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """The grant's quantity is the number of seats; nobody sits yet. Returns an empty reason: seats are never short."""
    return ""


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """Who sits where is kept: a recovered plan has the same seats."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """Who sat where is kept, for the owner to look up; access follows the grant's state."""


def describe(session: Session, grant: Grant, base: Delivery, *, signing_key: str) -> Delivery:
    """Add who uses the seats."""
    names = select(Seat.email).where(Seat.grant_id == grant.id).order_by(col(Seat.created_at))
    return replace(base, seats=tuple(session.exec(names)))


def grace_over(session: Session, *, now: datetime, limit: int) -> list[str]:
    """The orders whose plan is past due, out of grace, and still in use."""
    query = (
        select(Subscription.order_id)
        .join(Grant, col(Grant.order_id) == Subscription.order_id)
        .where(
            Subscription.status == "past_due",
            col(Subscription.grace_until) <= now,
            Grant.kind == Kind.PLAN,
            Grant.state == GrantState.ACTIVE,
        )
    )
    return list(session.exec(query.distinct().limit(limit)))
