"""What `pushcart report` prints: figures for a span of days, for people, scripts and spreadsheets."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import typer

from core.command_line.answers import Json, count, pour, say
from core.command_line.arguments import day, in_order
from core.foundation.money import Money
from core.opening import open_shop

report_commands = typer.Typer(no_args_is_help=True, help="Figures for a span of days.")

Csv = Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet.")]
From = Annotated[date, typer.Option("--from", parser=day, metavar="DAY", help="The first day, such as 2026-11-01.")]
To = Annotated[date, typer.Option("--to", parser=day, metavar="DAY", help="The last day; it counts.")]


@report_commands.command("sales")
def sales(
    first: From,
    last: To,
    known: Annotated[
        date | None,
        typer.Option("--known-on", parser=day, metavar="DAY", help="As it was known when this day ended."),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What was sold on these days in each currency, and what went back; both days included."""
    from core.owner.figures import sales_report

    _one_form(as_csv, as_json)
    in_order(first, last)
    shop = open_shop()
    with shop.reading() as session:
        found = sales_report.of_days(
            session, first, last, shop.settings.zone, livemode=shop.settings.livemode,
            known_on=known,
        )  # fmt: skip
        outdated = sales_report.is_outdated(
            session, first, last, shop.settings.zone, livemode=shop.settings.livemode, known_on=known
        )
    if outdated:
        typer.echo(sales_report.OUTDATED, err=True)
    if as_csv:
        _pour(sales_report.COLUMNS, sales_report.AMOUNTS, found)
        return
    say(found, "\n".join(sales_report.words(found)) or "Nothing was sold on these days.", as_json)


@report_commands.command("subscriptions")
def subscriptions(
    first: Annotated[
        date | None, typer.Option("--from", parser=day, metavar="DAY", help="The first day of how that has changed.")
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", help="The last day; it counts.")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What subscriptions bring in a month in each currency, and how they stand; or how that has changed on some days."""
    from core.owner.figures import subscriptions_report

    _one_form(as_csv, as_json)
    if (first is None) is not (last is None):
        raise typer.BadParameter("Say both --from and --to, or neither.")
    shop = open_shop()
    zone, livemode = shop.settings.zone, shop.settings.livemode
    with shop.reading() as session:
        if first and last:
            in_order(first, last)
            found = subscriptions_report.of_days(session, first, last, zone, livemode=livemode)
        else:
            found = subscriptions_report.as_of(session, zone, livemode=livemode, now=shop.now())
    if as_csv:
        columns = subscriptions_report.MOVED if first else subscriptions_report.STANDING
        _pour(columns, subscriptions_report.AMOUNTS, found)
        return
    say(found, "\n".join(subscriptions_report.words(found)) or "There are no subscriptions.", as_json)


@report_commands.command("tax")
def tax(
    first: From,
    last: To,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What was taxed on these days and what tax was in it, by quarter, country, rate and kind of product."""
    from core.owner.accounting import tax as report
    from core.owner.figures.days import Days

    _one_form(as_csv, as_json)
    in_order(first, last)
    shop = open_shop()
    days, livemode = Days(first, last, shop.settings.zone), shop.settings.livemode
    with shop.reading() as session:
        if as_csv:
            for line in report.lines(session, days, livemode=livemode):
                pour(line)
            return
        found = report.of_days(session, days, livemode=livemode)
    say(found, "\n".join(map(_tax, found)) or "Nothing was sold on these days.", as_json)


def _pour(columns: Sequence[str], amounts: Collection[str], found: Sequence[Mapping[str, Any]]) -> None:
    """These rows as a file, the amounts in major units."""
    from core.owner.accounting import spreadsheet

    rows = (
        [spreadsheet.major(row[name], row["currency"]) if name in amounts else row[name] for name in columns]
        for row in found
    )
    for line in spreadsheet.lines(columns, rows):
        pour(line)


def _one_form(as_csv: bool, as_json: bool) -> None:
    """Raise typer.BadParameter where both are asked for: a script would read the one for the other."""
    if as_csv and as_json:
        raise typer.BadParameter("Say --csv or --json, not both.")


def _tax(row: dict[str, Any]) -> str:
    """One rate of one country in a line."""
    net, tax = (Money(row[name], row["currency"]).format() for name in ("net", "tax"))
    where = row["country"] or "no country"
    return f"{row['quarter']}  {where}  {row['tax_rate']}%  {row['product_kind']}  net {net}, tax {tax}"


@report_commands.command("payouts")
def payouts(
    first: From,
    last: To,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for a spreadsheet, a row for each entry.")] = False,
) -> None:
    """What reached the bank on these days, what is in it, and what does not add up."""
    from core.owner.accounting import payouts as report
    from core.owner.figures.days import Days

    _one_form(as_csv, as_json)
    in_order(first, last)
    shop = open_shop()
    livemode = shop.settings.livemode
    with shop.reading() as session:
        if as_csv:
            for line in report.lines(session, Days(first, last, shop.settings.zone), livemode=livemode):
                pour(line)
            return
        found = report.of_days(session, first, last, livemode=livemode)
    say(found, "\n".join(map(_words, found)) or "No payouts arrive on these days.", as_json)


def _words(payout: dict[str, Any]) -> str:
    """One payout in a line, and what does not add up in another."""
    currency = payout["currency"]
    amount, fee = Money(payout["amount"], currency).format(), Money(payout["fee"], currency).format()
    line = (
        f"{payout['arrival_date']}  {amount}  {payout['status']}  "
        f"{_count(payout['entries'])}, {fee} in fees  {payout['id']}"
    )
    if not payout["gap"]:
        return line
    return f"{line}\n  {Money(payout['difference'], currency).format()} does not add up: {payout['gap']}"


def _count(entries: list[dict[str, Any]]) -> str:
    return count(len(entries), "entry", "entries")
