"""What PostgreSQL is sent in one go, by libpq's own pipeline: psycopg's would send each statement by itself as soon as it has it,
and the server would wake up for each."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from psycopg import Connection, Error, OperationalError, errors, generators
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
    """A connection's way to its server, and the statements that are prepared there. What it is told is done while whoever
    told it goes on; its answers come when something is asked."""

    def __init__(self, driver: Connection[Any]) -> None:
        self._driver, self._server = driver, driver.pgconn
        self._values = Transformer.from_context(driver)
        assert isinstance(driver._prepared, Prepared)
        self._prepared = driver._prepared
        self._asked: list[bool] = []
        self._fresh: dict[str, bytes] = {}

    @property
    def waits(self) -> bool:
        """Whether there is something of which it is not known yet what became of it."""
        return bool(self._asked)

    def tell(self, words: str, values: Values) -> None:
        """Have this done, in a transaction that begins with it if none has: once it is let go, or with what is asked next. Raises
        what is wrong with its values."""
        given = self._dumped(values)
        try:
            self._send(words, given)
        except BaseException:
            self._end()
            raise

    def begin(self) -> None:
        """Let go what was told, as far as there is room to send it."""
        try:
            self._server.flush()
        except BaseException:
            self._end()
            raise

    def ask(self, statements: Sequence[tuple[str, Values]], answers: list[Answer]) -> None:
        """Wait until these are done and what was told before them; each adds its answer. Raises what was wrong with the first that
        gave none."""
        given = [self._dumped(values) for _, values in statements]
        try:
            for (words, _), values in zip(statements, given, strict=True):
                self._send(words, values)
            asked, fresh = self._asked, self._fresh
            results = self._results() if asked else []
        except BaseException:
            self._end()
            raise
        for result, wanted in zip(results, asked, strict=False):
            if result.status not in _FINE:
                raise errors.error_from_result(result)
            if wanted:
                answers.append(self._answer(result))
        self._prepared.names |= fresh

    def forget(self) -> None:
        """Wait until all that was told is done, whatever becomes of it."""
        with suppress(Error):
            self.ask([], [])

    def _results(self) -> list[PGresult]:
        """What the server has to say to all that it was sent since nothing was waited for."""
        self._server.pipeline_sync()
        results = self._driver.wait(_results(self._server, len(self._asked) + 1))
        self._server.exit_pipeline_mode()
        self._asked, self._fresh = [], {}
        return results

    def _end(self) -> None:
        """Give the connection up: nobody knows what its server still has to say."""
        self._asked, self._fresh = [], {}
        self._server.finish()

    def _begin(self) -> None:
        idle = not self._driver.autocommit and self._server.transaction_status == TransactionStatus.IDLE
        self._server.enter_pipeline_mode()
        if idle:
            self._server.send_query_params(self._driver._get_tx_start_command(), None)
            self._asked.append(False)

    def _send(self, words: str, values: Values) -> None:
        """Send a statement; of each result that there will be, note whether it is an answer. What is prepared for it is fresh until
        it is known to be there."""
        if not self._asked:
            self._begin()
        name = self._prepared.names.get(words) or self._fresh.get(words)
        if name is None and (name := self._prepared.new_name()):
            self._fresh[words] = name
            self._server.send_prepare(name, _numbered(words))
            self._asked.append(False)
        if name is None:
            self._server.send_query_params(_numbered(words), values)
        else:
            self._server.send_query_prepared(name, values)
        self._asked.append(True)

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
