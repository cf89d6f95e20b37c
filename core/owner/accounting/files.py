"""The accountant's files, as whoever may take them is handed them: written down first, then piece by piece.

What grows with the days is read a day at a time, in a session of its own: no more than a day is held, and nobody holds a
connection while a slow reader takes what it was sent.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum

from sqlmodel import Session

from core.owner.accounting import journal, order_list, payouts, tax
from core.owner.figures.days import Days
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


class File(StrEnum):
    """The files, by the names that addresses use."""

    JOURNAL = "journal"
    TAX = "tax"
    PAYOUTS = "payouts"
    ORDERS = "orders"


def begin(shop: Shop, file: File, days: Days, *, deed: Deed) -> Iterator[str]:
    """The file of these days in pieces, once it is written down who took it. Raises NotPermitted or DoneAlready, before the
    first piece."""
    detail = f"{days.first} to {days.last}"
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.EXPORT, subject=f"{file} file", detail=detail, now=shop.now())
    return _pieces(shop, file, days)


def _pieces(shop: Shop, file: File, days: Days) -> Iterator[str]:
    live = shop.settings.livemode
    match file:
        case File.JOURNAL:
            return _by_day(shop, days, lambda session, day: journal.lines(session, day, livemode=live))
        case File.ORDERS:
            return _by_day(shop, days, lambda session, day: order_list.lines(session, day, livemode=live))
        case File.PAYOUTS:
            return _by_day(shop, days, lambda session, day: payouts.lines(session, day, livemode=live))
        case File.TAX:
            return _taxes(shop, days)


def _by_day(shop: Shop, days: Days, lines: Callable[[Session, Days], Iterator[str]]) -> Iterator[str]:
    for place, day in enumerate(days.each()):
        with shop.reading(patiently=True) as session:
            found = list(lines(session, Days(day, day, days.zone)))
        # Each begins with the head, which the file has once.
        if piece := "".join(found[1:] if place else found):
            yield piece


def _taxes(shop: Shop, days: Days) -> Iterator[str]:
    # A sum over all of the days, and only as long as there are quarters, countries, rates and kinds.
    with shop.reading(patiently=True) as session:
        found = "".join(tax.lines(session, days, livemode=shop.settings.livemode))
    yield found
