"""The crowd: who is connected or about to be, and from when on newcomers get plain HTML."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from storefront.serving.crowd import CountCrowd, Crowd


class Watch:
    """A clock for seconds."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_it_is_full_when_so_many_are_connected() -> None:
    crowd = Crowd(most=2)
    crowd.enter()
    assert not crowd.is_full
    crowd.enter()
    assert crowd.is_full
    crowd.leave()
    assert not crowd.is_full


def test_who_was_given_a_page_counts_until_they_are_connected_or_stay_away() -> None:
    watch = Watch()
    crowd = Crowd(most=2, clock=watch)
    crowd.expect()
    crowd.expect()
    assert crowd.is_full
    crowd.enter()
    assert crowd.is_full, "one is connected, one on the way"
    watch.seconds += 6
    assert not crowd.is_full, "the other never came"


def test_without_a_limit_it_is_never_full_and_remembers_nobody() -> None:
    crowd = Crowd(most=0)
    for _ in range(1000):
        crowd.expect()
        crowd.enter()
    assert not crowd.is_full
    assert not crowd._on_their_way


@pytest.mark.parametrize(("kind", "during"), [("websocket", 1), ("http", 0)])
def test_open_websockets_are_counted_however_they_end(kind: str, during: int) -> None:
    crowd = Crowd(most=2)
    seen = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(crowd.connected)
        raise ConnectionError

    async def never() -> dict:
        raise AssertionError

    async def nothing(_message: object) -> None:
        raise AssertionError

    with pytest.raises(ConnectionError):
        asyncio.run(CountCrowd(app, crowd, limited=True)({"type": kind}, never, nothing))
    assert (seen, crowd.connected) == ([during], 0)


@pytest.mark.parametrize(("most", "limited", "taken"), [(30, True, 60), (2, True, 50), (0, True, 70), (30, False, 70)])
def test_one_household_opens_so_many_pages_and_takes_the_others_none(most: int, limited: bool, taken: int) -> None:
    """As a script does that opens one after the other: 300 kB each, for as long as it likes."""
    told: list[str] = []

    async def stays_open() -> None:
        ends = asyncio.Event()

        async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            await ends.wait()

        async def send(message: Message) -> None:
            told.append(message["type"])

        async def comes(host: str) -> None:
            await CountCrowd(app, crowd, limited=limited)({"type": "websocket", "client": (host, 1)}, never, send)

        crowd = Crowd(most=most)
        opened = [asyncio.create_task(comes(f"2001:db8:5:7::{number:x}")) for number in range(70)]
        await asyncio.sleep(0)
        assert (told.count("websocket.accept"), told.count("websocket.close")) == (taken, 70 - taken)
        assert crowd.connected == taken
        told.clear()
        others = asyncio.create_task(comes("2001:db8:5:8::1"))
        await asyncio.sleep(0)
        assert told == ["websocket.accept"]
        ends.set()
        await asyncio.gather(*opened, others)
        assert crowd.connected == 0
        told.clear()
        await comes("2001:db8:5:7::1")
        assert told == ["websocket.accept"]

    asyncio.run(stays_open())


async def never() -> dict[str, object]:
    raise AssertionError
