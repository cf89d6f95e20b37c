"""Posts a body to an address and brings the answer back, over connections that are kept open.

A general HTTP client spends more time on each delivery than everything else here together; this one does nothing but
post.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from urllib.parse import urlsplit

import h11

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Address = tuple[str, int, bool]
CHUNK = 65536


class Unanswered(Exception):
    """Nobody answered; `str()` says why."""


class HttpClient:
    """Keeps the connections of one event loop. At most as many are open as posts are under way."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._idle: dict[Address, list[Connection]] = {}
        self._trusted: asyncio.Task[ssl.SSLContext] | None = None

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Status and text of the answer. Raises Unanswered."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(url, body, headers)
        except TimeoutError:
            raise Unanswered(f"no answer within {self._timeout:g} seconds") from None
        except (OSError, ValueError, h11.ProtocolError) as error:
            raise Unanswered(f"{type(error).__name__}: {error}".rstrip(": ")) from None

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        address = (parts.hostname or "", parts.port or (443 if secure else 80), secure)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = [("Host", parts.netloc.rpartition("@")[2]), ("Content-Length", str(len(body))), *headers.items()]
        request = h11.Request(method="POST", target=target, headers=sent)
        while idle := self._idle.get(address):
            try:
                return await self._exchange(address, idle.pop(), request, body)
            except (ConnectionError, h11.RemoteProtocolError):
                # The other side had closed it meanwhile. Receivers must bear with a delivery that comes twice.
                continue
        return await self._exchange(address, await self._connect(address), request, body)

    async def _exchange(
        self, address: Address, connection: Connection, request: h11.Request, body: bytes
    ) -> tuple[int, str]:
        reader, writer = connection
        talk = h11.Connection(h11.CLIENT)
        pieces = [talk.send(part) or b"" for part in (request, h11.Data(data=body), h11.EndOfMessage())]
        status, answer, whole = 0, b"", False
        try:
            writer.write(b"".join(pieces))
            while not whole:
                match talk.next_event():
                    case h11.NEED_DATA:
                        talk.receive_data(await reader.read(CHUNK))
                    case h11.Response(status_code=status):
                        pass
                    case h11.Data(data=data):
                        answer += bytes(data)
                    case h11.EndOfMessage() | h11.ConnectionClosed():
                        whole = True
        finally:
            if whole and talk.our_state is h11.DONE and talk.their_state is h11.DONE:
                self._idle.setdefault(address, []).append(connection)
            else:
                writer.close()
        return status, answer.decode(errors="replace")

    async def _connect(self, address: Address) -> Connection:
        host, port, secure = address
        return await asyncio.open_connection(host, port, ssl=await self._certificates() if secure else None)

    async def _certificates(self) -> ssl.SSLContext:
        """Whom to trust. It takes long to read, so it is read once, and on a thread of its own."""
        if self._trusted is None:
            self._trusted = asyncio.ensure_future(asyncio.to_thread(ssl.create_default_context))
        # Whoever waits may give up; the others still want it.
        return await asyncio.shield(self._trusted)

    async def close(self) -> None:
        """Close all connections."""
        for idle in self._idle.values():
            for _, writer in idle:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        self._idle.clear()
