"""The crowd: how many browsers this process has a page open for, and whether it can carry one more."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

from core.traffic.senders import household_of

# So many seconds a browser may take from a page's first HTML until it is connected; else it is gone, or was none.
_ON_ITS_WAY = 5.0
# What a websocket is told that is not taken now (RFC 6455).
_TRY_LATER = 1013
# Of one household so many times as many pages are open as newcomers get whole, and so many in any case: a school, an office, or all
# who come through a proxy that nobody named. Who opens them by a script would have the process keep ten thousand.
_HOUSEHOLD_SHARE, _HOUSEHOLD_LEAST = 2, 50


@dataclass
class Crowd:
    """`most` open pages, 0 for any number. All of it happens in the server's event loop, so nothing is locked."""

    most: int
    clock: Callable[[], float] = time.monotonic
    connected: int = 0
    _on_their_way: deque[float] = field(default_factory=deque)
    _of_household: Counter[str] = field(default_factory=Counter)

    @property
    def is_full(self) -> bool:
        """Whether a newcomer is better served with plain HTML."""
        while self._on_their_way and self._on_their_way[0] < self.clock() - _ON_ITS_WAY:
            self._on_their_way.popleft()
        return 0 < self.most <= self.connected + len(self._on_their_way)

    def expect(self) -> None:
        """Somebody was given a page's first HTML, and will be connected in a moment: a thousand may come in one second."""
        if self.most:
            self._on_their_way.append(self.clock())

    def has_too_many(self, household: str) -> bool:
        """Whether so many browsers of this household are connected that no other one is to be."""
        most = max(_HOUSEHOLD_SHARE * self.most, _HOUSEHOLD_LEAST)
        return self.most > 0 and most <= self._of_household[household]

    def enter(self, household: str = "") -> None:
        """A browser is connected."""
        self.connected += 1
        self._of_household[household] += 1
        if self._on_their_way:
            self._on_their_way.popleft()

    def leave(self, household: str = "") -> None:
        """It is gone."""
        self.connected -= 1
        self._of_household[household] -= 1
        if self._of_household[household] <= 0:
            del self._of_household[household]


class CountCrowd:
    """ASGI middleware: each open page of a browser is one open websocket. Where it is `limited`, those of one household are."""

    def __init__(self, app: ASGIApp, crowd: Crowd, *, limited: bool) -> None:
        self._app = app
        self._crowd = crowd
        self._limited = limited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        household = household_of((scope.get("client") or ("", 0))[0])
        if self._limited and self._crowd.has_too_many(household):
            await send({"type": "websocket.close", "code": _TRY_LATER})
            return
        self._crowd.enter(household)
        try:
            await self._app(scope, receive, send)
        finally:
            self._crowd.leave(household)
