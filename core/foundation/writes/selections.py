"""Reads of several tables at once, whose words are put together once."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Dialect
from sqlmodel import Session, SQLModel

from core.connections.statements import Question, answered, ask, ask_along
from core.foundation.writes.columns import listed, mark, one_of
from core.foundation.writes.flush import tell
from core.foundation.writes.rows import Loaded


class Selection:
    """The rows of these tables that belong together, and `more` columns beside them. `of` is the statement from its `from` on: each
    `{}` in it stands for a value, and each `{any}` for "is one of these", a list of texts.
    """

    def __init__(self, *kinds: type[SQLModel], more: str = "", of: str) -> None:
        self._loaded = [Loaded(kind) for kind in kinds]
        self._selected = ", ".join(filter(None, [*(each.names for each in self._loaded), more]))
        self._of = of

    def ahead(self, session: Session, *values: Any) -> None:
        """Have this read after what the database is asked next, and with it, where statements can be sent together."""
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            ask_along(connection, (self, *map(_named, values)), self._question(values, connection.dialect))

    def read(self, session: Session, *values: Any) -> list[tuple[Any, ...]]:
        """What is found by these values: of each table a row of the session's own as it is now, then what is `more`."""
        connection = session.connection()
        answer = answered(connection, (self, *map(_named, values)))
        if answer is None:
            tell(session)  # what is read is read anew
            question = self._question(values, connection.dialect)
            answer = ask(connection, question.words, question.values)
        return [self._row(session, each, connection.dialect) for each in answer]

    def _row(self, session: Session, values: Sequence[Any], dialect: Dialect) -> tuple[Any, ...]:
        found: list[Any] = []
        start = 0
        for each in self._loaded:
            end = start + len(each.columns.names)
            found.append(each.row(session, values[start:end], dialect))
            start = end
        return (*found, *values[start:])

    def _question(self, values: Sequence[Any], dialect: Dialect) -> Question:
        given = [listed(value, dialect) if _is_list(value) else value for value in values]
        return Question(self._words(mark(dialect), one_of(dialect)), given)

    @cache  # noqa: B019 - these live as long as the process
    def _words(self, value: str, named: str) -> str:
        return f"select {self._selected} {self._of.replace('{any}', named).replace('{}', value)}"


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, set, tuple))


def _named(value: Any) -> Any:
    return frozenset(value) if _is_list(value) else value
