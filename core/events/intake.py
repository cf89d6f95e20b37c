"""Intake: where a process's events wait to be taken. Whatever waits is taken at once, in one transaction.

There is no timer: an event that comes alone waits for nothing, and while one batch is committed the next one gathers.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Condition, Thread

from core.events import inbox
from core.events.handlers import Outcome
from core.events.inbox import Told
from core.shop import Shop

# A batch takes some milliseconds: with many more in it the first would wait for the last.
_MOST_AT_ONCE = 64

# How long the thread stays when nothing comes, in seconds.
_IDLE = 10

_Waiting = tuple[Told, "Future[Outcome]"]


class Intake:
    """Takes events in a thread of its own. Several processes may each have one, on one database.

    It is made before there is a shop, which is opened when the process starts.
    """

    def __init__(self, shop: Callable[[], Shop]) -> None:
        self._shop = shop
        self._waiting: deque[_Waiting] = deque()
        self._changed = Condition()
        self._taking = False

    def put(self, told: Told) -> "Future[Outcome]":
        """Have an event taken; the answer is there when its transaction is committed, or is the error that it failed by."""
        answer: Future[Outcome] = Future()
        with self._changed:
            self._waiting.append((told, answer))
            if not self._taking:
                self._taking = True
                Thread(target=self._take, name="intake", daemon=True).start()
            self._changed.notify()
        return answer

    def _take(self) -> None:
        while batch := self._next():
            # Who asked may have gone away meanwhile: the event is taken all the same.
            answers = [answer if answer.set_running_or_notify_cancel() else None for _, answer in batch]
            try:
                found = inbox.take_all(self._shop(), [told for told, _ in batch])
            except Exception as error:
                found = [error] * len(batch)
            for answer, outcome in zip(answers, found, strict=True):
                if answer is not None and isinstance(outcome, Exception):
                    answer.set_exception(outcome)
                elif answer is not None and isinstance(outcome, Outcome):
                    answer.set_result(outcome)

    def _next(self) -> list[_Waiting]:
        with self._changed:
            if not self._waiting:
                self._changed.wait(_IDLE)
            self._taking = bool(self._waiting)  # if nothing came, the next put starts another thread
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]
