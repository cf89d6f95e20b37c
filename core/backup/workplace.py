"""Where a backup is put together, or taken apart: a folder that nobody else may look into and that goes when this is done with."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_PREFIX = ".pushcart-backup-"
_HELD = "held"


@contextmanager
def workplace(beside: Path | None = None) -> Iterator[Path]:
    """A folder in this one, or where temporary files are. What processes left there that were killed is removed first: it is as
    large as the shop, and has all of its customers in it."""
    import fcntl

    _tidy(beside or Path(gettempdir()))
    with TemporaryDirectory(dir=beside, prefix=_PREFIX) as made, Path(made, _HELD).open("w") as held:
        with suppress(OSError):  # not every disk of another machine knows locks: nobody removes anything there
            fcntl.flock(held, fcntl.LOCK_EX)
        yield Path(made)


def _tidy(folder: Path) -> None:
    with suppress(OSError):
        for left in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError):  # somebody holds it, or it is another user's
                _remove(left)


def _remove(left: Path) -> None:
    import fcntl

    if left.is_symlink() or left.stat().st_uid != os.getuid():
        return
    with Path(left, _HELD).open("r+") as held:
        # The lock of a process that was killed is let go of by the system.
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(left)
