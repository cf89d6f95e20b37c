"""Lives of orders as rows, drawn by chance: what was bought, paid, discounted, taxed, paid back, disputed, subscribed to.

They need not be likely, since figures only sum what is there; but their moments are where days, clocks and months turn.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from sqlmodel import Session, SQLModel

from core import tables  # noqa: F401 - rows name those of all tables
from core.catalog.products import Kind
from core.foundation.signals.corrections import Dated
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


def a_moment(chance: Random, zone: ZoneInfo) -> datetime:
    """Any moment of the time that is looked at, and often one beside a midnight there."""
    day = FIRST + timedelta(days=chance.randint(0, (LAST - FIRST).days))
    past = chance.choice((-3600, -1, 0, 1, 3599, *[chance.randint(0, 86_399)] * 5))
    return datetime.combine(day, time(), zone).astimezone(UTC) + timedelta(seconds=past)


class Life:
    """All rows of one order. No dataclass, of which an example that fails would print each row."""

    def __init__(self, rows: list[SQLModel]) -> None:
        self.rows = rows


def lives(chance: Random, zone: ZoneInfo, how_many: int) -> list[Life]:
    """Some orders with all that became of them."""
    return [_life(chance, zone, number) for number in range(how_many)]


def _life(chance: Random, zone: ZoneInfo, number: int) -> Life:
    currency, livemode = chance.choice(("eur", "usd", "jpy")), chance.choice((True, True, False))
    name, began = f"ord_{number}", a_moment(chance, zone)
    paid = chance.random() < 0.75
    order = Order(
        id=name, number=f"PL-{number}", cart_id=f"cart_{number}", status=Status.FULFILLED if paid else Status.PENDING,
        currency=currency, amount_expected=0, livemode=livemode, stripe_checkout_session_id=f"cs_{number}",
        paid_at=a_moment(chance, zone) if paid else None, created_at=began, updated_at=began,
    )  # fmt: skip
    lines = [
        OrderLine(
            id=f"ol_{number}_{place}", order_id=name, position=place, product_id=product, price_id=price,
            kind=Kind.PLAN if plan else Kind.DOWNLOAD, name=product, quantity=chance.randint(1, 3),
            unit_amount=chance.randint(0, 5000), currency=currency, interval="month" if plan else None,
            amount_discount=chance.randint(0, 200),
        )
        for place, (product, price, plan) in enumerate(chance.choices(SOLD, k=chance.randint(1, 2)))
    ]  # fmt: skip
    order.amount_expected = sum(line.unit_amount * line.quantity for line in lines)
    rows: list[SQLModel] = [order, *lines]
    for attempt in range(chance.randint(0, 2)):
        rows.append(
            Checkout(
                id=f"co_{number}_{attempt}", order_id=name, attempt=attempt, currency=currency,
                stripe_checkout_session_id=chance.choice((f"cs_{number}_{attempt}", None)),
                expires_at=began, state=CheckoutState.COMPLETE, money=chance.choice(list(Money)),
                created_at=a_moment(chance, zone), ask_after=began,
            )
        )  # fmt: skip
    for each in range(chance.randint(1, 3) if paid else 0):
        rows += _payment(chance, zone, order, lines, f"{number}_{each}", renewal=each > 0)
    if any(line.interval for line in lines):
        rows += _subscription(chance, zone, order, number)
    for each in range(chance.randint(0, 2)):
        rows.append(_entry(chance, zone, order, number, each))
    return Life(rows)


def _payment(
    chance: Random, zone: ZoneInfo, order: Order, lines: list[OrderLine], name: str, *, renewal: bool
) -> Iterator[SQLModel]:
    listed = [
        _listed(chance, f"pi_{name}", place, line) for place, line in enumerate(lines if chance.random() < 0.5 else [])
    ]
    whole = [line.unit_amount * line.quantity for line in lines]
    once = [part for part, line in zip(whole, lines, strict=True) if not line.interval]
    said = {
        "amount_subtotal": chance.choice((chance.randint(0, 5000), sum(whole), sum(once))),
        "amount_discount": chance.choice((0, 100)), "amount_tax": chance.randint(0, 500),
        "tax_included": chance.choice((0, 19)),
    }  # fmt: skip
    if listed:
        said = {each: sum(getattr(row, each) for row in listed) for each in said if each != "tax_included"}
        said["tax_included"] = sum(
            row.amount_subtotal - row.amount_discount + row.amount_tax - row.amount for row in listed
        )
    first = chance.choice(("checkout", "subscription_create"))
    yield Payment(
        id=f"pi_{name}", order_id=order.id, billing_reason="subscription_cycle" if renewal else first,
        amount=chance.randint(0, 5000), currency=order.currency, paid_at=a_moment(chance, zone),
        stripe_payment_intent_id=f"pi_{name}", stripe_subscription_id="sub_" + name.partition("_")[0],
        lines_known=chance.random() < 0.5, **said,
    )  # fmt: skip
    yield from listed
    for each in range(chance.randint(0, 2)):
        yield Refund(
            id=f"re_{name}_{each}", stripe_refund_id=f"re_{name}_{each}", order_id=order.id, payment_id=f"pi_{name}",
            amount=chance.randint(0, 5000), amount_tax=chance.randint(0, 50), currency=order.currency,
            status=chance.choice(list(RefundStatus)), created_at=a_moment(chance, zone), updated_at=a_moment(chance, zone),
        )  # fmt: skip
    if chance.randint(0, 3) == 0:
        yield Dispute(
            id=f"dp_{name}", order_id=order.id, payment_id=f"pi_{name}", amount=chance.randint(0, 5000),
            currency=order.currency, reason="fraudulent", status=chance.choice(_STATUSES), created_at=a_moment(chance, zone),
            withdrawn=chance.random() < 0.5,
        )  # fmt: skip


def _listed(chance: Random, payment: str, place: int, line: OrderLine) -> PaymentLine:
    """A line as Stripe lists it, whose price has some of its tax in it."""
    subtotal, discount, tax = chance.randint(0, 5000), chance.randint(0, 300), chance.randint(0, 300)
    return PaymentLine(
        payment_id=payment, position=place, order_line_id=chance.choice((line.id, line.id, None)), quantity=line.quantity,
        amount_subtotal=subtotal, amount_discount=discount, amount_tax=tax,
        amount=subtotal - discount + chance.randint(0, tax),
    )  # fmt: skip


def _subscription(chance: Random, zone: ZoneInfo, order: Order, number: int) -> Iterator[SQLModel]:
    before = 0
    times = sorted({a_moment(chance, zone) for _ in range(chance.randint(0, 4))})
    yield Subscription(
        id=f"sub_{number}", order_id=order.id, status="active", currency=order.currency, created_at=order.created_at,
        trial_end=chance.choice((None, a_moment(chance, zone))),
    )  # fmt: skip
    for place, moment in enumerate(times):
        after = chance.choice([each for each in (0, 900, 1800, 2700) if each != before])
        yield SubscriptionChange(
            subscription_id=f"sub_{number}", number=place + 1, at=moment, kind=kind_of(before, after, first=place == 0),
            currency=order.currency, monthly_before=before, monthly_after=after,
            reason=chance.choice(_REASONS) if not after else "",
        )  # fmt: skip
        before = after


def _entry(chance: Random, zone: ZoneInfo, order: Order, number: int, each: int) -> BalanceEntry:
    """A movement of the balance: of a payment, refund or dispute that there may be, or of none."""
    origin, moment = chance.choice(list(Origin)), a_moment(chance, zone)
    gross, fee = chance.randint(-5000, 5000), chance.randint(0, 200)
    category = chance.choice(_CATEGORIES)
    caused = {"refund": f"re_{number}_0_{each}", "dispute": f"dp_{number}_0"}
    return BalanceEntry(
        id=f"txn_{number}_{each}", livemode=order.livemode, category=category, origin=origin,
        source=caused.get(category), stripe_payment_intent_id=f"pi_{number}_0" if category == "charge" else None,
        order_id=order.id if origin is Origin.ORDER else None, gross=gross, fee=fee, net=gross - fee,
        currency=chance.choice(("eur", "dkk")), created_at=moment, available_on=moment, fetched_at=moment,
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
            Dispute: st.sampled_from(({"status": "won"}, {"status": "lost"}, {"status": "prevented", "withdrawn": False})),
            Checkout: st.just({"money": Money.PAID}),
            Payment: st.sampled_from(({"amount": 3}, {"amount_tax": 11}, {"paid_at": datetime(2026, 10, 21, tzinfo=UTC)})),
            BalanceEntry: st.just({"origin": Origin.FOREIGN, "order_id": None}),
            Order: st.just({"paid_at": datetime(2026, 10, 22, tzinfo=UTC)}),
        }
    )  # fmt: skip
