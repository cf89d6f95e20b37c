"""Places: the machines on which a licence is in use, never more of them than its terms allow."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, update
from sqlmodel import Session, col, func, select

from core.foundation.records import new_id
from core.kinds.licenses import IN_USE, LicenseActivation, is_machine
from core.licensing.found_licenses import FoundLicense, takes_a_place

# How often a licence may be moved about: so many times its places within so long.
MOVES, WITHIN = 3, timedelta(days=30)
# So many machines are named to whoever finds no place.
_MOST_NAMED = 100


@dataclass(frozen=True)
class Machine:
    """A machine as the answers have it."""

    id: str
    label: str
    fingerprint: str
    created_at: datetime
    last_seen_at: datetime
    lease_until: datetime | None


@dataclass(frozen=True)
class Taken:
    """A machine has its place; `is_new` if it had none before."""

    machine: Machine
    is_new: bool


@dataclass(frozen=True)
class Full:
    """All places are taken, by these machines."""

    machines: tuple[Machine, ...]


@dataclass(frozen=True)
class MovedTooOften:
    """The licence was taken to new machines too often lately; from then on there is one more."""

    again: datetime


def take(
    session: Session, found: FoundLicense, *, fingerprint: str, label: str, meta: dict[str, Any],
    lease_until: datetime | None, only_kept: bool = False, now: datetime,
) -> Taken | Full | MovedTooOften | None:  # fmt: skip
    """A place for this machine: the one that it has, or a new one unless `only_kept`: then None. The licence must be locked."""
    own = session.exec(select(LicenseActivation).where(*_of(found.id), is_machine(found.id, fingerprint))).first()
    has_place = own is not None and (own.lease_until is None or own.lease_until > now)
    if not has_place and only_kept:
        return None
    if not has_place:
        if _taken(session, found.id, now=now) >= found.machines:
            return Full(_machines(session, found.id, now=now))
        if not found.floating and (again := _moved_too_often(session, found)) and again > now:
            return MovedTooOften(again)
    if own is None:
        _forget_leases(session, found.id, now=now)
        own = LicenseActivation(
            id=new_id("act"), license_key_id=found.id, fingerprint=fingerprint, created_at=now, last_seen_at=now
        )
    own.label, own.meta, own.last_seen_at = label or own.label, meta or own.meta, now
    if lease_until is not None:
        own.lease_until = max(lease_until, own.lease_until or lease_until)
    session.add(own)
    session.flush()
    return Taken(replace(_machine(own), fingerprint=fingerprint), is_new=not has_place)


def see(session: Session, license_id: str, *, fingerprint: str, activation_id: str, now: datetime) -> Machine | None:
    """The machine, if it has a place; that it was seen is noted."""
    table = LicenseActivation.__table__  # type: ignore[attr-defined]
    seen = (
        update(table).where(*_this(license_id, fingerprint, activation_id), takes_a_place(now)).values(last_seen_at=now)
    )
    row = session.connection().execute(seen.returning(*_columns(table))).first()
    machine = Machine(*row) if row else None
    # By the name that it says itself: what stands there may be what stayed of it when its owner was forgotten.
    return replace(machine, fingerprint=fingerprint) if machine and fingerprint and not activation_id else machine


def leave(session: Session, license_id: str, *, fingerprint: str = "", activation_id: str = "", now: datetime) -> bool:
    """Free the machine's place; return whether it had one: a lease that had run out took none. The licence must be locked."""
    table = LicenseActivation.__table__  # type: ignore[attr-defined]
    ending = update(table).where(*_this(license_id, fingerprint, activation_id)).values(ended_at=now)
    row = session.connection().execute(ending.returning(table.c.lease_until)).first()
    return row is not None and (row.lease_until is None or row.lease_until > now)


def _machines(session: Session, license_id: str, *, now: datetime) -> tuple[Machine, ...]:
    query = select(LicenseActivation).where(*_of(license_id), takes_a_place(now))
    longest_unseen = query.order_by(col(LicenseActivation.last_seen_at)).limit(_MOST_NAMED)
    return tuple(_machine(row) for row in session.exec(longest_unseen))


def _taken(session: Session, license_id: str, *, now: datetime) -> int:
    return session.exec(select(func.count()).where(*_of(license_id), takes_a_place(now))).one()


def _moved_too_often(session: Session, found: FoundLicense) -> datetime | None:
    """When the oldest of the last moves, as many as are allowed, is no longer lately; None if there were fewer."""
    moves = select(LicenseActivation.created_at).where(LicenseActivation.license_key_id == found.id)
    newest = moves.order_by(col(LicenseActivation.created_at).desc()).offset(MOVES * found.machines - 1).limit(1)
    oldest = session.exec(newest).first()
    return oldest + WITHIN if oldest else None


def _forget_leases(session: Session, license_id: str, *, now: datetime) -> None:
    """What ran out is of no use to anybody, also if it was given back before: containers are called otherwise at each start."""
    its = col(LicenseActivation.license_key_id) == license_id
    session.exec(delete(LicenseActivation).where(its, col(LicenseActivation.lease_until) <= now))


def _of(license_id: str) -> tuple[ColumnElement[bool], ...]:
    return (col(LicenseActivation.license_key_id) == license_id, IN_USE)


def _this(license_id: str, fingerprint: str, activation_id: str) -> tuple[ColumnElement[bool], ...]:
    by_id = col(LicenseActivation.id) == activation_id
    return (*_of(license_id), by_id if activation_id else is_machine(license_id, fingerprint))


def _columns(table: Any) -> list[Any]:
    return [table.c[name] for name in ("id", "label", "fingerprint", "created_at", "last_seen_at", "lease_until")]


def _machine(row: LicenseActivation) -> Machine:
    return Machine(row.id, row.label, row.fingerprint, row.created_at, row.last_seen_at, row.lease_until)
