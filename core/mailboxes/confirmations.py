"""Confirmations: Amazon SNS sends nothing before somebody has opened the address that it sends first."""

import re
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import structlog

log = structlog.get_logger()

# Amazon's own servers, and nobody else's: whoever knew the secret could have us open any address otherwise.
_AMAZON = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(\.cn)?")
_SECONDS = 10


def confirm(url: str) -> bool:
    """Open it, if it is Amazon's; whether that worked."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.port not in (None, 443) or not _AMAZON.fullmatch(parts.hostname or ""):
        log.warning("subscription_not_confirmed", reason="not an address of Amazon SNS")
        return False
    try:
        with urlopen(url, timeout=_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError) as error:
        log.warning("subscription_not_confirmed", error=type(error).__name__)
        return False
