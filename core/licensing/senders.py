"""Senders: where on the network somebody is, behind the proxies that the shop trusts, for the limits to count by."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Whoever has one IPv6 address mostly has all of its /64.
_HOUSEHOLD = 64


def nearest(peer: str, forwarded: Sequence[str], trusted: Sequence[IPv4Network | IPv6Network]) -> str:
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


def household_of(address: str) -> str:
    """What limits count by: an IPv4 address, or the network that an IPv6 address is one of."""
    found = _read(address)
    return str(IPv6Network((found, _HOUSEHOLD), strict=False)) if isinstance(found, IPv6Address) else address


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
