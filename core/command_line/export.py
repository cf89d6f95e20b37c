"""`pushcart export`: the accountant's files and the list of orders, written as they are read."""

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer
from sqlmodel import Session

from core.command_line.answers import Json, fail, pour, say
from core.command_line.arguments import in_order
from core.command_line.report import From, To
from core.opening import open_shop
from core.shop import Shop


class File(StrEnum):
    """What can be exported."""

    JOURNAL = "journal"
    TAX = "tax"
    PAYOUTS = "payouts"
    ORDERS = "orders"


def export(
    file: Annotated[File, typer.Argument(metavar="journal|tax|payouts|orders", show_default=False)],
    first: From,
    last: To,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write to this file instead of printing; it is whole or not there."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the accountant's journal, taxes or payouts of some days, or the list of orders, as CSV for a spreadsheet."""
    in_order(first, last)
    shop = open_shop()
    with shop.reading(patiently=True) as session:
        lines = _lines(shop, session, file, first, last)
        if out is None and as_json:
            say(_rows(lines), "", as_json)
            return
        if out is None:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
            for line in lines:
                pour(line)
            return
        write(out, lines)
    say({"file": str(out)}, f"Written to {out}.", as_json)


def _rows(lines: Iterable[str]) -> list[dict[str, str]]:
    """The rows of such a file, each by its columns, with cells as they stand in it."""
    return list(csv.DictReader(StringIO("".join(lines).removeprefix("\ufeff"), newline="")))


def _lines(shop: Shop, session: Session, file: File, first: date, last: date) -> Iterator[str]:
    from core.owner.accounting import journal, order_list, payouts, tax
    from core.owner.figures.days import Days

    days, livemode = Days(first, last, shop.settings.zone), shop.settings.livemode
    match file:
        case File.JOURNAL:
            return journal.lines(session, days, livemode=livemode)
        case File.TAX:
            return tax.lines(session, days, livemode=livemode)
        case File.PAYOUTS:
            return payouts.lines(session, days, livemode=livemode)
        case File.ORDERS:
            return order_list.lines(session, days, livemode=livemode)


def write(out: Path, pieces: Iterable[str | bytes]) -> None:
    """Write the file beside its place and put it there when it is whole. Nobody else on the machine may read it."""
    if not out.absolute().parent.is_dir():
        fail(f"There is no folder {out.absolute().parent} to put it into.")
    if out.is_dir():
        fail(f"{out} is a folder: name a file in it.")
    with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}-", delete=False) as made:
        try:
            made.writelines(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
            made.flush()
            os.replace(made.name, out)
        except BaseException:
            Path(made.name).unlink(missing_ok=True)
            raise
