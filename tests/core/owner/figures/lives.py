"""Lives of orders as rows, drawn by chance: what was bought, paid, discounted, taxed, paid back, disputed, subscribed to.

They need not be likely, since figures only sum what is there; but their moments are where days, clocks and months turn.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlmodel import Session, SQLModel

from core.catalog.products import Kind
from core.foundation.corrections import Dated
from core.gateway.sessions import CheckoutState, Money
from core.orders.balance.entries import BalanceEntry, Origin
from core.orders.checkouts import Checkout
from core.orders.disputes import Dispute
from core.orders.orders import Order, OrderLine
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import Status
from core.orders.subscription_changes import SubscriptionChange, kind_of
from core.orders.subscriptions import Subscription

# Clocks are put back in Europe on October 25 and in America on November 1; Apia has none of it, and Chatham odd minutes.
ZONES = (
    "UTC", "Europe/Copenhagen", "America/New_York", "America/Havana", "Asia/Kolkata", "Pacific/Chatham", "Africa/Cairo",
)  # fmt: skip
FIRST, LAST = date(2026, 10, 20), date(2026, 11, 23)
# What the tests' catalogue sells: product, price, and whether it is a plan.
SOLD = (("guide", "guide-eur", False), ("kit", "kit-eur", False), ("plan", "plan-month", True))
_STATUSES = ("needs_response", "warning_needs_response", "warning_closed", "lost", "won", "prevented", "under_review")
_CATEGORIES = ("charge", "refund", "dispute", "dispute_reversal", "fee", "payout", "other_adjustment")
_REASONS = ("", "cancellation_requested", "payment_failed", "payment_disputed")
_ORDER_OF_TABLES: tuple[type[SQLModel], ...] = (
    Order, OrderLine, Checkout, Subscription, Payment, PaymentLine, Refund, Dispute, SubscriptionChange, BalanceEntry,
)  # fmt: skip


def moments(zone: ZoneInfo) -> st.SearchStrategy[datetime]:
    """Any moment of the time that is looked at, and often one beside a midnight there."""
    days = st.integers(0, (LAST - FIRST).days).map(lambda number: FIRST + timedelta(days=number))
    midnights = days.map(lambda day: datetime.combine(day, time(), zone).astimezone(UTC))
    beside = st.tuples(midnights, st.sampled_from((-3600, -1, 0, 1, 3599))).map(
        lambda drawn: drawn[0] + timedelta(seconds=drawn[1])
    )
    whole = st.tuples(midnights, st.integers(0, 86_399)).map(lambda drawn: drawn[0] + timedelta(seconds=drawn[1]))
    return beside | whole


class Life:
    """All rows of one order. No dataclass, of which an example that fails would print each row."""

    def __init__(self, rows: list[SQLModel]) -> None:
        self.rows = rows


@st.composite
def lives(draw: st.DrawFn, zone: ZoneInfo) -> list[Life]:
    """Some orders with all that became of them."""
    return [_life(draw, zone, number) for number in range(draw(st.integers(20, 30)))]


def _life(draw: st.DrawFn, zone: ZoneInfo, number: int) -> Life:
    at, amount = moments(zone), st.integers(0, 5000)
    currency, livemode = draw(st.sampled_from(("eur", "usd", "jpy"))), draw(st.sampled_from((True, True, False)))
    name, began = f"ord_{number}", draw(at)
    paid = draw(st.booleans()) or draw(st.booleans())
    order = Order(
        id=name, number=f"PL-{number}", cart_id=f"cart_{number}", status=Status.FULFILLED if paid else Status.PENDING,
        currency=currency, amount_expected=0, livemode=livemode, stripe_checkout_session_id=f"cs_{number}",
        paid_at=draw(at) if paid else None, created_at=began, updated_at=began,
    )  # fmt: skip
    lines = [
        OrderLine(
            id=f"ol_{number}_{place}", order_id=name, position=place, product_id=product, price_id=price,
            kind=Kind.PLAN if plan else Kind.DOWNLOAD, name=product, quantity=draw(st.integers(1, 3)),
            unit_amount=draw(amount), currency=currency, interval="month" if plan else None,
            amount_discount=draw(st.integers(0, 200)),
        )
        for place, (product, price, plan) in enumerate(draw(st.lists(st.sampled_from(SOLD), min_size=1, max_size=2)))
    ]  # fmt: skip
    order.amount_expected = sum(line.unit_amount * line.quantity for line in lines)
    rows: list[SQLModel] = [order, *lines]
    for attempt in range(draw(st.integers(0, 2))):
        rows.append(
            Checkout(
                id=f"co_{number}_{attempt}", order_id=name, attempt=attempt, currency=currency,
                stripe_checkout_session_id=draw(st.sampled_from((f"cs_{number}_{attempt}", None))),
                expires_at=began, state=CheckoutState.COMPLETE, money=draw(st.sampled_from(list(Money))),
                created_at=draw(at), ask_after=began,
            )
        )  # fmt: skip
    for each in range(draw(st.integers(1, 3)) if paid else 0):
        rows += _payment(draw, zone, order, lines, f"{number}_{each}", renewal=each > 0)
    if any(line.interval for line in lines):
        rows += _subscription(draw, zone, order, number)
    for each in range(draw(st.integers(0, 2))):
        rows.append(_entry(draw, zone, order, f"{number}_{each}"))
    return Life(rows)


def _payment(
    draw: st.DrawFn, zone: ZoneInfo, order: Order, lines: list[OrderLine], name: str, *, renewal: bool
) -> Iterator[SQLModel]:
    at, amount = moments(zone), st.integers(0, 5000)
    listed = [
        PaymentLine(
            payment_id=f"pi_{name}", position=place, order_line_id=draw(st.sampled_from((line.id, line.id, None))),
            quantity=line.quantity, amount_subtotal=draw(amount), amount_discount=draw(st.integers(0, 300)),
            amount_tax=draw(st.integers(0, 300)), amount=draw(amount),
        )
        for place, line in enumerate(lines if draw(st.booleans()) else [])
    ]  # fmt: skip
    subtotal = sum(row.amount_subtotal for row in listed) if listed else draw(amount)
    whole = [line.unit_amount * line.quantity for line in lines]
    once = [part for part, line in zip(whole, lines, strict=True) if not line.interval]
    if not listed:
        subtotal = draw(st.sampled_from((subtotal, sum(whole), sum(once))))
    first = draw(st.sampled_from(("checkout", "subscription_create")))
    yield Payment(
        id=f"pi_{name}", order_id=order.id, billing_reason="subscription_cycle" if renewal else first,
        amount=draw(amount), amount_subtotal=subtotal, amount_discount=draw(st.sampled_from((0, 100))),
        amount_tax=draw(st.integers(0, 500)), tax_included=draw(st.sampled_from((0, 19))), currency=order.currency,
        paid_at=draw(at), stripe_payment_intent_id=f"pi_{name}", lines_known=draw(st.booleans()),
    )  # fmt: skip
    yield from listed
    for each in range(draw(st.integers(0, 2))):
        yield Refund(
            id=f"re_{name}_{each}", order_id=order.id, payment_id=f"pi_{name}", amount=draw(amount),
            amount_tax=draw(st.integers(0, 50)), currency=order.currency,
            status=draw(st.sampled_from(list(RefundStatus))), created_at=draw(at), updated_at=draw(at),
        )  # fmt: skip
    if draw(st.integers(0, 3)) == 0:
        yield Dispute(
            id=f"dp_{name}", order_id=order.id, payment_id=f"pi_{name}", amount=draw(amount), currency=order.currency,
            reason="fraudulent", status=draw(st.sampled_from(_STATUSES)), created_at=draw(at),
        )  # fmt: skip


def _subscription(draw: st.DrawFn, zone: ZoneInfo, order: Order, number: int) -> Iterator[SQLModel]:
    at, before = moments(zone), 0
    times = sorted(draw(st.lists(at, max_size=4, unique=True)))
    tried = draw(st.sampled_from((None, True)))
    yield Subscription(
        id=f"sub_{number}", order_id=order.id, status="active", currency=order.currency, created_at=order.created_at,
        trial_end=draw(at) if tried else None,
    )  # fmt: skip
    for place, moment in enumerate(times):
        after = draw(st.sampled_from((0, 900, 1800, 2700)).filter(lambda drawn, known=before: drawn != known))
        yield SubscriptionChange(
            subscription_id=f"sub_{number}", number=place + 1, at=moment, kind=kind_of(before, after, first=place == 0),
            currency=order.currency, monthly_before=before, monthly_after=after,
            reason=draw(st.sampled_from(_REASONS)) if not after else "",
        )  # fmt: skip
        before = after


def _entry(draw: st.DrawFn, zone: ZoneInfo, order: Order, name: str) -> BalanceEntry:
    origin, moment = draw(st.sampled_from(list(Origin))), draw(moments(zone))
    gross, fee = draw(st.integers(-5000, 5000)), draw(st.integers(0, 200))
    return BalanceEntry(
        id=f"txn_{name}", livemode=order.livemode, category=draw(st.sampled_from(_CATEGORIES)), origin=origin,
        order_id=order.id if origin is Origin.ORDER else None, gross=gross, fee=fee, net=gross - fee,
        currency=draw(st.sampled_from(("eur", "dkk"))), created_at=moment, available_on=moment, fetched_at=moment,
        ask_after=moment,
    )  # fmt: skip


def write(session: Session, found: list[SQLModel]) -> None:
    """Write these rows, each after those that it names."""
    for table in _ORDER_OF_TABLES:
        session.add_all(row for row in found if type(row) is table)
        session.flush()


def moment_of(row: SQLModel) -> datetime | None:
    """When a fact happened, or None for what is none."""
    return getattr(row, row.dated) if isinstance(row, Dated) else None


def changes() -> st.SearchStrategy[dict[type[SQLModel], dict[str, Any]]]:
    """What may still become of rows that are written already."""
    return st.fixed_dictionaries(
        {
            Refund: st.sampled_from(({"status": RefundStatus.FAILED}, {"amount_tax": 7})),
            Dispute: st.sampled_from(({"status": "won"}, {"status": "lost"})),
            Checkout: st.just({"money": Money.PAID}),
            Payment: st.sampled_from(({"amount": 3}, {"amount_tax": 11}, {"paid_at": datetime(2026, 10, 21, tzinfo=UTC)})),
            BalanceEntry: st.just({"origin": Origin.FOREIGN, "order_id": None}),
            Order: st.just({"paid_at": datetime(2026, 10, 22, tzinfo=UTC)}),
        }
    )  # fmt: skip
