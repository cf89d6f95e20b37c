"""The journal: one row per movement of money, with what it was for and what it came to on the balance at Stripe.

Every entry of the balance stands in exactly one row: beside the sale, refund or dispute that caused it, else in one of its own.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, func, not_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from core.orders.balance.entries import BalanceEntry, Origin
from core.orders.balance.payouts import Payout
from core.orders.disputes import TAKING, Dispute
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.refunds import GONE, Refund
from core.owner.accounting import shares, spreadsheet
from core.owner.accounting.pieces import in_turn
from core.owner.figures.days import Days

COLUMNS = (
    "date", "time", "zone", "kind", "order", "country", "product_kind", "net", "tax_rate", "tax", "gross", "currency",
    "settled_gross", "settled_fee", "settled_net", "settled_currency", "arrival_date", "note", "tax_id", "invoice_id",
    "source_id", "entry_id", "payout_id", "order_id",
)  # fmt: skip


@dataclass(frozen=True)
class Movement:
    """One row. Amounts in minor units of `currency`; what goes out is negative. `rate` is the tax in per cent.

    `entry` is what it came to on the balance, where that is known, `country` where the buyer lived when they paid, and `tax_id`
    what they had named by then.
    """

    at: datetime
    kind: str
    source: str
    order: Order | None
    currency: str
    net: int | None = None
    tax: int | None = None
    gross: int | None = None
    product_kind: str = ""
    rate: Decimal | None = None
    invoice: str = ""
    note: str = ""
    entry: BalanceEntry | None = None
    country: str = ""
    tax_id: str = ""

    @property
    def taxed_as(self) -> str:
        """The tax id of its buyer: as the payment says, else the order."""
        return self.tax_id or (self.order.tax_id if self.order else "")

    @property
    def taxed_in(self) -> str:
        """The country where its buyer lives: as the payment says, else the order."""
        return self.country or (self.order.country if self.order else "")


def movements(session: Session, days: Days, *, livemode: bool) -> Iterator[Movement]:
    """All movements of these days, oldest first."""
    read = _Reader(session, days, livemode)
    return heapq.merge(read.sales(), read.refunds(), read.disputes(), read.others(), key=lambda each: each.at)


def taxed(
    session: Session, days: Days, *, livemode: bool, country: str | None = None,
    within: tuple[datetime, datetime] | None = None,
) -> Iterator[Movement]:  # fmt: skip
    """What was sold and what went back on these days, oldest first, as far as a rate of tax belongs to it; of one country alone
    and of a part of the days, where these are named. What it came to on the balance is not looked up."""
    read = _Reader(session, days, livemode, settled=False, country=country, within=within)
    found = heapq.merge(read.sales(), read.refunds(), key=lambda each: each.at)
    return (each for each in found if each.rate is not None)


def lines(session: Session, days: Days, *, livemode: bool) -> Iterator[str]:
    """The journal of these days as a file, line by line."""
    arrivals: dict[str, str] = {}
    rows = (_row(session, each, days.zone, arrivals) for each in movements(session, days, livemode=livemode))
    return spreadsheet.lines(COLUMNS, rows)


class _Reader:
    """What reads the movements of some days, each kind by itself; `settled` with what they came to on the balance."""

    def __init__(
        self, session: Session, days: Days, livemode: bool, *, settled: bool = True, country: str | None = None,
        within: tuple[datetime, datetime] | None = None,
    ) -> None:  # fmt: skip
        self._session, self._livemode, self._settled, self._country = session, livemode, settled, country
        self._since, self._before = within or (days.start, days.end)

    def sales(self) -> Iterator[Movement]:
        """A row for each kind of product in a payment, and one for what was settled otherwise than by being charged."""
        for found in self._facts(Payment, col(Payment.paid_at), col(Payment.id), *self._of_country(Payment.id)):
            bought, known = shares.of_payments(self._session, found), _orders(self._session, found)
            entries = self._entries_of_payments(found)
            for payment in found:
                order, own = known[payment.order_id], entries.get(payment.id, [])
                rows = [
                    Movement(
                        payment.paid_at, "sale", payment.id, order, payment.currency, share.net, share.tax,
                        share.net + share.tax, share.kind, share.rate, payment.stripe_invoice_id or "", share.note,
                        country=payment.country, tax_id=payment.tax_id or "",
                    )
                    for share in shares.by_kind(bought[payment.id])
                ]  # fmt: skip
                if credit := payment.amount - sum(row.gross or 0 for row in rows):
                    note = _NOTED if payment.is_note else _BALANCED
                    rows.append(
                        Movement(
                            payment.paid_at, "credit", payment.id, order, payment.currency, credit, 0, credit,
                            invoice=payment.stripe_invoice_id or "", note=note,
                        )
                    )  # fmt: skip
                yield from _settled(rows, own)

    def refunds(self) -> Iterator[Movement]:
        """A row for each kind of product in a refund that really went back."""
        gone = col(Refund.status).in_(GONE)
        of_country = self._of_country(Refund.payment_id)
        for found in self._facts(Refund, col(Refund.created_at), col(Refund.id), gone, *of_country):
            known = _orders(self._session, found)
            wanted = {refund.payment_id for refund in found if refund.payment_id}
            paid = {row.id: row for row in self._session.exec(select(Payment).where(col(Payment.id).in_(wanted))).all()}
            bought = shares.of_payments(self._session, list(paid.values()))
            returned = shares.returned(self._session, bought)
            entries = self._entries("refund", [refund.stripe_refund_id for refund in found])
            for refund in found:
                payment = paid.get(refund.payment_id or "")
                invoice = (payment.stripe_invoice_id if payment else None) or ""
                rows = [
                    Movement(
                        refund.created_at, "refund", refund.stripe_refund_id or refund.id, known[refund.order_id],
                        refund.currency, -(amount - tax), -tax, -amount, share.kind, share.rate, invoice, share.note,
                        country=payment.country if payment else "", tax_id=(payment.tax_id or "") if payment else "",
                    )
                    for share, amount, tax in shares.of_refund(
                        refund, shares.by_kind(bought.get(refund.payment_id or "")), returned.get(refund.id, {})
                    )
                ]  # fmt: skip
                yield from _settled(rows, entries.get(refund.stripe_refund_id or "", []))

    def disputes(self) -> Iterator[Movement]:
        """A row for each dispute that took money; what is won again is a movement of the balance."""
        for found in self._facts(Dispute, col(Dispute.created_at), col(Dispute.id), TAKING):
            known = _orders(self._session, found)
            entries = self._entries("dispute", [dispute.id for dispute in found])
            for dispute in found:
                row = Movement(
                    dispute.created_at, "dispute", dispute.id, known[dispute.order_id], dispute.currency,
                    -dispute.amount, 0, -dispute.amount, note=dispute.status,
                )  # fmt: skip
                yield from _settled([row], entries.get(dispute.id, []))

    def others(self) -> Iterator[Movement]:
        """A row for each entry of the balance that no sale, refund or dispute explains."""
        at, name = col(BalanceEntry.created_at), col(BalanceEntry.id)
        query = select(BalanceEntry).where(BalanceEntry.livemode == self._livemode, not_(_EXPLAINED))
        for found in in_turn(self._session, query, at, name, since=self._since, before=self._before):
            known = _orders(self._session, [entry for entry in found if entry.order_id])
            for entry in found:
                order = known.get(entry.order_id or "")
                yield Movement(
                    entry.created_at, _KINDS.get(entry.category, entry.category), entry.source or entry.id, order,
                    entry.original_currency or entry.currency, gross=entry.original_amount, note=_NOTES[entry.origin],
                    entry=entry,
                )  # fmt: skip

    def _facts(self, table: Any, at: Any, name: Any, *conditions: Any) -> Iterator[list[Any]]:
        mode = select(Order.livemode).where(col(Order.id) == table.order_id).scalar_subquery()
        query = select(table).where(mode == self._livemode, *conditions)
        return in_turn(self._session, query, at, name, since=self._since, before=self._before)

    def _of_country(self, payment_id: Any) -> list[Any]:
        """Whether it is of the one that is asked for, as `Movement.taxed_in` tells which it is."""
        if self._country is None:
            return []
        paid = aliased(Payment)
        said = select(func.nullif(paid.country, "")).where(paid.id == payment_id).scalar_subquery()
        known = select(Order.country).where(col(Order.id) == payment_id.class_.order_id).scalar_subquery()
        return [func.coalesce(said, known) == self._country]

    def _entries_of_payments(self, found: Sequence[Payment]) -> dict[str, list[BalanceEntry]]:
        if not self._settled:
            return {}
        by_name = {
            name: payment.id
            for payment in found
            for name in (payment.stripe_charge_id, payment.stripe_payment_intent_id)
            if name
        }
        query = select(BalanceEntry).where(
            BalanceEntry.livemode == self._livemode, BalanceEntry.category == "charge",
            or_(
                col(BalanceEntry.stripe_payment_intent_id).in_(by_name), col(BalanceEntry.stripe_charge_id).in_(by_name)
            ),
        )  # fmt: skip
        entries: dict[str, list[BalanceEntry]] = {}
        for entry in self._session.exec(query.order_by(col(BalanceEntry.created_at), col(BalanceEntry.id))):
            names = (entry.stripe_payment_intent_id or "", entry.stripe_charge_id or "")
            payment = next(by_name[name] for name in names if name in by_name)
            entries.setdefault(payment, []).append(entry)
        return entries

    def _entries(self, category: str, sources: Sequence[str | None]) -> dict[str, list[BalanceEntry]]:
        if not self._settled:
            return {}
        query = select(BalanceEntry).where(
            BalanceEntry.livemode == self._livemode, BalanceEntry.category == category,
            col(BalanceEntry.source).in_([source for source in sources if source]),
        )  # fmt: skip
        entries: dict[str, list[BalanceEntry]] = {}
        for entry in self._session.exec(query.order_by(col(BalanceEntry.created_at), col(BalanceEntry.id))):
            entries.setdefault(entry.source or "", []).append(entry)
        return entries


_BALANCED = "settled with the buyer's balance at Stripe"
_NOTED = "given by a credit note"
_KINDS = {"dispute_reversal": "reversal"}
_NOTES = {
    Origin.ORDER: "", Origin.FOREIGN: "of another shop on the same account", Origin.ACCOUNT: "",
    Origin.UNKNOWN: "not known yet whose it is",
}  # fmt: skip
_PAID = exists().where(
    or_(
        col(Payment.stripe_payment_intent_id) == BalanceEntry.stripe_payment_intent_id,
        col(Payment.stripe_charge_id) == BalanceEntry.stripe_charge_id,
    )
)
_REFUNDED = exists().where(col(Refund.stripe_refund_id) == BalanceEntry.source, col(Refund.status).in_(GONE))
_DISPUTED = exists().where(col(Dispute.id) == BalanceEntry.source, TAKING)
_EXPLAINED = or_(
    and_(col(BalanceEntry.category) == "charge", _PAID),
    and_(col(BalanceEntry.category) == "refund", _REFUNDED),
    and_(col(BalanceEntry.category) == "dispute", _DISPUTED),
)


def _settled(rows: Sequence[Movement], entries: Sequence[BalanceEntry]) -> Iterator[Movement]:
    """The rows of a fact with the entries of the balance that it caused, each beside one of them or in a row of its own."""
    for place, row in enumerate(rows):
        yield Movement(**{**vars(row), "entry": entries[place]}) if place < len(entries) else row
    for entry in entries[len(rows) :]:
        first = rows[0]
        yield Movement(first.at, first.kind, first.source, first.order, first.currency, entry=entry)


def _orders(session: Session, found: Sequence[Any]) -> dict[str, Order]:
    wanted = {row.order_id for row in found}
    return {order.id: order for order in session.exec(select(Order).where(col(Order.id).in_(wanted)))}


def _row(session: Session, each: Movement, zone: ZoneInfo, arrivals: dict[str, str]) -> list[object]:
    day, time = spreadsheet.moment(each.at, zone)
    order, entry = each.order, each.entry
    settled = entry.currency if entry else ""
    return [
        day, time, zone.key, each.kind, spreadsheet.text(order.number if order else ""), each.taxed_in, each.product_kind,
        spreadsheet.major(each.net, each.currency), "" if each.rate is None else str(each.rate),
        spreadsheet.major(each.tax, each.currency), spreadsheet.major(each.gross, each.currency), each.currency,
        spreadsheet.major(entry.gross if entry else None, settled), spreadsheet.major(entry.fee if entry else None, settled),
        spreadsheet.major(entry.net if entry else None, settled), settled,
        _arrival(session, entry.payout_id if entry else None, arrivals), each.note,
        spreadsheet.text(each.taxed_as), each.invoice, each.source, entry.id if entry else "",
        (entry.payout_id or "") if entry else "", order.id if order else "",
    ]  # fmt: skip


def _arrival(session: Session, payout_id: str | None, arrivals: dict[str, str]) -> str:
    """The day on which a payout reaches the bank, which is a date of the bank's and no moment."""
    if payout_id and payout_id not in arrivals:
        payout = session.get(Payout, payout_id)
        arrivals[payout_id] = payout.arrival_date.date().isoformat() if payout else ""
    return arrivals.get(payout_id or "", "")
