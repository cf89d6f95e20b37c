"""How every command answers: in words for people, as JSON for scripts, and in one readable line when it cannot."""

import sys
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo

import orjson
import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def say(answer: Any, text: str, as_json: bool) -> None:
    """Print the answer as JSON, or the text."""
    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() if as_json else text)


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
    for line in lines:
        typer.echo(line, err=True)
    sys.exit(1)


def refuse(*lines: str) -> NoReturn:
    """Print the lines where errors go and end with exit status 2: what was typed makes no sense, whatever the shop holds."""
    for line in lines:
        typer.echo(line, err=True)
    sys.exit(2)


def count(number: int, one: str, many: str = "") -> str:
    """`1 order`, `5 orders`; `many` where that is no `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def moment(iso: str | None, zone: ZoneInfo) -> str:
    """A moment that an answer holds, for people, by the clock of the shop; empty if it holds none."""
    return f"{datetime.fromisoformat(iso).astimezone(zone):%Y-%m-%d %H:%M}" if iso else ""


def _cell(value: Any) -> str:
    return "" if value is None else str(value)
