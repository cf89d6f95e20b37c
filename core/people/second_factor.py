"""The second factor: a code of a device (TOTP, RFC 6238) that staff give after the mailed one, or a recovery code once.

It stands with the address of whoever works here. Each sign-in tells by itself whether it was given there.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

import pyotp
from sqlalchemy import bindparam, delete, exists, func, update
from sqlmodel import Field, Session, col, select

from core.foundation import signing
from core.foundation.database import lock_names
from core.foundation.errors import SealBroken
from core.foundation.records import Record, minor_units, new_id
from core.foundation.writes.inserts import InsertOnce
from core.people.sign_in import SignIn

# Wrong ones on one sign-in: then it is over, and begins with a mailed code again.
TRIES = 5
# Of all sign-ins of one address together. Only whoever has its mailed code gets here, so that no stranger uses them up; and a
# recovery code, which nobody guesses, is taken all the same.
_TRIES_OF_ADDRESS, _SPAN = 10, timedelta(hours=1)
# A device's clock may be wrong by so many times 30 seconds.
_DRIFT = 1
RECOVERY_CODES = 10
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class SecondFactor(Record, table=True):
    """Somebody's device. It counts once it is confirmed. `sealed` is its secret under SECRET_KEY, `offered_to` the sign-in that was
    shown it, `last_step` the span of time whose code was taken last: none of it, nor of one before, is taken again."""

    __tablename__ = "second_factors"

    folded: str = Field(primary_key=True)
    sealed: str
    offered_to: str
    confirmed_at: datetime | None = None
    last_step: int = minor_units(default=0)
    tries: int = 0
    tries_since: datetime | None = None
    created_at: datetime


class RecoveryCode(Record, table=True):
    """A code that stands in for the device, once. Only its digest is kept."""

    __tablename__ = "recovery_codes"

    id: str = Field(primary_key=True)
    folded: str = Field(index=True)
    digest: str
    used_at: datetime | None = None


class StaffRule(Record, table=True):
    """Something that an owner wants of everybody who works here. There is a row while it stands."""

    __tablename__ = "staff_rules"

    name: str = Field(primary_key=True)
    since: datetime
    who: str


REQUIRED = "second_factor"
_RULE = InsertOnce(StaffRule)


class Standing(StrEnum):
    """What a sign-in of somebody who works here still lacks: nothing, the code of their device, or the device itself."""

    OPEN = "open"
    ASKED = "asked"
    TO_SET_UP = "to_set_up"


class Verdict(StrEnum):
    """What became of a code that was given."""

    RIGHT = "right"
    RECOVERED = "recovered"
    WRONG = "wrong"
    TOO_MANY = "too_many"


@dataclass(frozen=True)
class Device:
    """What a device needs to be told: the secret as text, and as the address in its QR code."""

    secret: str
    address: str


def standing(session: Session, row: SignIn) -> Standing:
    """What this sign-in still lacks to open the owner's side."""
    has_device, is_required = session.execute(_WHAT_IS_ASKED, {"folded": row.email}).one()
    if has_device:
        return Standing.OPEN if row.second_factor_at else Standing.ASKED
    return Standing.TO_SET_UP if is_required else Standing.OPEN


_DEVICE = exists().where(col(SecondFactor.folded) == bindparam("folded"), col(SecondFactor.confirmed_at).is_not(None))
# Together: each page of the owner's side asks it, and more than once.
_WHAT_IS_ASKED = select(_DEVICE, exists().where(col(StaffRule.name) == REQUIRED))


def is_set(session: Session, folded: str) -> bool:
    """Whether whoever has this address has a device that counts."""
    return bool(session.execute(select(_DEVICE), {"folded": folded}).scalar_one())


def all_set(session: Session, folded: Sequence[str]) -> set[str]:
    """Those of these addresses that have one."""
    theirs = col(SecondFactor.folded).in_(folded)
    return set(session.exec(select(SecondFactor.folded).where(theirs, col(SecondFactor.confirmed_at).is_not(None))))


def offer(session: Session, row: SignIn, *, shop_name: str, signing_key: str, now: datetime) -> Device:
    """What to tell a new device: the same on this sign-in until it is confirmed. Nothing counts yet.

    On another sign-in it is another: whoever has once read somebody's mail must not know what they will set up.
    """
    lock_names(session, f"second factor {row.email}")  # two tabs at once would both write the first one
    device = _locked(session, row.email)
    known = device and device.confirmed_at is None and device.offered_to == row.id
    secret = _secret_of(device, signing_key) if device and known else ""
    if not secret:
        secret = pyotp.random_base32()
        device = device or SecondFactor(folded=row.email, sealed="", offered_to="", created_at=now)
        device.sealed, device.offered_to = signing.seal(signing_key, signing.DEVICE, secret), row.id
        session.add(device)
        session.flush()
    return Device(secret, pyotp.TOTP(secret).provisioning_uri(name=row.email, issuer_name=shop_name))


def confirm(session: Session, row: SignIn, digits: str, *, signing_key: str, now: datetime) -> tuple[str, ...] | None:
    """Let a device that was offered count, if these are its digits: return the recovery codes, told this once, else None."""
    device = _locked(session, row.email)
    if device is None or device.confirmed_at or device.offered_to != row.id:
        return None
    if not _take_digits(device, digits, signing_key=signing_key, now=now):
        return None
    device.confirmed_at = row.second_factor_at = now
    return renew_recovery_codes(session, row.email)


def give(session: Session, row: SignIn, text: str, *, signing_key: str, now: datetime) -> Verdict:
    """Take a code of the device, or a recovery code, for this sign-in, whose row is locked. The try counts, so commit it.

    Whoever was wrong too often on one sign-in is signed out.
    """
    device = _locked(session, row.email)
    verdict = _judge(session, device, text, signing_key=signing_key, now=now) if device else Verdict.WRONG
    if verdict in (Verdict.RIGHT, Verdict.RECOVERED):
        row.second_factor_at, row.second_factor_tries = now, 0
    else:
        row.second_factor_tries += 1
        row.ended_at = now if row.second_factor_tries >= TRIES else row.ended_at
    session.flush()
    return verdict


def renew_recovery_codes(session: Session, folded: str) -> tuple[str, ...]:
    """Ten new recovery codes; those of before work no more."""
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.folded) == folded))
    codes = tuple("".join(secrets.choice(_ALPHABET) for _ in range(16)) for _ in range(RECOVERY_CODES))
    session.add_all(RecoveryCode(id=new_id("rc"), folded=folded, digest=_digest(code)) for code in codes)
    session.flush()
    return tuple("-".join(code[start : start + 4] for start in range(0, 16, 4)) for code in codes)


def recovery_codes_left(session: Session, folded: str) -> int:
    """How many of them were not used yet."""
    theirs = col(RecoveryCode.folded) == folded
    return session.exec(select(func.count()).where(theirs, col(RecoveryCode.used_at).is_(None))).one()


def remove(session: Session, folded: str) -> bool:
    """Let the device count no more, nor its recovery codes; whether there was one."""
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.folded) == folded))
    return session.exec(delete(SecondFactor).where(col(SecondFactor.folded) == folded)).rowcount > 0


def is_required(session: Session) -> StaffRule | None:
    """The rule that everybody who works here has one, or None."""
    return session.get(StaffRule, REQUIRED)


def require(session: Session, *, who: str, now: datetime) -> None:
    """Ask it of everybody who works here, from their next click on."""
    _RULE(session, [{"name": REQUIRED, "since": now, "who": who}])


def require_no_more(session: Session) -> None:
    """Leave it to each of them."""
    session.exec(delete(StaffRule).where(col(StaffRule.name) == REQUIRED))


def _locked(session: Session, folded: str) -> SecondFactor | None:
    return session.exec(select(SecondFactor).where(SecondFactor.folded == folded).with_for_update()).first()


def _judge(session: Session, device: SecondFactor, text: str, *, signing_key: str, now: datetime) -> Verdict:
    given = "".join(text.split()).replace("-", "").lower()
    if not given.isdecimal() or len(given) > 8:
        return Verdict.RECOVERED if _take_recovery_code(session, device.folded, given, now=now) else Verdict.WRONG
    if device.tries_since is None or device.tries_since + _SPAN <= now:
        device.tries, device.tries_since = 0, now
    if device.tries >= _TRIES_OF_ADDRESS:
        return Verdict.TOO_MANY
    if _take_digits(device, given, signing_key=signing_key, now=now):
        device.tries = 0
        return Verdict.RIGHT
    device.tries += 1
    return Verdict.WRONG


def _secret_of(device: SecondFactor, signing_key: str) -> str:
    """The device's secret, or an empty string if it was sealed under another SECRET_KEY."""
    try:
        return signing.unseal(signing_key, signing.DEVICE, device.sealed)
    except SealBroken:
        return ""


def _take_digits(device: SecondFactor, digits: str, *, signing_key: str, now: datetime) -> bool:
    """Whether these are the device's digits of now, and of a later span of time than any that were taken."""
    secret = _secret_of(device, signing_key)
    if not secret:
        return False
    totp, given = pyotp.TOTP(secret), "".join(digits.split())
    here = totp.timecode(now)
    right = [
        step
        for step in range(here - _DRIFT, here + _DRIFT + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), given.encode()) and step > device.last_step
    ]
    device.last_step = max([device.last_step, *right])
    return bool(right)


def _take_recovery_code(session: Session, folded: str, code: str, *, now: datetime) -> bool:
    unused = (
        col(RecoveryCode.folded) == folded, col(RecoveryCode.digest) == _digest(code), col(RecoveryCode.used_at).is_(None)
    )  # fmt: skip
    return session.exec(update(RecoveryCode).where(*unused).values(used_at=now)).rowcount == 1


def _digest(code: str) -> str:
    return sha256(code.encode()).hexdigest()
