"""What promotion codes go on to take off: of a plan's later payments, where a code lasts longer than for the first one.

Stripe's invoices name discounts, and its subscriptions say by which code each of them was given: whichever is heard of first waits
for the other.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Field, Session, col, select

from core.catalog import promotion_codes
from core.foundation.money import Money
from core.foundation.records import Record, minor_units
from core.foundation.writes.inserts import InsertOnce


class PromotionDiscount(Record, table=True):
    """A discount of a plan that was given by a code: `id` is Stripe's for the discount, `stripe_id` that for the code."""

    __tablename__ = "promotion_discounts"

    id: str = Field(primary_key=True)
    stripe_id: str


class RenewalDiscount(Record, table=True):
    """What a discount took off a later payment of a plan, in minor units; `stripe_id` is the code's, null while it is not known
    by which one it was given, if by any."""

    __tablename__ = "renewal_discounts"

    payment_id: str = Field(primary_key=True)
    discount_id: str = Field(primary_key=True, index=True)
    order_id: str
    stripe_id: str | None = None
    currency: str
    amount: int = minor_units()
    created_at: datetime


_KNOWN = InsertOnce(PromotionDiscount, returning="id")
_TAKEN = InsertOnce(RenewalDiscount, returning="discount_id")


def note_payment(
    session: Session, payment_id: str, discounts: Mapping[str, Money], *, order_id: str, livemode: bool, now: datetime
) -> None:
    """Count what discounts took off a later payment of a plan. The same again changes nothing. The order must be locked."""
    for discount_id, off in discounts.items():
        code = session.get(PromotionDiscount, discount_id)
        row = RenewalDiscount(
            payment_id=payment_id, discount_id=discount_id, order_id=order_id, stripe_id=code.stripe_id if code else None,
            currency=off.currency, amount=off.amount, created_at=now,
        )  # fmt: skip
        if _TAKEN(session, [row.model_dump()]) and code:
            promotion_codes.note_renewal(session, code.stripe_id, off=off, livemode=livemode, now=now)


def note_codes(session: Session, codes: Mapping[str, str], *, livemode: bool, now: datetime) -> None:
    """Know by which codes these discounts of a plan were given, and count what they took off already. The order must be
    locked."""
    for discount_id, code in codes.items():
        if not _KNOWN(session, [{"id": discount_id, "stripe_id": code}]):
            continue
        waiting = (col(RenewalDiscount.discount_id) == discount_id, col(RenewalDiscount.stripe_id).is_(None))
        for row in session.exec(select(RenewalDiscount).where(*waiting)).all():
            off = Money(row.amount, row.currency)
            promotion_codes.note_renewal(session, code, off=off, livemode=livemode, now=now)
        session.execute(update(RenewalDiscount).where(*waiting).values(stripe_id=code))
