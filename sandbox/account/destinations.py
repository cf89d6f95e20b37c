"""Whoever is told about events: the endpoint of the command line, those made through the API, and whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.account import signing
from sandbox.ground.errors import missing_object

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.listeners import Listener
    from sandbox.protocol.spec import Object

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
    url, version = account.settings.webhook_url, None
    if endpoint != DEFAULT:
        found = account.store.get("webhook_endpoint", endpoint)
        if not found or found["status"] != "enabled":
            return None
        url, version = found["url"], found["api_version"]
    return Destination(url, secrets_of(account, endpoint), version) if url else None


def secrets_of(account: Account, endpoint: str) -> list[str]:
    """What deliveries to an endpoint that is no listener are signed with just now, the newest secret first."""
    return signing.live(account, endpoint, _first_secret(account, endpoint))


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
    given = endpoint == DEFAULT and account.settings.webhook_url
    if not given and account.store.get("webhook_endpoint", endpoint) is None:
        raise missing_object("webhook_endpoint", endpoint)
    return signing.roll(account, endpoint, _first_secret(account, endpoint), expires_in=expires_in)


def _first_secret(account: Account, endpoint: str) -> str:
    if endpoint == DEFAULT:
        return account.settings.webhook_secret
    secret: str = account.store.notes(endpoint)["secret"]
    return secret
