"""While the database is away: each page is a short one that says so, is no success to a monitor, and comes back by itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from html import escape

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from core.foundation import database
from core.foundation.settings import Settings
from core.shop import Shop

log = structlog.get_logger()

Endpoint = Callable[[Request], Awaitable[Response]]
# So many seconds it is believed to be as it was found, and after so many a browser asks again.
_FRESH, _AGAIN = 1.0, 5


class WhileAway:
    """Looks for the database once a second at most, however many pages are opened."""

    def __init__(self, shop: Shop, clock: Callable[[], float] = time.monotonic) -> None:
        self._shop = shop
        self._clock = clock
        self._until = 0.0
        self._there = True
        self._looking = asyncio.Lock()

    def unless_away(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint of a page, or 503 in its place."""

        async def answer(request: Request) -> Response:
            if not await self._is_there():
                return _page(self._shop.settings)
            try:
                return await endpoint(request)
            except database.TROUBLE as error:
                if not database.is_away(error):
                    raise
                log.warning("database_away", path=request.url.path)
                return _page(self._shop.settings)

        return answer

    async def _is_there(self) -> bool:
        async with self._looking:
            if self._clock() >= self._until:
                self._there = await run_in_threadpool(database.answers, self._shop.engine)
                self._until = self._clock() + _FRESH
            return self._there


def _page(settings: Settings) -> HTMLResponse:
    name, mail = escape(settings.shop_name), escape(settings.support_email)
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Back in a moment</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{_AGAIN}"><meta name="robots" content="noindex">'
        "<style>:root { color-scheme: light dark; } body { margin: 15vh auto; max-width: 36rem; padding: 0 1.5rem; "
        "font: 1.125rem/1.6 system-ui, sans-serif; }</style></head><body>"
        f"<p>{name}</p><h1>Back in a moment</h1><p>We can't get at our records right now. Nothing is lost, and what you "
        "paid for stays yours. This page tries again by itself.</p>"
        f'<p>Is it urgent? <a href="mailto:{mail}">{mail}</a></p></body></html>'
    )
    return HTMLResponse(html, 503, headers={"Cache-Control": "no-store", "Retry-After": str(_AGAIN)})
