"""Spans, sent to an OpenTelemetry collector where the standard `OTEL_…` variables name one. Where they do not, nothing of
OpenTelemetry is imported, and a span costs nothing."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_provider: "TracerProvider | None" = None
_NOTHING = nullcontext()

SpanKind = Literal["INTERNAL", "SERVER", "CLIENT", "CONSUMER"]


def wanted() -> bool:
    """Whether the environment names a collector for traces."""
    off = (
        os.environ.get("OTEL_SDK_DISABLED", "").casefold() == "true" or os.environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return not off and any(os.environ.get(name) for name in ENDPOINTS)


def start() -> None:
    """Send spans from now on, if they are wanted; once per process. Raises ImportError if the library is not installed.

    How often, how many, under which name and with which headers is read by the library itself from its `OTEL_…` variables.
    """
    global _provider
    if _provider is not None or not wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "pushcart"}
    _provider = TracerProvider(resource=Resource.create(named))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))


def flush() -> None:
    """Send what waits to be sent; two seconds at most."""
    if _provider is not None:
        _provider.force_flush(2000)


def span(name: str, kind: SpanKind = "INTERNAL", **attributes: str | int) -> AbstractContextManager[Any]:
    """A span around what is done meanwhile; gives it, for what is only known later, or None where spans go nowhere.

    Attributes are never an address, a token or a path with one in it. An error is told by its class alone.
    """
    return _NOTHING if _provider is None else _begun(_provider, name, kind, attributes)


@contextmanager
def _begun(provider: "TracerProvider", name: str, kind: SpanKind, attributes: Mapping[str, str | int]) -> Iterator[Any]:
    from opentelemetry import trace

    tracer = provider.get_tracer("pushcart")
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    options: Any = {"kind": trace.SpanKind[kind], "attributes": named, "record_exception": False}
    with tracer.start_as_current_span(name, set_status_on_exception=False, **options) as begun:
        try:
            yield begun
        except Exception as error:
            begun.set_attribute("error.type", type(error).__name__)
            begun.set_status(trace.StatusCode.ERROR)
            raise


def here() -> str:
    """The span around this, as W3C's `traceparent` says it; empty where there is none."""
    if _provider is None:
        return ""
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", "")


def under(traceparent: str) -> AbstractContextManager[None]:
    """Spans that begin meanwhile belong to that one, which another process may have begun. What names none changes nothing."""
    return _NOTHING if _provider is None or not traceparent else _under(traceparent)


@contextmanager
def _under(traceparent: str) -> Iterator[None]:
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    token = context.attach(TraceContextTextMapPropagator().extract({"traceparent": traceparent}))
    try:
        yield
    finally:
        context.detach(token)
