"""What the server is told: an answer goes out in one piece, what comes bit by bit as it comes, and no line is worded in vain."""

import logging
import signal
import socket
import tomllib
from asyncio import Event, Transport, run, sleep
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.machine import eventually, free_port
from webhook import server

SETTINGS = Path(__file__).parents[2] / ".streamlit" / "config.toml"
LONG = b"x" * 100_000
QUESTION = b"GET %s HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.fixture
def of_requests() -> Iterator[logging.Logger]:
    """Uvicorn's logger of requests, as it was afterwards."""
    found = logging.getLogger("uvicorn.access")
    before = (found.level, found.propagate, found.handlers[:])
    yield found
    found.level, found.propagate, found.handlers[:] = before


class App:
    """Answers shortly, at length, or bit by bit: the second bit once it is asked for."""

    def __init__(self) -> None:
        self.asked = Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        bits = {"/short": [b"short"], "/long": [b"head ", LONG], "/bits": [b"first", b"second"]}[scope["path"]]
        length = str(sum(map(len, bits))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for place, bit in enumerate(bits, 1):
            await send({"type": "http.response.body", "body": bit, "more_body": place < len(bits)})
            if scope["path"] == "/bits" and place < len(bits):
                while not self.asked.is_set():
                    await sleep(0.01)


@contextmanager
def serving(app: ASGIApp) -> Iterator[socket.socket]:
    """A connection to a server of this app, told what every server of ours is told."""
    port = free_port()
    config = uvicorn.Config(app, port=port, lifespan="off", log_config=None, http="httptools", loop="uvloop")
    listening = uvicorn.Server(config)
    config.load()
    told(listening)
    thread = Thread(target=listening.run)
    thread.start()
    try:
        eventually(lambda: listening.started)
        with closing(socket.create_connection(("127.0.0.1", port))) as connected:
            connected.settimeout(10)
            yield connected
    finally:
        listening.should_exit = True
        thread.join()


def told(listening: uvicorn.Server) -> None:
    """Instruct it as if it had been started for itself: by its signals it is known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "getsignal", lambda _: listening.handle_exit)
        server.instruct()


def whole(connected: socket.socket, length: int) -> bytes:
    """The next answer, whose body is so long."""
    taken = connected.recv(65536)
    while len(taken.partition(b"\r\n\r\n")[2]) < length:
        taken += connected.recv(65536)
    return taken.partition(b"\r\n\r\n")[2]


class Noting(Transport):
    """Notes what is written, each time."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        pass


@pytest.mark.parametrize(("path", "pieces"), [(b"/short", 1), (b"/long", 2)])
def test_the_head_of_an_answer_goes_out_with_what_follows(path: bytes, pieces: int) -> None:
    noting = Noting()

    async def ask() -> None:
        config = uvicorn.Config(App(), log_config=None, lifespan="off")
        protocol = server.InOnePiece(config, ServerState(), {})
        protocol.connection_made(noting)
        protocol.data_received(QUESTION % path)
        while protocol.tasks:
            await sleep(0)
        protocol.timeout_keep_alive_task.cancel()  # type: ignore[union-attr]

    run(ask())
    assert len(noting.written) == pieces
    assert noting.written[0].startswith(b"HTTP/1.1 200 OK")


@pytest.mark.usefixtures("of_requests")
def test_short_and_long_answers_come_whole() -> None:
    with serving(App()) as connected:
        for _ in range(3):
            connected.sendall(QUESTION % b"/short")
            assert whole(connected, 5) == b"short"
        connected.sendall(QUESTION % b"/long")
        assert whole(connected, len(LONG) + 5) == b"head " + LONG
        # Two that were asked at once are answered one after the other.
        connected.sendall((QUESTION % b"/short") * 2)
        taken = b""
        while taken.count(b"short") < 2:
            taken += connected.recv(65536)
        assert taken.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.usefixtures("of_requests")
def test_what_comes_bit_by_bit_is_sent_as_it_comes() -> None:
    app = App()
    with serving(app) as connected:
        connected.sendall(QUESTION % b"/bits")
        taken = connected.recv(65536)
        while not taken.endswith(b"first"):
            taken += connected.recv(65536)
        assert not app.asked.is_set()
        app.asked.set()
        assert connected.recv(65536) == b"second"


@pytest.mark.parametrize(("level", "wanted"), [("warning", False), ("info", True)])
def test_the_server_words_lines_of_requests_only_where_they_are_written(
    of_requests: logging.Logger, level: str, *, wanted: bool
) -> None:
    config = uvicorn.Config(App(), log_level=level, http="httptools")
    config.load()
    told(uvicorn.Server(config))
    assert of_requests.hasHandlers() is wanted
    assert config.http_protocol_class is server.InOnePiece


def test_a_server_that_speaks_otherwise_is_left_as_it_is() -> None:
    config = uvicorn.Config(App(), http="h11", log_config=None)
    config.load()
    spoken = config.http_protocol_class
    told(uvicorn.Server(config))
    assert config.http_protocol_class is spoken


async def page(_scope: Scope, receive: Receive, send: Send) -> None:
    """Tells a browser how much it has said."""
    await receive()
    await send({"type": "websocket.accept"})
    while (said := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": str(len(said["bytes"]))})


def test_nobody_says_more_to_a_page_at_once_than_is_typed_into_any() -> None:
    with serving(page) as connected:
        address = f"ws://127.0.0.1:{connected.getpeername()[1]}"
        with connect(address) as browser:
            browser.send(b"x" * 2_000_000)
            assert browser.recv(timeout=30) == "2000000"
            browser.send(b"x" * 2_200_000)
            with pytest.raises(ConnectionClosed) as refused:
                browser.recv(timeout=30)
    assert refused.value.rcvd
    assert refused.value.rcvd.code == 1009


def test_what_a_page_is_told_is_kept_up_to_where_it_is_taken() -> None:
    streamlit = tomllib.loads(SETTINGS.read_text())["server"]
    assert streamlit["maxWidgetStateSize"] * 1_000_000 <= server.MOST_SAID
