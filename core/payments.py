"""What Stripe has told us of each Checkout Session of an order: facts that merge in any order and any number of times."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, SQLModel, col, select

from core.database import minor_units, text_enum
from core.orders import Order, OrderLine
from core.status import Payment, Status
from core.stripe_objects import id_of


class CheckoutState(StrEnum):
    """Whether a Session can still be paid. It only climbs: an `expired` that comes after `complete` changes nothing."""

    OPEN = "open"
    EXPIRED = "expired"
    COMPLETE = "complete"


class Money(StrEnum):
    """How far a Session's money has come. It only climbs, in this order."""

    UNPAID = "unpaid"
    PROCESSING = "processing"
    FAILED = "failed"
    PAID = "paid"


_STATES = list(CheckoutState)
_MONEY = list(Money)


class Checkout(SQLModel, table=True):
    """One row per Session opened for an order. `id` is the idempotency key with which it is created at Stripe.

    `parameters` are kept because a retry under the same key must send the very same ones. `ask_after` is when the worker
    asks Stripe about a Session of which nothing was heard.
    """

    __tablename__ = "checkouts"

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    attempt: int
    stripe_checkout_session_id: str | None = Field(default=None, unique=True)
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    expires_at: datetime
    state: CheckoutState = text_enum(CheckoutState, default=CheckoutState.OPEN)
    money: Money = text_enum(Money, default=Money.UNPAID)
    amount_subtotal: int | None = minor_units(default=None)
    amount_total: int | None = minor_units(default=None)
    currency: str = ""
    email: str = ""
    stripe_payment_intent_id: str | None = None
    stripe_subscription_id: str | None = None
    stripe_customer_id: str | None = None
    created_at: datetime
    ask_after: datetime = Field(index=True)


@dataclass(frozen=True)
class SessionFacts:
    """What one Session said of itself, whichever event or answer carried it. Amounts in minor units."""

    id: str
    order_id: str
    attempt: int
    shop_id: str
    livemode: bool
    state: CheckoutState
    money: Money
    amount_subtotal: int | None
    amount_total: int | None
    currency: str
    email: str
    payment_intent: str | None
    subscription: str | None
    customer: str | None
    expires_at: datetime
    url: str | None = None


def read_session(session: dict[str, Any], *, event: str = "") -> SessionFacts:
    """Read a `checkout.session` as Stripe sends it, in any API version. `event` is the type it came with, if any.

    Stripe leaves a bounced bank debit at complete/unpaid for ever: only the event's type says that it failed.
    """
    metadata = session.get("metadata") or {}
    attempt = str(metadata.get("attempt") or "0")
    status = session.get("status") or "open"
    return SessionFacts(
        id=session["id"],
        order_id=metadata.get("order_id") or session.get("client_reference_id") or "",
        attempt=int(attempt) if attempt.isdecimal() else 0,
        shop_id=metadata.get("shop_id") or "",
        livemode=bool(session.get("livemode")),
        state=CheckoutState(status) if status in _STATES else CheckoutState.OPEN,
        money=_money(session, event),
        amount_subtotal=session.get("amount_subtotal"),
        amount_total=session.get("amount_total"),
        currency=session.get("currency") or "",
        email=(session.get("customer_details") or {}).get("email") or session.get("customer_email") or "",
        payment_intent=id_of(session.get("payment_intent")),
        subscription=id_of(session.get("subscription")),
        customer=id_of(session.get("customer")),
        expires_at=datetime.fromtimestamp(session.get("expires_at") or 0, UTC),
        url=session.get("url"),
    )


def checkouts(session: Session, order_id: str) -> list[Checkout]:
    """All Sessions of the order, oldest first, as they are now (read after the order was locked)."""
    query = select(Checkout).where(Checkout.order_id == order_id)
    return sorted(session.exec(query.execution_options(populate_existing=True)), key=_age)


def ask_next(created_at: datetime, now: datetime) -> datetime:
    """When to ask Stripe next about a Session of this age: soon at first, then ever more rarely."""
    patience = min(max((now - created_at) / 4, timedelta(seconds=30)), timedelta(hours=1))
    return now + patience


def order_of_session(session: Session, session_id: str) -> str | None:
    """The id of the order that this Session was opened for, whatever became of it, or None."""
    return session.exec(select(Checkout.order_id).where(Checkout.stripe_checkout_session_id == session_id)).first()


def fulfilled_order(session: Session, session_id: str) -> str | None:
    """The id of the order that this Session paid for, if it is fulfilled: then there is nothing to ask Stripe."""
    query = select(Order.id).where(Order.stripe_checkout_session_id == session_id, Order.status == Status.FULFILLED)
    return session.exec(query).first()


def settling_elsewhere(
    session: Session, browser_id: str, product_ids: set[str], *, cart_id: str
) -> tuple[str, str | None] | None:
    """The order and Session of another cart of this browser whose money for one of these products is on its way, or None."""
    query = (
        select(Order.id, Checkout.stripe_checkout_session_id)
        .join(OrderLine, col(OrderLine.order_id) == Order.id)
        .join(Checkout, col(Checkout.order_id) == Order.id)
        .where(
            Order.browser_id == browser_id,
            Order.status == Status.PROCESSING,
            Order.cart_id != cart_id,
            Checkout.state == CheckoutState.COMPLETE,
            col(OrderLine.product_id).in_(product_ids),
        )
    )
    return session.exec(query.limit(1)).first()


def record(session: Session, known: list[Checkout], facts: SessionFacts, *, now: datetime) -> bool:
    """Merge what a Session said into its row among the order's `known` ones; return whether that changed anything.

    A Session that Stripe made itself (recovered after expiry, say) gets a row of its own.
    """
    row = _row_of(known, facts)
    if row is None:
        row = Checkout(
            id=facts.id, order_id=facts.order_id, attempt=facts.attempt, expires_at=facts.expires_at,
            created_at=now, ask_after=now,
        )  # fmt: skip
        session.add(row)
        known.append(row)
        known.sort(key=_age)  # as the next caller will read them: which of two paid ones counts must not change
    before = row.model_dump()
    _merge(row, facts)
    changed = row.model_dump() != before
    if changed:
        session.flush()
    return changed


def decisive(known: list[Checkout]) -> Checkout | None:
    """The Session that the order's money came from: the first paid one, whatever was learned first."""
    return next((row for row in known if row.money is Money.PAID), None)


def progress(known: list[Checkout]) -> Payment:
    """How far the order's payment has come, over all its Sessions."""
    money = {row.money for row in known}
    if Money.PAID in money:
        return Payment.PAID
    if Money.PROCESSING in money:
        return Payment.PROCESSING
    if not known or any(row.state is CheckoutState.OPEN for row in known):
        return Payment.OPEN
    return Payment.FAILED if Money.FAILED in money else Payment.ENDED


def _age(row: Checkout) -> tuple[int, str]:
    return row.attempt, row.id


def _row_of(known: list[Checkout], facts: SessionFacts) -> Checkout | None:
    for row in known:
        if row.stripe_checkout_session_id == facts.id:
            return row
    # Stripe may report a Session before our own commit of its id: then only the attempt tells which it is.
    unnamed = (row for row in known if row.attempt == facts.attempt and row.stripe_checkout_session_id is None)
    return next(unnamed, None)


def _merge(row: Checkout, facts: SessionFacts) -> None:
    row.stripe_checkout_session_id = facts.id
    row.state = max(row.state, facts.state, key=_STATES.index)
    further = _MONEY.index(facts.money) >= _MONEY.index(row.money)
    row.money = max(row.money, facts.money, key=_MONEY.index)
    # Amounts and address of a Session may change until it is paid: the furthest report is the one to believe.
    if further:
        row.amount_subtotal, row.amount_total = facts.amount_subtotal, facts.amount_total
        row.currency, row.email = facts.currency, facts.email
    row.stripe_payment_intent_id = row.stripe_payment_intent_id or facts.payment_intent
    row.stripe_subscription_id = row.stripe_subscription_id or facts.subscription
    row.stripe_customer_id = row.stripe_customer_id or facts.customer


def _money(session: dict[str, Any], event: str) -> Money:
    if session.get("status") != "complete":
        return Money.UNPAID
    if session.get("payment_status") in ("paid", "no_payment_required"):
        return Money.PAID
    return Money.FAILED if event == "checkout.session.async_payment_failed" else Money.PROCESSING
