"""Filters: which orders a list shows. They stand in addresses, so whatever they say is checked, and nonsense counts as not said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

from core.orders.status import Handed, Status
from core.owner.figures.days import read_day

Kind = TypeVar("Kind", bound=StrEnum)
_LONGEST = 100
# More are not chosen on one page.
MOST_IDS = 100
_ID = re.compile(r"ord_[A-Za-z0-9_]{1,40}")


class Mode(StrEnum):
    """Whose money: that of the mode that the shop is in, or of the other one, such as a live shop's trials."""

    OURS = "ours"
    OTHER = "other"


class Sort(StrEnum):
    """Which orders come first."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True)
class Filters:
    """What is asked for; an empty field asks for nothing. Both days are included. `ids` are orders by name."""

    text: str = ""
    status: tuple[Status, ...] = ()
    handed: Handed | None = None
    country: str = ""
    currency: str = ""
    product: str = ""
    since: date | None = None
    until: date | None = None
    ids: tuple[str, ...] = ()
    mode: Mode = Mode.OURS
    sort: Sort = Sort.NEWEST

    @property
    def narrow(self) -> bool:
        """Whether anything is asked for, apart from what comes first."""
        return self.query(sort=Sort.NEWEST) != {}

    def query(self, **changes: object) -> dict[str, str]:
        """The same as it stands in an address, with these changes, and without what is not asked for."""
        said = {**vars(self), **changes}
        text = {name: _written(value) for name, value in said.items() if value != getattr(_NOTHING, name)}
        return {name: value for name, value in text.items() if value}


_NOTHING = Filters()


def read(address: Mapping[str, str]) -> Filters:
    """The filters of an address."""
    # PostgreSQL takes no text with a zero in it.
    said = {name: value.replace("\0", "") for name, value in address.items()}
    status = (_one(Status, each) for each in said.get("status", "").split(","))
    return Filters(
        text=said.get("text", "").strip()[:_LONGEST],
        status=tuple(dict.fromkeys(each for each in status if each)),
        handed=_one(Handed, said.get("handed", "")),
        country=_letters(said.get("country", ""), 2).upper(),
        currency=_letters(said.get("currency", ""), 3).lower(),
        product=said.get("product", "")[:_LONGEST],
        since=read_day(said.get("since", "")),
        until=read_day(said.get("until", "")),
        ids=tuple(dict.fromkeys(each for each in said.get("ids", "").split(",") if _ID.fullmatch(each)))[:MOST_IDS],
        mode=_one(Mode, said.get("mode", "")) or Mode.OURS,
        sort=_one(Sort, said.get("sort", "")) or Sort.NEWEST,
    )


def _one(kind: type[Kind], text: str) -> Kind | None:
    return next((each for each in kind if each == text), None)


def _letters(text: str, count: int) -> str:
    return text if len(text) == count and text.isascii() and text.isalpha() else ""


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    return value.isoformat() if isinstance(value, date) else str(value or "")
