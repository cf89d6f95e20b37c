"""API keys: with which the seller's own programs ask the shop about licences, entitlements and seats.

A key is shown once, when it is made. Kept are its digest, by which it is found, and its ends, by which people tell it from others.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import JSON, Index, bindparam, or_, update
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, col, select

from core.foundation.errors import ApiKeyInvalid, ApiKeyNotFound, NameMissing, ScopeMissing, UnknownScope
from core.foundation.records import Record, new_id
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

PREFIX = "pk_"
# Of the secret part: what is kept to be shown.
_SHOWN = 4
# The time of last use is as exact as this, so that a busy key is not written at every request.
_EXACT = timedelta(minutes=1)


class Scope(StrEnum):
    """What a key may be used for."""

    ENTITLEMENTS = "entitlements"
    SEATS = "seats"
    LICENSES = "licenses"


class ApiKey(Record, table=True):
    """A key of a program. `shown` are its first and last letters; one that was ended keeps the row."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("ix_api_keys_created_at", "created_at"),)

    id: str = Field(primary_key=True)
    name: str
    digest: str = Field(unique=True)
    shown: str
    scopes: list[str] = Field(sa_type=JSON)
    made_by: str
    created_at: datetime
    last_used_at: datetime | None = None
    ended_at: datetime | None = None


_WORKING = select_columns(col(ApiKey.id), col(ApiKey.name), col(ApiKey.scopes), col(ApiKey.last_used_at)).where(
    col(ApiKey.digest) == bindparam("digest"), col(ApiKey.ended_at).is_(None)
)


@dataclass(frozen=True)
class Made:
    """A new key: the only time that it is told."""

    id: str
    key: str


@dataclass(frozen=True)
class Caller:
    """The program that asks. `noted` is when its key was last noted to be in use."""

    key_id: str
    name: str
    noted: datetime | None


def scopes_in(names: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes of these names, each once. Raises UnknownScope for those that are none, and if there are none at all."""
    asked = dict.fromkeys(name.strip().lower() for name in names if name.strip())
    unknown = [name for name in asked if name not in set(Scope)]
    if unknown or not asked:
        raise UnknownScope(unknown=unknown, known=[scope.value for scope in Scope])
    return tuple(scope for scope in Scope if scope in asked)


def make(session: Session, name: str, scopes: Iterable[str], *, by: str, now: datetime) -> Made:
    """Make a key. Raises NameMissing, UnknownScope."""
    if not name.strip():
        raise NameMissing()
    key = PREFIX + secrets.token_hex(20)
    row = ApiKey(
        id=new_id("ak"), name=name.strip(), digest=_digest(key), shown=f"{key[: len(PREFIX) + _SHOWN]}…{key[-_SHOWN:]}",
        scopes=[scope.value for scope in scopes_in(scopes)], made_by=by, created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return Made(row.id, key)


def end(session: Session, key_id: str, *, now: datetime) -> ApiKey:
    """Let a key open nothing from the next request on. Raises ApiKeyNotFound, also for one that was ended before."""
    row = session.exec(select(ApiKey).where(ApiKey.id == key_id).with_for_update()).first()
    if row is None or row.ended_at is not None:
        raise ApiKeyNotFound(key=key_id)
    row.ended_at = now
    session.flush()
    return row


def listed(session: Session) -> list[ApiKey]:
    """The keys that work, oldest first, and then those that were ended, the last of them first."""
    rows = session.exec(select(ApiKey).order_by(col(ApiKey.created_at), col(ApiKey.id))).all()
    ended = sorted((row for row in rows if row.ended_at), key=lambda row: row.ended_at or row.created_at, reverse=True)
    return [row for row in rows if row.ended_at is None] + ended


def check(session: Session, bearer: str, scope: Scope) -> Caller:
    """Whose key this is. Raises ApiKeyInvalid for one that is unknown or ended, ScopeMissing if it is not for this.

    It is found by its digest, so that the time which looking for it takes tells nothing of any key.
    """
    found = session.connection().execute(_WORKING, {"digest": _digest(bearer)}).first()
    if found is None:
        raise ApiKeyInvalid()
    if scope not in found.scopes:
        raise ScopeMissing(scope=scope)
    return Caller(found.id, found.name, found.last_used_at)


def is_to_be_noted(caller: Caller, *, now: datetime) -> bool:
    """Whether it is to be remembered that the key is in use: not if that was noted within this minute."""
    return caller.noted is None or _minute(now) - caller.noted >= _EXACT


def note_use(shop: Shop, caller: Caller) -> None:
    """Remember that the key is in use, if that is to be. For after the answer: it may wait."""
    now = _minute(shop.now())
    if not is_to_be_noted(caller, now=now):
        return
    earlier = or_(col(ApiKey.last_used_at).is_(None), col(ApiKey.last_used_at) < now)
    with shop.transaction() as session:
        session.exec(update(ApiKey).where(col(ApiKey.id) == caller.key_id, earlier).values(last_used_at=now))


def make_by(shop: Shop, name: str, scopes: Iterable[str], *, deed: Deed) -> Made:
    """The same as a click of an owner. Raises NameMissing, UnknownScope, NotPermitted, DoneAlready."""
    now, detail = shop.now(), f"made {name.strip()} for {', '.join(scopes_in(scopes))}"
    with shop.transaction() as session:
        who = deeds.permit(session, shop.settings, deed, Action.API_KEYS, now=now)
        made = make(session, name, scopes, by=who.email, now=now)
        deeds.begin(session, shop.settings, deed, Action.API_KEYS, subject=made.id, detail=detail, now=now)
    return made


def end_by(shop: Shop, key_id: str, *, deed: Deed) -> str:
    """End a key as a click of an owner; return its name. Raises ApiKeyNotFound, NotPermitted, DoneAlready."""
    now = shop.now()
    with shop.transaction() as session:
        deeds.permit(session, shop.settings, deed, Action.API_KEYS, now=now)
        name = end(session, key_id, now=now).name
        deeds.begin(session, shop.settings, deed, Action.API_KEYS, subject=key_id, detail=f"ended {name}", now=now)
    return name


def described(row: ApiKey) -> dict[str, Any]:
    """A key as `api-key list --json` prints it."""
    moments = {"created_at": row.created_at, "last_used_at": row.last_used_at, "ended_at": row.ended_at}
    said = {name: moment.isoformat() if moment else None for name, moment in moments.items()}
    return {"id": row.id, "name": row.name, "key": row.shown, "scopes": row.scopes, "made_by": row.made_by, **said}


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _digest(key: str) -> str:
    return sha256(key.encode()).hexdigest()
