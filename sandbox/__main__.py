"""`python -m sandbox`: runs the sandbox on this computer only, until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import logging
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator

import uvicorn

from sandbox import app
from sandbox.account import settings
from sandbox.ground.changes import Changes
from sandbox.ground.errors import StripeError
from sandbox.protocol import versions

log = logging.getLogger("sandbox")
# Requests still open when the server is told to stop get this long.
FAREWELL_SECONDS = 1


class Server(uvicorn.Server):
    """A server that ends quietly when asked to, without passing the signal on to Python's default handlers."""

    def __init__(self, config: uvicorn.Config, changes: Changes) -> None:
        super().__init__(config)
        self._changes = changes

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """First of all the pages that wait for news are let go: nobody need wait for them."""
        self._changes.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def arguments(argv: list[str]) -> settings.Settings:
    """Settings from the environment, changed by what the command line says."""
    default = settings.from_environment()
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A local stand-in for Stripe and a mailbox.")
    parser.add_argument("--port", type=int, default=default.port)
    parser.add_argument("--smtp-port", type=int, default=default.smtp_port)
    parser.add_argument("--api-version", default=default.api_version, help="the account's version of Stripe's API")
    parser.add_argument("--data", default=default.data, metavar="FILE", help="what it remembers (:memory: for nothing)")
    parser.add_argument("--webhook-url", default=default.webhook_url, help="where events go")
    parser.add_argument("--webhook-secret", default=default.webhook_secret, help="what they are signed with")
    parser.add_argument(
        "--check", action="store_true", default=default.check, help="refuse to say what Stripe's schema would not allow"
    )
    return dataclasses.replace(default, **vars(parser.parse_args(argv)))


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As a server would: what an earlier run has only just let go of is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _worth_saying(record: logging.LogRecord) -> bool:
    """All but that requests which nobody was to answer were let go at the end."""
    return not record.getMessage().startswith("Cancel ")


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for noisy in ("httpx", "mail.log", "uvicorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").addFilter(_worth_saying)
    try:
        chosen = arguments(argv)
        versions.check(chosen.api_version)
    except (StripeError, ValueError) as wrong:
        log.error("%s", wrong)
        return 2
    for port in (chosen.port, chosen.smtp_port):
        if _is_taken(port):
            log.error("Port %d is taken: something else listens there already.", port)
            return 1
    try:
        sandbox = app.make(chosen)
    except (OSError, sqlite3.Error) as wrong:
        log.error("%s cannot be read: %s", chosen.data, wrong)
        return 2
    config = uvicorn.Config(
        sandbox,
        host="127.0.0.1",
        port=chosen.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=FAREWELL_SECONDS,
    )
    log.info("Sandbox at %s, mail at 127.0.0.1:%d, events to %s", chosen.base_url, chosen.smtp_port, chosen.webhook_url)
    server = Server(config, sandbox.state.account.changes)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
