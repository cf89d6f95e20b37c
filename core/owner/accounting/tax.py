"""The tax file: what was taxed and what tax was in it, by quarter, country, rate and kind of product.

A refund counts in the quarter in which it happened, at the rate of what it pays back. `treatment` says why nothing was taxed,
such as `reverse charge`.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from core.owner.accounting import journal, spreadsheet
from core.owner.figures.days import Days

COLUMNS = (
    "quarter", "country", "tax_rate", "product_kind", "currency", "treatment", "sales_net", "sales_tax", "refunds_net",
    "refunds_tax", "net", "tax", "gross", "rows",
)  # fmt: skip
_KINDS = ("sale", "refund")


# By quarter, country, rate, kind, currency and why nothing was taxed: net, tax and number of rows of what was sold, and of
# what went back.
_Key = tuple[str, str, str, str, str, str]
_Sums = dict[_Key, dict[str, list[int]]]


def lines(session: Session, days: Days, *, livemode: bool) -> Iterator[str]:
    """The taxes of these days as a file, line by line."""
    found = sorted(_sums(session, days, livemode=livemode).items())
    return spreadsheet.lines(COLUMNS, (_row(key, parts["sale"], parts["refund"]) for key, parts in found))


def of_days(session: Session, days: Days, *, livemode: bool) -> list[dict[str, Any]]:
    """The same for scripts, amounts in minor units."""
    return [
        {
            **dict(zip(COLUMNS[:6], key, strict=True)),
            "sales_net": sold[0], "sales_tax": sold[1], "refunds_net": back[0], "refunds_tax": back[1],
            "net": sold[0] + back[0], "tax": sold[1] + back[1], "gross": sold[0] + back[0] + sold[1] + back[1],
            "rows": sold[2] + back[2],
        }
        for key, parts in sorted(_sums(session, days, livemode=livemode).items())
        for sold, back in [(parts["sale"], parts["refund"])]
    ]  # fmt: skip


def _sums(session: Session, days: Days, *, livemode: bool) -> _Sums:
    sums: _Sums = {}
    for each in journal.movements(session, days, livemode=livemode):
        if each.kind in _KINDS and each.rate is not None:
            key = (
                _quarter(each.at, days.zone),
                each.taxed_in,
                str(each.rate),
                each.product_kind,
                each.currency,
                each.note,
            )
            into = sums.setdefault(key, {kind: [0, 0, 0] for kind in _KINDS})[each.kind]
            into[0] += each.net or 0
            into[1] += each.tax or 0
            into[2] += 1
    return sums


def _row(key: _Key, sold: list[int], back: list[int]) -> list[object]:
    net, tax = sold[0] + back[0], sold[1] + back[1]
    amounts = (sold[0], sold[1], back[0], back[1], net, tax, net + tax)
    return [*key, *(spreadsheet.major(amount, key[4]) for amount in amounts), sold[2] + back[2]]


def _quarter(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.year}-Q{(local.month + 2) // 3}"
