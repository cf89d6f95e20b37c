"""A journey in a process of its own that is killed at a chosen point: before the n-th statement or commit, or beside a
call to Stripe. The process is forked from the tests', so that it needs no start; Stripe lives on in the tests' process.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import Engine, event

from core.shop import Shop
from tests.databases import connected
from tests.fakes import FakeStripe

Journey = Callable[[Shop], object]


@dataclass(frozen=True)
class End:
    """How it ended: killed at the point (described by `where`), or `finished` before it came to it."""

    finished: bool
    where: str


def live_until(point: int | str, shop: Shop, stripe: FakeStripe, journey: Journey) -> End:
    """Run `journey` in a child process that is killed at a point: the n-th, counted from 1, or the first that is named so."""
    ours, theirs = Pipe()
    shop.engine.dispose()  # a connection to PostgreSQL must not be shared with the child
    child = os.fork()
    if child == 0:
        try:
            ours.close()
            _live(_Fate(point, theirs), shop, theirs, journey)
        finally:
            os._exit(1)
    theirs.close()
    where = _serve(ours, stripe)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return End(finished=False, where=where)
    assert os.WEXITSTATUS(status) == 0, f"the journey failed: {where}"
    return End(finished=True, where=where)


# Statements that change nothing.
_READS = ("select", "savepoint", "release savepoint")


class _Fate:
    """Counts the points that the process comes by, and kills it at the chosen one.

    What is left is the same wherever it dies between two commits, unless it has done something else meanwhile, like sending a
    letter: so of the statements that only read, those count that are the first since a commit.
    """

    def __init__(self, point: int | str, wire: Connection) -> None:
        self._point = point
        self._met = 0
        self._has_committed = True
        self._wire = wire

    def meet(self, where: str) -> None:
        said = where.casefold()
        self._met += self._has_committed or not said.lstrip().startswith(_READS)
        self._has_committed = said == "commit"
        if self._point == self._met or (isinstance(self._point, str) and self._point in said):
            self._wire.send(("died", where[:100]))
            os.kill(os.getpid(), signal.SIGKILL)


class _FarStripe:
    """The tests' Stripe, asked through the wire."""

    def __init__(self, wire: Connection, fate: _Fate) -> None:
        self._wire = wire
        self._fate = fate

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*args: Any, **named: Any) -> Any:
            self._fate.meet(f"before Stripe's {name}")
            self._wire.send((name, args, named))
            answer = self._wire.recv()
            self._fate.meet(f"after Stripe's {name}")
            return answer

        return ask


def _live(fate: _Fate, shop: Shop, wire: Connection, journey: Journey) -> None:
    engine = connected(shop.settings.database_url)
    # All engines of this process: the shop's, and the one that DBOS migrates with.
    event.listen(Engine, "before_cursor_execute", lambda *args: fate.meet(args[2]))
    event.listen(Engine, "commit", lambda _connection: fate.meet("commit"))
    try:
        journey(replace(shop, engine=engine, stripe=_FarStripe(wire, fate)))
    except BaseException as error:
        wire.send(("died", repr(error)))
        os._exit(2)
    fate.meet("after the last commit")
    os._exit(0)


def _serve(wire: Connection, stripe: FakeStripe) -> str:
    """Answer for Stripe until the child's end of the wire is gone; return where it died, if it could tell."""
    where = ""
    while True:
        try:
            request = wire.recv()
        except (EOFError, ConnectionResetError):
            wire.close()
            return where
        if request[0] == "died":
            where = request[1]
            continue
        name, args, named = request
        wire.send(getattr(stripe, name)(*args, **named))
