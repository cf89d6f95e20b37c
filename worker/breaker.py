"""A circuit breaker: while the mail server is down, one letter at a time tries it, ever less often, and the others do not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic

_FIRST_HOLD = 1.0
_LONGEST_HOLD = 60.0


class Breaker:
    """What this process knows of the mail server. For several threads at once."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._hold = 0.0
        self._until = 0.0
        self._trying = False

    @contextmanager
    def attempt(self) -> Iterator[bool]:
        """Whether the mail server may be tried now. The one that tries a server which was down keeps others out meanwhile."""
        with self._lock:
            probe = self._hold > 0
            allowed = not probe or (not self._trying and self._clock() >= self._until)
            self._trying |= probe and allowed
        try:
            yield allowed
        finally:
            if probe and allowed:
                self._trying = False

    def failed(self) -> None:
        """The mail server is down. Those that found it so at the same time count once."""
        with self._lock:
            now = self._clock()
            if now >= self._until:
                self._hold = min(self._hold * 2, _LONGEST_HOLD) or _FIRST_HOLD
                self._until = now + self._hold

    def worked(self) -> None:
        """The mail server answered."""
        with self._lock:
            self._hold = self._until = 0.0

    def wait(self) -> float:
        """Seconds until it is worth coming again."""
        with self._lock:
            return max(self._until - self._clock(), _FIRST_HOLD)
