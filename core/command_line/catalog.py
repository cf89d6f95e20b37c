"""`pushcart catalog`: what is sold."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.command_line.answers import Json, count, pour, say, table
from core.foundation.money import Money
from core.opening import open_to_restock

if TYPE_CHECKING:
    from core.owner.shelves.differences import Difference
    from core.owner.shelves.listing import ProductRow

catalog_commands = typer.Typer(no_args_is_help=True, help="What is sold.")


@catalog_commands.callback()
def catalog() -> None:
    """What is sold."""


@catalog_commands.command("apply")
def apply(
    file: Path,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    only: Annotated[bool, typer.Option("--only", help="Take everything else off the shelves.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before anything is taken off.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the shop's shelves to what FILE says. Products it does not name are left alone, but for the demo's."""
    from core.owner import publishing

    shop = open_to_restock()
    changes = publishing.preview(shop, file, only=only) if dry_run or (only and not yes) else []
    if dry_run:
        _say_changes(changes, as_json)
        return
    if only and not yes:
        _ask_about(changes)
    done = publishing.apply(shop, file, only=only)
    text = f"{done.products} products with {done.prices} prices and {done.files} files are on the shelves."
    if done.taken_off:
        why = "since the file does not name them" if only else "since they were the demo's"
        text += f" Taken off them, {why}: {', '.join(done.taken_off)}."
    if done.left_alone:
        text += f" Left alone, since the file does not name them: {', '.join(done.left_alone)}."
    say(vars(done), text, as_json)


def _ask_about(changes: "list[Difference]") -> None:
    """Have whoever sits there agree to what leaves the shelves. Raises typer.Abort if they do not."""
    leaving = [each.product for each in changes if each.field == "active" and each.after == "no"]
    if leaving:
        typer.confirm(
            f"No longer sold, and kept by whoever bought it: {', '.join(leaving)}. Go on?", abort=True, err=True
        )


@catalog_commands.command("export")
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write it; without one it is printed.")] = None,
    as_json: Json = False,
) -> None:
    """Write the shelves as a catalogue file, from which `catalog apply` makes the very same shelves.

    Beside FILE it puts the pictures and the seller's texts.
    """
    from core.owner.shelves import export as shelves

    shop = open_to_restock()
    with shop.reading() as session:
        if file is None:
            written = shelves.write(session, shop)
            if as_json:
                say(tomllib.loads(written), "", as_json)
            else:
                pour(written)
            return
        shelves.lay_out(session, shop, file)
    say({"file": str(file)}, f"The catalogue is in {file}.", as_json)


@catalog_commands.command("list")
def list_products(as_json: Json = False) -> None:
    """What is sold, what it brought in, and wherein it differs from the file that was applied last."""
    from core.owner.shelves import listing

    shop = open_to_restock()
    with shop.reading() as session:
        found = listing.rows(session, livemode=shop.settings.livemode, zone=shop.settings.zone, now=shop.now())
    rows = [_row(each) for each in found]
    columns = ("id", "kind", "on_sale", "prices", "sold", "differs")
    say(rows, table([_in_words(row) for row in rows], columns, "Nothing is for sale yet."), as_json)


def _row(row: "ProductRow") -> dict[str, Any]:
    differs = row.drift.differences if row.drift else ()
    return {
        "id": row.offer.id, "name": row.offer.name, "kind": row.offer.kind, "active": row.active,
        "availability": row.offer.availability,
        "prices": [{"id": tag.id, **vars(tag.amount), "interval": tag.interval} for tag in row.offer.prices],
        "sold": [{"quantity": each.quantity, **vars(each.amount)} for each in row.sold],
        "differs": [{"field": each.field, "before": each.before, "after": each.after} for each in differs],
        "at_stripe": [each.sentence for each in row.at_stripe],
    }  # fmt: skip


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    prices = (_money(each) + (f"/{each['interval']}" if each["interval"] else "") for each in row["prices"])
    fields = [*(each["field"] for each in row["differs"]), *(["at Stripe"] if row["at_stripe"] else [])]
    return row | {
        "on_sale": "yes" if row["availability"] == "on_sale" else "no", "prices": ", ".join(prices),
        "sold": ", ".join(f"{each['quantity']} for {_money(each)}" for each in row["sold"]),
        "differs": ", ".join(dict.fromkeys(fields)),
    }  # fmt: skip


def _money(each: dict[str, Any]) -> str:
    return Money(each["amount"], each["currency"]).format()


def _say_changes(changes: "list[Difference]", as_json: bool) -> None:
    lines = [
        f"{f'{each.product} ' if each.product else ''}{each.field}: {each.before or 'nothing'} -> {each.after or 'nothing'}"
        for each in changes
    ]
    text = (
        "\n".join([*lines, f"{count(len(lines), 'change')}; nothing was changed yet."])
        if lines
        else "Nothing would change."
    )
    say({"changes": [vars(each) for each in changes]}, text, as_json)
