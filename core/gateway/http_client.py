"""Requests to Stripe on their way: each is timed, counted and, where it changed something or failed, told with the id that Stripe
gave it, by which Stripe's support and its dashboard find it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe
import structlog
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from core.foundation.telemetry import counters, spans
from core.foundation.telemetry.counters import Stopwatch

log = structlog.get_logger()

# So many connections to Stripe are kept open.
_CONNECTIONS = 20


class ToldRequests(stripe.RequestsClient):
    """The client that Stripe's library would take, and what it says of each request.

    Its connections to `base` outlive the threads that ask, of which a server ends those that had nothing to do for seconds.
    """

    def __init__(self, base: str, *, timeout: float) -> None:
        super().__init__(timeout=timeout, session=_session(base))

    def request(  # type: ignore[override]  # its own differs from what it says of itself in the same way
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """As its own."""
        path, taken = urlsplit(url).path, Stopwatch()
        with spans.span(f"Stripe {method.upper()}", "CLIENT", http__request__method=method.upper()) as span:
            try:
                content, status, answered = super().request(method, url, headers, post_data)
            except stripe.APIConnectionError as error:
                self._tell(method, path, 0, taken, error=type(error).__name__)
                raise
            request_id = str(answered.get("Request-Id", ""))
            if span is not None:
                span.set_attributes({"http.response.status_code": status, "stripe.request_id": request_id})
        self._tell(method, path, status, taken, stripe_request_id=request_id)
        return content, status, answered

    def _tell(self, method: str, path: str, status: int, taken: Stopwatch, **more: str) -> None:
        outcome = str(status) if status else "unreachable"
        counters.STRIPE_CALLS.labels(method.upper(), outcome).observe(taken.seconds)
        if status and status < 400 and method.lower() == "get":
            return  # a sweep looks at thousands of things
        say = log.info if 0 < status < 400 else log.warning
        milliseconds = round(taken.seconds * 1000)
        say("stripe_call", method=method.upper(), path=path, status=status, milliseconds=milliseconds, **more)


def _session(base: str) -> requests.Session:
    """Kept connections for all threads. Which proxy leads to `base` is read from the environment now, and not at each request."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
    session.trust_env, session.proxies = False, dict(get_environ_proxies(base))
    return session
