"""What errors and spans are sent to: one server on loopback that speaks as Sentry and as an OpenTelemetry collector do."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import brotli
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """`errors` are the events that came as to Sentry, `spans` those that came by OTLP over HTTP, `words` all that came."""

    port: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    words: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to know to send here."""
        return {
            "SENTRY_DSN": f"http://public@127.0.0.1:{self.port}/1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def named(self, start: str) -> list[Span]:
        return [span for span in self.spans if span.name.startswith(start)]

    def take(self, path: str, body: bytes) -> None:
        self.words += body.decode("utf-8", "replace")
        if path == "/v1/traces":
            told = ExportTraceServiceRequest.FromString(body)
            self.spans += [span for by in told.resource_spans for scope in by.scope_spans for span in scope.spans]
        elif path == "/api/1/envelope/":
            items = body.splitlines()[1:]
            for head, said in zip(items[::2], items[1::2], strict=False):
                if json.loads(head)["type"] == "event":
                    self.errors.append(json.loads(said))


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that is open."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            # Sentry's library packs by Brotli where that is installed.
            unpack = {"gzip": gzip.decompress, "br": brotli.decompress}.get(self.headers.get("content-encoding", ""))
            body = unpack(body) if unpack else body
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.port = server.server_address[1]
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
