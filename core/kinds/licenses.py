"""Licence keys: one per grant, and the same one for as long as the grant lives, whatever happens in between."""

import secrets
from dataclasses import replace
from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, Session, col, func, select

from core.catalog.products import Product
from core.foundation.database import Record, new_id
from core.foundation.writes import InsertOnce, at_the_end
from core.kinds import downloads
from core.kinds.grants import Delivery, Grant
from core.orders.orders import OrderLine

# Without the letters and digits that people mistake for each other.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class LicenseKey(Record, table=True):
    """The key of one grant; whether it works follows from the grant's state. `machines` is how many may use it."""

    __tablename__ = "license_keys"

    id: str = Field(primary_key=True)
    grant_id: str = Field(foreign_key="grants.id", unique=True)
    key: str = Field(unique=True)
    machines: int
    created_at: datetime


# A grant that is given again has the key that it had.
_KEYS = InsertOnce(LicenseKey, conflict="(grant_id) do nothing")


class LicenseActivation(Record, table=True):
    """A machine that uses a key."""

    __tablename__ = "license_activations"
    __table_args__ = (UniqueConstraint("license_key_id", "machine"),)

    id: str = Field(primary_key=True)
    license_key_id: str = Field(foreign_key="license_keys.id", index=True)
    machine: str
    created_at: datetime


def hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Keys are never short: nothing to hold."""


def release(session: Session, line_id: str) -> None:
    """Nothing was held."""


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """Make the grant's key, unless it has one from before. Returns an empty reason: keys are never short."""
    product = session.get_one(Product, line.product_id)
    machines = int(product.terms.get("machines", 1)) * line.quantity
    key = LicenseKey(id=new_id("lic"), grant_id=grant.id, key=_new_key(), machines=machines, created_at=now)
    at_the_end(session, _KEYS, key.model_dump())
    return ""


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """The key stays and stops working with its grant: won disputes bring back the same key."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """The key stays and stops working with its grant."""


def describe(session: Session, grant: Grant, base: Delivery, *, signing_key: str) -> Delivery:
    """Add the key, on how many machines it is in use, and the product's files."""
    row = session.exec(select(LicenseKey).where(LicenseKey.grant_id == grant.id)).first()
    used = select(func.count()).where(col(LicenseActivation.license_key_id) == (row.id if row else ""))
    full = downloads.describe(session, grant, base, signing_key=signing_key)
    if row is None:
        return full
    return replace(full, key=row.key, machines=row.machines, machines_used=session.exec(used).one())


def _new_key() -> str:
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
