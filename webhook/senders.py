"""Who sent a request: the address behind the proxies that the shop trusts, and no address that anybody could make up."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from fastapi import Request

from core.shop import Shop

# Whoever has one IPv6 address mostly has all of its /64.
_HOUSEHOLD = 64


def address_of(request: Request, shop: Shop) -> str:
    """The sender's address, or an empty string where there is none: the nearest one that is no proxy of TRUSTED_PROXIES."""
    peer = request.client.host if request.client else ""
    said = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    nearest = peer
    for text in (*said, peer)[::-1]:
        address = _read(text)
        if address is None:
            return nearest
        nearest = str(address)
        if not any(address in network for network in shop.settings.trusted_proxies):
            return nearest
    return nearest


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
