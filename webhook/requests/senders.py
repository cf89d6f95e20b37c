"""Who sent a request: the address behind the proxies that the shop trusts, and no address that anybody could make up."""

from fastapi import Request

from core.traffic import senders


def address_of(request: Request) -> str:
    """The sender's address, or an empty string where there is none. The app has looked through the proxies of TRUSTED_PROXIES."""
    return request.client.host if request.client else ""


def household_of(request: Request) -> str:
    """What limits count the sender by: whoever has one IPv6 address has millions."""
    return senders.household_of(address_of(request))
