"""Where errors and spans go beside the log: opened once per process, when its shop is."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

from core.connections import server_addresses
from core.foundation.settings import Mistake, Settings
from core.foundation.telemetry import logs, spans

# Without `--inexact` it would take away what was added before, and each would ask for itself in turn.
_ADD = "uv sync --inexact --no-default-groups --extra"


def mistakes(settings: Settings) -> list[Mistake]:
    """What was asked for and cannot be done: a library that is not installed, or a protocol that is not spoken."""
    found = []
    if settings.sentry_dsn.get_secret_value() and not find_spec("sentry_sdk"):
        found.append(Mistake("SENTRY_DSN", f"needs the library that `{_ADD} sentry` brings"))
    if spans.wanted():
        if not _is_installed("opentelemetry.exporter.otlp.proto.http"):
            found.append(Mistake("OTEL_EXPORTER_OTLP_ENDPOINT", f"needs what `{_ADD} otel` brings"))
        if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf") != "http/protobuf":
            found.append(Mistake("OTEL_EXPORTER_OTLP_PROTOCOL", "must be http/protobuf, the one that is spoken here"))
        found += _unreadable()
    return found


def _unreadable() -> Iterator[Mistake]:
    """The collectors' addresses that are none: the library would fail at each batch, and say so where nobody looks."""
    for name in spans.ENDPOINTS:
        try:
            if address := os.environ.get(name):
                server_addresses.web(address)
        except ValueError as error:
            yield Mistake(name, str(error))


def open_all(settings: Settings) -> None:
    """Report errors and send spans from now on, where the settings say so. Raises ImportError for what `mistakes` told."""
    if dsn := settings.sentry_dsn.get_secret_value():
        from core.foundation.telemetry.sentry import Reporter

        logs.report_to(Reporter(dsn))
    spans.start()


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # nor what it lies in
        return False
