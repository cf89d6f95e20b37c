"""A licence as it stands at the moment at which somebody asks: the one decision whether its key may be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, bindparam
from sqlmodel import Session, UTCDateTime, col, func, select

from core.catalog.license_terms import OnExpiry
from core.kinds import license_keys
from core.kinds.grants import Grant
from core.kinds.licenses import IN_USE, LicenseActivation, LicenseKey
from core.orders.status import GrantState


class Standing(StrEnum):
    """What may be done with a key."""

    ACTIVE = "active"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    DISABLED = "disabled"


@dataclass(frozen=True)
class FoundLicense:
    """One key with its terms and the state of its grant, None for a key that nobody bought here. `used` are its places taken."""

    id: str
    hint: str
    product: str
    machines: int
    floating: bool
    on_expiry: OnExpiry
    features: Mapping[str, Any]
    expires_at: datetime | None
    updates_until: datetime | None
    disabled_at: datetime | None
    livemode: bool
    grant_state: GrantState | None
    used: int

    def standing(self, now: datetime, *, livemode: bool) -> Standing:
        """What may be done with it now in a shop of this mode. Nobody decides it anywhere else."""
        if self.disabled_at is not None:
            return Standing.DISABLED
        # What test money bought is worth nothing where money is real.
        if self.grant_state is GrantState.REVOKED or (livemode and not self.livemode):
            return Standing.REVOKED
        if self.grant_state in (GrantState.SUSPENDED, GrantState.BLOCKED):
            return Standing.SUSPENDED
        expired = self.expires_at is not None and self.expires_at <= now
        return Standing.EXPIRED if expired else Standing.ACTIVE

    def serves(self, standing: Standing) -> bool:
        """Whether the machines that use it already may go on."""
        return standing is Standing.ACTIVE or (standing is Standing.EXPIRED and self.on_expiry is OnExpiry.KEEP)


def takes_a_place(now: Any) -> ColumnElement[bool]:
    """A condition: that an activation takes a place at this moment. A lease that has run out takes none."""
    unexpired = col(LicenseActivation.lease_until).is_(None) | (col(LicenseActivation.lease_until) > now)
    found: ColumnElement[bool] = IN_USE & unexpired
    return found


_NOW = bindparam("now", type_=UTCDateTime())
_USED = (
    select(func.count())
    .where(col(LicenseActivation.license_key_id) == col(LicenseKey.id), takes_a_place(_NOW))
    .correlate(LicenseKey)
    .scalar_subquery()
)
_COLUMNS = (
    LicenseKey.id, LicenseKey.hint, LicenseKey.product_id, LicenseKey.machines, LicenseKey.floating, LicenseKey.on_expiry,
    LicenseKey.features, LicenseKey.expires_at, LicenseKey.updates_until, LicenseKey.disabled_at, LicenseKey.livemode,
    Grant.state, _USED,
)  # fmt: skip
_WITH_GRANTS: Any = select(*_COLUMNS).join(Grant, col(Grant.id) == LicenseKey.grant_id, isouter=True)  # type: ignore[call-overload]
_BY_KEY = _WITH_GRANTS.where(col(LicenseKey.key_hash) == bindparam("key_hash"))
_FREE = _BY_KEY.with_for_update(of=LicenseKey, skip_locked=True)
_HELD = select(LicenseKey.id).where(col(LicenseKey.key_hash) == bindparam("key_hash")).with_for_update()


def by_key(session: Session, text: str, *, lock: bool, now: datetime) -> FoundLicense | None:
    """The licence with this key, however it is typed, or None: at the same cost whatever the text is.

    With `lock` nobody else takes a place of it until this transaction ends.
    """
    values = {"key_hash": license_keys.fingerprint(text), "now": now}
    row = session.execute(_FREE if lock else _BY_KEY, values).first()
    # What PostgreSQL reads along with a row that it has to wait for is of before it waited: a refund of meanwhile would not be
    # seen. So it is waited for first, where somebody else has it, and read afterwards.
    if lock and row is None and session.execute(_HELD, values).first():
        row = session.execute(_BY_KEY, values).first()
    return FoundLicense(*row) if row else None


def by_ids(session: Session, ids: Sequence[str], *, now: datetime) -> list[FoundLicense]:
    """These licences, in no order."""
    rows = session.execute(_WITH_GRANTS.where(col(LicenseKey.id).in_(ids)), {"now": now})
    return [FoundLicense(*row) for row in rows]
