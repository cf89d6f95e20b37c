"""The crowd: who is connected or about to be, and from when on newcomers get plain HTML."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

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
        asyncio.run(CountCrowd(app, crowd)({"type": kind}, never, nothing))
    assert (seen, crowd.connected) == ([during], 0)
