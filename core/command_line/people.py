"""What a terminal knows of customers, and the code for somebody whom no mail reaches."""

from pathlib import Path
from typing import Annotated

import typer

from core.command_line.answers import Json, count, say
from core.opening import open_shop


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
    say(answer, f"{digits} signs in {code.folded} for {codes.CODE_MINUTES} minutes.", as_json)


def customer(
    email: str,
    change_email: Annotated[
        str, typer.Option(metavar="NEW", help="From now on this is the customer's address, and no longer EMAIL.")
    ] = "",
    order: Annotated[str, typer.Option(help="Change the address of this order alone, by id or number.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Let the customer have EMAIL as well.")] = False,
    join: Annotated[bool, typer.Option("--join", help="Also if NEW is another customer's: then both are one.")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all that is held about them to this file, as JSON.")
    ] = None,
    erase: Annotated[
        bool, typer.Option("--erase", help="Forget who they are. What the books need stays, without their address.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before they are erased.")] = False,
    as_json: Json = False,
) -> None:
    """What the customer with the address EMAIL has: addresses, orders, deliveries."""
    from core.command_line.words import customer as words
    from core.foundation import addresses

    shop = open_shop()
    if sum(map(bool, (change_email, export, erase))) > 1:
        raise typer.BadParameter("--change-email, --export and --erase are asked for one at a time")
    if export:
        written = words.export(shop, email, export)
        say({"written": str(written)}, f"Written to {written}.", as_json)
        return
    if erase:
        done = words.erase(shop, email, yes=yes, as_json=as_json)
        say(
            done,
            f"Erased. {count(done['orders'], 'order stays', 'orders stay')} in the books, without their buyer.",
            as_json,
        )
        return
    if change_email:
        new = addresses.checked(change_email, reachable=shop.settings.livemode)
        email = words.change(shop, email, new, order=order, keep=keep, join=join)
    elif order or keep or join:
        raise typer.BadParameter("--order, --keep and --join say how --change-email is meant")
    found = words.look(shop, email)
    say(found, words.text(found), as_json)


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Remove or forget what was kept as long as RETENTION_… says, or say what is due. The worker does it by itself."""
    from core.privacy import retention as keeping

    shop = open_shop()
    done = keeping.due(shop) if dry_run else keeping.run(shop)
    head = "Due, at most a batch of each" if dry_run else "Done"
    width = max(map(len, done))
    lines = [f"{head}:", *(f"  {name:<{width}} {count}" for name, count in done.items())]
    say({"dry_run": dry_run, **done}, "\n".join(lines), as_json)
