"""`pushcart import`: customers and past orders of another shop, from its CSV file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from core.command_line.answers import Json, say, table
from core.opening import open_shop
from core.owner.importing import imports
from core.owner.importing.columns import Kind
from core.owner.importing.imports import Outcome, Report

import_commands = typer.Typer(
    no_args_is_help=True, help="Customers and past orders of another shop, from its CSV file."
)
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file in UTF-8.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]


@import_commands.command()
def customers(file: File, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Import customers: email, name, note."""
    _run(Kind.CUSTOMERS, file, dry_run=dry_run, as_json=as_json)


@import_commands.command()
def orders(file: File, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Import past orders: external_id, number, date, product, amount, currency, email, name, with_access."""
    _run(Kind.ORDERS, file, dry_run=dry_run, as_json=as_json)


def _run(kind: Kind, file: Path, *, dry_run: bool, as_json: bool) -> None:
    shop, data = open_shop(), file.read_bytes()
    report = imports.dry_run(shop, kind, data) if dry_run else imports.apply(shop, kind, data, deed=None)
    say(_answer(report, dry_run=dry_run), _text(report, dry_run=dry_run), as_json)


def _answer(report: Report, *, dry_run: bool) -> dict[str, Any]:
    return {
        "kind": report.kind, "dry_run": dry_run, "source": report.source, "columns": report.columns,
        "ignored": report.ignored, **{each.value: report.count(each) for each in Outcome},
        "with_access": report.with_access, "lines": [asdict(each) for each in report.results],
    }  # fmt: skip


def _text(report: Report, *, dry_run: bool) -> str:
    new, there, wrong = (report.count(each) for each in Outcome)
    counted = f"{new} {'would be' if dry_run else 'were'} imported, {there} are there already, {wrong} are wrong."
    rows = [{"line": each.line, "reason": each.detail, "about": each.subject} for each in report.wrong]
    return "\n".join([counted, *([table(rows, ("line", "reason", "about"), "")] if rows else [])])
