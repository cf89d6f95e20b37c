"""Reads of whole rows, whose words are put together once: SQLAlchemy would do so for each number of names that are looked for.
Several go to PostgreSQL together."""

from collections.abc import Collection, Sequence
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from sqlalchemy import Dialect, Table
from sqlalchemy.orm import Mapper, class_mapper
from sqlalchemy.orm.attributes import instance_dict, instance_state
from sqlmodel import Session, SQLModel

from core.connections.statements import Question, answered, ask, ask_all, ask_along
from core.foundation.writes.columns import Columns, listed, one_of

R = TypeVar("R", bound=SQLModel)


class Rows(Generic[R]):
    """The rows of a table that have one of some names in the column `by`, as they are now. `locked`: in the order of that
    column, each so that nobody else changes it before the transaction ends."""

    def __init__(self, kind: type[R], by: str, *, locked: bool = False) -> None:
        self.kind, self.locked, self._loaded = kind, locked, Loaded(kind)
        self._by, self._place = f"{self._loaded.table.name}.{by}", self._loaded.columns.names.index(by)

    def of(self, session: Session, names: Collection[str]) -> list[Any]:
        """Those of these names, if there are any."""
        [found] = read_together(session, [self], names)
        return found

    def question(self, names: Collection[str], dialect: Dialect) -> Question:
        """What the database is asked."""
        locking = " for update" if dialect.name == "postgresql" else ""  # whoever writes into SQLite has locked it all
        return Question(self._words(one_of(dialect), locking), (listed(names, dialect),))

    def rows(self, session: Session, answer: Sequence[Any], dialect: Dialect) -> list[Any]:
        """What it answered, as the session's own rows."""
        return [self._loaded.row(session, values, dialect) for values in answer]

    def known(self, session: Session, names: Collection[str]) -> list[Any] | None:
        """Those of these names, if `read_ahead` has read them; None if it has not, or they may be others by now."""
        answer = self.answered(session, names)
        return None if answer is None else self.rows(session, answer, session.connection().dialect)

    def answered(self, session: Session, names: Collection[str]) -> list[Any] | None:
        """The same, as the database answered it."""
        read: frozenset[str] = session.info.get(self, frozenset())
        if not read.issuperset(names):
            return None
        answer = answered(session.connection(), self)
        return answer and [values for values in answer if values[self._place] in names]

    @cache  # noqa: B019 - these live as long as the process
    def _words(self, named: str, locking: str) -> str:
        found = f"select {self._loaded.names} from {self._loaded.table.name} where {self._by} {named}"
        return f"{found} order by {self._by}{locking}" if self.locked else found


class Loaded(Generic[R]):
    """Makes rows of a session's own out of what the driver gave."""

    def __init__(self, kind: type[R]) -> None:
        self.table: Table = kind.__table__  # type: ignore[attr-defined]
        self.key = [column.name for column in self.table.primary_key]
        self.columns = Columns(self.table, [column.name for column in self.table.columns])
        self.names = ", ".join(f"{self.table.name}.{name}" for name in self.columns.names)
        self._kind = kind

    def row(self, session: Session, values: Sequence[Any], dialect: Dialect) -> R:
        """The row of these values: the one that the session has of it, if it has one, and as it is now."""
        read = self.columns.read(values, dialect)
        key = self._mapper.identity_key_from_primary_key(tuple([read[name] for name in self.key]))
        row: R | None = session.identity_map.get(key)
        if row is None:
            row = self._mapper.class_manager.new_instance()
            state = instance_state(row)
            state.key, state.session_id = key, session.hash_key
            session.identity_map.add(state)
        known = instance_dict(row)
        known.update(read)
        instance_state(row)._commit_all(known, session.identity_map)
        return row

    @cached_property
    def _mapper(self) -> Mapper[R]:
        return class_mapper(self._kind)  # once all tables are known


def read_ahead(session: Session, reads: Sequence[Rows[Any]], names: Collection[str]) -> None:
    """Have these read after what the database is asked next, and with it, so that nobody waits for it who reads some of these
    names together afterwards. Where nothing can be sent together it is read then."""
    connection = session.connection()
    for each in reads if names and connection.dialect.name == "postgresql" else ():
        session.info[each] = frozenset(names)
        ask_along(connection, each, each.question(names, connection.dialect))


def read_together(session: Session, reads: Sequence[Rows[Any]], names: Collection[str]) -> list[list[Any]]:
    """What each of these reads finds by these names: in their order, and so that each sees what those before it waited for."""
    connection = session.connection()
    dialect = connection.dialect
    found = {each: each.answered(session, names) for each in reads}
    missing = [each for each in reads if found[each] is None]
    answers = ask_all(connection, [each.question(names, dialect) for each in missing]) if missing else []
    found.update(zip(missing, answers, strict=True))
    return [each.rows(session, found[each] or [], dialect) for each in reads]


def answer_to(session: Session, words: str) -> list[Any]:
    """What the database answers to this statement, which has no values and is the same on every database; each row a tuple."""
    connection = session.connection()
    known = answered(connection, words)
    return ask(connection, words, ()) if known is None else known


def answer_ahead(session: Session, words: str) -> None:
    """Have that be answered with what the database is asked next, where statements can be sent together."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        ask_along(connection, words, Question(words, ()))
