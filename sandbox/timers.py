"""What happens by itself later: sessions expire, money is captured, bank debits settle. Kept in the store, so a
restart only delays it."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.account import Account

log = logging.getLogger("sandbox")
KIND = "timer"
# The clock may be moved ahead and timers may be added at any moment, so look often; looking costs next to nothing.
LOOK_SECONDS = 0.05


class Timers:
    """Named actions on an object, each due at a moment of the sandbox's clock."""

    def __init__(self, account: Account, actions: Mapping[str, Callable[[Account, str], None]]) -> None:
        self._account = account
        self._actions = actions
        self._queue = [(timer["at"], timer["id"]) for timer in account.store.all(KIND)]
        heapq.heapify(self._queue)

    def add(self, action: str, subject: str, *, at: float) -> None:
        """Do it at that moment, or as soon afterwards as the sandbox runs."""
        self.cancel(action, subject)
        timer = {"object": KIND, "id": f"{action}:{subject}", "action": action, "subject": subject, "at": at}
        self._account.store.save(timer)
        heapq.heappush(self._queue, (at, timer["id"]))

    def cancel(self, action: str, subject: str) -> None:
        """Do not do it after all."""
        self._account.store.delete(KIND, f"{action}:{subject}")

    def bring_forward(self, action: str, subject: str) -> bool:
        """Do it at once. False when it was not waiting."""
        timer = self._account.store.get(KIND, f"{action}:{subject}")
        if timer:
            self._run(timer)
        return timer is not None

    def waiting(self, action: str) -> set[str]:
        """The subjects for which it is still to come."""
        return {timer["subject"] for timer in self._account.store.all(KIND) if timer["action"] == action}

    def run_due(self) -> None:
        """Do all that is due, in order of time."""
        while self._queue and self._queue[0][0] <= self._account.clock.exact():
            _, id = heapq.heappop(self._queue)
            # A timer that was cancelled or set anew is no longer this one; only the queue still has it.
            timer = self._account.store.get(KIND, id)
            if timer and timer["at"] <= self._account.clock.exact():
                self._run(timer)

    def _run(self, timer: dict[str, Any]) -> None:
        # Forgotten first: an action that fails must not fail again for ever.
        self._account.store.delete(KIND, timer["id"])
        try:
            self._actions[timer["action"]](self._account, timer["subject"])
        except Exception:
            log.exception("%s of %s failed", timer["action"], timer["subject"])
        self._account.commit()


async def watch(timers: Timers) -> None:
    """Run what falls due until cancelled."""
    while True:
        timers.run_due()
        await asyncio.sleep(LOOK_SECONDS)
