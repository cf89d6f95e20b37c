"""Senders: where on the network somebody is, behind the proxies that the shop trusts, for the limits to count by."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

Trusted = Sequence[IPv4Network | IPv6Network]
LOOPBACK: Trusted = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

# Whoever has one IPv6 address mostly has all of its /64.
_HOUSEHOLD = 64


def nearest(peer: str, forwarded: Sequence[str], trusted: Trusted) -> str:
    """The nearest address that is no proxy which is trusted: of those that `X-Forwarded-For` has, and of who is connected."""
    found = peer
    for text in (*",".join(forwarded).split(","), peer)[::-1]:
        address = _read(text)
        if address is None:
            return found
        found = str(address)
        if not any(address in network for network in trusted):
            return found
    return found


def look_through(scope: MutableMapping[str, Any], trusted: Trusted) -> None:
    """Put into a request's ASGI scope who sent it and whether they came over TLS, as the proxies that are trusted say.

    Doing it twice changes nothing more. What nobody trusted says stays as unheard.
    """
    if not scope.get("client"):
        return
    peer, port = scope["client"]
    said = _said(scope["headers"])
    if is_one_of(peer, trusted) and said.scheme:
        scope["scheme"] = said.scheme.replace("http", "ws") if scope["type"] == "websocket" else said.scheme
    sender = nearest(peer, said.forwarded, trusted)
    scope["client"] = (sender, port if sender == peer else 0)


def is_one_of(address: str, networks: Trusted) -> bool:
    """Whether the address is of one of these networks."""
    found = _read(address)
    return found is not None and any(found in network for network in networks)


def household_of(address: str) -> str:
    """What limits count by: an IPv4 address, or the network that an IPv6 address is one of."""
    found = _read(address)
    return str(IPv6Network((found, _HOUSEHOLD), strict=False)) if isinstance(found, IPv6Address) else address


@dataclass(frozen=True)
class _Said:
    """What the headers of a request say of its way."""

    forwarded: list[str]
    scheme: str


def _said(headers: Sequence[tuple[bytes, bytes]]) -> _Said:
    forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    schemes = [value.decode("latin-1").strip() for name, value in headers if name == b"x-forwarded-proto"]
    return _Said(forwarded, next((each for each in schemes[-1:] if each in ("http", "https")), ""))


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text says, without the port that some proxies add; an IPv4 one that IPv6 carries is IPv4."""
    text = text.strip()
    host = text[1:].partition("]")[0] if text.startswith("[") else text
    host = host.partition(":")[0] if host.count(":") == 1 else host
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
