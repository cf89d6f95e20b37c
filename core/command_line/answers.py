"""How every command answers: in words for people, as JSON for scripts, and in one readable line when it cannot."""

import re
import sys
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import orjson
import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
# What moves a terminal's cursor, colours what follows, or turns its direction; ends of lines and tabs do not.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def say(answer: Any, text: str, as_json: bool) -> None:
    """Print the answer as JSON, or the text."""
    typer.echo(_plain(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() if as_json else text))


def pour(piece: str) -> None:
    """Print a piece of a file: as it is for whatever keeps or reads it, and at a terminal as all that is printed there."""
    typer.echo(_plain(piece.replace("\r\n", "\n")) if sys.stdout.isatty() else piece, nl=False)


def tell(*lines: str) -> None:
    """Print the lines where errors go, beside the answer."""
    for line in lines:
        typer.echo(_plain(line), err=True)


def table(rows: list[dict[str, Any]], columns: Iterable[str], empty: str) -> str:
    """The rows' columns below each other, or the sentence that says there are none."""
    names = list(columns)
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines) if rows else empty


def one_of(kind: type[StrEnum], said: str, option: str) -> str:
    """What an option says, if it is one of these; else the command ends and says which there are. Nothing stays nothing."""
    if said and said not in set(kind):
        refuse(f"There is no {option} {said!r}. It is one of {', '.join(kind)}.")
    return said


def fail(*lines: str) -> NoReturn:
    """Print the lines where errors go and end with exit status 1."""
    tell(*lines)
    sys.exit(1)


def refuse(*lines: str) -> NoReturn:
    """Print the lines where errors go and end with exit status 2: what was typed makes no sense, whatever the shop holds."""
    tell(*lines)
    sys.exit(2)


def count(number: int, one: str, many: str = "") -> str:
    """`1 order`, `5 orders`; `many` where that is no `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def moment(iso: str | None, zone: ZoneInfo) -> str:
    """A moment that an answer holds, for people, by the clock of the shop; empty if it holds none."""
    return f"{datetime.fromisoformat(iso).astimezone(zone):%Y-%m-%d %H:%M}" if iso else ""


def _cell(value: Any) -> str:
    """In one line, whatever somebody typed: what looks like a row is one."""
    return "" if value is None else " ".join(str(value).splitlines())


def _plain(text: str) -> str:
    """Strangers' words have no hold on an owner's terminal: each such character as Python and JSON write it."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
