"""`pushcart rehearse`: the whole shop once through with test money, before it opens for real."""

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from core.command_line.answers import Json, count, say
from core.command_line.arguments import MOST
from core.opening import open_shop

if TYPE_CHECKING:
    from core.journeys.checkout import PaymentLink
    from core.rehearsal.points import Point


def rehearse(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Where the record is kept.", file_okay=False)
    ] = Path("var/rehearsals"),
    patience: Annotated[
        float, typer.Option("--patience", min=1, max=MOST, help="So many seconds what machines do is waited for.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Buy one thing of each kind with a test key, see all that must follow, and pay it back; exit status 1 if a point fails."""
    from core.rehearsal import checklist, paying
    from core.rehearsal.points import Record
    from core.rehearsal.seeing import Patience

    shop = open_shop()
    settings = shop.settings
    pay = paying.at_sandbox(settings)
    account = "at the sandbox" if pay else "with a test key of Stripe's"
    record = Record(shop.now(), settings.shop_name, account, told=lambda point: _tell(point, as_json))
    rehearsal = checklist.Rehearsal(shop, record, pay or _by_hand, by_hand=pay is None, patience=Patience(patience))
    _make_room(out)
    rehearsal.run()
    page, data = record.keep(out)
    failed = sum(not point.passed for point in record.points)
    outcome = f"{failed} of {count(len(record.points), 'point')} failed" if failed else "Every point passed"
    text = f"{outcome}. Kept in {page} and {data}."
    say(record.as_json(), text, as_json)
    if not record.passed:
        raise typer.Exit(1)


def _make_room(out: Path) -> None:
    """See that the record can be kept before anything is bought for it. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=out, prefix=".rehearsal-"):
        pass


def _by_hand(link: "PaymentLink", _session_id: str) -> None:
    typer.echo(
        f"\nPay here with the test card 4242 4242 4242 4242, any date to come and any three digits:\n\n  {link.url}\n\n"
        "Waiting until it is paid…",
        err=True,
    )


def _tell(point: "Point", quiet: bool) -> None:
    if not quiet:
        typer.echo(f"{'ok' if point.passed else 'FAILED':<7}{point.part}: {point.what} ({point.seen})")
