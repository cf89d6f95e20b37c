"""The numbers, days and moments that commands take, and how large they may be: what a database or a calendar can't hold is refused
before anything is asked."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

# No shop sold anything before the first of these days, and whatever begins or ends a day has room around the last.
_FIRST, _LAST = date(1970, 1, 1), date(9998, 12, 31)

# How many lines, machines or numbers a command may be told of, and less than any database's whole numbers.
MOST = 100_000

Limit = Annotated[int, typer.Option(min=1, max=MOST, help="How many at most, newest first.")]
EndSubscription = Annotated[
    bool | None,
    typer.Option(
        "--cancel-subscription/--keep-subscription",
        help="Whether the plan that is paid back stops billing; else as PLAN_AFTER_REFUND says.",
    ),
]


def day(text: str) -> date:
    """The day that was typed. Raises typer.BadParameter."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day such as 2026-11-01.") from None
    return _within(found)


def moment(text: str) -> datetime:
    """The moment that was typed, in UTC unless it says otherwise. Raises typer.BadParameter."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no moment such as 2026-11-23T10:00.") from None
    _within(found.date())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def in_order(first: date, last: date) -> None:
    """Raise typer.BadParameter where a span ends before it begins."""
    if last < first:
        raise typer.BadParameter(f"The last day, {last}, comes before the first, {first}.")


def _within(found: date) -> date:
    if not _FIRST <= found <= _LAST:
        raise typer.BadParameter(f"{found} is not between {_FIRST} and {_LAST}.")
    return found
