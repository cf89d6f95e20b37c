"""The figures once more, from all rows and in plain Python: slow, obvious, and with nothing in common with how they are read."""

from collections import Counter
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from math import floor
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlmodel import SQLModel

from core.orders.balance.entries import BalanceEntry
from core.orders.checkouts import Checkout
from core.orders.disputes import Dispute
from core.orders.orders import Order, OrderLine
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment
from core.orders.refunds import Refund
from core.orders.subscription_changes import SubscriptionChange
from core.orders.subscriptions import Subscription
from core.shop import Shop
from tests import builders

Row = TypeVar("Row", bound=SQLModel)


class Reckoning:
    """All facts of a shop in one mode, and the days of its time zone."""

    def __init__(self, shop: Shop, *, livemode: bool) -> None:
        self.zone, self.livemode = shop.settings.zone, livemode
        self.cut: datetime | None = None
        self._days: dict[datetime | None, date] = {}
        self.orders = {row.id: row for row in builders.rows(shop, Order) if row.livemode is livemode}
        self.lines = _grouped(builders.rows(shop, OrderLine), "order_id")
        self.payments = self._ours(builders.rows(shop, Payment))
        self.listed = _grouped(builders.rows(shop, PaymentLine), "payment_id")
        self.refunds = self._ours(builders.rows(shop, Refund))
        self.disputes = self._ours(builders.rows(shop, Dispute))
        self.checkouts = self._ours(builders.rows(shop, Checkout))
        self.plans = self._ours(builders.rows(shop, Subscription))
        names = {row.id for row in self.plans}
        self.changes = [row for row in builders.rows(shop, SubscriptionChange) if row.subscription_id in names]
        self.entries = [row for row in builders.rows(shop, BalanceEntry) if row.livemode is livemode]

    def _ours(self, rows: list[Row]) -> list[Row]:
        return [row for row in rows if row.order_id in self.orders]  # type: ignore[attr-defined]

    def within(self, at: datetime | None, first: date, last: date) -> bool:
        if at not in self._days:
            self._days[at] = at.astimezone(self.zone).date() if at else date.min
        return first <= self._days[at] <= last and (self.cut is None or at is None or at < self.cut)

    def sales(self, first: date, last: date) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}

        def add(currency: str, **amounts: int) -> None:
            found.setdefault(currency, Counter()).update(amounts)

        for order in self.orders.values():
            if self.within(order.paid_at, first, last):
                add(order.currency, orders=1)
        for paid in self.payments:
            if self.within(paid.paid_at, first, last):
                off = self.tax_off(paid)
                gross, discounts = paid.amount_subtotal - paid.tax_included - off, paid.amount_discount - off
                sold = gross - discounts
                add(paid.currency, gross=gross, discounts=discounts, tax=paid.amount_tax)
                add(paid.currency, charged=paid.amount)
                if paid.billing_reason == "subscription_cycle":
                    add(paid.currency, renewals=sold)
                else:
                    add(paid.currency, spent=sold, purchases=1 if sold > 0 else 0)
        for back in self.refunds:
            gone = back.status in ("pending", "requires_action", "succeeded")
            if gone and self.within(back.created_at, first, last):
                add(back.currency, refunds=back.amount - back.amount_tax, refunded_tax=back.amount_tax)
        for dispute in self.disputes:
            stopped = dispute.status == "prevented" and not dispute.withdrawn
            asks = stopped or dispute.status.startswith("warning_")
            if self.within(dispute.created_at, first, last) and not asks:
                add(dispute.currency, disputed=dispute.amount)
                add(dispute.currency, disputes_won=dispute.amount if dispute.status == "won" else 0)
        for checkout in self.checkouts:
            if checkout.stripe_checkout_session_id and self.within(checkout.created_at, first, last):
                currency = self.orders[checkout.order_id].currency
                add(currency, opened=1, converted=1 if checkout.money == "paid" else 0)
        return found

    def tax_off(self, paid: Payment) -> int:
        """The tax that would have been in what was taken off a payment's prices, had it been paid."""
        if not paid.amount_discount or not paid.tax_included:
            return 0
        listed = self.listed.get(paid.id, [])
        if not listed:
            return tax_in(paid.amount_discount, paid.amount_subtotal - paid.amount_discount, paid.tax_included)
        left = [(row.amount_discount, row.amount_subtotal - row.amount_discount, row) for row in listed]
        return sum(tax_in(off, taxed, taxed + row.amount_tax - row.amount) for off, taxed, row in left)

    def products(self, first: date, last: date) -> dict[tuple[str, str], Counter[str]]:
        found: dict[tuple[str, str], Counter[str]] = {}
        product_of = {line.id: line.product_id for lines in self.lines.values() for line in lines}

        def add(key: tuple[str, str], **amounts: int) -> None:
            found.setdefault(key, Counter()).update(amounts)

        for paid in self.payments:
            if not self.within(paid.paid_at, first, last):
                continue
            listed = self.listed.get(paid.id, [])
            for row in listed:
                included = row.amount_subtotal - row.amount_discount + row.amount_tax - row.amount
                key = (paid.currency, product_of.get(row.order_line_id or "", ""))
                off = tax_in(row.amount_discount, row.amount_subtotal - row.amount_discount, included)
                gross, discounts = row.amount_subtotal - included - off, row.amount_discount - off
                add(key, quantity=row.quantity, gross=gross, discounts=discounts)
            if listed or paid.billing_reason == "subscription_cycle":
                continue
            lines = self.lines[paid.order_id]
            once = [line for line in lines if line.interval is None]
            for bought in (lines, once):
                if bought and paid.amount_subtotal == sum(line.unit_amount * line.quantity for line in bought):
                    for line in bought:
                        discount = line.amount_discount if paid.amount_discount else 0
                        price = line.unit_amount * line.quantity
                        add((paid.currency, line.product_id), quantity=line.quantity, gross=price, discounts=discount)
                    break
        return found

    def received(self, first: date, last: date) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for entry in self.entries:
            if not self.within(entry.created_at, first, last):
                continue
            into = found.setdefault(entry.currency, Counter())
            into["change"] += entry.net
            if entry.category == "payout":
                into["paid_out"] -= entry.net
            elif entry.origin == "order":
                into.update(gross=entry.gross, fees=entry.fee, net=entry.net)
                if entry.category.startswith("dispute"):
                    into.update(disputed=-entry.gross, dispute_fees=entry.fee)
            else:
                into[{"account": "account", "foreign": "foreign", "unknown": "untold"}[entry.origin]] += entry.net
        return found

    def monthly(self, before: datetime) -> tuple[Counter[str], Counter[str]]:
        """What subscriptions bring in a month at a moment, and how many of them bring in anything: each by its last change."""
        worth, active = Counter[str](), Counter[str]()
        for plan in self.plans:
            known = [row for row in self.changes if row.subscription_id == plan.id and row.at < before]
            if known:
                last = max(known, key=lambda row: row.number)
                worth[last.currency] += last.monthly_after
                active[last.currency] += last.monthly_after > 0
        return worth, active

    def movements(self, first: date, last: date) -> dict[tuple[str, str], Counter[str]]:
        found: dict[tuple[str, str], Counter[str]] = {}
        for row in self.changes:
            if self.within(row.at, first, last):
                wanted = row.kind != "churned" or row.reason == "cancellation_requested"
                kind = str(row.kind) if wanted else "churned_involuntarily"
                into = found.setdefault((row.currency, kind), Counter())
                into.update(changes=1, amount=row.monthly_after - row.monthly_before)
        return found

    def trials(self, end: datetime, now: datetime) -> tuple[int, int]:
        month = (end - timedelta(days=30), min(end, now))
        over = [plan for plan in self.plans if plan.trial_end and month[0] <= plan.trial_end < month[1]]
        paid = [plan for plan in over if any(self._pays(payment, plan) for payment in self.payments)]
        return len(over), len(paid)

    @staticmethod
    def _pays(payment: Payment, plan: Subscription) -> bool:
        of_plan = payment.stripe_subscription_id == plan.id and payment.amount > 0
        return of_plan and plan.trial_end is not None and payment.paid_at >= plan.trial_end


def tax_in(discount: int, taxed: int, included: int) -> int:
    """As much of a discount as of what is left, half a cent rounded away from nothing."""
    if 0 in (discount, taxed, included) or len({each > 0 for each in (discount, taxed, included)}) > 1:
        return 0
    part = Fraction(abs(discount) * abs(included), abs(taxed))
    return (1 if discount > 0 else -1) * floor(part + Fraction(1, 2))


def _grouped(rows: list[Row], by: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(getattr(row, by), []).append(row)
    return found


def without_zeros(found: dict[Any, Counter[str]]) -> dict[Any, dict[str, int]]:
    kept = {key: {name: amount for name, amount in measures.items() if amount} for key, measures in found.items()}
    return {key: measures for key, measures in kept.items() if measures}


def end_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), zone)
