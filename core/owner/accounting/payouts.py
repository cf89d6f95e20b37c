"""The report of payouts: rows that add up to the lines of the bank's statement, and what does not, by its name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from core.orders.balance import payouts
from core.orders.balance.entries import BalanceEntry
from core.orders.balance.payouts import Statement
from core.orders.orders import Order
from core.owner.accounting import spreadsheet
from core.owner.figures.days import Days

COLUMNS = (
    "arrival_date", "payout_status", "date", "time", "zone", "kind", "origin", "order", "gross", "fee", "net", "currency",
    "original_amount", "original_currency", "exchange_rate", "reason", "payout_id", "entry_id", "order_id",
)  # fmt: skip


def of_days(session: Session, start: date, end: date, *, livemode: bool) -> list[dict[str, Any]]:
    """The payouts that arrive from one day to the other, both included, each with what is in it; amounts in minor units.

    A bank's day is a date and no moment, which Stripe writes as midnight UTC: the shop's own time zone does not shift it.
    """
    return list(_each(session, start, end, livemode=livemode))


def lines(session: Session, days: Days, *, livemode: bool) -> Iterator[str]:
    """The report as a file, line by line: a row for each entry, and one for what does not add up. One payout is read at once.

    Each entry has the shop's day on which it moved, as in the journal.
    """
    return spreadsheet.lines(COLUMNS, _rows(_each(session, days.first, days.last, livemode=livemode), days.zone))


def _each(session: Session, start: date, end: date, *, livemode: bool) -> Iterator[dict[str, Any]]:
    since = datetime.combine(start, time(), UTC)
    before = datetime.combine(end, time(), UTC) + timedelta(days=1)
    for statement in payouts.statements(session, livemode=livemode, since=since, before=before):
        yield _payout(statement, _numbers(session, [statement]))


def _rows(reported: Iterable[dict[str, Any]], zone: ZoneInfo) -> Iterator[list[object]]:
    for payout in reported:
        for entry in payout["entries"]:
            yield _row(payout, entry, zone)
        if payout["difference"] or payout["gap"]:
            yield _row(payout, {"kind": "difference", "net": payout["difference"], "reason": payout["gap"]}, zone)
        # In another currency, so that it adds up to nothing here.
        for entry in payout["apart"]:
            yield _row(payout, {**entry, "reason": payout["gap"]}, zone)


def _numbers(session: Session, found: Sequence[Statement]) -> dict[str, str]:
    """The numbers of the orders that are in these payouts, by their ids."""
    named = {
        entry.order_id for statement in found for entry in (*statement.entries, *statement.apart) if entry.order_id
    }
    orders = sorted(named)
    numbers: dict[str, str] = {}
    # SQLite takes 32,766 parameters, and PostgreSQL twice as many.
    for start in range(0, len(orders), 10_000):
        query = select(Order.id, Order.number).where(col(Order.id).in_(orders[start : start + 10_000]))
        numbers.update(session.exec(query).all())
    return numbers


def _payout(statement: Statement, numbers: Mapping[str, str]) -> dict[str, Any]:
    payout, entries = statement.payout, statement.entries
    return {
        "id": payout.id, "status": payout.status.value, "amount": payout.amount, "currency": payout.currency,
        "arrival_date": payout.arrival_date.astimezone(UTC).date().isoformat(), "automatic": payout.automatic,
        "gross": sum(entry.gross for entry in entries), "fee": sum(entry.fee for entry in entries),
        "net": sum(entry.net for entry in entries), "difference": statement.difference, "gap": statement.gap.value,
        "failure": payout.failure_message or payout.failure_code,
        "entries": [_entry(entry, numbers) for entry in entries],
        "apart": [_entry(entry, numbers) for entry in statement.apart],
    }  # fmt: skip


def _entry(entry: BalanceEntry, numbers: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": entry.id, "kind": entry.category, "origin": entry.origin.value,
        "order": numbers.get(entry.order_id or "", ""), "order_id": entry.order_id, "gross": entry.gross, "fee": entry.fee,
        "net": entry.net, "currency": entry.currency, "original_amount": entry.original_amount,
        "original_currency": entry.original_currency, "exchange_rate": entry.exchange_rate,
        "created_at": entry.created_at.isoformat(), "available_on": entry.available_on.isoformat(),
    }  # fmt: skip


def _row(payout: Mapping[str, Any], entry: Mapping[str, Any], zone: ZoneInfo) -> list[object]:
    at = entry.get("created_at")
    moved = (*spreadsheet.moment(datetime.fromisoformat(at), zone), zone.key) if at else ("", "", "")
    currency = entry.get("currency", payout["currency"])
    original = entry.get("original_currency") or currency
    return [
        payout["arrival_date"], payout["status"], *moved, spreadsheet.text(entry["kind"]),
        entry.get("origin", ""), spreadsheet.text(entry.get("order", "")), spreadsheet.major(entry.get("gross"), currency),
        spreadsheet.major(entry.get("fee"), currency), spreadsheet.major(entry["net"], currency), currency,
        spreadsheet.major(entry.get("original_amount"), original), entry.get("original_currency", ""),
        "" if entry.get("exchange_rate") is None else entry["exchange_rate"], entry.get("reason", ""), payout["id"],
        entry.get("id", ""), entry.get("order_id") or "",
    ]  # fmt: skip
