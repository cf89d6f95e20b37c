"""Request ids: one word under which everything that a request led to is found in the logs: its event, jobs and calls to Stripe."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from structlog import contextvars

from core.foundation import masking
from core.foundation.records import new_id
from core.foundation.telemetry import spans

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_NAME = "request_id"


def id_of(header: str | None) -> str:
    """What the sender calls its request, if that is a plain word which names nobody and opens nothing; else an id of ours."""
    if header and _SANE.fullmatch(header) and masking.masked(header) == header:
        return header
    return new_id("req")


def begin() -> None:
    """All that this thread logs and owes from now on belongs to a request of its own: that of a page, which has no other."""
    contextvars.bind_contextvars(**{_NAME: new_id("req")})


@contextmanager
def under(request_id: str) -> Iterator[None]:
    """All that is logged and owed meanwhile belongs to this request."""
    with contextvars.bound_contextvars(**{_NAME: request_id}):
        yield


def carried() -> str:
    """The request that is being answered, with its span, as a text to hand on to whoever goes on with it; empty without one."""
    request_id = contextvars.get_contextvars().get(_NAME, "")
    return f"{request_id} {spans.here()}".rstrip()


@contextmanager
def taken_up(carried: str) -> Iterator[None]:
    """Go on with what was handed on by `carried`: what is logged and owed meanwhile belongs to it."""
    request_id, _, span = carried.partition(" ")
    with spans.under(span), under(request_id) if request_id else nullcontext():
        yield
