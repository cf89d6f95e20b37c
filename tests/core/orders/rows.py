"""Rows of one order that stand in no database, for rules that only look at them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from core.catalog.products import Kind
from core.gateway.sessions import CheckoutState, Money
from core.orders.checkouts import Checkout, Due
from core.orders.disputes import Dispute
from core.orders.ledger import Ledger
from core.orders.orders import OrderLine
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.subscriptions import Subscription

DAY = datetime(2026, 11, 23, tzinfo=UTC)
NORA, OLE = "nora@lindqvist.example", "ole@berg.example"


def attempt(number: int = 1, *, amount: int = 10800, money: Money = Money.PAID, **more: Any) -> Checkout:
    """A Session of the order, paid as it was opened."""
    known = {
        "state": CheckoutState.COMPLETE, "currency": "eur", "email": NORA, "amount_total": amount,
        "stripe_checkout_session_id": f"cs_{number}", "id": f"checkout:ord_1:{number}", **more,
    }  # fmt: skip
    return Checkout(
        order_id="ord_1", attempt=number, money=money, amount_subtotal=amount,
        expires_at=DAY, created_at=DAY, ask_after=DAY, **known,
    )  # fmt: skip


def paid(name: str = "pi_1", amount: int = 10800, *, session: str | None = "cs_1", **more: Any) -> Payment:
    """A payment that came in by a Session."""
    known = {"billing_reason": "checkout", "paid_at": DAY, "lines_known": True, "amount_subtotal": amount, **more}
    return Payment(
        id=name, order_id="ord_1", amount=amount, amount_discount=0, amount_tax=0, currency="eur",
        stripe_checkout_session_id=session, **known,
    )  # fmt: skip


def renewal(name: str, amount: int = 900, *, day: int = 30, plan: str = "sub_1", **more: Any) -> Payment:
    known = {"billing_reason": "subscription_cycle", "stripe_subscription_id": plan, **more}
    return paid(name, amount, session=None, paid_at=DAY + timedelta(days=day), **known)


def back(payment: str | None, amount: int, status: RefundStatus = RefundStatus.SUCCEEDED, **lines: int) -> Refund:
    return Refund(
        id=f"rf_{payment}_{amount}_{status}", order_id="ord_1", payment_id=payment, amount=amount, currency="eur",
        status=status, lines=lines, created_at=DAY, updated_at=DAY,
    )  # fmt: skip


def dispute(
    payment: str | None, status: str, amount: int = 10800, *, currency: str = "eur", withdrawn: bool = True
) -> Dispute:
    """About all of a payment, however much it brought, unless a part is named. Its money was taken, unless it is said not to be."""
    return Dispute(
        id=f"du_{payment}", order_id="ord_1", payment_id=payment, amount=amount, currency=currency, reason="fraudulent",
        status=status, withdrawn=withdrawn, created_at=DAY,
    )  # fmt: skip


def plan(name: str = "sub_1", status: str = "active", **more: Any) -> Subscription:
    known = {"fetched_at": DAY, **more}
    return Subscription(id=name, order_id="ord_1", status=status, created_at=DAY, **known)


def line(name: str, amount: int, *, interval: str | None = None, **more: Any) -> OrderLine:
    known = {"position": 0, **more}
    return OrderLine(
        id=name, order_id="ord_1", product_id=name, price_id=name, name=name, quantity=1, unit_amount=amount,
        currency="eur", interval=interval, kind=Kind.PLAN if interval else Kind.DOWNLOAD, **known,
    )  # fmt: skip


LINES = (line("guide", 2900), line("kit", 7900))


def book(*sessions: Checkout, due: int = 10800, **facts: Any) -> Ledger:
    return Ledger(list(sessions) or [attempt()], Due(due, due, "eur"), **{"lines": LINES, **facts})
