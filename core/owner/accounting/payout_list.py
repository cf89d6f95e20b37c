"""The list of payouts: each with the sums of what is in it, a page at a time, and whether they add up."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import BigInteger, and_, cast, func, literal, not_, tuple_
from sqlmodel import Session, UTCDateTime, col, select

from core.orders.balance import payouts
from core.orders.balance.entries import BalanceEntry
from core.orders.balance.payouts import Gap, Payout, PayoutStatus


@dataclass(frozen=True)
class PayoutRow:
    """A payout. `gross`, `fee` and `net` sum its `entries`, in minor units; `net` and `difference` together are its `amount`.

    `arrives` is the bank's day.
    """

    id: str
    arrives: date
    status: PayoutStatus
    currency: str
    amount: int
    entries: int
    gross: int
    fee: int
    net: int
    gap: Gap
    failure: str

    @property
    def difference(self) -> int:
        """What of its amount is not explained by what is in it."""
        return self.amount - self.net


@dataclass(frozen=True)
class PayoutPage:
    """Some payouts, and the one from which the next are leafed to, empty after the last."""

    rows: tuple[PayoutRow, ...]
    after: str = ""


def page(session: Session, first: date, last: date, *, livemode: bool, after: str = "", size: int = 10) -> PayoutPage:
    """The payouts that arrive from one of the bank's days to the other, both included, the latest first. Where none follows
    `after`, such as on other days than before, the list begins anew."""
    since = datetime.combine(first, time(), UTC)
    before = datetime.combine(last, time(), UTC) + timedelta(days=1)
    key = (col(Payout.arrival_date), col(Payout.id))
    query = select(Payout).where(Payout.livemode == livemode, key[0] >= since, key[0] < before)
    # What stands in an address may be anything; PostgreSQL takes no text with a zero in it.
    mark = session.get(Payout, after.replace("\0", "")) if after else None
    if mark:
        here = tuple_(literal(mark.arrival_date, type_=UTCDateTime()), literal(mark.id))
        query = query.where(tuple_(*key) < here)
    found = session.exec(query.order_by(*(each.desc() for each in key)).limit(size + 1)).all()
    if mark and not found:
        return page(session, first, last, livemode=livemode, size=size)
    sums = _sums(session, [payout.id for payout in found[:size]])
    rows = tuple(_row(payout, sums.get(payout.id, {})) for payout in found[:size])
    return PayoutPage(rows, rows[-1].id if len(found) > size else "")


def _sums(session: Session, names: list[str]) -> dict[str, dict[str, Any]]:
    """By payout and currency, what is in it: Stripe lists the payout itself too, which is left out."""
    entry = BalanceEntry
    itself = and_(col(entry.source) == entry.payout_id, col(entry.category) == "payout")
    totals = [cast(func.sum(column), BigInteger) for column in (col(entry.gross), col(entry.fee), col(entry.net))]
    query = (
        select(entry.payout_id, entry.currency, func.count(), *totals)
        .where(col(entry.payout_id).in_(names), not_(func.coalesce(itself, False)))
        .group_by(col(entry.payout_id), col(entry.currency))
    )
    found: dict[str, dict[str, Any]] = {}
    for payout_id, currency, *sums in session.execute(query):
        found.setdefault(payout_id, {})[currency] = sums
    return found


def _row(payout: Payout, sums: dict[str, Any]) -> PayoutRow:
    entries, gross, fee, net = sums.get(payout.currency, (0, 0, 0, 0))
    apart = any(currency != payout.currency for currency in sums)
    return PayoutRow(
        payout.id, payout.arrival_date.astimezone(UTC).date(), payout.status, payout.currency, payout.amount, entries,
        gross, fee, net, payouts.gap(payout, payout.amount - net, apart=apart),
        payout.failure_message or payout.failure_code,
    )  # fmt: skip
