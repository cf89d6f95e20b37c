"""Intake: where a process's events wait to be taken. Whatever waits is taken at once, in one transaction.

There is no timer: an event that comes alone waits for nothing, and while one batch is committed the next one gathers. Where
several came together just now, the first is not taken before the others, as long as the loop finds more of them: one that is taken
by itself costs as much as five that are taken along, and keeps them waiting.
"""

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from threading import BoundedSemaphore, Condition, Thread
from typing import NamedTuple

from core.events import inbox
from core.events.handlers import Outcome
from core.events.inbox import Told
from core.foundation.database import is_held
from core.shop import Shop

# A batch takes some milliseconds: with many more in it the first would wait for the last.
_MOST_AT_ONCE = 64

# So many are gathered before they are taken, at most, and as long as the loop did not turn so often without another one: that is a
# tenth of a millisecond.
_TOGETHER, _TURNS = 8, 16

# How long the thread stays when nothing comes, in seconds.
_IDLE = 10

# So many events whose order somebody else holds are waited for apart from the others, at most; Stripe sends the others again.
_ASIDE = 4


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
        # Whether the thread waits to be told that it may take what waits, and the loop that gathers it.
        self._idle, self._told = False, False
        self._gathers: AbstractEventLoop | None = None
        self._sizes = (1, 1)
        self._aside = BoundedSemaphore(_ASIDE)

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
            if self._idle and not self._told and (self._gathers is None or not self._gathers.is_running()):
                self._gather(loop)
        return await answer

    def _take(self) -> None:
        while batch := self._next():
            found = _taken(self._shop, batch, waits=False)
            _hand_back([each for each in zip(batch, found, strict=True) if not self._waits(*each)])

    def _waits(self, each: _Waiting, outcome: Outcome | Exception) -> bool:
        """Whether an event is waited for in a thread of its own, since somebody else has locked its order: it would keep all others
        waiting."""
        held = isinstance(outcome, Exception) and is_held(outcome) and self._aside.acquire(blocking=False)
        if held:
            Thread(target=self._wait, args=[each], name="intake-aside", daemon=True).start()
        return held

    def _wait(self, each: _Waiting) -> None:
        try:
            _hand_back(zip([each], _taken(self._shop, [each], waits=True), strict=True))
        finally:
            self._aside.release()

    def _next(self) -> list[_Waiting]:
        with self._changed:
            self._idle = True
            if self._waiting:
                self._gather(self._waiting[0].loop)
            while not self._told and self._changed.wait(_IDLE):
                pass  # it was for another thread, or for nothing
            self._idle, self._told = False, False
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]
            self._taking = bool(batch)  # if nothing came, the next one starts another thread
            self._sizes = (self._sizes[1], len(batch))
            return batch

    def _gather(self, loop: AbstractEventLoop) -> None:
        """Have what waits taken, once as much has come together as did just now or nothing comes any more. It is locked."""
        if len(self._waiting) < self._expected():
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._look, loop, len(self._waiting), _TURNS)
                self._gathers = loop
                return
        self._tell()

    def _look(self, loop: AbstractEventLoop, known: int, turns: int) -> None:
        """Look how many wait by now, where so many did; without another one, so many times more."""
        waiting = len(self._waiting)
        if waiting < self._expected() and (waiting > known or turns):
            loop.call_soon(self._look, loop, waiting, _TURNS if waiting > known else turns - 1)
            return
        with self._changed:
            self._tell()

    def _expected(self) -> int:
        return min(_TOGETHER, max(self._sizes))

    def _tell(self) -> None:
        self._gathers = None
        if self._idle:  # else it looks for itself when it has taken what it is at
            self._told = True
            self._changed.notify()


def _taken(shop: Callable[[], Shop], batch: Sequence[_Waiting], *, waits: bool) -> Sequence[Outcome | Exception]:
    try:
        return inbox.take_all(shop(), [each.told for each in batch], waits=waits)
    except Exception as error:
        return [error] * len(batch)


def _hand_back(found: Iterable[tuple[_Waiting, Outcome | Exception]]) -> None:
    """Wake each loop once, with all of its answers: each time that one is woken it takes the interpreter from this thread."""
    answers: dict[AbstractEventLoop, list[tuple[Future[Outcome], Outcome | Exception]]] = {}
    for each, outcome in found:
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
