"""Signing secrets, and the signatures made with them. While a secret is being replaced, the new one and the former are
both good, and every delivery is signed with each."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from sandbox.ground import ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

KIND = "signing_secrets"
LONGEST_SECONDS = 24 * 3600


def live(account: Account, endpoint: str, first: str) -> list[str]:
    """The secrets an endpoint's deliveries are signed with, the newest first. `first` is the one it began with."""
    now = account.clock.moved()
    good = [each["secret"] for each in _rolled(account, endpoint, first) if (each["expires_at"] or now + 1) > now]
    return good or [first]


def roll(account: Account, endpoint: str, first: str, *, expires_in: float) -> Object:
    """A new secret; the former ones stay good for so many seconds more, unless they end sooner. Returns the new one,
    with the moment from which it alone is good."""
    now = account.clock.moved()
    former = _rolled(account, endpoint, first) or [{"secret": first, "expires_at": None}]
    for each in former:
        each["expires_at"] = min(each["expires_at"] or now + expires_in, now + expires_in)
    new = {"secret": ids.webhook_secret(), "expires_at": None}
    forget(account, endpoint)
    account.store.save({"object": KIND, "id": _id(endpoint), "secrets": [new, *former]})
    return {"id": endpoint, "secret": new["secret"], "former_expires_at": int(now + expires_in)}


def forget(account: Account, endpoint: str) -> None:
    """Forget what was rolled."""
    account.store.delete(KIND, _id(endpoint))


def header(payload: str, keys: Iterable[str], stamp: int) -> str:
    """The value of Stripe-Signature: one `v1` for each secret. In test mode Stripe adds a `v0` that means nothing, so
    that whoever verifies learns to read no scheme but the one they know."""
    signed = f"{stamp}.{payload}".encode()
    parts = [f"v1={hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()}" for key in keys]
    return ",".join([f"t={stamp}", *parts, f"v0={secrets.token_hex(32)}"])


def _rolled(account: Account, endpoint: str, first: str) -> list[Object]:
    known: list[Object] = (account.store.get(KIND, _id(endpoint)) or {"secrets": []})["secrets"]
    # Another secret has been configured since: that one counts, not what was rolled before.
    return known if any(each["secret"] == first for each in known) else []


def _id(endpoint: str) -> str:
    # Notes go by ids alone, so the endpoint's own id would be taken.
    return f"{KIND}:{endpoint}"
