"""`pushcart catalog`: what is sold."""

from pathlib import Path

import typer

from core.command_line.answers import Json, say
from core.opening import open_to_restock

catalog_commands = typer.Typer(no_args_is_help=True, help="What is sold.")


@catalog_commands.callback()
def catalog() -> None:
    """What is sold."""


@catalog_commands.command("apply")
def apply(file: Path, as_json: Json = False) -> None:
    """Bring the shop's shelves to what FILE says. Products it does not name are left alone, but for the demo's."""
    from core.owner import publishing

    done = publishing.apply(open_to_restock(), file)
    text = f"{done.products} products with {done.prices} prices and {done.files} files are on the shelves."
    if done.taken_off:
        text += f" Taken off them, since they were the demo's: {', '.join(done.taken_off)}."
    if done.left_alone:
        text += f" Left alone, since the file does not name them: {', '.join(done.left_alone)}."
    say(vars(done), text, as_json)
