"""Licences: as many keys as were bought, each the same for as long as its grant lives, whatever happens in between."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import JSON, ColumnElement, Index, UniqueConstraint
from sqlmodel import Field, Session, col, select, update

from core.catalog import license_terms
from core.catalog.license_terms import LicenseTerms, OnExpiry
from core.catalog.products import Product
from core.foundation import signing
from core.foundation.database import SECRET
from core.foundation.errors import SealBroken
from core.foundation.records import Record, index_where, new_id, text_enum
from core.foundation.writes.inserts import InsertOnce
from core.foundation.writes.later import at_the_end
from core.kinds import downloads, file_versions, license_keys
from core.kinds.grants import Delivery, Grant, License, Machine
from core.orders.orders import Order, OrderLine


class Origin(StrEnum):
    """Where a key comes from: bought here, given by an owner, or brought along from another shop."""

    ORDER = "order"
    OWNER = "owner"
    IMPORT = "import"


class LicenseKey(Record, table=True):
    """A key and the terms it was made with. Whether it may be used is asked of it and of its grant each time.

    `key_hash` finds it, `hint` are its last characters, `sealed` is the key itself for its buyer's eyes alone. Without a grant
    it was given by an owner, to the `holder` if they are known: the folded form of an address. `expiry_told` is the end that
    endpoints were told of when it came.
    """

    __tablename__ = "license_keys"
    __table_args__ = (
        UniqueConstraint("grant_id", "position"),
        Index("ix_license_keys_created_at_id", "created_at", "id"),
    )

    id: str = Field(primary_key=True)
    grant_id: str | None = Field(default=None, foreign_key="grants.id")
    position: int = 0
    product_id: str = Field(foreign_key="products.id", index=True)
    key_hash: str = Field(unique=True)
    hint: str = Field(index=True)
    sealed: str
    origin: Origin = text_enum(Origin)
    holder: str = Field(default="", index=True)
    livemode: bool
    machines: int
    floating: bool = False
    on_expiry: OnExpiry = text_enum(OnExpiry)
    features: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    expires_at: datetime | None = None
    updates_until: datetime | None = None
    disabled_at: datetime | None = None
    replaced_at: datetime | None = None
    expiry_told: datetime | None = None
    created_at: datetime


# Those whose end has not come yet, or of which nobody was told yet that it came. An end that is put off comes again.
EXPIRING = col(LicenseKey.expires_at).is_not(None) & (
    col(LicenseKey.expiry_told).is_(None) | (col(LicenseKey.expiry_told) != col(LicenseKey.expires_at))
)
index_where(EXPIRING, "ix_license_keys_expiring", LicenseKey.expires_at)
# What a list of them is narrowed to.
DISABLED, TIMED, GIVEN = (
    col(LicenseKey.disabled_at).is_not(None),
    col(LicenseKey.expires_at).is_not(None),
    col(LicenseKey.grant_id).is_(None),
)
for _name, _condition in (("disabled", DISABLED), ("timed", TIMED), ("given", GIVEN)):
    index_where(_condition, f"ix_license_keys_{_name}", LicenseKey.created_at, LicenseKey.id)

# A grant that is given again has the keys that it had.
_KEYS = InsertOnce(LicenseKey)


class LicenseActivation(Record, table=True):
    """A machine that uses a key, by the fingerprint that the seller's software has of it.

    With `lease_until` it does so until then; `ended_at` is when it was removed.
    """

    __tablename__ = "license_activations"

    id: str = Field(primary_key=True)
    license_key_id: str = Field(foreign_key="license_keys.id")
    fingerprint: str
    label: str = ""
    meta: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    lease_until: datetime | None = None
    created_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None = None


_FORGOTTEN = "forgotten:"


def forgotten(license_id: str, fingerprint: str) -> str:
    """What stays of a machine's fingerprint when whoever has the licence is forgotten: it may be what they call their machine, and
    this is enough to know it again by."""
    if fingerprint.startswith(_FORGOTTEN):
        return fingerprint
    return _FORGOTTEN + sha256(f"{license_id}:{fingerprint}".encode()).hexdigest()


def is_machine(license_id: str, fingerprint: str) -> ColumnElement[bool]:
    """A condition: that an activation of this licence is of the machine with this fingerprint."""
    return col(LicenseActivation.fingerprint).in_((fingerprint, forgotten(license_id, fingerprint)))


# A machine uses a key once. What it used before stays, for how often a key was moved about.
IN_USE = col(LicenseActivation.ended_at).is_(None)
_IN_USE_ONCE = index_where(
    IN_USE, "uq_license_activations_in_use", LicenseActivation.license_key_id, LicenseActivation.fingerprint
)
_IN_USE_ONCE.unique = True
Index("ix_license_activations_key_created_at", LicenseActivation.license_key_id, LicenseActivation.created_at)  # type: ignore[arg-type]


def hold(session: Session, line: OrderLine, *, now: datetime) -> None:
    """Keys are never short: nothing to hold."""


def release(session: Session, line_id: str) -> None:
    """Nothing was held."""


def grant(session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str:
    """Make the grant's keys, unless it has them from before. Returns an empty reason: keys are never short."""
    terms = license_terms.as_of(session.get_one(Product, line.product_id).terms, now)
    livemode, secret = session.get_one(Order, line.order_id).livemode, session.info[SECRET]
    rows = [
        new_key(
            session, license_keys.of_line(line.order_id, line.position, position, key=secret, prefix=terms.prefix), terms,
            grant_id=grant.id, position=position, product_id=line.product_id, origin=Origin.ORDER, livemode=livemode,
            created_at=now,
        ).model_dump()
        for position in range(line.quantity)
    ]  # fmt: skip
    at_the_end(session, _KEYS, *rows)
    return ""


def new_key(session: Session, text: str, terms: LicenseTerms, **columns: Any) -> LicenseKey:
    """The row of a key with this text and these terms; whoever asked for it adds it."""
    return LicenseKey(
        id=new_id("lic"), machines=terms.machines, floating=terms.floating, on_expiry=terms.on_expiry,
        features=dict(terms.features), expires_at=terms.expires_at, updates_until=terms.updates_until,
        **said_as(session, text), **columns,
    )  # fmt: skip


def said_as(session: Session, text: str) -> dict[str, Any]:
    """What is kept of a key's text: how it is found, what is shown of it, and itself, sealed by the shop of this session."""
    sealed = signing.seal(session.info[SECRET], signing.LICENSE_KEY, text)
    return {"key_hash": license_keys.fingerprint(text), "hint": license_keys.hint(text), "sealed": sealed}


def readdress(session: Session, old: str, new: str) -> None:
    """Have keys that nobody bought be whose address, folded, has become another."""
    session.exec(update(LicenseKey).where(col(LicenseKey.holder) == old).values(holder=new))


def suspend(session: Session, grant: Grant, *, now: datetime) -> None:
    """The keys stay and stop working with their grant: won disputes bring back the same ones."""


def revoke(session: Session, grant: Grant, *, now: datetime) -> None:
    """The keys stay and stop working with their grant."""


def describe(session: Session, given: Sequence[tuple[Grant, Delivery]], *, signing_key: str) -> list[Delivery]:
    """Add the keys of each, the machines that use them, and the product's files."""
    wanted = [grant.id for grant, _ in given]
    query = select(LicenseKey).where(col(LicenseKey.grant_id).in_(wanted)).order_by(col(LicenseKey.position))
    keys = session.exec(query).all()
    by_grant: dict[str | None, list[License]] = {}
    for key, license in zip(keys, shown(session, keys, signing_key=signing_key), strict=True):
        by_grant.setdefault(key.grant_id, []).append(license)
    ends = _ends_of_updates([(str(key.grant_id), key.updates_until) for key in keys])
    full = file_versions.covered(
        session, downloads.describe(session, given, signing_key=signing_key), ends, signing_key=signing_key
    )
    return [replace(each, licenses=tuple(by_grant.get(each.grant_id, ()))) for each in full]


def uncovered(session: Session, grant_ids: Collection[str], *, released_at: datetime) -> set[str]:
    """Those of these grants that do not get what was released then, since the updates of all their keys had ended."""
    query = select(LicenseKey.grant_id, LicenseKey.updates_until).where(col(LicenseKey.grant_id).in_(grant_ids))
    ends = _ends_of_updates([(str(grant_id), until) for grant_id, until in session.exec(query)])
    return {grant_id for grant_id, end in ends.items() if end < released_at}


def _ends_of_updates(keys: Iterable[tuple[str, datetime | None]]) -> dict[str, datetime]:
    """Until when newer files come to each grant by its keys' terms; those that get them for ever are left out."""
    by_grant: dict[str, list[datetime | None]] = {}
    for grant_id, until in keys:
        by_grant.setdefault(grant_id, []).append(until)
    return {
        grant_id: max(filter(None, ends))
        for grant_id, ends in by_grant.items()
        if all(each is not None for each in ends)
    }


def shown(session: Session, keys: Sequence[LicenseKey], *, signing_key: str) -> tuple[License, ...]:
    """These keys as those see them to whom they belong."""
    machines: dict[str, list[Machine]] = {}
    in_use = select(LicenseActivation).where(
        col(LicenseActivation.license_key_id).in_([key.id for key in keys]), IN_USE
    )
    for row in session.exec(in_use.order_by(col(LicenseActivation.created_at))) if keys else ():
        machine = Machine(row.id, row.label, row.created_at, row.last_seen_at, row.lease_until)
        machines.setdefault(row.license_key_id, []).append(machine)
    return tuple(_shown(key, machines.get(key.id, []), signing_key) for key in keys)


def _shown(row: LicenseKey, machines: list[Machine], signing_key: str) -> License:
    try:
        text = signing.unseal(signing_key, signing.LICENSE_KEY, row.sealed)
    except SealBroken:
        # SECRET_KEY was changed: the key works as ever, and nobody can read it any more.
        text = ""
    return License(
        row.id, text, row.hint, row.machines, tuple(machines), row.floating, row.expires_at, row.updates_until,
        row.disabled_at is not None,
    )  # fmt: skip
