"""What the client makes of well and badly behaved receivers."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable

import pytest

from sandbox.account.http_client import HttpClient, Unanswered

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _posted(talk: Talk, times: int = 1, *, seconds: float = 60) -> list[tuple[int, str]]:
    talks: list[asyncio.Task[None]] = []

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())  # type: ignore[arg-type]
        await talk(reader, writer)
        await writer.wait_closed()

    async def go() -> list[tuple[int, str]]:
        server = await asyncio.start_server(answered, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = HttpClient(timeout=seconds)
        try:
            return [await client.post(f"http://127.0.0.1:{port}/x?y=1", b"{}", {"A": "b"}) for _ in range(times)]
        finally:
            await client.close()
            await asyncio.gather(*talks, return_exceptions=True)
            server.close()
            await server.wait_closed()

    return asyncio.run(go())


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(2)
    return head


def test_a_connection_is_used_again() -> None:
    heads: list[bytes] = []
    opened = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while not reader.at_eof():
            try:
                heads.append(await _request(reader))
            except asyncio.IncompleteReadError:
                break
            writer.write(OK)
        writer.close()

    assert _posted(talk, 3) == [(200, "ok")] * 3
    assert (opened, len(heads)) == (1, 3)
    assert heads[0].startswith(b"POST /x?y=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_every_way_of_ending_an_answer_is_understood(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(answer)
        writer.close()

    assert _posted(talk, 2) == [(200, "ok")] * 2


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
def test_half_an_answer_is_none(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(answer)
        writer.close()

    with pytest.raises(Unanswered):
        _posted(talk)


def test_silence_is_no_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        await reader.read()
        writer.close()

    with pytest.raises(Unanswered, match="no answer within"):
        _posted(talk, seconds=0.3)


def test_whom_to_trust_is_read_once_and_never_where_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """For several endpoints at once, and again when a connection has to be opened anew."""
    went_on: list[bool] = []
    real, going = ssl.create_default_context, threading.Event()

    def slow() -> ssl.SSLContext:
        going.clear()
        went_on.append(going.wait(10))
        return real()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def goes_on() -> None:
        while True:
            going.set()
            await asyncio.sleep(0.005)

    async def go() -> None:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client, others = HttpClient(timeout=60), asyncio.create_task(goes_on())
        for _ in range(2):
            posts = [client.post(f"https://127.0.0.1:{port}/", b"{}", {}) for _ in range(5)]
            for answer in await asyncio.gather(*posts, return_exceptions=True):
                assert isinstance(answer, Unanswered)
        others.cancel()
        await client.close()
        server.close()

    monkeypatch.setattr(ssl, "create_default_context", slow)
    asyncio.run(go())
    assert went_on == [True]
