"""Asked: which of the shop's languages a browser would rather read, by the header that it sends."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from core.languages import catalogs

# Browsers send a handful. Whoever sends a book reads the shop's own language.
_LONGEST = 300
# The owner's side, which is in English.
_OFFICE = ("/owner", "/uploads")


def of_request(scope: Mapping[str, Any]) -> str:
    """The language in which an HTTP request (in ASGI's form) is answered."""
    if scope["path"].removeprefix("/api").startswith(_OFFICE):
        return catalogs.ENGLISH
    header = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return of_header(header.decode("latin-1"))


def of_header(accept_language: str) -> str:
    """The language for an Accept-Language header, such as `de` for `de-AT,de;q=0.9,en;q=0.8`; else the shop's own."""
    return _chosen(accept_language, catalogs.default()) if len(accept_language) <= _LONGEST else catalogs.default()


@lru_cache(maxsize=512)
def _chosen(header: str, default: str) -> str:
    wanted = sorted(filter(None, map(_wish, header.split(","))), reverse=True, key=lambda wish: wish[0])
    return next((language for _, tag in wanted if (language := catalogs.nearest(tag))), default)


def _wish(part: str) -> tuple[float, str] | None:
    """How much (up to 1) which tag is wanted; None for what is not wanted at all, or is no wish."""
    tag, _, quality = part.strip().partition(";")
    try:
        weight = float(quality.strip().removeprefix("q=") or 1)
    except ValueError:
        return None
    return (weight, tag.strip()) if 0 < weight <= 1 and tag.strip() else None
