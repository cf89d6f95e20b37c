"""The keys that answers and offline tokens are signed with: Ed25519, sealed in the database, replaced without a gap.

The public halves are published: of the key in use, and of those before it for as long as something they signed may count.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import Engine
from sqlmodel import Field, Session, col, select

from core.foundation import signing
from core.foundation.database import SECRET, lock_names
from core.foundation.errors import SealBroken
from core.foundation.records import Record, new_id
from core.shop import Shop

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Longer than the longest offline token lasts.
_PUBLISHED = timedelta(days=100)
# How long a process goes on signing with a key that was replaced, in seconds. Both are published, so that nobody notices.
_TRUSTED = 60.0


class LicenseSigningKey(Record, table=True):
    """A pair of keys. `public` is its X in base64url, `id` the `kid` that signatures name."""

    __tablename__ = "license_signing_keys"

    id: str = Field(primary_key=True)
    public: str
    sealed: str
    created_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True)
class Signer:
    """What signs. `seed` is the private key: 32 bytes, written in hexadecimal digits."""

    kid: str
    seed: str

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.seed))

    def header(self, body: bytes) -> str:
        """The `Signature` header of an answer with this body."""
        return f'kid="{self.kid}", sig="{base64url(self._key.sign(body))}"'

    def token(self, claims: dict[str, Any]) -> str:
        """A compact JWS (RFC 7515) with these claims."""
        head = orjson.dumps({"alg": "EdDSA", "typ": "JWT", "kid": self.kid})
        signed = f"{base64url(head)}.{base64url(orjson.dumps(claims))}"
        return f"{signed}.{base64url(self._key.sign(signed.encode()))}"


_SIGNERS: WeakKeyDictionary[Engine, tuple[float, Signer]] = WeakKeyDictionary()


def signer(shop: Shop) -> Signer:
    """What this shop signs with now; it is looked up once a minute. The first time it is made."""
    known = _SIGNERS.get(shop.engine)
    if known and monotonic() - known[0] < _TRUSTED:
        return known[1]
    with shop.reading() as session:
        found = _current(session, shop.signing_key)
    if found is None:
        with shop.transaction() as session:
            lock_names(session, "license signing keys")
            found = _current(session, shop.signing_key) or _made(session, now=shop.now())
    _SIGNERS[shop.engine] = (monotonic(), found)
    return found


def rotate(shop: Shop) -> str:
    """Sign with a new key from now on, in other processes within a minute; return its `kid`. The one before stays published."""
    with shop.transaction() as session:
        lock_names(session, "license signing keys")
        made = _made(session, now=shop.now())
    _SIGNERS.pop(shop.engine, None)
    return made.kid


def published(session: Session, *, now: datetime) -> list[dict[str, str]]:
    """The public keys by which signatures of the last months are checked, as JSON Web Keys, the newest first."""
    lately = col(LicenseSigningKey.retired_at).is_(None) | (col(LicenseSigningKey.retired_at) > now - _PUBLISHED)
    query = select(LicenseSigningKey).where(lately).order_by(col(LicenseSigningKey.created_at).desc())
    return [
        {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": row.id, "x": row.public}
        for row in session.exec(query)
    ]


def base64url(data: bytes) -> str:
    """Base64 for addresses and headers, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _current(session: Session, secret: str) -> Signer | None:
    query = select(LicenseSigningKey).where(col(LicenseSigningKey.retired_at).is_(None))
    row = session.exec(query.order_by(col(LicenseSigningKey.created_at).desc()).limit(1)).first()
    try:
        return Signer(row.id, signing.unseal(secret, signing.LICENSE_SIGNING, row.sealed)) if row else None
    except SealBroken:
        return None  # SECRET_KEY was changed: what this key has signed is still checked by its public half


def _made(session: Session, *, now: datetime) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    for row in session.exec(select(LicenseSigningKey).where(col(LicenseSigningKey.retired_at).is_(None))):
        row.retired_at = now
    pair = Ed25519PrivateKey.generate()
    made = Signer(new_id("key"), pair.private_bytes_raw().hex())
    sealed = signing.seal(session.info[SECRET], signing.LICENSE_SIGNING, made.seed)
    public = base64url(pair.public_key().public_bytes_raw())
    session.add(LicenseSigningKey(id=made.kid, public=public, sealed=sealed, created_at=now))
    session.flush()
    return made
