"""Whoever is told about events: the endpoint of the command line, those made through the API, and whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import signing
from sandbox.errors import missing_object

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.listeners import Listener
    from sandbox.spec import Object

# The endpoint given on the command line. It wants every event.
DEFAULT = "we_default"


@dataclass(frozen=True)
class Destination:
    """Where deliveries to one endpoint go, and with what they are signed, the newest secret first."""

    address: str
    secrets: list[str]
    version: str | None = None
    # Posts for us, when the destination is a `stripe listen`.
    listener: Listener | None = None


def of(account: Account, endpoint: str) -> Destination | None:
    """The destination; None once it is gone or disabled."""
    if listener := account.listeners.get(endpoint):
        return Destination(listener.address, [listener.secret], listener=listener)
    if endpoint == DEFAULT:
        url, first, version = account.settings.webhook_url, account.settings.webhook_secret, None
    else:
        found = account.store.get("webhook_endpoint", endpoint)
        if not found or found["status"] != "enabled":
            return None
        url, first, version = found["url"], _first_secret(account, found), found["api_version"]
    return Destination(url, signing.live(account, endpoint, first), version) if url else None


def wanting(account: Account, kind: str) -> list[str]:
    """The ids of those who want events of a kind."""
    found = [DEFAULT] if account.settings.webhook_url else []
    for endpoint in account.store.all("webhook_endpoint"):
        wanted = endpoint["enabled_events"]
        if endpoint["status"] == "enabled" and ("*" in wanted or kind in wanted):
            found.append(endpoint["id"])
    # Which events somebody listens for, only their command line knows.
    return found + account.listeners.here()


def is_there(account: Account, endpoint: str) -> bool:
    """Whether an endpoint still is one, be it disabled."""
    return of(account, endpoint) is not None or account.store.get("webhook_endpoint", endpoint) is not None


def roll(account: Account, endpoint: str, *, expires_in: float) -> Object:
    """Give an endpoint a new secret, as `signing.roll` does. Raises StripeError when there is no such endpoint."""
    if endpoint == DEFAULT and account.settings.webhook_url:
        first = account.settings.webhook_secret
    elif found := account.store.get("webhook_endpoint", endpoint):
        first = _first_secret(account, found)
    else:
        raise missing_object("webhook_endpoint", endpoint)
    return signing.roll(account, endpoint, first, expires_in=expires_in)


def _first_secret(account: Account, endpoint: Object) -> str:
    secret: str = account.store.notes(endpoint["id"])["secret"]
    return secret
