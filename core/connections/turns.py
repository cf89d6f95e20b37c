"""Turns: who writes into a SQLite file next, of all threads and processes of this machine.

SQLite itself has those who wait look again and again, more rarely the longer they have waited: whoever comes late is served
first, and somebody who has much to write lets nobody in between.
"""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from time import monotonic, sleep

# How long one waits for others, in seconds, and how often one looks whether they are done.
_WAITS, _LOOKS = 30, 0.0003


class Turns:
    """Turns at one file. Whoever has waited for `patience` seconds goes on without: then SQLite has the last word.

    A process that was stopped in its turn, which need not have begun to write, is waited for once: until it has gone on nobody
    waits for it again.
    """

    def __init__(self, path: Path, *, patience: float = _WAITS) -> None:
        self._path, self._patience = path, patience
        self._threads = Lock()
        self._files: list[int] = []
        self._waited_in_vain = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """One's turn: it ends on leaving."""
        until = monotonic() + self._patience
        among_threads = self._threads.acquire(timeout=self._patience)
        try:
            with self._among_processes(until) if among_threads else nullcontext():
                yield
        finally:
            if among_threads:
                self._threads.release()

    @contextmanager
    def _among_processes(self, until: float) -> Iterator[None]:
        """Of two who wait only one may be the next, and who has just been it waits behind them."""
        following, turn = self._opened()
        until = monotonic() if self._waited_in_vain else until
        is_next = _locked(following, until)
        has_it = _locked(turn, until)
        self._waited_in_vain = not has_it
        if is_next:
            _unlock(following)
        try:
            yield
        finally:
            if has_it:
                _unlock(turn)

    def _opened(self) -> list[int]:
        """What is locked: files beside the one that is written, as SQLite's own are, opened by the process that needs them."""
        for name in ("next", "turn")[len(self._files) :]:
            # To read alone is enough, so that whoever comes first may be another user.
            self._files.append(os.open(f"{self._path}-{name}", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
            weakref.finalize(self, os.close, self._files[-1])
        return self._files


def _locked(file: int, until: float) -> bool:
    """Whether nobody else has it locked any more by then."""
    import fcntl  # there is none on Windows

    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > until:
                return False
            sleep(_LOOKS)
        else:
            return True


def _unlock(file: int) -> None:
    import fcntl

    fcntl.flock(file, fcntl.LOCK_UN)
