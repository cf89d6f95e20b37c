"""What the catalogue file said that was applied last: kept for each product, so that whatever drifts away from it is seen."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import JSON, delete
from sqlmodel import Field, Session, col, select

from core.foundation.records import Record
from core.owner.shelves import differences, entries
from core.owner.shelves.differences import Difference


class AppliedEntry(Record, table=True):
    """What stood on the shelves of a product right after a catalogue file that names it was applied.

    `file` is the name of the file and `digest` its SHA-256.
    """

    __tablename__ = "applied_entries"

    product_id: str = Field(primary_key=True, foreign_key="products.id")
    entry: dict[str, Any] = Field(sa_type=JSON)
    file: str
    digest: str
    applied_at: datetime


@dataclass(frozen=True)
class Source:
    """The file that is applied: its name, and the SHA-256 of what it says."""

    file: str
    digest: str


@dataclass(frozen=True)
class Drift:
    """How a product differs from the file that was applied to it last. Nothing differs where `differences` is empty."""

    file: str
    applied_at: datetime
    differences: tuple[Difference, ...]


def remember(session: Session, product_ids: Collection[str], source: Source, *, now: datetime) -> None:
    """Keep what stands on the shelves of these products now as what this file says of them."""
    for product_id, entry in entries.of_products(session, product_ids).items():
        kept = orjson.loads(orjson.dumps(entry))
        row = AppliedEntry(
            product_id=product_id, entry=kept, file=source.file, digest=source.digest, applied_at=now
        )  # fmt: skip
        session.merge(row)
    session.flush()


def forget(session: Session, product_ids: Collection[str]) -> None:
    """What a file said of these counts no more: they have made room for others."""
    session.exec(delete(AppliedEntry).where(col(AppliedEntry.product_id).in_(product_ids)))


def drift(session: Session, product_ids: Collection[str]) -> dict[str, Drift]:
    """How each of these products differs from the file that was applied to it last; those that no file named are left out."""
    rows = session.exec(select(AppliedEntry).where(col(AppliedEntry.product_id).in_(product_ids))).all()
    standing = entries.of_products(session, [row.product_id for row in rows])
    return {
        row.product_id: Drift(
            row.file, row.applied_at,
            tuple(differences.between({row.product_id: row.entry}, {row.product_id: standing[row.product_id]})),
        )
        for row in rows
    }  # fmt: skip
