"""Promotion codes: those that this shop has made at Stripe, and those of others that were used here, with what they took.

Stripe keeps the codes. What it said of each last is kept here, so that nobody waits for it to look at them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Index, update
from sqlmodel import Field, Session, col, func, or_, select

from core.foundation.money import Money
from core.foundation.records import Record, minor_units
from core.foundation.writes.inserts import InsertOnce


class PromotionCode(Record, table=True):
    """A code that buyers type at Stripe's payment page. One made here has an id of ours, and no `stripe_id` before Stripe has it.

    `ended_at` is when somebody here ended it, which Stripe is told by a job; `active` and `times_redeemed` are what Stripe said
    at `seen_at`. What Stripe `refused` to make says why, and is never made. It takes something off each payment of a plan
    `forever`, or of its first `months`, and where neither is said off the first alone.
    """

    __tablename__ = "promotion_codes"
    __table_args__ = (Index("ix_promotion_codes_livemode_created_at", "livemode", "created_at"),)

    id: str = Field(primary_key=True)
    stripe_id: str | None = Field(default=None, unique=True)
    livemode: bool
    code: str = ""
    percent_off: float | None = None
    amount_off: int | None = minor_units(default=None, nullable=True)
    currency: str | None = None
    forever: bool = False
    months: int | None = None
    first_time: bool = False
    max_redemptions: int | None = None
    expires_at: datetime | None = None
    times_redeemed: int = 0
    active: bool = True
    made_here: bool = False
    refused: str = ""
    ended_at: datetime | None = None
    created_at: datetime
    seen_at: datetime | None = Field(default=None, index=True)


class PromotionUse(Record, table=True):
    """A Checkout Session that was paid with a code, and what the code took off, in minor units."""

    __tablename__ = "promotion_uses"

    stripe_checkout_session_id: str = Field(primary_key=True)
    order_id: str
    stripe_id: str
    currency: str
    amount: int = minor_units()
    created_at: datetime


class PromotionSum(Record, table=True):
    """What a code took off in one currency: what it was used for all together, and the `renewals` of plans that followed."""

    __tablename__ = "promotion_sums"

    stripe_id: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    uses: int = 0
    taken: int = minor_units(default=0)
    renewals: int = minor_units(default=0)


_CODE = InsertOnce(PromotionCode, conflict="(stripe_id) do nothing")
_USE = InsertOnce(PromotionUse, conflict="(stripe_checkout_session_id) do nothing", returning="stripe_id")
_SUM = InsertOnce(PromotionSum, conflict="(stripe_id, currency) do nothing")


def note_use(
    session: Session, stripe_id: str, *, checkout: str, order_id: str, off: Money, livemode: bool, now: datetime
) -> None:
    """Count that a payment was made with a code. The same payment again changes nothing."""
    use = {
        "stripe_checkout_session_id": checkout, "order_id": order_id, "stripe_id": stripe_id, "currency": off.currency,
        "amount": off.amount, "created_at": now,
    }  # fmt: skip
    if not _USE(session, [use]):
        return
    more = {"uses": col(PromotionSum.uses) + 1, "taken": col(PromotionSum.taken) + off.amount}
    _add(session, stripe_id, off.currency, more, livemode=livemode, now=now)


def note_renewal(session: Session, stripe_id: str, *, off: Money, livemode: bool, now: datetime) -> None:
    """Count what a code took off a later payment of a plan, which is no use of its own. Whoever calls it does so once for each."""
    more = {"renewals": col(PromotionSum.renewals) + off.amount}
    _add(session, stripe_id, off.currency, more, livemode=livemode, now=now)


def _add(
    session: Session, stripe_id: str, currency: str, more: dict[str, Any], *, livemode: bool, now: datetime
) -> None:
    unknown = PromotionCode(id=stripe_id, stripe_id=stripe_id, livemode=livemode, created_at=now)
    _CODE(session, [unknown.model_dump()])
    _SUM(session, [{"stripe_id": stripe_id, "currency": currency, "uses": 0, "taken": 0, "renewals": 0}])
    theirs = (col(PromotionSum.stripe_id) == stripe_id, col(PromotionSum.currency) == currency)
    session.execute(update(PromotionSum).where(*theirs).values(more))


def usable(session: Session, code: str, *, livemode: bool, now: datetime) -> PromotionCode | None:
    """The code of this name that may be used now, as far as the shop knows: whether it may by this buyer, Stripe says."""
    return _usable(session, func.lower(PromotionCode.code) == code.lower(), livemode=livemode, now=now)


def usable_as(session: Session, stripe_id: str, *, livemode: bool, now: datetime) -> PromotionCode | None:
    """The same of the one that has this id at Stripe."""
    return _usable(session, col(PromotionCode.stripe_id) == stripe_id, livemode=livemode, now=now)


def _usable(session: Session, named: ColumnElement[bool], *, livemode: bool, now: datetime) -> PromotionCode | None:
    used_up = col(PromotionCode.max_redemptions) <= col(PromotionCode.times_redeemed)
    query = select(PromotionCode).where(
        named, PromotionCode.livemode == livemode, col(PromotionCode.active),
        col(PromotionCode.stripe_id).is_not(None), col(PromotionCode.ended_at).is_(None),
        or_(col(PromotionCode.expires_at).is_(None), col(PromotionCode.expires_at) > now),
        or_(col(PromotionCode.max_redemptions).is_(None), ~used_up),
    )  # fmt: skip
    return session.exec(query.order_by(col(PromotionCode.created_at).desc())).first()


@dataclass(frozen=True)
class Taken:
    """How often a code was used here in one currency, and what it took off in all: of it so much in `renewals` of plans."""

    uses: int
    amount: Money
    renewals: Money


def taken(session: Session, stripe_ids: list[str]) -> dict[str, tuple[Taken, ...]]:
    """What each of these codes took off, currency by currency."""
    found: dict[str, tuple[Taken, ...]] = {}
    rows = session.exec(select(PromotionSum).where(col(PromotionSum.stripe_id).in_(stripe_ids)))
    for row in sorted(rows, key=lambda each: (each.stripe_id, each.currency)):
        found[row.stripe_id] = (*found.get(row.stripe_id, ()), _taken(row))
    return found


def _taken(row: PromotionSum) -> Taken:
    return Taken(row.uses, Money(row.taken + row.renewals, row.currency), Money(row.renewals, row.currency))
