"""Access to the API: which keys are accepted, and how many requests may come in a second."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from sandbox.ground.errors import StripeError, unauthorized

if TYPE_CHECKING:
    from sandbox.ground.faults import Faults

# Of any length, as those that people write into tests: `sk_test_123`.
KEY = re.compile(r"[sr]k_test_[A-Za-z0-9_-]+")
PUBLISHABLE = (
    "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your "
    "API keys at https://dashboard.stripe.com/account/apikeys."
)
SHORTEST_SHOWN = 16
RATE_LIMIT = (
    "Request rate limit exceeded. You can learn more about rate limits here https://stripe.com/docs/rate-limits."
)
LOCKED = (
    "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. "
    "If you see this error intermittently, retry the request. If you see this error frequently and are making multiple "
    "concurrent requests to a single object, make your requests serially or at a lower rate. For more details, see "
    "https://stripe.com/docs/rate-limits#object-lock-timeouts."
)


def wrong_key(given: str) -> StripeError:
    """The 401 for a key that is not one of a test account's secret keys, without repeating it."""
    if given.startswith("pk_"):
        return StripeError(401, "invalid_request_error", PUBLISHABLE, code="secret_key_required")
    # Of a short key the beginning and the end would be all of it.
    begin, end = (given[:8], given[-4:]) if len(given) >= SHORTEST_SHOWN else (given[: len(given) // 2], "")
    hidden = "*" * max(len(given) - len(begin + end), 4)
    return unauthorized(f"Invalid API Key provided: {begin}{hidden}{end}")


def unrecognized(method: str, path: str) -> StripeError:
    """The 404 for an address, or a method, that the API does not have."""
    text = (
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing slash. "
        "If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. "
        "Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
    )
    return StripeError(404, "invalid_request_error", text)


class RateLimit:
    """Lets so many requests in per second (the fault `rate_limit`), and as many at once after a quiet second."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._rate, self._left, self._at = 0.0, 0.0, 0.0

    def check(self) -> None:
        """Raises StripeError (429) when it is too many; the request has not been looked at then, nor has its key."""
        rate, now = self._faults.rate_limit, time.monotonic()
        if not rate:
            return
        full = max(rate, 1)
        self._left = full if rate != self._rate else min(self._left + (now - self._at) * rate, full)
        self._rate, self._at = rate, now
        if self._left < 1:
            raise rate_limited()
        self._left -= 1


def rate_limited() -> StripeError:
    """The 429 for too many requests."""
    error = StripeError(429, "invalid_request_error", RATE_LIMIT, code="rate_limit")
    error.headers["Stripe-Rate-Limited-Reason"] = "global-rate"
    return error


def locked() -> StripeError:
    """The 429 for an object that somebody else has in hand; it is worth trying again."""
    error = StripeError(429, "invalid_request_error", LOCKED, code="lock_timeout")
    error.headers["Stripe-Should-Retry"] = "true"
    return error
