"""Spreadsheet files: CSV in UTF-8 that programs open as it was meant, in whatever country."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from core.foundation.money import Money

# Without it the most common program takes UTF-8 for something else.
BYTE_ORDER_MARK = "\ufeff"
# What a spreadsheet would take for a formula, the wide forms where people write Chinese or Japanese.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file line by line, its head first."""
    yield BYTE_ORDER_MARK + line(columns)
    for row in rows:
        yield line(row)


def line(cells: Sequence[object]) -> str:
    """One line of the file, with its end."""
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerow(cells)
    return written.getvalue()


def text(words: str | None) -> str:
    """Somebody's words, which no spreadsheet shall take for a formula."""
    return "'" + words if words and is_formula(words) else words or ""


def is_formula(words: str) -> bool:
    """Whether a spreadsheet would compute this: some pass over spaces in front of it."""
    return words.lstrip(" ").startswith(_FORMULA)


def major(amount: int | None, currency: str) -> str:
    """An amount in minor units as a number with a decimal point, in major ones."""
    return "" if amount is None else str(Money(amount, currency).major)


def moment(at: datetime, zone: ZoneInfo) -> tuple[str, str]:
    """The shop's day, and the time with its offset from UTC."""
    local = at.astimezone(zone)
    return local.date().isoformat(), local.isoformat(timespec="seconds")
