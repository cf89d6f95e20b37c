"""Long lists piece by piece: each begins where the one before ended, so that no list is ever held as a whole."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import Session

_AT_ONCE = 500


def in_turn(
    session: Session, query: Any, at: Any, name: Any, *, since: datetime, before: datetime
) -> Iterator[list[Any]]:
    """The rows of a statement from one moment to the other, oldest first, a few hundred at once.

    `at` and `name` are the columns of their moments and ids, and what the statement's rows end with.
    """
    last: tuple[datetime, str] | None = None
    while True:
        step = query.add_columns(at, name).where(at >= since, at < before)
        if last:
            step = step.where(at >= last[0], or_(at > last[0], and_(at == last[0], name > last[1])))
        rows = session.execute(step.order_by(at, name).limit(_AT_ONCE)).all()
        if rows:
            yield [row[0] for row in rows]
            last = (rows[-1][-2], rows[-1][-1])
        if len(rows) < _AT_ONCE:
            return
