"""What can wait until its transaction ends, so that all of it is written at once."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from core.foundation.writes.flush import tell

_LATER = "pushcart_later"


def at_the_end(session: Session, write: Callable[[Session, list[Any]], object], *rows: Any) -> None:
    """Hand these to `write`, together with all that it is to be handed in this transaction, when that is about to commit."""
    session.info.setdefault(_LATER, {}).setdefault(write, []).extend(rows)


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    tell(session)  # what they refer to; and what only that leaves to be written
    # Again, as long as what is written leaves something to be written after it.
    while waiting := session.info.pop(_LATER, None):
        for write, rows in waiting.items():
            write(session, rows)
        tell(session)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_LATER, None)
