"""The server that runs the app, whoever started it: what it is told here need stand on no command line."""

import logging
import signal
from asyncio import CancelledError

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

# Seconds that a request may still take when the server is told to end; whoever reads a file more slowly goes on from there
# with the next one. Supervisors mostly kill after ten.
ENDS_WITHIN = 5


def instruct() -> None:
    """Have Uvicorn end in time, and leave it to TRUSTED_PROXIES who is believed: by itself it believes this machine.

    For the start of the app's life. What is served by something else is left as it is.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        return
    if server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = ENDS_WITHIN
        logging.getLogger("uvicorn.error").addFilter(_as_meant)
    if isinstance(server.config.loaded_app, ProxyHeadersMiddleware):
        server.config.loaded_app = server.config.loaded_app.app


def _as_meant(record: logging.LogRecord) -> bool:
    """A request that is cut off at the end is no fault: Uvicorn's line about it stays, as a warning, and its traceback goes."""
    if record.exc_info and isinstance(record.exc_info[1], CancelledError):
        return False
    if "timeout graceful shutdown" in str(record.msg):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True
