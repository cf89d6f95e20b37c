"""The tax file: what was taxed and what tax was in it, by quarter, country, rate and kind of product.

A refund counts in the quarter in which it happened, at the rate of what it pays back. `treatment` says why nothing was taxed,
such as `reverse charge`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session

from core.owner.accounting import journal, spreadsheet
from core.owner.accounting.journal import Movement
from core.owner.figures.days import Days, day_of


class TaxKey(NamedTuple):
    """What is taxed alike. The rate is in per cent, and the treatment empty where something was taxed."""

    country: str
    tax_rate: str
    product_kind: str
    currency: str
    treatment: str


@dataclass(frozen=True)
class Taxed:
    """What was sold and what went back of what is taxed alike, and the tax in each, in minor units; what went back is negative.

    `rows` is how many sales and refunds that is.
    """

    sales_net: int = 0
    sales_tax: int = 0
    refunds_net: int = 0
    refunds_tax: int = 0
    rows: int = 0

    def __add__(self, other: "Taxed") -> "Taxed":
        return Taxed(*(getattr(self, name) + getattr(other, name) for name in _MEASURES))

    @property
    def net(self) -> int:
        """What is left of the sales, without tax."""
        return self.sales_net + self.refunds_net

    @property
    def tax(self) -> int:
        """The tax in it."""
        return self.sales_tax + self.refunds_tax


_MEASURES = tuple(each.name for each in fields(Taxed))
COLUMNS = (
    "quarter", "country", "tax_rate", "product_kind", "currency", "treatment", "sales_net", "sales_tax", "refunds_net",
    "refunds_tax", "net", "tax", "gross", "rows",
)  # fmt: skip

# What is taxed alike in each quarter, such as `2026-Q4`.
Taxes = Mapping[tuple[str, TaxKey], Taxed]


def lines(session: Session, days: Days, *, livemode: bool) -> Iterator[str]:
    """The taxes of these days as a file, line by line."""
    return spreadsheet.lines(COLUMNS, map(_row, of_days(session, days, livemode=livemode)))


def of_days(session: Session, days: Days, *, livemode: bool) -> list[dict[str, Any]]:
    """The same for scripts, amounts in minor units."""
    found = together(by_day(session, days, livemode=livemode).items())
    return [
        {
            "quarter": quarter, **key._asdict(), "sales_net": taxed.sales_net, "sales_tax": taxed.sales_tax,
            "refunds_net": taxed.refunds_net, "refunds_tax": taxed.refunds_tax, "net": taxed.net, "tax": taxed.tax,
            "gross": taxed.net + taxed.tax, "rows": taxed.rows,
        }
        for (quarter, key), taxed in found.items()
    ]  # fmt: skip


def by_day(session: Session, days: Days, *, livemode: bool) -> dict[date, dict[TaxKey, Taxed]]:
    """What was taxed on each of these days on which anything was sold or went back, from the facts themselves."""
    found: dict[date, dict[TaxKey, Taxed]] = {}
    for each in journal.taxed(session, days, livemode=livemode):
        of_day, key = found.setdefault(day_of(each.at, days.zone), {}), key_of(each)
        of_day[key] = of_day.get(key, Taxed()) + _taxed(each)
    return found


def together(of_days: Iterable[tuple[date, Mapping[TaxKey, Taxed]]]) -> Taxes:
    """These days by quarter, in the order of the file."""
    found: dict[tuple[str, TaxKey], Taxed] = {}
    for day, of_day in of_days:
        for key, taxed in of_day.items():
            where = (_quarter(day), key)
            found[where] = found.get(where, Taxed()) + taxed
    return dict(sorted(found.items()))


def key_of(movement: Movement) -> TaxKey:
    """What else a sale or a refund is taxed like."""
    return TaxKey(
        movement.taxed_in, str(movement.rate), movement.product_kind, movement.currency, movement.note
    )  # fmt: skip


def days_of(quarter: str, days: Days) -> Days:
    """Those of these days that are in a quarter."""
    year, number = map(int, quarter.split("-Q"))
    first = date(year, number * 3 - 2, 1)
    following = date(year + number // 4, number % 4 * 3 + 1, 1)
    return Days(max(first, days.first), min(following - timedelta(days=1), days.last), days.zone)


def _taxed(each: Movement) -> Taxed:
    amounts = (each.net or 0, each.tax or 0)
    return Taxed(*amounts, rows=1) if each.kind == "sale" else Taxed(0, 0, *amounts, rows=1)


def _row(reported: Mapping[str, Any]) -> list[object]:
    currency = reported["currency"]
    amounts = (spreadsheet.major(reported[name], currency) for name in COLUMNS[6:-1])
    return [*(reported[name] for name in COLUMNS[:6]), *amounts, reported["rows"]]


def _quarter(day: date) -> str:
    return f"{day.year}-Q{(day.month + 2) // 3}"
