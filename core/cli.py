"""The `pushcart` command: what an owner does at a terminal, each with `--json` for scripts."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import orjson
import structlog
import typer

from core import cli_demo, cli_errors, cli_export, cli_report, cli_staff
from core.foundation import database, logs, migration, settings
from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.opening import open_shop, open_to_restock

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
catalog_commands = typer.Typer(no_args_is_help=True, help="What is sold.")
app.add_typer(catalog_commands, name="catalog")
app.add_typer(cli_report.report_commands, name="report")
app.add_typer(cli_staff.staff_commands, name="staff")
app.command("export")(cli_export.export)
app.add_typer(cli_demo.demo_commands, name="demo")

log = structlog.get_logger()

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def main() -> None:
    """Run the command; mistakes end in one readable line and exit status 1."""
    logs.set_up()
    try:
        app()
    except ShopError as error:
        _fail(*cli_errors.lines(error))
    except Exception as error:
        # Here and not by Typer, whose hook would print it as it is.
        log.critical("command_failed", exc_info=error)
        sys.exit(1)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database to this version's schema. Safe to run at any time."""
    chosen = settings.read()
    changed = migration.ensure(database.connect(chosen.database_url), chosen.database_url)
    _say({"migrated": changed}, "The database was migrated." if changed else "The database is up to date.", as_json)


@catalog_commands.command("apply")
def catalog_apply(file: Path, as_json: Json = False) -> None:
    """Bring the shop's shelves to what FILE says. Products it does not name are left alone, but for the demo's."""
    from core.owner import publishing

    done = publishing.apply(open_to_restock(), file)
    text = f"{done.products} products with {done.prices} prices and {done.files} files are on the shelves."
    if done.taken_off:
        text += f" Taken off them, since they were the demo's: {', '.join(done.taken_off)}."
    if done.left_alone:
        text += f" Left alone, since the file does not name them: {', '.join(done.left_alone)}."
    _say(vars(done), text, as_json)


@app.command()
def orders(
    status: Annotated[str, typer.Option(help="Only orders in this status.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most, newest first.")] = 100,
    as_json: Json = False,
) -> None:
    """The newest orders."""
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.order_list(session, status=status, limit=limit)
    _say(
        found, _table(found, ("number", "status", "amount_total", "currency", "email", "id"), "No orders yet."), as_json
    )


@app.command()
def order(reference: Annotated[str, typer.Argument(metavar="ORDER")], as_json: Json = False) -> None:
    """One order by id or number: lines, grants, refunds and what happened."""
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.order_detail(session, reference)
    _say(found, orjson.dumps(found, option=orjson.OPT_INDENT_2).decode(), as_json)


@app.command()
def events(
    state: Annotated[str, typer.Option(help="applied, ignored, parked or failed.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at most, newest first.")] = 100,
    as_json: Json = False,
) -> None:
    """The newest events from Stripe and what became of them."""
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.event_list(session, state=state, limit=limit)
    _say(found, _table(found, ("id", "type", "state", "order_id", "attempts", "error"), "No events yet."), as_json)


@app.command()
def replay(event: Annotated[str, typer.Argument(metavar="EVENT")], as_json: Json = False) -> None:
    """Apply a remembered event once more. One that had worked changes nothing."""
    from core.events import inbox as stripe_events

    shop = open_shop()
    outcome = stripe_events.replay(shop, event, actor="pushcart replay")
    text = f"{event} is {outcome.state}" + (f": {outcome.reason}." if outcome.reason else ".")
    answer = {"id": event, "state": outcome.state, "order_id": outcome.order_id, "error": outcome.reason}
    _say(answer, text, as_json)


@app.command()
def reconcile(as_json: Json = False) -> None:
    """Ask Stripe about everything that is still open, and put right what no webhook told."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from core.events import reconciliation

    shop = open_shop()
    columns = (
        TextColumn("Checking"),
        BarColumn(),
        TextColumn("{task.completed} {task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task("", total=None)
        report = reconciliation.sweep(
            shop, everything=True, progress=lambda subject: bar.update(task, advance=1, description=subject)
        )
    failed = [{"subject": subject, "reason": reason} for subject, reason in report.failed]
    lines = [f"{report.checked} checked, {len(report.healed)} healed, {len(failed)} could not be healed."]
    lines += [f"  healed {subject}" for subject in report.healed]
    lines += [f"  {each['subject']}: {each['reason']}" for each in failed]
    _say({"checked": report.checked, "healed": report.healed, "failed": failed}, "\n".join(lines), as_json)
    if failed:
        raise typer.Exit(1)


@app.command()
def attention(as_json: Json = False) -> None:
    """What needs a person, and what to do about it."""
    from core.owner import attention as needs

    found = needs.items(open_shop())
    answer = [
        {
            **vars(item),
            "since": item.since.isoformat(),
            "due_by": item.due_by.isoformat() if item.due_by else None,
        }
        for item in found
    ]
    lines = [f"{item.topic} {item.subject}: {item.detail}\n  {item.advice}" for item in found]
    _say(answer, "\n".join(lines) if lines else "Nothing needs you.", as_json)


@app.command()
def refund(
    reference: Annotated[str, typer.Argument(metavar="ORDER")],
    amount: Annotated[
        str | None, typer.Option(metavar="AMOUNT", help="Such as 27 or 27.00; without it all that is left.")
    ] = None,
    line: Annotated[list[int] | None, typer.Option(help="The lines to pay back, counted from 1.")] = None,
    reason: Annotated[str, typer.Option(help="duplicate, fraudulent, requested_by_customer, or your own words.")] = "",
    payment: Annotated[
        str, typer.Option(metavar="ID", help="The payment to pay back, by any of its ids; without it the newest first.")
    ] = "",
    take_back: Annotated[
        bool, typer.Option("--take-back", help="End access, of these lines or all, though money is left.")
    ] = False,
    end_subscription: Annotated[
        bool | None,
        typer.Option(
            "--cancel-subscription/--keep-subscription",
            help="Whether the plan that is paid back stops billing; else as PLAN_AFTER_REFUND says.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    as_json: Json = False,
) -> None:
    """Say what would go back to the buyer of ORDER and what that does to the deliveries, ask, and send it."""
    from core import cli_refund
    from core.journeys.refund import preview, request
    from core.orders.refunds import RefundStatus
    from core.owner import reports

    shop = open_shop()
    with shop.reading() as session:
        found = reports.order_detail(session, reference)
    order_id, units = found["id"], None if amount is None else Money.parse(amount, found["currency"]).amount
    plan = preview(
        shop, order_id, units, lines=line or (), payment=payment, take_back=take_back, end_subscription=end_subscription
    )
    if refusal := cli_refund.disagreement(plan, yes=yes, as_json=as_json):
        _fail(refusal)
    done = request(
        shop,
        order_id,
        units,
        reason=reason,
        actor="pushcart refund",
        lines=line or (),
        payment=payment,
        take_back=take_back,
        end_subscription=end_subscription,
        agreed=plan,
    )
    with shop.reading() as session:
        found = reports.order_detail(session, order_id)
    _say(cli_refund.answer(done, plan, found), cli_refund.said(done, plan), as_json)
    if done.status in (RefundStatus.FAILED, RefundStatus.CANCELED):
        raise typer.Exit(1)


@app.command()
def revoke(
    reference: Annotated[str, typer.Argument(metavar="ORDER")],
    line: Annotated[list[int] | None, typer.Option(help="The lines to end, counted from 1; without it all.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the order's history.")] = "",
    restore: Annotated[bool, typer.Option("--restore", help="Give back what was ended.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, for scripts.")] = False,
    as_json: Json = False,
) -> None:
    """End access to what ORDER gave, without moving money; or give it back."""
    from core import cli_revoke
    from core.journeys import revocation
    from core.owner import reports

    if not reason and not restore:
        _fail("Say why with --reason: it stands in the order's history.")
    shop = open_shop()
    with shop.reading() as session:
        order_id = reports.order_detail(session, reference)["id"]
    plan = revocation.preview(shop, order_id, line or (), restore=restore)
    if refusal := cli_revoke.disagreement(plan, restore=restore, yes=yes, as_json=as_json):
        _fail(refusal)
    act = revocation.restore if restore else revocation.revoke
    act(shop, order_id, line or (), reason=reason, actor="pushcart revoke", agreed=plan)
    with shop.reading() as session:
        found = reports.order_detail(session, order_id)
    _say(cli_revoke.answer(plan, found), cli_revoke.said(plan, restore=restore), as_json)


@app.command()
def evidence(
    reference: Annotated[str, typer.Argument(metavar="ORDER")],
    html: Annotated[Path | None, typer.Option(help="Write a page to this file instead of printing JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Everything about ORDER that helps to answer a dispute, as JSON or as a page."""
    from core.owner import evidence as proof

    pack = proof.pack(open_shop(), reference)
    if html is None:
        _say(pack, orjson.dumps(pack, option=orjson.OPT_INDENT_2).decode(), as_json)
        return
    html.write_text(proof.page(pack), encoding="utf-8")
    _say({"written": str(html)}, f"Written to {html}.", as_json)


@app.command("sign-in-code")
def sign_in_code(email: str, as_json: Json = False) -> None:
    """Print a sign-in code for EMAIL, for somebody whom no mail reaches."""
    from core.foundation import addresses
    from core.people import codes

    shop = open_shop()
    address = addresses.checked(email, reachable=shop.settings.livemode)
    with shop.transaction() as session:
        code = codes.make(session, address, now=shop.now())
    digits = codes.digits_of(code.id, signing_key=shop.signing_key)
    answer = {"email": code.folded, "code": digits, "expires_at": code.expires_at.isoformat()}
    _say(answer, f"{digits} signs in {code.folded} for {codes.CODE_MINUTES} minutes.", as_json)


@app.command()
def customer(
    email: str,
    change_email: Annotated[
        str, typer.Option(metavar="NEW", help="From now on this is the customer's address, and no longer EMAIL.")
    ] = "",
    order: Annotated[str, typer.Option(help="Change the address of this order alone, by id or number.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Let the customer have EMAIL as well.")] = False,
    join: Annotated[bool, typer.Option("--join", help="Also if NEW is another customer's: then both are one.")] = False,
    as_json: Json = False,
) -> None:
    """What the customer with the address EMAIL has: addresses, orders, deliveries."""
    from core import cli_customer
    from core.foundation import addresses

    shop = open_shop()
    if change_email:
        new = addresses.checked(change_email, reachable=shop.settings.livemode)
        email = cli_customer.change(shop, email, new, order=order, keep=keep, join=join)
    elif order or keep or join:
        raise typer.BadParameter("--order, --keep and --join say how --change-email is meant")
    found = cli_customer.look(shop, email)
    _say(found, cli_customer.text(found), as_json)


def _say(answer: Any, text: str, as_json: bool) -> None:
    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode() if as_json else text)


def _table(rows: list[dict[str, Any]], columns: Iterable[str], empty: str) -> str:
    names = list(columns)
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines) if rows else empty


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def _fail(*lines: str) -> None:
    for line in lines:
        typer.echo(line, err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
