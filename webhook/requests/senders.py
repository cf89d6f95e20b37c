"""Who sent a request: the address behind the proxies that the shop trusts, and no address that anybody could make up."""

from fastapi import Request

from core.licensing import senders
from core.shop import Shop


def address_of(request: Request, shop: Shop) -> str:
    """The sender's address, or an empty string where there is none: the nearest one that is no proxy of TRUSTED_PROXIES."""
    peer = request.client.host if request.client else ""
    return senders.nearest(peer, request.headers.getlist("x-forwarded-for"), shop.settings.trusted_proxies)
