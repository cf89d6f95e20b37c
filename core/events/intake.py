"""Intake: where a process's events wait to be taken. Whatever waits is taken at once, in one transaction.

There is no timer: an event that comes alone waits for nothing, and while one batch is committed the next one gathers.
"""

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Condition, Thread
from typing import NamedTuple

from core.events import inbox
from core.events.handlers import Outcome
from core.events.inbox import Told
from core.shop import Shop

# A batch takes some milliseconds: with many more in it the first would wait for the last.
_MOST_AT_ONCE = 64

# How long the thread stays when nothing comes, in seconds.
_IDLE = 10


class _Waiting(NamedTuple):
    """An event that waits, and where its answer is waited for."""

    told: Told
    loop: AbstractEventLoop
    answer: "Future[Outcome]"


class Intake:
    """Takes events in a thread of its own. Several processes may each have one, on one database.

    It is made before there is a shop, which is opened when the process starts.
    """

    def __init__(self, shop: Callable[[], Shop]) -> None:
        self._shop = shop
        self._waiting: deque[_Waiting] = deque()
        self._changed = Condition()
        self._taking = False

    async def take(self, told: Told) -> Outcome:
        """Have an event taken; return what became of it once its transaction is committed, or raise what it failed by.

        Who asked may go away meanwhile: the event is taken all the same.
        """
        loop = get_running_loop()
        answer: Future[Outcome] = loop.create_future()
        with self._changed:
            self._waiting.append(_Waiting(told, loop, answer))
            if not self._taking:
                self._taking = True
                Thread(target=self._take, name="intake", daemon=True).start()
            self._changed.notify()
        return await answer

    def _take(self) -> None:
        while batch := self._next():
            found: Sequence[Outcome | Exception]
            try:
                found = inbox.take_all(self._shop(), [each.told for each in batch])
            except Exception as error:
                found = [error] * len(batch)
            _hand_back(batch, found)

    def _next(self) -> list[_Waiting]:
        with self._changed:
            if not self._waiting:
                self._changed.wait(_IDLE)
            self._taking = bool(self._waiting)  # if nothing came, the next one starts another thread
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]


def _hand_back(batch: Sequence[_Waiting], found: Sequence[Outcome | Exception]) -> None:
    """Wake each loop once, with all of its answers: each time that one is woken it takes the interpreter from this thread."""
    answers: dict[AbstractEventLoop, list[tuple[Future[Outcome], Outcome | Exception]]] = {}
    for each, outcome in zip(batch, found, strict=True):
        answers.setdefault(each.loop, []).append((each.answer, outcome))
    for loop, of_loop in answers.items():
        with suppress(RuntimeError):  # it has ended, and nobody waits there any more
            loop.call_soon_threadsafe(_answer, of_loop)


def _answer(found: Sequence[tuple["Future[Outcome]", Outcome | Exception]]) -> None:
    for answer, outcome in found:
        if answer.done():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
