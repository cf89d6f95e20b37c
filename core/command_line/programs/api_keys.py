"""What `pushcart api-key` does: the keys with which programs ask the shop, made and ended at a terminal."""

from typing import Annotated

import typer

from core.command_line.answers import Json, say, table
from core.opening import open_shop
from core.people import api_keys, audit
from core.people.staff import Action, Role

api_key_commands = typer.Typer(no_args_is_help=True, help="Keys with which your programs ask the shop.")
_COLUMNS = ("id", "name", "key", "scopes", "last_used_at", "ended_at")


@api_key_commands.command("create")
def create(
    name: str,
    scopes: Annotated[str, typer.Option(help="What it is for, by commas: entitlements, seats, licenses.")],
    as_json: Json = False,
) -> None:
    """Make a key and print it. It is shown this once: the shop keeps no copy that could be read."""
    shop = open_shop()
    asked = api_keys.scopes_in(scopes.split(","))
    with shop.transaction() as session:
        made = api_keys.make(session, name, asked, by=audit.TERMINAL, now=shop.now())
        audit.record(
            session, who=audit.TERMINAL, role=Role.OWNER, action=Action.API_KEYS, subject=made.id,
            detail=f"made {name.strip()} for {', '.join(asked)}", now=shop.now(),
        )  # fmt: skip
    say(vars(made), f"{made.key}\nKeep it now: it is shown this once. It is for {', '.join(asked)}.", as_json)


@api_key_commands.command("list")
def everything(as_json: Json = False) -> None:
    """The keys, with their first and last letters, what they are for, and when each was last in use."""
    shop = open_shop()
    with shop.reading() as session:
        found = [api_keys.described(row) for row in api_keys.listed(session)]
    shown = [{**row, "scopes": ",".join(row["scopes"])} for row in found]
    say(found, table(shown, _COLUMNS, "There are no API keys."), as_json)


@api_key_commands.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", show_default=False)], as_json: Json = False) -> None:
    """End a key by its id: the next request with it is refused."""
    shop = open_shop()
    with shop.transaction() as session:
        ended = api_keys.end(session, key_id, now=shop.now())
        audit.record(
            session, who=audit.TERMINAL, role=Role.OWNER, action=Action.API_KEYS, subject=key_id,
            detail=f"ended {ended.name}", now=shop.now(),
        )  # fmt: skip
    say({"revoked": key_id}, f"{ended.name} opens nothing from now on.", as_json)
