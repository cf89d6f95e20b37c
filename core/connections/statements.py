"""Statements in the driver's own words, which SQLAlchemy would look at anew each time.

PostgreSQL is sent several of them at once, and answers all together: what it is told goes out with the next question, or before
the commit, so that nobody waits for what they do not want to know.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

_UNSENT, _CURSORS = "pushcart_unsent", "pushcart_cursors"
# So many cursors are kept of each connection.
_KEPT = 16
# What libpq says of a connection on which no transaction has begun.
_IDLE = 0

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What the database is asked, or told to do: then `changed` is told to how many rows it did."""

    words: str
    values: Values
    changed: Callable[[int], object] | None = None


def tell(connection: Connection, words: str, values: Values, *, changed: Callable[[int], object] | None = None) -> None:
    """Have the database do this, at the latest with what it is asked next: what is wrong with it is raised then. `changed` is
    told to how many rows it was done."""
    _announce(connection, words, values, many=False)
    statement = Question(words, values, changed)
    if connection.dialect.name == "postgresql":
        connection.info.setdefault(_UNSENT, []).append(statement)
    else:
        _run(connection, [statement])


def tell_each(
    connection: Connection, words: str, rows: Sequence[Values], *, changed: Callable[[int], object] | None = None
) -> None:
    """The same statement for each of these values. `changed` is told to how many rows it was done in all."""
    if connection.dialect.name == "postgresql" or len(rows) == 1:
        sums = _Sum(len(rows), changed) if changed and len(rows) > 1 else changed
        for values in rows:
            tell(connection, words, values, changed=sums)
        return
    _announce(connection, words, rows, many=True)
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(words, rows)
    except Exception as error:
        connection._handle_dbapi_exception(error, words, (), cursor, None)
    if changed:
        changed(cursor.rowcount)


def ask(connection: Connection, words: str, values: Values) -> list[Any]:
    """What the database answers to this, each row as a tuple."""
    [answer] = ask_all(connection, [Question(words, values)])
    return answer


def ask_all(connection: Connection, questions: Sequence[Question]) -> list[list[Any]]:
    """What it answers to each of these, one after the other."""
    for each in questions:
        _announce(connection, each.words, each.values, many=False)
    cursors = _run(connection, [*_taken(connection), *questions])
    return [list(cursor.fetchall()) for cursor in cursors[len(cursors) - len(questions) :]]


def send(connection: Connection) -> None:
    """Have done what was told until now: what is wrong with it is raised here."""
    if unsent := _taken(connection):
        _run(connection, unsent)


def send_in_time(engine: Engine) -> None:
    """See to it that whatever was told over this engine's connections is done before anything that comes after it."""

    @event.listens_for(engine, "before_cursor_execute")
    def asked(connection: Connection, _cursor: Any, _words: str, _values: Any, context: Any, _many: bool) -> None:
        if context is not None:  # it is none of our own
            send(connection)

    event.listen(engine, "commit", _send_at_last)
    # What was told after a savepoint is undone with it, and before it everything was sent.
    for undone in ("begin", "rollback"):
        event.listen(engine, undone, _forget)
    event.listen(engine, "rollback_savepoint", lambda connection, _name, _context: _forget(connection))


def _send_at_last(connection: Connection) -> None:
    try:
        send(connection)
    except BaseException:
        # SQLAlchemy takes whatever it was told to commit for over.
        if not connection.invalidated:
            connection.connection.rollback()
        raise


class _Sum:
    """Adds up what several statements changed, and tells it when all have said it."""

    def __init__(self, waiting: int, changed: Callable[[int], object]) -> None:
        self._waiting, self._changed, self._sum = waiting, changed, 0

    def __call__(self, count: int) -> None:
        self._waiting, self._sum = self._waiting - 1, self._sum + count
        if not self._waiting:
            self._changed(self._sum)


def _taken(connection: Connection) -> list[Question]:
    unsent: list[Question] = connection.info.pop(_UNSENT, [])
    return unsent


def _forget(connection: Connection) -> None:
    # With one that was lost, what it was told is gone; to ask for it would be refused.
    if not connection.invalidated:
        connection.info.pop(_UNSENT, None)


def _announce(connection: Connection, words: str, values: Any, *, many: bool) -> None:
    """Let whoever listens to SQLAlchemy's statements hear of ours."""
    if listeners := connection.dispatch.before_cursor_execute:
        listeners(connection, None, words, values, None, many)


def _run(connection: Connection, statements: Sequence[Question]) -> list[Any]:
    """Have all of these done; return a cursor of each. An error is SQLAlchemy's, as of any other statement."""
    driver: Any = connection.connection.dbapi_connection
    cursors: list[Any] = []
    try:
        spare = _spare(connection, len(statements))
        if connection.dialect.name == "postgresql" and not _is_one_alone(driver, statements):
            with driver.pipeline():
                _execute(spare, statements, cursors)
        else:
            _execute(spare, statements, cursors)
    except Exception as error:
        connection.info.pop(_CURSORS, None)  # SQLAlchemy closes the one at which it failed
        answered = sum(map(_has_answered, cursors))
        failed = statements[min(answered, len(statements) - 1)]
        cursor = cursors[answered] if answered < len(cursors) else None
        connection._handle_dbapi_exception(error, failed.words, (), cursor, None)
    for statement, cursor in zip(statements, cursors, strict=True):
        if statement.changed:
            statement.changed(cursor.rowcount)
    return cursors


def _is_one_alone(driver: Any, statements: Sequence[Question]) -> bool:
    """Whether there is nothing to be sent together: a transaction's beginning goes with its first statement."""
    return len(statements) == 1 and driver.pgconn.transaction_status != _IDLE


def _spare(connection: Connection, count: int) -> list[Any]:
    """So many cursors of a connection. Each is read before the next statements are sent, so that theirs may be the same ones:
    one costs more to make than to use."""
    driver: Any = connection.connection.dbapi_connection
    kept: list[Any] = connection.info.setdefault(_CURSORS, [])
    kept += [driver.cursor() for _ in range(len(kept), min(count, _KEPT))]
    return kept if count <= _KEPT else [*kept, *(driver.cursor() for _ in range(_KEPT, count))]


def _execute(spare: Sequence[Any], statements: Sequence[Question], cursors: list[Any]) -> None:
    for cursor, statement in zip(spare, statements, strict=False):
        cursors.append(cursor)
        cursor.execute(statement.words, statement.values)


def _has_answered(cursor: Any) -> bool:
    return getattr(cursor, "pgresult", None) is not None
