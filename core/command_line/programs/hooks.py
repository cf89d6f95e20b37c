"""What `pushcart hooks` does: the endpoints of the seller's own programs, and what they were told."""

from datetime import datetime
from typing import Annotated

import typer

from core.command_line.answers import Json, one_of, refuse, say, table
from core.command_line.arguments import moment
from core.integrations import webhook_desk
from core.opening import open_shop
from core.outgoing.messages import DeliveryState
from core.registers import webhooks
from core.registers.paging import Place

hook_commands = typer.Typer(
    no_args_is_help=True, help="Outgoing webhooks: what your programs are told, and how it went."
)
_Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", show_default=False)]
_Topics = Annotated[
    str, typer.Option(help="What it is told of, by commas, such as order.paid; everything if not said.")
]


@hook_commands.command("add")
def add(
    url: str,
    name: Annotated[str, typer.Option(help="What you know it by.")] = "",
    topics: _Topics = "",
    as_json: Json = False,
) -> None:
    """Add an endpoint and print its secret, which is shown this once."""
    made = webhook_desk.add(open_shop(), url, name=name, topics=topics.split(","))
    say(vars(made), f"{made.id}\n{made.secret}\nKeep the secret now: it is shown this once.", as_json)


@hook_commands.command("list")
def everything(as_json: Json = False) -> None:
    """The endpoints, and how they stand."""
    with open_shop().reading() as session:
        found = [webhooks.described(row) for row in webhooks.listed(session)]
    shown = [{**row, "topics": ",".join(row["topics"]) or "everything"} for row in found]
    columns = ("id", "name", "url", "topics", "off", "held", "failing_since")
    say(found, table(shown, columns, "There are no endpoints."), as_json)


@hook_commands.command("log")
def log(
    endpoint: Annotated[str, typer.Option(help="Of this endpoint alone.")] = "",
    state: Annotated[str, typer.Option(help="waiting, delivered, held or dropped.")] = "",
    as_json: Json = False,
) -> None:
    """The newest messages, and how each stands."""
    wanted = one_of(DeliveryState, state, "state")
    with open_shop().reading() as session:
        found = webhooks.page(session, endpoint=endpoint, state=wanted, place=Place(), size=100).rows
    rows = [webhooks.described_delivery(row) for row in found]
    columns = ("id", "topic", "endpoint", "state", "attempts", "status", "created_at")
    say(rows, table(rows, columns, "Nothing was told to anybody."), as_json)


@hook_commands.command("rotate")
def rotate(endpoint: _Endpoint, as_json: Json = False) -> None:
    """Make a new secret and print it. Messages are signed with the one before as well for a day."""
    made = webhook_desk.rotate(open_shop(), endpoint)
    say(
        vars(made),
        f"{made.secret}\nKeep it now: it is shown this once. The one before is good for another day.",
        as_json,
    )


@hook_commands.command("ping")
def ping(endpoint: _Endpoint, as_json: Json = False) -> None:
    """Send a test."""
    sent = webhook_desk.ping(open_shop(), endpoint)
    say({"delivery": sent}, f"A test is on its way: {sent}. `pushcart hooks log` has what came of it.", as_json)


@hook_commands.command("on")
def on(endpoint: _Endpoint, as_json: Json = False) -> None:
    """Send it messages again, those first that waited."""
    waited = webhook_desk.switch(open_shop(), endpoint, on=True)
    say({"sent_again": waited}, f"It is on. {waited} messages that waited are on their way.", as_json)


@hook_commands.command("off")
def off(endpoint: _Endpoint, as_json: Json = False) -> None:
    """Send it nothing. What it is to be told is kept for a month."""
    waiting = webhook_desk.switch(open_shop(), endpoint, on=False)
    say({"held": waiting}, "It is off. What it is to be told waits for a month.", as_json)


@hook_commands.command("remove")
def remove(endpoint: _Endpoint, as_json: Json = False) -> None:
    """Forget it."""
    name = webhook_desk.remove(open_shop(), endpoint)
    say({"removed": endpoint}, f"{name} is told nothing from now on.", as_json)


@hook_commands.command("replay")
def replay(
    subject: Annotated[str, typer.Argument(metavar="DELIVERY|ENDPOINT", show_default=False)],
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, help="With an endpoint: from this moment on, as 2026-11-23T10:00 in UTC."),
    ] = None,
    until: Annotated[datetime | None, typer.Option(parser=moment, help="And to this one, or to now.")] = None,
    as_json: Json = False,
) -> None:
    """Send one message again, or what an endpoint was told in some time: of more than 5,000 messages the oldest."""
    if until and not since:
        refuse("--until needs --since, which says where it begins.")
    shop = open_shop()
    if not since:
        webhook_desk.send_again(shop, subject)
        say({"sent_again": 1}, "It is on its way again.", as_json)
        return
    sent = webhook_desk.send_range_again(shop, subject, since=since, until=until or shop.now())
    say({"sent_again": sent}, f"{sent} messages are on their way again.", as_json)
