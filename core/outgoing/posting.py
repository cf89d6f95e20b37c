"""Posting: one request to an endpoint, to the very machine that was checked, without following any redirect."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Timer
from time import monotonic
from typing import cast

from core.outgoing import destinations
from core.outgoing.destinations import Destination, PrivateDestination, UnknownDestination

# Seconds for all of it: to connect, to send, and to be answered.
TIMEOUT = 15.0
# So much of an answer is read and kept.
_KEPT = 2048


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered: `status` is 0 where nothing was, and `error` says why. `retry_after` is what it asked for,
    as it stands in the header. `took` is in seconds."""

    status: int
    text: str = ""
    error: str = ""
    retry_after: str = ""
    took: float = 0.0

    @property
    def took_it(self) -> bool:
        """Whether the message is delivered: 2xx alone says so."""
        return 200 <= self.status < 300

    def wait(self, *, now: float) -> float:
        """Seconds that it asked to be left alone for, from this moment since the epoch; 0 if it did not."""
        text = self.retry_after.strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            return max(parsedate_to_datetime(text).timestamp() - now, 0.0)
        except (ValueError, TypeError, OverflowError):
            return 0.0


class _Final(HTTPResponse):
    """An answer after those that only say that it is coming (102, 103): of these the library itself passes over 100 alone."""

    def begin(self) -> None:
        """Read up to where its body begins."""
        super().begin()
        while HTTPStatus.SWITCHING_PROTOCOLS < self.status < HTTPStatus.OK:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()


class _Pinned(HTTPConnection):
    """A connection to the machine that an address was found to lead to, which shows that it is who it says."""

    response_class = _Final

    def __init__(self, there: Destination) -> None:
        super().__init__(there.parts.hostname or "", there.port, timeout=TIMEOUT)
        self._there = there
        self._given_up = False

    def connect(self) -> None:
        """Connect to that machine: its name is not looked up again."""
        plain = socket.create_connection((self._there.ip, self._there.port), TIMEOUT)
        if self._there.parts.scheme == "https":
            name = self._there.parts.hostname
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=name)
        else:
            self.sock = plain
        if self._given_up:  # before there was anything to end
            raise TimeoutError

    def give_up(self) -> None:
        """End it from another thread: what trickles in byte by byte would never run into a socket's own timeout."""
        self._given_up = True
        if sock := cast("socket.socket | None", self.sock):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it ended by itself


def post(url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> Answer:
    """Send it once; what came of it. Never raises for what is the endpoint's doing."""
    begun = monotonic()
    try:
        there = destinations.find(url, private=private)
    except PrivateDestination:
        return Answer(0, error="leads into a private network, where messages are sent only with PRIVATE_WEBHOOKS=allow")
    except UnknownDestination as error:
        return Answer(0, error=f"its name leads nowhere: {error}")
    connection = _Pinned(there)
    watch = Timer(TIMEOUT, connection.give_up)
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", there.path, body, dict(headers))
        answer = connection.getresponse()
        text = answer.read(_KEPT).decode("utf-8", "replace").replace("\0", "")
        return Answer(
            answer.status, text, retry_after=answer.headers.get("Retry-After") or "", took=monotonic() - begun
        )
    except (OSError, HTTPException, ValueError) as error:
        took = monotonic() - begun
        late = took >= TIMEOUT or isinstance(error, TimeoutError)
        said = f"no answer within {TIMEOUT:.0f} seconds" if late else f"{type(error).__name__}: {error}"
        # Words of the other side stand in it, also where it speaks another language.
        return Answer(0, error=said.replace("\0", "")[:300], took=took)
    finally:
        watch.cancel()
        connection.close()
