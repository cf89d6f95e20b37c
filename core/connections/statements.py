"""Statements in the driver's own words, which SQLAlchemy would look at anew each time.

PostgreSQL is sent several of them at once, and answers all together: what it is told goes out with the next question, or before
the commit, so that nobody waits for what they do not want to know. What takes long can be begun at once, and is done meanwhile.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, event

from core.connections.pipeline import Answer, Pipeline, Values

_TOLD, _PIPELINE = "pushcart_told", "pushcart_pipeline"
_ALONG, _AHEAD = "pushcart_along", "pushcart_ahead"
_DIVIDED_BY_ZERO = "22012"


@dataclass(frozen=True, slots=True)
class Expected:
    """To how many rows a statement must be done; if it was done to others, nothing of the transaction stays, and `otherwise` makes
    the error that says so."""

    rows: int
    otherwise: Callable[[], Exception]


@dataclass(frozen=True, slots=True)
class Question:
    """What the database is asked, or told to do, and what of it is to be expected."""

    words: str
    values: Values
    expected: Expected | None = None

    def guarded(self) -> "Question":
        """The same, so that the database itself gives the transaction up where it is otherwise: there is nobody to look at its
        answer who could still do so."""
        if self.expected is None:
            return self
        values = [*self.values, self.expected.rows]
        return Question(_guarded(self.words), values, Expected(1, self.expected.otherwise))


def tell(connection: Connection, words: str, values: Values, *, expected: Expected | None = None) -> None:
    """Have the database do this, at the latest with what it is asked next: what is wrong with it is raised then."""
    _announce(connection, words, values, many=False)
    connection.info.pop(_AHEAD, None)
    statement = Question(words, values, expected)
    if connection.dialect.name == "postgresql":
        _send(connection, statement.guarded())
    else:
        _run(connection, [statement])


def tell_each(connection: Connection, words: str, rows: Sequence[Values], *, expected: Expected | None = None) -> None:
    """The same statement for each of these values. Where something is expected of several, it must be of all together, which
    PostgreSQL is not asked about so."""
    if connection.dialect.name == "postgresql" or len(rows) == 1:
        assert expected is None or len(rows) == 1
        for values in rows:
            tell(connection, words, values, expected=expected)
        return
    _announce(connection, words, rows, many=True)
    cursor = connection.connection.cursor()
    try:
        cursor.executemany(words, rows)
    except Exception as error:
        connection._handle_dbapi_exception(error, words, (), cursor, None)
    _check([Question(words, (), expected)], [Answer(cursor.rowcount, [])])


def ask(connection: Connection, words: str, values: Values) -> list[Any]:
    """What the database answers to this, each row as a tuple."""
    [answer] = ask_all(connection, [Question(words, values)])
    return answer


def ask_all(connection: Connection, questions: Sequence[Question]) -> list[list[Any]]:
    """What it answers to each of these, one after the other."""
    along: dict[Hashable, Question] = connection.info.pop(_ALONG, {})
    asked = [*questions, *along.values()]
    for each in asked:
        _announce(connection, each.words, each.values, many=False)
    answers = [answer.rows for answer in _run(connection, asked)[-len(asked) :]]
    if along:
        connection.info[_AHEAD] = dict(zip(along, answers[len(questions) :], strict=True))
    return answers[: len(questions)]


def ask_along(connection: Connection, name: Hashable, question: Question) -> None:
    """Ask this after whatever is asked next, with which it goes out: `answered` has the answer, until the database is told to do
    anything. It is of use where statements are sent together."""
    connection.info.setdefault(_ALONG, {})[name] = question


def answered(connection: Connection, name: Hashable) -> list[Any] | None:
    """What was answered to what was asked along by this name; None if that is not known. It is told once."""
    ahead: dict[Hashable, list[Any]] = connection.info.get(_AHEAD, {})
    return ahead.pop(name, None)


def begin(connection: Connection) -> None:
    """Have the database begin with what was told until now, while we go on."""
    if told := connection.info.get(_TOLD):
        try:
            _pipeline(connection).begin()
        except Exception as error:
            connection._handle_dbapi_exception(error, told[-1].words, (), None, None)


def send(connection: Connection) -> None:
    """Have done what was told until now: what is wrong with it is raised here."""
    if _TOLD in connection.info:
        _run(connection, [])


def send_in_time(engine: Engine) -> None:
    """See to it that whatever was told over this engine's connections is done before anything that comes after it."""

    event.listen(engine, "before_cursor_execute", _send_before, retval=True)
    event.listen(engine, "commit", _send_at_last)
    # What was told after a savepoint is undone with it, and before it everything was sent.
    for undone in ("begin", "rollback"):
        event.listen(engine, undone, _forget)
    event.listen(engine, "rollback_savepoint", lambda connection, _name, _context: _forget(connection))


def _send_before(
    connection: Connection, _cursor: Any, words: str, values: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    send(connection)
    if not words.startswith("SELECT"):
        connection.info.pop(_AHEAD, None)
    return words, values


def _send_at_last(connection: Connection) -> None:
    try:
        if _TOLD in connection.info:
            # Committed with it: only SQLAlchemy has to hear of it then, and nobody waits once more.
            _run(connection, [_COMMIT])
    except BaseException:
        # SQLAlchemy takes whatever it was told to commit for over.
        if not connection.invalidated:
            connection.connection.rollback()
        raise


_COMMIT = Question("commit", ())


@cache
def _guarded(words: str) -> str:
    return f"with done as ({words} returning 1) select 1 / (count(*) = %s)::int from done"


def _check(statements: Sequence[Question], answers: Sequence[Answer]) -> None:
    for statement, answer in zip(statements, answers, strict=False):
        if statement.expected and answer.number != statement.expected.rows:
            raise statement.expected.otherwise()


def _forget(connection: Connection) -> None:
    # With one that was lost, what it was told is gone; to ask for it would be refused.
    if not connection.invalidated:
        for name in (_TOLD, _ALONG, _AHEAD):
            connection.info.pop(name, None)
        if pipeline := connection.info.get(_PIPELINE):
            pipeline.forget()


def _send(connection: Connection, statement: Question) -> None:
    try:
        _pipeline(connection).tell(statement.words, statement.values)
    except Exception as error:
        connection._handle_dbapi_exception(error, statement.words, (), None, None)
    connection.info.setdefault(_TOLD, []).append(statement)


def _announce(connection: Connection, words: str, values: Any, *, many: bool) -> None:
    """Let whoever listens to SQLAlchemy's statements hear of ours."""
    for listener in connection.dispatch.before_cursor_execute:
        if listener is not _send_before:
            listener(connection, None, words, values, None, many)


def _run(connection: Connection, statements: Sequence[Question]) -> list[Answer]:
    """Have these done, and what was told before them; return the answers of all. An error is SQLAlchemy's, as of any other
    statement."""
    told: list[Question] = connection.info.pop(_TOLD, [])
    every = [*told, *statements]
    answers: list[Answer] = []
    try:
        if connection.dialect.name == "postgresql":
            _pipeline(connection).ask([(each.words, each.values) for each in statements], answers)
        else:
            _execute(connection.connection.dbapi_connection, statements, answers)
    except Exception as error:
        if told and _pipeline(connection).waits:  # what was asked has never been sent, and what was told goes on
            connection.info[_TOLD] = told
            connection._handle_dbapi_exception(error, statements[0].words, (), None, None)
        _check(every, answers)  # what fails may only follow from it
        failed = every[min(len(answers), len(every) - 1)]
        if failed.expected and getattr(error, "sqlstate", None) == _DIVIDED_BY_ZERO:
            raise failed.expected.otherwise() from None
        connection._handle_dbapi_exception(error, failed.words, (), None, None)
    _check(every, answers)
    return answers


def _pipeline(connection: Connection) -> Pipeline:
    known: Pipeline | None = connection.info.get(_PIPELINE)
    if known is None:
        driver: Any = connection.connection.dbapi_connection
        known = connection.info[_PIPELINE] = Pipeline(driver)
    return known


def _execute(driver: Any, statements: Sequence[Question], answers: list[Answer]) -> None:
    for statement in statements:
        cursor = driver.execute(statement.words, statement.values)
        answers.append(Answer(cursor.rowcount, cursor.fetchall()))
