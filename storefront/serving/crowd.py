"""The crowd: how many browsers this process has a page open for, and whether it can carry one more."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Receive, Scope, Send

# So many seconds a browser may take from a page's first HTML until it is connected; else it is gone, or was none.
_ON_ITS_WAY = 5.0


@dataclass
class Crowd:
    """`most` open pages, 0 for any number. All of it happens in the server's event loop, so nothing is locked."""

    most: int
    clock: Callable[[], float] = time.monotonic
    connected: int = 0
    _on_their_way: deque[float] = field(default_factory=deque)

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

    def enter(self) -> None:
        """A browser is connected."""
        self.connected += 1
        if self._on_their_way:
            self._on_their_way.popleft()

    def leave(self) -> None:
        """It is gone."""
        self.connected -= 1


class CountCrowd:
    """ASGI middleware: each open page of a browser is one open websocket."""

    def __init__(self, app: ASGIApp, crowd: Crowd) -> None:
        self._app = app
        self._crowd = crowd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        self._crowd.enter()
        try:
            await self._app(scope, receive, send)
        finally:
            self._crowd.leave()
