"""Gates: many who wait for what somebody has locked take a few of a process's connections, and leave the others to all else."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore, Lock

from sqlalchemy.exc import TimeoutError as PoolTimeout

# So many go through one gate at once.
AT_ONCE = 6
# How long one waits to go through, in seconds: as long as for somebody's lock.
_WAITS = 10


class _Gate:
    """The gate of one name, and how many are at it: within, or before it."""

    def __init__(self) -> None:
        self.within = BoundedSemaphore(AT_ONCE)
        self.at = 0


class Gates:
    """The gates of a process before one unit of work, for which the database may have something locked.

    Each name has its own for as long as somebody is at it: who waits never waits for another name.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._gates: dict[str, _Gate] = {}

    def at(self, name: str) -> int:
        """How many are at the gate of this name."""
        with self._lock:
            return self._gates[name].at if name in self._gates else 0

    @contextmanager
    def through(self, *names: str) -> Iterator[None]:
        """Go through the gates of these names. Raises SQLAlchemy's TimeoutError, as where no connection is to be had."""
        with ExitStack() as passed:
            # In one order for everybody, or two would wait for each other.
            for name in sorted(set(names)):
                gate = passed.enter_context(self._at(name))
                if not gate.within.acquire(timeout=_WAITS):
                    raise PoolTimeout("too many wait for the same")
                passed.callback(gate.within.release)
            yield

    @contextmanager
    def _at(self, name: str) -> Iterator[_Gate]:
        """The gate of this name, which is there until the last one leaves it."""
        with self._lock:
            gate = self._gates.setdefault(name, _Gate())
            gate.at += 1
        try:
            yield gate
        finally:
            with self._lock:
                gate.at -= 1
                if not gate.at:
                    del self._gates[name]
