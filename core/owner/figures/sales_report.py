"""The report of sales, as the contract prints it: what was sold on some days in each currency, and what went back."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from core.foundation.money import Money
from core.owner.figures import sales, sums
from core.owner.figures.days import Days
from core.owner.figures.definitions import DEFINITIONS, Figure

AMOUNTS = (Figure.GROSS, Figure.DISCOUNTS, Figure.REFUNDS, Figure.NET, Figure.TAX, Figure.DISPUTED)
COLUMNS = ("currency", "orders", *map(str, AMOUNTS))


def of_days(
    session: Session, first: date, last: date, zone: ZoneInfo, *, livemode: bool, known_on: date | None = None
) -> list[dict[str, Any]]:
    """The sales from one day to the other, both included, by currency; amounts in minor units.

    With `known_on` as they were known when that day ended.
    """
    asked = sums.ask(session, zone, livemode=livemode, known_on=known_on)
    found = sales.of_days(session, Days(first, last, zone), asked)
    return [
        {
            "currency": each.currency, "orders": each.orders, "gross": each.gross, "discounts": each.discounts,
            "refunds": each.refunds, "net": each.net, "tax": each.tax, "disputed": each.lost,
        }
        for each in found.values()
    ]  # fmt: skip


OUTDATED = (
    "Some of these days are told as an earlier version counted them: where prices include tax and a code took something off, gross "
    "sales and discounts have the code's tax in them. The worker counts the days anew, but not what was known on a past day."
)


def is_outdated(
    session: Session, first: date, last: date, zone: ZoneInfo, *, livemode: bool, known_on: date | None = None
) -> bool:
    """Whether that is so."""
    return sums.is_outdated(
        session, Days(first, last, zone), sums.ask(session, zone, livemode=livemode, known_on=known_on)
    )


def words(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The same for people, with what each figure means below."""
    for each in found:
        amounts = (f"{name.value} {Money(each[name], each['currency']).format()}" for name in AMOUNTS)
        yield f"{each['currency']}  {each['orders']} orders, {', '.join(amounts)}"
    if found:
        yield ""
        yield from (DEFINITIONS[name].sentence for name in (*AMOUNTS, Figure.ORDERS))
