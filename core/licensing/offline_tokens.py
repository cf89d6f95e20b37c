"""Offline tokens: what a machine without network shows of its licence, until it ends. No refund reaches it before."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlmodel import Field, Session, col, func, select

from core.catalog.license_terms import OnExpiry
from core.foundation.records import Record, new_id
from core.kinds.licenses import LicenseActivation, is_machine
from core.licensing.found_licenses import FoundLicense
from core.licensing.places import MOVES, Machine

LEAST, MOST, USUAL = timedelta(hours=1), timedelta(days=90), timedelta(days=30)


class OfflineToken(Record, table=True):
    """A token that was given out, by its `jti`: for the owner to see how many there are, and until when."""

    __tablename__ = "license_offline_tokens"

    id: str = Field(primary_key=True)
    license_key_id: str = Field(foreign_key="license_keys.id", index=True)
    activation_id: str
    issued_at: datetime
    expires_at: datetime


def ends_at(found: FoundLicense, ttl: timedelta, *, now: datetime) -> datetime:
    """When a token of now ends: never after the licence itself."""
    stops = found.expires_at if found.on_expiry is OnExpiry.STOP else None
    # To the second, as the token says it.
    end = now + ttl if stops is None else min(now + ttl, stops)
    return end.replace(microsecond=0)


def none_before(session: Session, found: FoundLicense, fingerprint: str, *, now: datetime) -> datetime | None:
    """Until when another machine gets no token of a floating licence, since so many others have theirs; None if it gets one.

    Its place is given back at once, and what was written on a machine without network is not.
    """
    others = (
        select(func.count(func.distinct(LicenseActivation.fingerprint)), func.min(OfflineToken.expires_at))
        .join(LicenseActivation, col(LicenseActivation.id) == OfflineToken.activation_id)
        .where(
            OfflineToken.license_key_id == found.id,
            col(OfflineToken.expires_at) > now,
            ~is_machine(found.id, fingerprint),
        )
    )
    number, first = session.exec(others).one()
    return first if number >= MOVES * found.machines else None


def issue(
    session: Session, found: FoundLicense, machine: Machine, *, issuer: str, until: datetime, now: datetime
) -> dict[str, Any]:
    """The claims of a token for this machine, noted among those given out; those that have ended are forgotten."""
    ended = (col(OfflineToken.license_key_id) == found.id, col(OfflineToken.expires_at) <= now)
    session.exec(delete(OfflineToken).where(*ended))
    row = OfflineToken(
        id=new_id("jti"), license_key_id=found.id, activation_id=machine.id, issued_at=now, expires_at=until
    )
    session.add(row)
    issued = int(now.timestamp())
    return {
        "iss": issuer, "aud": found.product, "sub": found.id, "fpr": machine.fingerprint, "features": dict(found.features),
        "iat": issued, "nbf": issued, "exp": int(until.timestamp()),
        "upd": int(found.updates_until.timestamp()) if found.updates_until else None, "jti": row.id,
    }  # fmt: skip
