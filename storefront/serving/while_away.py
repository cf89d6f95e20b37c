"""While the database is away: each page is a short one that says so, is no success to a monitor, and comes back by itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from core.foundation import database
from core.shop import Shop

log = structlog.get_logger()

Endpoint = Callable[[Request], Awaitable[Response]]
# So many seconds it is believed to be as it was found.
_FRESH = 1.0


class WhileAway:
    """Looks for the database once a second at most, however many pages are opened."""

    def __init__(self, shop: Shop, clock: Callable[[], float] = time.monotonic) -> None:
        self._shop = shop
        self._clock = clock
        self._until = 0.0
        self._there = True
        self._looking = asyncio.Lock()

    def unless_away(self, endpoint: Endpoint, instead: Callable[[Request], Response]) -> Endpoint:
        """The endpoint of a page, or another in its place."""

        async def answer(request: Request) -> Response:
            if not await self._is_there():
                return instead(request)
            try:
                return await endpoint(request)
            except database.TROUBLE as error:
                if not database.is_away(error):
                    raise
                log.warning("database_away", path=request.url.path)
                return instead(request)

        return answer

    async def _is_there(self) -> bool:
        async with self._looking:
            if self._clock() >= self._until:
                self._there = await run_in_threadpool(database.answers, self._shop.engine)
                self._until = self._clock() + _FRESH
            return self._there
