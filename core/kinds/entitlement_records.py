"""Entitlement records: of each person the version of what they may use, which grows with every change of it.

What they may use is worked out anew whenever it is asked. Kept is only what it came to last, by its digest.
"""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from core.foundation.database import Record


class EntitlementRecord(Record, table=True):
    """The version of one customer's entitlements, in one mode. `look_at` is the next moment at which time alone changes them."""

    __tablename__ = "entitlement_records"
    __table_args__ = (Index("ix_entitlement_records_changed_at", "livemode", "changed_at", "customer_id"),)

    customer_id: str = Field(primary_key=True, foreign_key="customers.id")
    livemode: bool = Field(primary_key=True)
    version: int
    digest: str
    changed_at: datetime
    look_at: datetime | None = Field(default=None, index=True)
