"""What PostgreSQL is sent in one go, by libpq's own pipeline: psycopg's would send each statement by itself as soon as it has it,
and the server would wake up for each."""

from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from psycopg import Connection, OperationalError, errors, generators
from psycopg._preparing import PrepareManager
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

# So many statements are prepared on a connection: there are fewer, unless something is wrong.
_MOST = 200
_FINE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)

Values = Sequence[Any]


class Answer(NamedTuple):
    """What the database answered to a statement: to how many rows it was done, and those that it gave."""

    number: int
    rows: list[Any]


class Prepared(PrepareManager):
    """The statements that are prepared on a connection, ours by their words. They stay, as PostgreSQL keeps them: psycopg would
    have all of them forgotten whenever a transaction is undone, and that is how each one ends that only reads. No process here
    undoes what made a table."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, bytes] = {}
        self._numbers = count()

    def clear(self) -> bool:
        return False

    def new_name(self) -> bytes | None:
        """What another statement may be called there. None if none is to be: a pooler gives the next transaction another server."""
        if self.prepare_threshold is None or len(self.names) >= _MOST:
            return None
        return b"pushcart_%d" % next(self._numbers)


def keep_prepared(driver: Connection[Any]) -> None:
    """Have this connection keep what is prepared on it."""
    if not isinstance(driver._prepared, Prepared):
        driver._prepared = Prepared()


class Pipeline:
    """A connection's way to its server, and the statements that are prepared there."""

    def __init__(self, driver: Connection[Any]) -> None:
        self._driver, self._server = driver, driver.pgconn
        self._values = Transformer.from_context(driver)
        assert isinstance(driver._prepared, Prepared)
        self._prepared = driver._prepared

    def run(self, statements: Sequence[tuple[str, Values]], answers: list[Answer]) -> None:
        """Have these done, in a transaction that begins with them if none has; each adds its answer. Raises what was wrong
        with the first that gave none."""
        given = [self._dumped(values) for _, values in statements]
        fresh: dict[str, bytes] = {}
        self._server.enter_pipeline_mode()
        try:
            asked = self._begun()
            for (words, _), values in zip(statements, given, strict=True):
                asked += self._sent(words, values, fresh)
            self._server.pipeline_sync()
            results = self._driver.wait(_results(self._server, len(asked) + 1))
            self._server.exit_pipeline_mode()
        except BaseException:
            self._server.finish()  # nobody knows what it still has to say
            raise
        for result, wanted in zip(results, asked, strict=False):
            if result.status not in _FINE:
                raise errors.error_from_result(result)
            if wanted:
                answers.append(self._answer(result))
        self._prepared.names |= fresh

    def _begun(self) -> list[bool]:
        if self._driver.autocommit or self._server.transaction_status != TransactionStatus.IDLE:
            return []
        self._server.send_query_params(b"BEGIN", None)
        return [False]

    def _sent(self, words: str, values: Values, fresh: dict[str, bytes]) -> list[bool]:
        """Send a statement; of each result that there will be, whether it is the answer. What is prepared for it is `fresh`
        until it is known to be there."""
        name, asked = self._prepared.names.get(words) or fresh.get(words), [True]
        if name is None and (name := self._prepared.new_name()):
            fresh[words] = name
            self._server.send_prepare(name, _numbered(words))
            asked = [False, True]
        if name is None:
            self._server.send_query_params(_numbered(words), values)
        else:
            self._server.send_query_prepared(name, values)
        return asked

    def _dumped(self, values: Values) -> Values:
        """Values as texts, whose types are those of what they are for: so one statement is prepared for whatever comes."""
        return self._values.dump_sequence(values, [PyFormat.TEXT] * len(values))

    def _answer(self, result: PGresult) -> Answer:
        rows: list[Any] = []
        if result.status == ExecStatus.TUPLES_OK:
            self._values.set_pgresult(result)
            rows = self._values.load_rows(0, result.ntuples, tuple)
        return Answer(result.command_tuples or 0, rows)


def _results(server: PGconn, number: int) -> PQGen[list[PGresult]]:
    """Send what has not been sent yet; return so many results."""
    yield from generators.send(server)
    found: list[PGresult] = []
    while len(found) < number:
        of_one = yield from generators.fetch_many(server)
        if not of_one:
            raise OperationalError("the server answered less than it was asked")
        found += of_one
    return found


@cache
def _numbered(words: str) -> bytes:
    """A statement as the server knows it, each value by its number."""
    first, *others = words.split("%s")
    return (first + "".join(f"${number}{each}" for number, each in enumerate(others, 1))).encode()
