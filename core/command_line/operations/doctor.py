"""`pushcart doctor` and `pushcart webhook`: whether all is as it must be, and the endpoint at which Stripe tells the shop."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.command_line.answers import Json, say
from core.opening import open_shop

if TYPE_CHECKING:
    from core.owner.doctor.findings import Finding

webhook_commands = typer.Typer(no_args_is_help=True, help="Where Stripe tells the shop what happens.")


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended at Stripe.")] = False,
    letter_to: Annotated[
        str, typer.Option("--letter-to", metavar="EMAIL", help="Send a test letter there, to see that mail arrives.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Look at keys, permissions, webhook, prices, portal, worker, storage and mail; exit status 1 if something is wrong."""
    from rich.console import Console

    from core.foundation import addresses
    from core.owner.doctor import examination
    from core.owner.doctor.findings import Level

    shop = open_shop()
    to = addresses.checked(letter_to, reachable=shop.settings.livemode) if letter_to else ""
    console = Console(stderr=True, quiet=as_json)
    with console.status("Looking") as status:
        found = examination.examine(
            shop, fix=fix, letter_to=to,
            progress=lambda name: status.update(f"Looking at {name}"),
        )  # fmt: skip
    say([_row(each) for each in found], "\n".join(map(_words, found)), as_json)
    if any(each.level is Level.WRONG for each in found):
        raise typer.Exit(1)


@webhook_commands.command("register")
def register(url: str, as_json: Json = False) -> None:
    """Make an endpoint at Stripe that tells URL of all that the shop uses. Its secret is printed, and shown only once."""
    from core.owner.doctor import stripe_side

    made = stripe_side.register(open_shop(), url)
    answer = {"id": made["id"], "url": url, "secret": made["secret"], "api_version": made["api_version"]}
    text = (
        f"Stripe tells {url} from now on. Its secret is shown only now:\n\n  STRIPE_WEBHOOK_SECRET={made['secret']}\n"
    )
    say(answer, text, as_json)


@webhook_commands.command("test")
def ping(
    url: Annotated[str, typer.Argument(help="Where to; without it, wherever Stripe tells the shop.")] = "",
    as_json: Json = False,
) -> None:
    """Send a signed ping to the webhook's public address, and see that it arrives in this shop. It leaves no trace."""
    from core.owner.doctor import examination
    from core.owner.doctor import ping as signed
    from core.owner.doctor.findings import Level

    shop = open_shop()
    urls = [url] if url else examination.addresses(shop)
    found = [finding for each in urls for finding in signed.send(shop, each)]
    say([_row(each) for each in found], "\n".join(map(_words, found)), as_json)
    if any(each.level is Level.WRONG for each in found):
        raise typer.Exit(1)


def _row(finding: "Finding") -> dict[str, Any]:
    return {
        "check": finding.check, "level": finding.level, "what": finding.what, "why": finding.why, "how": finding.how,
        "mended": finding.mended,
    }  # fmt: skip


def _words(finding: "Finding") -> str:
    mark = "mended" if finding.mended else {"fine": "ok", "later": "later", "wrong": "WRONG"}[finding.level]
    lines = [f"{mark:<7}{finding.check:<12} {finding.what}"]
    lines += [f"{'':<20}{each}" for each in (finding.why, finding.how) if each]
    return "\n".join(lines)
