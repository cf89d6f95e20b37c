"""Outages of the database: what a job is in the middle of waits until the database is back, and is done then.

DBOS does likewise with what it writes itself. Without, a restart of the database would end each job that was at work.
"""

import random
from collections.abc import Callable
from itertools import count
from threading import Event
from typing import TypeVar

import structlog

from core.foundation import database

log = structlog.get_logger()

Done = TypeVar("Done")

# Seconds between two tries at most.
_LONGEST = 10.0


class WorkerEnds(BaseException):
    """The worker ends while the database is away. No error of the job's, which DBOS would keep as its outcome: another worker
    takes it up again."""


def waited_out(unit: Callable[[], Done], *, ending: Event) -> Done:
    """What this returns once the database lets it: it is done again from its beginning for as long as that is away, or gives it up
    for others. Only for what may be done twice, as after a crash. Raises WorkerEnds where `ending` is set before."""
    for tried in count():
        try:
            return unit()
        except Exception as error:
            if not database.passes(error):
                raise
            log.warning("database_away", said=database.why(error), tried=tried + 1)
        # Spread, so that what failed together does not come back together.
        if ending.wait(min(2.0**tried, _LONGEST) * random.uniform(0.5, 1)):
            raise WorkerEnds
    raise AssertionError("never reached")
