"""The server that runs the app, whoever started it: what it is told here need stand on no command line."""

import signal

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
    if isinstance(server.config.loaded_app, ProxyHeadersMiddleware):
        server.config.loaded_app = server.config.loaded_app.app
