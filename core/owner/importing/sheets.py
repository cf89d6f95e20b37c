"""Sheets: a CSV file as it was uploaded, read into lines that are numbered as a spreadsheet program numbers them."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from core.foundation.errors import FileTrouble, FileUnreadable
from core.owner.accounting.spreadsheet import BYTE_ORDER_MARK, is_formula
from core.owner.importing import columns
from core.owner.importing.columns import Columns, Kind

# Bytes: what is larger is imported in parts.
MOST_BYTES = 5_000_000
MOST_LINES = 20_000
_SEPARATORS = ",;\t"
_LONGEST = 2000


@dataclass(frozen=True)
class Line:
    """A line of the file by its number, and what it says by our field's names. Nothing in it is ever a formula."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, field: str) -> str:
        return self.cells.get(field, "")


@dataclass(frozen=True)
class Sheet:
    """A file that was read."""

    columns: Columns
    lines: tuple[Line, ...]


def read(kind: Kind, data: bytes) -> Sheet:
    """The file's lines. Raises FileUnreadable."""
    if len(data) > MOST_BYTES:
        raise FileUnreadable(FileTrouble.TOO_BIG)
    try:
        text = data.decode("utf-8").removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError:
        raise FileUnreadable(FileTrouble.NOT_UTF8) from None
    if not text.strip() or "\0" in text:
        raise FileUnreadable(FileTrouble.EMPTY if not text.strip() else FileTrouble.NOT_CSV)
    try:
        return _sheet(kind, text)
    except csv.Error:
        raise FileUnreadable(FileTrouble.NOT_CSV) from None


def _sheet(kind: Kind, text: str) -> Sheet:
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_SEPARATORS, key=first.count), strict=True)
    headings: list[str] = []
    lines: list[Line] = []
    found = columns.read(kind, headings)
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if not headings:
            headings = [cell.strip() for cell in row]
            found = columns.read(kind, headings)
            if found.missing:
                raise FileUnreadable(FileTrouble.COLUMNS_MISSING, ", ".join(found.missing))
            continue
        if len(lines) == MOST_LINES:
            raise FileUnreadable(FileTrouble.TOO_LONG)
        # A cell may hold several lines: the last is where the reader is.
        cells = {field: _cell(row[place]) for field, place in found.places.items() if place < len(row)}
        lines.append(Line(reader.line_num, cells))
    return Sheet(found, tuple(lines))


def _cell(text: str) -> str:
    """What a cell says. Before what a spreadsheet would take for a formula our own files put a mark, which is no part of it."""
    plain = text.strip()[:_LONGEST]
    return plain[1:] if plain.startswith("'") and is_formula(plain[1:]) else plain
