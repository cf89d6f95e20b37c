"""What lets pages follow along: a number that grows whenever something has changed, and a way to wait for it."""

from __future__ import annotations

import asyncio
import time

from fastapi import Request, Response
from fastapi.responses import JSONResponse

# A page asks anew when nothing has happened for so long, so that no request stays open for ever.
LONGEST_SECONDS = 20.0
# What comes together is told together.
GATHER_SECONDS = 0.05
MOST_DIGITS = 20


class Changes:
    """The number. Everything that may be seen on a page calls `note` once it has changed."""

    def __init__(self) -> None:
        # After a restart the number is another one than any page remembers.
        self.number = time.time_ns() // 1_000_000
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    def note(self) -> None:
        """Something has changed."""
        self.number += 1
        self._wake()

    def close(self) -> None:
        """Whoever waits is let go, and nobody waits from now on: the server stops."""
        self._closed = True
        self._wake()

    async def newer(self, than: int, seconds: float = LONGEST_SECONDS) -> int:
        """The number, as soon as it is not the one known; or after so many seconds, whatever it is."""
        if self.number == than and not self._closed:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.add(waiting)
            try:
                await asyncio.wait_for(waiting, seconds)
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass
            finally:
                self._waiting.discard(waiting)
        return self.number

    async def answer(self, request: Request) -> Response:
        """GET /panel/changes?since=: answers when the number is another one."""
        since = request.query_params.get("since", "")
        # What cannot be one of our numbers is not one: the page learns the number as it is.
        known = int(since) if since.isdecimal() and len(since) < MOST_DIGITS else -1
        number = await self.newer(known)
        return JSONResponse({"number": number}, headers={"Cache-Control": "no-store"})

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
