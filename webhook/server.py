"""The server that runs the app, whoever started it: what it is told here need stand on no command line."""

import logging
import signal
from asyncio import AbstractEventLoop, BaseTransport, CancelledError, Transport
from typing import Any, cast

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Seconds that a request may still take when the server is told to end; whoever reads a file more slowly goes on from there
# with the next one. Supervisors mostly kill after ten.
ENDS_WITHIN = 5

# Bytes that a browser says to a page at once: far more than the texts of an owner take. They are kept for as long as the page is
# open, whoever says them, and Streamlit takes a hundred times as many from anybody.
MOST_SAID = 2 * 1024 * 1024

# What is longer is sent at once: to put it together with something would cost more than it saves.
_SHORT = 16 * 1024


def instruct() -> None:
    """Have Uvicorn end in time, send an answer in one piece, hear no more at once than a page has to be told, and leave it to
    TRUSTED_PROXIES who is believed: by itself it believes this machine.

    For the start of the app's life, before anybody connects. What is served by something else is left as it is.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        return
    if server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = ENDS_WITHIN
        logging.getLogger("uvicorn.error").addFilter(_as_meant)
    server.config.ws_max_size = min(server.config.ws_max_size, MOST_SAID)
    if isinstance(server.config.loaded_app, ProxyHeadersMiddleware):
        server.config.loaded_app = server.config.loaded_app.app
    if server.config.http_protocol_class is HttpToolsProtocol:
        server.config.http_protocol_class = InOnePiece
    of_requests = logging.getLogger("uvicorn.access")
    if not of_requests.isEnabledFor(logging.INFO):
        # Else it puts the words of a line together for each request, of which none is ever written.
        of_requests.propagate = False
        of_requests.handlers.clear()


def _as_meant(record: logging.LogRecord) -> bool:
    """A request that is cut off at the end is no fault: Uvicorn's line about it stays, as a warning, and its traceback goes."""
    if record.exc_info and isinstance(record.exc_info[1], CancelledError):
        return False
    if "timeout graceful shutdown" in str(record.msg):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


class InOnePiece(HttpToolsProtocol):
    """HTTP, with what belongs together sent together. By itself Uvicorn sends the head of an answer and its body one by one, and
    whoever waits for it is woken twice."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Somebody is connected."""
        super().connection_made(cast(Transport, _Gathering(cast(Transport, transport), self.loop)))

    def on_response_complete(self) -> None:
        """An answer is whole."""
        if isinstance(self.transport, _Gathering):
            self.transport.send()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """A websocket takes over, which sends each message as it comes."""
        if isinstance(self.transport, _Gathering):
            self.transport.send()
            self.transport = self.transport.own
        super().handle_websocket_upgrade()


class _Gathering:
    """A transport that sends what is short when the answer is whole, or as soon as the loop has turned."""

    def __init__(self, own: Transport, loop: AbstractEventLoop) -> None:
        self.own, self._loop = own, loop
        self._gathered: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)

    def write(self, data: bytes) -> None:
        if len(data) > _SHORT:
            self.send()
            self.own.write(data)
            return
        if not self._gathered:
            self._loop.call_soon(self.send)
        self._gathered.append(data)

    def close(self) -> None:
        self.send()
        self.own.close()

    def send(self) -> None:
        if gathered := self._gathered:
            self._gathered = []
            self.own.write(b"".join(gathered))
