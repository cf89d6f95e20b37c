"""What `pushcart demo` does: the season of sales that shows a demo at work, made and removed."""

from typing import Annotated

import typer

from core.command_line.answers import Json, say
from core.opening import open_shop

demo_commands = typer.Typer(no_args_is_help=True, help="What a demo can be filled with.")


@demo_commands.callback()
def demo() -> None:
    """What a demo can be filled with."""


@demo_commands.command("season")
def season(
    remove: Annotated[bool, typer.Option("--remove", help="Remove it, and nothing else.")] = False,
    as_json: Json = False,
) -> None:
    """Fill the demo with a season of sales: some 400 orders of 120 days that nobody placed. No letter comes of it."""
    from core.owner.season import making, removal

    shop = open_shop()
    if remove:
        removed = removal.remove(shop)
        say({"removed": removed}, f"The season's {removed} orders are gone, with all that belonged to them.", as_json)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("Orders"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        made = making.fill(shop, progress=lambda done, of: bar.update(task, completed=done, total=of))
    say({"orders": made}, f"{made} orders are in the shop. `pushcart demo season --remove` takes them out.", as_json)
