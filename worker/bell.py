"""The bell: rings for a queue in which a job waits. One look asks about all queues, where DBOS would ask about each."""

from collections.abc import Callable
from threading import Event, Thread
from time import time
from typing import Any

from core.foundation.jobs import standing

# Seconds between two looks: so long somebody who waits for a letter waits for nothing, at most.
_LOOKS = 0.5


class Bell:
    """Looks into the database by a connection of its own, for as long as it is not `end`ed. While it cannot, nothing rings."""

    def __init__(self, system: Any, ring: Callable[[str], None]) -> None:
        """`system` is DBOS's way to the database; `ring` is told the name of each queue in which a job waits."""
        self._system, self._ring = system, ring
        self._at_hand: standing.AtHand | None = None
        self._version: int | None = None
        self._ending = Event()
        self._thread = Thread(target=self._watch, name="bell", daemon=True)
        self._thread.start()

    def may_be_due(self) -> bool:
        """Whether the time has come for a job that was put off, as far as is known."""
        known = self._at_hand
        return known is None or (known.due is not None and known.due <= time() * 1000)

    def end(self) -> None:
        """Ring no more."""
        self._ending.set()
        self._thread.join(timeout=5)

    def _watch(self) -> None:
        while not self._ending.wait(_LOOKS):
            try:
                with self._system.engine.connect() as connection:
                    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
                    while not self._ending.is_set():
                        self._look(connection)
                        self._ending.wait(_LOOKS)
            except Exception:  # the database may be restarting: the queues look for themselves meanwhile, and say so
                self._at_hand = None

    def _look(self, connection: Any) -> None:
        version = _version_of(connection)
        known = self._at_hand
        if known is None or known.queues or version is None or version != self._version:
            self._at_hand = known = standing.at_hand(connection, self._system.tables.workflow_status)
            self._version = version
        for queue in known.queues:
            self._ring(queue)


def _version_of(connection: Any) -> int | None:
    """A number that is another one when something was written by somebody else, which SQLite tells for next to nothing; None where
    that cannot be known."""
    if connection.dialect.name != "sqlite":
        return None
    return int(connection.exec_driver_sql("pragma data_version").scalar_one())
