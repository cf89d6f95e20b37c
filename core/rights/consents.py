"""Consents: what the buyer of an order agreed to and was told, in which words and when, kept with the order.

What was asked and not agreed to is kept as well: then the right of withdrawal stays.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Field, Session, col, select

from core.foundation.records import Record, new_id, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.rights.clauses import Asked, Clause


class Consent(Record, table=True):
    """One clause of an order. `products` are the ids of what it is about, with commas between them. A `box` was to be ticked,
    anything else was told; `given` if it was ticked, or shown."""

    __tablename__ = "consents"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    clause: Clause = text_enum(Clause)
    version: str
    wording: str
    products: str
    box: bool
    given: bool
    created_at: datetime

    @property
    def product_ids(self) -> tuple[str, ...]:
        """The ids of what it is about."""
        return tuple(self.products.split(","))


_WRITE = InsertOnce(Consent)


def record(
    session: Session,
    order_id: str,
    asked: Sequence[Asked],
    agreed: Collection[str] | None,
    *,
    known: bool,
    now: datetime,
) -> tuple[str, ...]:
    """Keep what was asked about this order, which may be changed, and what was `agreed` to: versions of clauses, or None for
    whoever says nothing about it now: then what they said before of the same things stays. `known` if the order was there.
    Returns the versions that it is agreed to then, in all."""
    standing = of_order(session, order_id) if known else []
    before = {(row.version, row.products): row for row in standing}
    rows = [_row(order_id, each, agreed, before, now=now) for each in asked]
    given = tuple(sorted({row["version"] for row in rows if row["given"]}))
    if known and {(row.version, row.products, row.given) for row in standing} == set(map(_fact, rows)):
        return given
    if standing:
        session.exec(delete(Consent).where(col(Consent.order_id) == order_id))
    if rows:
        _WRITE(session, rows)
    return given


def of_order(session: Session, order_id: str) -> Sequence[Consent]:
    """What the order's buyer was asked and told, as they met it."""
    found = session.exec(select(Consent).where(Consent.order_id == order_id)).all()
    order = list(Clause)
    return sorted(found, key=lambda row: (order.index(row.clause), row.wording))


def of_orders(session: Session, order_ids: Collection[str]) -> list[Consent]:
    """The same of several orders, the last first."""
    found = session.exec(select(Consent).where(col(Consent.order_id).in_(order_ids))).all()
    order = list(Clause)
    return sorted(
        found, key=lambda row: (-row.created_at.timestamp(), row.order_id, order.index(row.clause), row.wording)
    )


def _row(
    order_id: str, each: Asked, agreed: Collection[str] | None, before: dict[tuple[str, str], Consent], *, now: datetime
) -> dict[str, Any]:
    about = ",".join(each.products)
    earlier = before.get((each.version, about))
    given = each.version in agreed if agreed is not None else bool(earlier and earlier.given)
    since = earlier.created_at if earlier and earlier.given is given else now
    return {
        "id": new_id("con"), "order_id": order_id, "clause": each.clause, "version": each.version, "wording": each.wording,
        "products": about, "box": each.box, "given": given, "created_at": since,
    }  # fmt: skip


def _fact(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["version"], row["products"], row["given"]
