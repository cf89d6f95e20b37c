"""What a terminal shows of Stripe's events, asks Stripe about, and says needs a person."""

from datetime import UTC, date, datetime, time
from typing import Annotated

import typer

from core.command_line.answers import Json, one_of, say, table
from core.command_line.arguments import Limit, day
from core.opening import open_shop


def events(
    state: Annotated[str, typer.Option(help="applied, ignored, parked or failed.")] = "",
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """The newest events from Stripe and what became of them."""
    from core.events.handlers import EventState
    from core.owner import reports

    one_of(EventState, state, "--state")
    shop = open_shop()
    with shop.reading() as session:
        found = reports.event_list(session, state=state, limit=limit)
    columns = ("id", "type", "state", "order_id", "attempts", "error")
    say(found, table(found, columns, "No such events." if state else "No events yet."), as_json)


def replay(event: Annotated[str, typer.Argument(metavar="EVENT")], as_json: Json = False) -> None:
    """Apply a remembered event once more. One that had worked changes nothing."""
    from core.events import inbox as stripe_events

    shop = open_shop()
    outcome = stripe_events.replay(shop, event, actor="pushcart replay")
    text = f"{event} is {outcome.state}" + (f": {outcome.reason}." if outcome.reason else ".")
    answer = {"id": event, "state": outcome.state, "order_id": outcome.order_id, "error": outcome.reason}
    say(answer, text, as_json)


_STOPPED = (
    "Stripe did not answer, or turned the key away, and was asked nothing more: most of it is still to be checked.\n"
    "Look at this machine's network, at STRIPE_SECRET_KEY and at status.stripe.com, and run it again: nothing is lost meanwhile."
)


def reconcile(
    since: Annotated[
        date | None,
        typer.Option(
            "--since",
            parser=day,
            metavar="DAY",
            help="Ask also for all that was paid since that day: for a database that was put back by other means than `restore`.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask Stripe about everything that is still open, and put right what no webhook told."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from core.events import reconciliation, recovery

    shop = open_shop()
    if since:
        with shop.transaction() as session:
            recovery.look_from(session, datetime.combine(since, time(), shop.settings.zone).astimezone(UTC))
    columns = (
        TextColumn("Checking"),
        BarColumn(),
        TextColumn("{task.completed} {task.description}"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        report = reconciliation.sweep(
            shop, everything=True, progress=lambda subject: bar.update(task, advance=1, description=subject)
        )
    failed = [{"subject": subject, "reason": reason} for subject, reason in report.failed]
    lines = [f"{report.checked} checked, {len(report.healed)} healed, {len(failed)} could not be healed."]
    lines += [f"  healed {subject}" for subject in report.healed]
    lines += [f"  {each['subject']}: {each['reason']}" for each in failed]
    lines += [_STOPPED] if report.stopped else []
    say({"checked": report.checked, "healed": report.healed, "failed": failed}, "\n".join(lines), as_json)
    if failed:
        raise typer.Exit(1)


def attention(as_json: Json = False) -> None:
    """What needs a person, and what to do about it."""
    from core.owner.needs import attention as needs

    found = needs.everything(open_shop())
    answer = [
        {
            **vars(item),
            "since": item.since.isoformat(),
            "due_by": item.due_by.isoformat() if item.due_by else None,
        }
        for item in found
    ]
    lines = [f"{item.topic} {item.subject}: {item.detail}\n  {item.advice}" for item in found]
    say(answer, "\n".join(lines) if lines else "Nothing needs you.", as_json)
