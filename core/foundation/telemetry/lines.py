"""The lines of a log: what was noted, masked and bounded, as people or programs read it."""

import logging
import re
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import Processor

from core.foundation import masking

# So many calls of ours, and so many at the end whosever they are.
_FRAMES = 20
_LAST = 4
_LIBRARIES = (*(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")), "<frozen", "<sqlalchemy")
_TRACEBACK = 8000
_VALUE = 2000


# Is told of each line that is an error, masked, and of the error itself if it came of one.
Report = Callable[[Mapping[str, Any], traceback.TracebackException | None], object]


class Line(logging.Formatter):
    """Words a record: masked, bounded, and as `render` draws it. Errors are `reported` as well."""

    def __init__(self) -> None:
        super().__init__()
        self.render: Processor = for_programs
        self.reported: Report | None = None

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = dict(record.msg)  # type: ignore[arg-type]
        trace = said.pop("exception", None)
        told = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **_masked(said),
        }
        if trace:
            _without_libraries(trace)
            told["exception"] = _plain(masking.masked("".join(trace.format()).rstrip(), most=_TRACEBACK))
        if self.reported and record.levelno >= logging.ERROR:
            self.reported(dict(told), trace)
        return str(self.render(None, record.levelname, told))


def for_people(stream: TextIO) -> Processor:
    """How a line looks for people: in colour on a terminal. Further lines are indented: what a stranger sent does not pass
    for a line of ours."""
    draw = structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_level=False, pad_event_to=0, sort_keys=False)

    def render(logger: Any, name: str, told: Any) -> Any:
        trace = told.pop("exception", None)
        drawn = _indented(told)
        return draw(logger, name, {**drawn, "exception": trace} if trace else drawn)

    return render


def for_programs(_logger: Any, _name: str, told: Any) -> str:
    """The line as one JSON object."""
    return orjson.dumps(told, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _indented(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\n", "\n    ") if "\n" in value else value
    if isinstance(value, Mapping):
        return {key: _indented(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_indented(each) for each in value]
    return value


def _without_libraries(trace: traceback.TracebackException) -> None:
    """Of each error in a chain or group keep our own calls and the last few: three dozen of a library's say nothing."""
    waiting, seen = [trace], set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        kept = [call for call in each.stack[:-_LAST] if not call.filename.startswith(_LIBRARIES)]
        each.stack = traceback.StackSummary.from_list([*kept[-_FRAMES:], *each.stack[-_LAST:]])
        waiting += [other for other in (each.__cause__, each.__context__, *(each.exceptions or ())) if other]


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return "***" if masking.is_secret(name, value) else _plain(masking.masked(value, most=_VALUE).rstrip())
    if isinstance(value, Mapping):
        return {masking.masked_name(key, most=_VALUE): _masked(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, name) for each in value]
    return "***" if masking.is_secret(name, value) else value


def _plain(text: str) -> str:
    """Without what would move a terminal's cursor."""
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
