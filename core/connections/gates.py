"""Gates: many who wait for what somebody has locked take a few of a process's connections, and leave the others to all else."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore
from zlib import crc32

from sqlalchemy.exc import TimeoutError as PoolTimeout

# So many gates there are, each for a part of all names, and so many go through one at once.
_GATES, _AT_ONCE = 64, 6
# How long one waits to go through, in seconds: as long as for somebody's lock.
_WAITS = 10


class Gates:
    """The gates of a process before one unit of work, for which the database may have something locked."""

    def __init__(self) -> None:
        self._gates = [BoundedSemaphore(_AT_ONCE) for _ in range(_GATES)]

    @contextmanager
    def through(self, *names: str) -> Iterator[None]:
        """Go through the gates of these names. Raises SQLAlchemy's TimeoutError, as where no connection is to be had."""
        with ExitStack() as passed:
            # In one order for everybody, or two would wait for each other.
            for place in sorted({crc32(name.encode()) % _GATES for name in names}):
                if not self._gates[place].acquire(timeout=_WAITS):
                    raise PoolTimeout("too many wait for the same")
                passed.callback(self._gates[place].release)
            yield
