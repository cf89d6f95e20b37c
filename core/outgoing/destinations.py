"""Destinations: where an address leads right now, looked up once and connected to as it was checked.

Without that, whoever may name an endpoint could have the shop call what only its own network reaches.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from string import punctuation
from urllib.parse import SplitResult, quote, urlsplit

# IPv6 addresses that carry one of IPv4: a gateway would go on to that.
_NAT64 = IPv6Network("64:ff9b::/96")


class PrivateDestination(Exception):
    """The address leads to this machine or into its network, where nothing may be sent."""


class UnknownDestination(Exception):
    """The address's name leads nowhere."""


@dataclass(frozen=True)
class Destination:
    """An address and the machine that it leads to."""

    parts: SplitResult
    ip: str

    @property
    def port(self) -> int:
        """The port, said or understood."""
        return self.parts.port or (443 if self.parts.scheme == "https" else 80)

    @property
    def path(self) -> str:
        """What is asked for there, in the letters that a request takes; what is written in them already stays."""
        asked = (self.parts.path or "/") + (f"?{self.parts.query}" if self.parts.query else "")
        return quote(asked, safe=punctuation)


def find(url: str, *, private: bool) -> Destination:
    """Where this address leads. Raises UnknownDestination; and PrivateDestination, unless `private` ones are allowed, if any of
    the machines that its name has is one."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownDestination(str(error)) from None
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    if not private and not all(is_public(address) for address in addresses):
        raise PrivateDestination(parts.hostname)
    return Destination(parts, addresses[0])


def is_public(address: str) -> bool:
    """Whether anybody on the internet may be behind it."""
    found: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if found.is_site_local:  # what was private before fc00::/7 was, and still is in some networks
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved
