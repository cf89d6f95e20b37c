"""Sums of the shop's days that are over, so that a year of figures is read from some hundred rows, and of today's hours.

A sum that a later fact corrects is kept beside the new one: what was known on a past day can still be told. The days are those
of one time zone; with another one they are all summed anew.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, col

from core.foundation.records import Record, index_where, minor_units

# Which measures sums are made of by now: with each change of what they mean it is one more, and the worker makes them anew.
# 2: gross sales and discounts are without the tax that prices include, and what was paid from credit is a purchase as well.
# 3: of disputes that were prevented, those count that took money.
MEASURES = 3


class SummedDays(Record, table=True):
    """All days of this time zone before `until` are summed, and then all hours before `hours_until`.

    What of them has changed since is among the corrections.
    """

    __tablename__ = "summed_days"

    zone: str = Field(primary_key=True)
    until: date
    hours_until: datetime


class HourSum(Record, table=True):
    """What the facts of one hour came to in one mode: for each currency, and what else is kept apart, its measures.

    `kept` is the table of the days' sums. Of days that are over only sales keep their hours, to compare parts of days.
    """

    __tablename__ = "hour_sums"

    zone: str = Field(primary_key=True)
    kept: str = Field(primary_key=True)
    livemode: bool = Field(primary_key=True)
    at: datetime = Field(primary_key=True)
    sums: list[Any] = Field(default_factory=list, sa_type=JSON)
    measures: int = MEASURES


class TaxDay(Record, table=True):
    """What was taxed on a day that is summed, in one mode, as `accounting.tax_days` counts it; null `counted_at` while it does.

    It goes whenever the day is summed anew, and is then counted again: by `id` whoever counts knows that it is still the same.
    """

    __tablename__ = "tax_days"

    zone: str = Field(primary_key=True)
    livemode: bool = Field(primary_key=True)
    day: date = Field(primary_key=True)
    id: str
    counted_at: datetime | None = None
    sums: list[Any] = Field(default_factory=list, sa_type=JSON)


class DaySum(Record):
    """What the facts of one day came to, as it was known from `known_at` until `superseded_at`. Amounts in minor units.

    `measures` is by which MEASURES it was summed: an earlier version's process, which may still be at work, leaves it at 1.
    """

    zone: str = Field(primary_key=True)
    livemode: bool = Field(primary_key=True)
    day: date = Field(primary_key=True)
    known_at: datetime = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    superseded_at: datetime | None = None
    measures: int = MEASURES


class SalesDay(DaySum, table=True):
    """Sales of a day: the measures of `facts.PAYMENTS` and the other facts of sales."""

    __tablename__ = "sales_days"

    gross: int = minor_units()
    discounts: int = minor_units()
    tax: int = minor_units()
    credit: int = minor_units()
    renewals: int = minor_units()
    spent: int = minor_units()
    purchases: int = minor_units()
    refunds: int = minor_units()
    refunded_tax: int = minor_units()
    disputed: int = minor_units()
    disputes_won: int = minor_units()
    orders: int = minor_units()
    opened: int = minor_units()
    converted: int = minor_units()


class ProductDay(DaySum, table=True):
    """What was sold of a product on a day; of what is not known to be for any, an empty `product_id`."""

    __tablename__ = "product_days"

    product_id: str = Field(primary_key=True)
    quantity: int = minor_units()
    gross: int = minor_units()
    discounts: int = minor_units()


class BalanceDay(DaySum, table=True):
    """What moved on the balance on a day, by whose it was and by Stripe's category, in the currency of settlement."""

    __tablename__ = "balance_days"

    origin: str = Field(primary_key=True)
    category: str = Field(primary_key=True)
    entries: int = minor_units()
    gross: int = minor_units()
    fee: int = minor_units()
    net: int = minor_units()


class MovementDay(DaySum, table=True):
    """How much more or less subscriptions bring in a month since this day, by the kind of the change."""

    __tablename__ = "movement_days"

    kind: str = Field(primary_key=True)
    changes: int = minor_units()
    amount: int = minor_units()


# Those that were summed by other measures are found without looking at the others.
for _table in (SalesDay, ProductDay, BalanceDay, MovementDay):
    index_where(col(_table.superseded_at).is_(None), f"ix_{_table.__tablename__}_measures", col(_table.measures))
