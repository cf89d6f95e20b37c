"""Logs: one set-up for every process. What is logged, by the shop or by a library, becomes lines without secrets.

The thread that logs only notes what was said; a thread of its own masks it, words it and writes it, so that no answer to
Stripe waits for a traceback. Tracebacks are Python's own, without the values of variables.
"""

import atexit
import logging
import os
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from logging.handlers import QueueHandler, QueueListener
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from structlog.typing import Processor

from core.foundation.telemetry import lines, spans
from core.foundation.telemetry.lines import Line

if TYPE_CHECKING:
    from core.foundation.telemetry.sentry import Reporter

OURS = ("core", "storefront", "webhook", "worker")

# More than this waits only if nobody reads what is written: then lines are dropped, and counted.
_WAITING = 1000
# The same warning or error so often in so many seconds; the rest is counted.
_REPEATED = 10
_SECONDS = 10.0
_DEPTH = 200
_ITEMS = 50
_DEEP = 5

# A line waits so many seconds for others, of which so many are written at once, unless somebody waits for it: whoever wrote each as
# it comes would take the interpreter from those who answer, as often as there are answers.
_GATHERS, _TOGETHER = 0.02, 100
_hurry = threading.Event()

# Of the kind that may be written to in the middle of being written to, as the collection of garbage may have it.
_records: "SimpleQueue[Any]" = SimpleQueue()
# What else is to be sent before a process ends.
_flushed: list[Callable[[], object]] = [spans.flush]


def set_up(*, least: int = logging.INFO) -> None:
    """Route everything through here, of our own what is of this level at `least`. Whoever calls again takes over what libraries
    have set up in the meantime."""
    root = logging.getLogger()
    if _queued not in root.handlers:
        _begin(root, least)
    for logger in list(logging.Logger.manager.loggerDict.values()):
        # One without handlers that passes nothing on was silenced on purpose, such as uvicorn's of requests.
        if isinstance(logger, logging.Logger) and (logger.handlers or logger.propagate):
            adopt(logger)
    # DBOS makes a handler of its own for a logger that has none.
    logging.getLogger("dbos").addHandler(logging.NullHandler())


def adopt(logger: logging.Logger) -> None:
    """Have what a library logs written like everything else."""
    logger.handlers.clear()
    logger.propagate = True


def report_to(report: "Reporter") -> None:
    """From now on report each line that is an error there as well; by the thread that writes, so that nobody waits for it."""
    _line.reported = report
    _flushed.append(report.flush)


def flush(seconds: float = 2) -> None:
    """Wait until what was logged so far is written, and sent to where errors and spans go; not for ever, should nobody read it."""
    written = threading.Event()
    if _queued in logging.getLogger().handlers:
        _records.put(written)
        _hurry.set()
        written.wait(seconds)
    for send in _flushed:
        send()


def _begin(root: logging.Logger, least: int) -> None:
    logging.raiseExceptions = False  # it would print what could not be logged as it came
    logging.captureWarnings(True)
    # requests has it ignored while it is imported, but whatever another thread does with warnings in that moment undoes that.
    warnings.filterwarnings("ignore", message="SOCKS support in urllib3")
    # No line says these, and each is looked up for each record.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root.handlers[:] = [_queued]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(least)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars],
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=_loggers(),
        cache_logger_on_first_use=True,
    )
    _open_what_was_closed()
    written = _Lines(sys.stderr)
    _line.render = _renderer(sys.stderr)
    written.setFormatter(_line)
    _Writer(written).start()
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    atexit.register(flush)


def _open_what_was_closed() -> None:
    """Whoever starts this may have closed where it writes, as `2>&-` does: nobody reads it then, and that is all."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))


def _renderer(stream: TextIO) -> Processor:
    """How a line looks, as LOG_FORMAT says; else JSON where real money moves and nobody reads it at a terminal."""
    # Read here and not from the settings, whose own mistakes are lines as well.
    wanted = os.environ.get("LOG_FORMAT", "")
    live = "_live_" in os.environ.get("STRIPE_SECRET_KEY", "")[:8]
    as_json = wanted == "json" or (wanted != "text" and live and not stream.isatty())
    return lines.for_programs if as_json else lines.for_people(stream)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, (KeyboardInterrupt, SystemExit)) or error is None:
        sys.__excepthook__(kind, error or kind(), trace)
        return
    logging.getLogger(__name__).critical("uncaught", exc_info=(kind, error, trace))
    if threading.current_thread() is threading.main_thread():
        flush()


# ------------------------------------------------------------------ in the thread that logs


class _Logger:
    """What our own lines go through: the levels are those of Python's logger, and it has nothing to do otherwise."""

    def __init__(self, own: logging.Logger) -> None:
        self._own = own

    def debug(self, **said: Any) -> None:
        self._say(logging.DEBUG, said)

    def info(self, **said: Any) -> None:
        self._say(logging.INFO, said)

    def warning(self, **said: Any) -> None:
        self._say(logging.WARNING, said)

    def error(self, **said: Any) -> None:
        self._say(logging.ERROR, said)

    def critical(self, **said: Any) -> None:
        self._say(logging.CRITICAL, said)

    def _say(self, level: int, said: dict[str, Any]) -> None:
        if self._own.isEnabledFor(level):
            _queued.say(self._own.name, level, said)


def _loggers() -> Callable[..., _Logger]:
    """Makes the logger of the module that asks for one."""
    find = structlog.stdlib.LoggerFactory(ignore_frame_names=[__name__])
    return lambda *named: _Logger(find(*named))


@dataclass
class _Run:
    """A warning or error that may repeat itself: since when, by which logger and in which words, how often."""

    begun: float
    logger: str
    event: str
    times: int = 0


class _Queued(QueueHandler):
    """Notes what is logged, and never waits."""

    dropped = 0

    def __init__(self) -> None:
        super().__init__(_records)
        self._runs: dict[tuple[object, ...], _Run] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it: not what says the same for the eleventh time in ten seconds."""
        if record.levelno < logging.WARNING:
            return True
        said = record.msg["event"] if isinstance(record.msg, dict) else record.msg
        # Libraries put into their words what differs each time: there the same line of code says the same.
        place = said if isinstance(record.msg, dict) else (record.pathname, record.lineno)
        key = (record.name, record.levelno, place, _kind(record))
        run = self._runs.setdefault(key, _Run(time.monotonic(), record.name, str(said)))
        run.times += 1
        return run.times <= _REPEATED

    def over(self, *, since: float) -> Iterator[_Run]:
        """The runs that go on since then: their time is over, and what they say is news again."""
        for key, run in list(self._runs.items()):
            if run.begun <= since:
                del self._runs[key]
                yield run

    def say(self, name: str, level: int, said: dict[str, Any]) -> None:
        """Note a line of ours, which needs nothing of what Python's loggers find out."""
        record = _record(name, level, said, created=time.time())
        if self.filter(record):
            try:
                self.enqueue(self.prepare(record))
            except Exception:
                self.handleError(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record with nothing in it that could change, or that would be kept alive by waiting here."""
        if isinstance(record.msg, dict):
            said = {str(name): _noted(value) for name, value in record.msg.items() if name not in _NOT_SAID}
        else:
            # structlog adds them to ours.
            said = {"event": _message(record), **structlog.contextvars.get_contextvars()}
        if error := _error(record):
            said["exception"] = traceback.TracebackException(
                type(error), error, error.__traceback__, limit=-_DEPTH, lookup_lines=False, compact=True
            )
        return _record(record.name, record.levelno, said, created=record.created)

    def enqueue(self, record: logging.LogRecord) -> None:
        if _records.qsize() < _WAITING:
            _records.put(record)
        else:
            self.dropped += 1

    def handleError(self, record: logging.LogRecord) -> None:
        self.dropped += 1


_NOT_SAID = ("exc_info", "stack_info", "exception")


def _record(name: str, level: int, said: dict[str, Any], *, created: float) -> logging.LogRecord:
    noted = logging.LogRecord(name, level, "", 0, said, None, None)
    noted.created = created
    return noted


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # words and values that do not fit together
        return f"{record.msg} {_noted(record.args)}"


def _error(record: logging.LogRecord) -> BaseException | None:
    found = record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info
    if isinstance(found, tuple):
        found = found[1]
    return found if isinstance(found, BaseException) else (sys.exc_info()[1] if found else None)


def _kind(record: logging.LogRecord) -> str:
    return type(_error(record)).__name__


def _noted(value: Any, depth: int = 0) -> Any:
    """The value as text, numbers, lists and dictionaries."""
    if value is None or isinstance(value, (bool, int, float)) or type(value) is str:
        return value
    if depth < _DEEP and isinstance(value, Mapping):
        return {str(name): _noted(each, depth + 1) for name, each in list(value.items())[:_ITEMS]}
    if depth < _DEEP and isinstance(value, (list, tuple, set, frozenset)):
        return [_noted(each, depth + 1) for each in list(value)[:_ITEMS]]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    try:
        return str(value) if isinstance(value, str) else repr(value)
    except Exception:
        return f"<{type(value).__name__}>"


# ------------------------------------------------------------------ in the thread that writes


class _Lines(logging.StreamHandler[TextIO]):
    """Words lines, and writes those that came together in one go."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._worded: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._worded.append(self.format(record) + self.terminator)
        except Exception:
            self.handleError(record)
        if len(self._worded) >= _TOGETHER:
            self.write()

    def write(self) -> None:
        """Write what was worded until now."""
        if worded := self._worded:
            self._worded = []
            with suppress(OSError, ValueError):  # nobody reads it any more
                self.stream.write("".join(worded))
                self.flush()


class _Writer(QueueListener):
    """Writes what was noted, and says now and then how much was left out."""

    _told = 0.0

    def __init__(self, lines: _Lines) -> None:
        super().__init__(_records, lines)
        self._lines = lines

    def dequeue(self, block: bool) -> Any:
        while True:
            self._tell_left_out()
            with suppress(Empty):
                return _records.get_nowait()
            self._lines.write()
            with suppress(Empty):
                found = _records.get(block, timeout=1)
                _hurry.wait(_GATHERS)
                return found

    def handle(self, record: Any) -> None:
        if isinstance(record, threading.Event):
            self._tell_left_out(at_last=True)
            self._lines.write()
            _hurry.clear()
            record.set()
        else:
            super().handle(record)

    def _tell_left_out(self, *, at_last: bool = False) -> None:
        now = time.monotonic()
        if now - self._told < 1 and not at_last:
            return
        self._told = now
        for run in _queued.over(since=now if at_last else now - _SECONDS):
            if run.times > _REPEATED:
                self._say(run.logger, event=run.event, left_out=run.times - _REPEATED, seconds=round(now - run.begun))
        if dropped := _queued.dropped:
            _queued.dropped -= dropped
            self._say(__name__, event="lines_dropped", count=dropped)

    def _say(self, logger: str, **said: Any) -> None:
        super().handle(_record(logger, logging.WARNING, said, created=time.time()))


_queued = _Queued()
_line = Line()
