"""`pushcart backup` and `pushcart restore`: the whole shop in one file, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.command_line.answers import Json, count, fail, say
from core.opening import closed_shop

if TYPE_CHECKING:
    from core.backup.transfer import Transferred

File = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False)]
Tools = Annotated[
    str, typer.Option("--tools", metavar="FOLDER", help="Where pg_dump and pg_restore are, if not on the PATH.")
]


def backup(
    file: File,
    without_files: Annotated[
        bool, typer.Option("--without-files", help="Leave out the files at STORAGE_URL: the database alone.")
    ] = False,
    tools: Tools = "",
    as_json: Json = False,
) -> None:
    """Write the database and the stored files to FILE, while the shop sells on. The settings' secrets are not in it."""
    from core.backup import making

    if not file.absolute().parent.is_dir():
        fail(f"There is no folder {file.absolute().parent} to put it into.")
    with _shown(as_json) as progress:
        made = making.make(closed_shop(), file, with_files=not without_files, tools=tools, progress=progress)
    size = file.stat().st_size
    text = (
        f"{file}: the database as of {made.made_at:%Y-%m-%d %H:%M} UTC and {count(len(made.files), 'file')}, {size / 1e6:.1f} MB.\n"
        "It has your customers' data in it, and nothing of SECRET_KEY or other settings: keep those elsewhere, since\n"
        "without that SECRET_KEY nobody can read the licence keys in it."
    )
    say(
        {"file": str(file), "bytes": size, "files": len(made.files), "made_at": made.made_at, "schema": made.schema},
        text, as_json,
    )  # fmt: skip


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    gap: Annotated[
        int,
        typer.Option(
            "--gap", min=0, max=100_000_000, help="So many order numbers are left out: more than were given since."
        ),
    ] = 1000,
    another_key: Annotated[
        bool, typer.Option("--another-key", help="Take a backup that was made under another SECRET_KEY.")
    ] = False,
    tools: Tools = "",
    as_json: Json = False,
) -> None:
    """Check FILE as a whole, then fill the empty database at DATABASE_URL and the storage at STORAGE_URL from it.

    So a shop moves to PostgreSQL: a backup that was made of SQLite fills an empty PostgreSQL database as well.
    """
    from core.backup import restoring

    shop = closed_shop()
    with _shown(as_json) as progress:
        done = restoring.restore(shop, file, gap=gap, another_key=another_key, tools=tools, progress=progress)
    made = done.manifest
    mode = "" if made.livemode is shop.settings.livemode else (
        f"\nIt was made with a {'live' if made.livemode else 'test'} key of Stripe's, and STRIPE_SECRET_KEY is none: see to that"
        " first.\n"
    )  # fmt: skip
    files = (
        count(len(made.files), "file")
        if made.with_files
        else "no files, since it was made without: see that they are at STORAGE_URL"
    )
    text = (
        f"The shop is as it was at {made.made_at:%Y-%m-%d %H:%M} UTC, with {files}. The next order is number"
        f" {done.after + 1}.\n{_of_move(done.transferred)}{mode}"
        "\nWhat to do now:\n"
        "  1. pushcart reconcile   asks Stripe for what was bought, refunded and ended since, and delivers it\n"
        "  2. pushcart attention   names what could not be rebuilt, with what was paid\n"
        "  3. pushcart doctor      looks at keys, webhook, worker, files and mail\n"
        "  4. start the processes again"
    )
    said = {"made_at": made.made_at, "files": len(made.files), "next_number": done.after + 1, "schema": made.schema}
    say(said | {"moved": done.transferred and asdict(done.transferred)}, text, as_json)


def _of_move(moved: "Transferred | None") -> str:
    """What there is to say where the database is of another kind now."""
    if moved is None:
        return ""
    text = f"\nIt is in PostgreSQL now, with all of its {count(moved.rows, 'row')}, and with the jobs that it owes.\n"
    if moved.replaced:
        text += f"PostgreSQL has no letter of the value 0: in {count(moved.replaced, 'text')} there is U+FFFD in its place.\n"
    if moved.left:
        text += f"Not the shop's, and left behind: {', '.join(moved.left)}.\n"
    return text


@contextmanager
def _shown(quiet: bool) -> Iterator[Callable[[str], object]]:
    """Where one sees what is being written or read."""
    from rich.console import Console

    with Console(stderr=True, quiet=quiet).status("") as status:
        yield lambda what: status.update(what)
