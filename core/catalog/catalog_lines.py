"""Lines of a catalogue file: where in it a field stands, so that whoever wrote it finds what is wrong."""

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\-]+)\s*\]\]?")


def line_of(text: str, where: Sequence[str | int]) -> int | None:
    """The line, from 1, of what pydantic calls `("products", 1, "prices", 0, "amount")`; of a field that is not there, that of
    the table that should have it. None where it cannot be told, as for a table that stands within one line."""
    found: int | None = None
    here: list[str | int] = []
    counted: dict[tuple[str | int, ...], int] = {}
    quoted = ""
    for number, line in enumerate(text.splitlines(), 1):
        if quoted:
            quoted = "" if quoted in line else quoted
            continue
        if header := _HEADER.match(line):
            here = _table(header[1], header[2].split("."), counted)
            if here and here == list(where[: len(here)]):
                found = number
        elif here == list(where[:-1]) and where and _sets(where[-1], line):
            return number
        elif here and here == list(where[: len(here)]) and len(where) > len(here) and _sets(where[len(here)], line):
            return number  # a field whose value is an array or a table, with the other one in it
        quoted = next((each for each in ('"""', "'''") if line.count(each) % 2), "")
    return found


def _sets(name: str | int, line: str) -> bool:
    """Whether a line gives the field of this name its value."""
    return re.match(rf'\s*"?{re.escape(str(name))}"?\s*=', line) is not None


def _table(bracket: str, names: Sequence[str], counted: dict[tuple[str | int, ...], int]) -> list[str | int]:
    """Which table a header begins, counting those of one name from 0."""
    path: list[str | int] = []
    for place, name in enumerate(names):
        path.append(name)
        key = tuple(path)
        if bracket == "[[" and place == len(names) - 1:
            counted[key] = counted.get(key, -1) + 1
        if key in counted:
            path.append(counted[key])
    return path
