"""Errors reported to Sentry, or to whatever speaks as it does, where `SENTRY_DSN` names one. Each is a line of the log, masked
like that one: no request, no variable, no breadcrumb. Where it is not set, nothing of Sentry is imported."""

from collections.abc import Iterator, Mapping
from traceback import TracebackException
from typing import Any

from core.foundation import masking

_WORDS = 2000


class Reporter:
    """Sends lines that are errors. Raises ImportError if the library is not installed."""

    def __init__(self, dsn: str) -> None:
        import sentry_sdk

        self._client = sentry_sdk.Client(
            dsn, default_integrations=False, auto_enabling_integrations=False, send_default_pii=False,
            include_local_variables=False, include_source_context=False, max_breadcrumbs=0, traces_sample_rate=None,
            server_name="", auto_session_tracking=False,
        )  # fmt: skip

    def __call__(self, told: Mapping[str, Any], trace: TracebackException | None) -> None:
        """Report a line, which is masked already, and the error that it tells of."""
        event: Any = {
            "level": "fatal" if told["level"] == "critical" else told["level"],
            "logger": told["logger"],
            "timestamp": told["timestamp"],
            "logentry": {"message": str(told["event"])},
            "extra": {name: value for name, value in told.items() if name not in _OWN_PLACE},
            "tags": {"request_id": told["request_id"]} if "request_id" in told else {},
        }
        if trace:
            event["exception"] = {"values": [_error(each) for each in reversed([*_chain(trace)])]}
        self._client.capture_event(event)

    def flush(self) -> None:
        """Wait until what was reported is sent; two seconds at most."""
        self._client.flush(timeout=2)


_OWN_PLACE = ("level", "logger", "timestamp", "event", "exception", "request_id")


def _chain(trace: TracebackException) -> Iterator[TracebackException]:
    """The error, and what it was raised from or during, the last one first."""
    each: TracebackException | None = trace
    seen: set[int] = set()
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _error(trace: TracebackException) -> dict[str, Any]:
    said = "".join(trace.format_exception_only()).strip()
    name, _, words = said.partition(": ")
    frames = [{"filename": call.filename, "function": call.name, "lineno": call.lineno} for call in trace.stack]
    return {
        "type": name.rpartition(".")[2], "value": masking.masked(words, most=_WORDS), "stacktrace": {"frames": frames},
    }  # fmt: skip
