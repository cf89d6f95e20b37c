"""Statements in the driver's own words, which SQLAlchemy would look at anew each time.

PostgreSQL is sent several of them at once, and answers all together: what it is told goes out with the next question, or before
the commit, so that nobody waits for what they do not want to know.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, event

from core.connections.pipeline import Answer, Pipeline, Values

_UNSENT, _PIPELINE = "pushcart_unsent", "pushcart_pipeline"


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
    answers = _run(connection, [*_taken(connection), *questions])
    return [answer.rows for answer in answers[len(answers) - len(questions) :]]


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


def _run(connection: Connection, statements: Sequence[Question]) -> list[Answer]:
    """Have all of these done; return their answers. An error is SQLAlchemy's, as of any other statement."""
    driver: Any = connection.connection.dbapi_connection
    answers: list[Answer] = []
    try:
        if connection.dialect.name == "postgresql":
            _pipeline(connection, driver).run([(each.words, each.values) for each in statements], answers)
        else:
            _execute(driver, statements, answers)
    except Exception as error:
        failed = statements[min(len(answers), len(statements) - 1)]
        connection._handle_dbapi_exception(error, failed.words, (), None, None)
    for statement, answer in zip(statements, answers, strict=True):
        if statement.changed:
            statement.changed(answer.number)
    return answers


def _pipeline(connection: Connection, driver: Any) -> Pipeline:
    known: Pipeline | None = connection.info.get(_PIPELINE)
    if known is None:
        known = connection.info[_PIPELINE] = Pipeline(driver)
    return known


def _execute(driver: Any, statements: Sequence[Question], answers: list[Answer]) -> None:
    for statement in statements:
        cursor = driver.execute(statement.words, statement.values)
        answers.append(Answer(cursor.rowcount, cursor.fetchall()))
