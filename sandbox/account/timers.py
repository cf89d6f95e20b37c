"""What happens by itself later: sessions expire, money is captured, plans renew. Kept in the store, so a restart only
delays it. Each test clock has timers of its own, which run when it is advanced."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.account.account import Account

log = logging.getLogger("sandbox")
KIND = "timer"
# The clock may be moved ahead and timers may be added at any moment, so look often; looking costs next to nothing.
LOOK_SECONDS = 0.05
# So many at a time; others want to be answered in between.
AT_ONCE = 200

Queue = list[tuple[float, int, str]]


class Timers:
    """Named actions on an object, each due at a moment of the sandbox's clock or of a test clock."""

    def __init__(self, account: Account, actions: Mapping[str, Callable[[Account, str], None]]) -> None:
        self._account = account
        self._actions = actions
        self._queues: dict[str | None, Queue] = {}
        self._added = 0
        for timer in reversed(list(account.store.all(KIND))):
            self._push(timer)

    def _push(self, timer: dict[str, Any]) -> None:
        # The number keeps apart what is due at the same moment, in the order in which it was set.
        self._added += 1
        heapq.heappush(self._queues.setdefault(timer.get("clock"), []), (timer["at"], self._added, timer["id"]))

    def add(self, action: str, subject: str, *, at: float, clock: str | None = None) -> None:
        """Do it at that moment, or as soon afterwards as the sandbox runs."""
        self.cancel(action, subject)
        timer = {
            "object": KIND, "id": f"{action}:{subject}", "action": action, "subject": subject, "at": at, "clock": clock,
        }  # fmt: skip
        self._push(self._account.store.save(timer))

    def cancel(self, action: str, subject: str) -> None:
        """Do not do it after all."""
        self._account.store.delete(KIND, f"{action}:{subject}")

    def bring_forward(self, action: str, subject: str) -> bool:
        """Do it at once. False when it was not waiting."""
        timer = self._account.store.get(KIND, f"{action}:{subject}")
        if timer:
            self._run(timer)
        return timer is not None

    def due(self, action: str, subject: str) -> float | None:
        """When it will be done; None when it is not waiting."""
        timer = self._account.store.get(KIND, f"{action}:{subject}")
        return timer["at"] if timer else None

    def run_due(self, most: int | None = None) -> int:
        """Do what is due by the sandbox's clock, in order of time, each at its own moment. Returns how many."""
        return self.run_until(self._account.clock.moved(), most=most)

    def run_until(self, moment: float, *, clock: str | None = None, most: int | None = None) -> int:
        """The same by any clock, up to a moment of it."""
        queue, done = self._queues.setdefault(clock, []), 0
        while queue and queue[0][0] <= moment and done != most:
            at, _, id = heapq.heappop(queue)
            # A timer that was cancelled or set anew is no longer this one; only the queue still has it.
            timer = self._account.store.get(KIND, id)
            if timer and timer["at"] == at and timer.get("clock") == clock:
                with self._account.clock.standing_at(at, clock):
                    self._run(timer)
                done += 1
        if done:
            self._account.commit()
        return done

    def _run(self, timer: dict[str, Any]) -> None:
        # Forgotten first: an action that fails must not fail again for ever.
        self._account.store.delete(KIND, timer["id"])
        try:
            self._actions[timer["action"]](self._account, timer["subject"])
        except Exception:
            log.exception("%s of %s failed", timer["action"], timer["subject"])


async def watch(timers: Timers) -> None:
    """Run what falls due until cancelled."""
    while True:
        more = timers.run_due(AT_ONCE) == AT_ONCE
        await asyncio.sleep(0 if more else LOOK_SECONDS)
