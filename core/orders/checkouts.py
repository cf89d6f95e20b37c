"""What Stripe has told us of each Checkout Session of an order: facts that merge in any order and any number of times."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import JSON, and_, not_, or_
from sqlmodel import Field, Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from core.foundation.addresses import fold
from core.foundation.records import constant, index_where, minor_units, text_enum
from core.foundation.signals.corrections import Dated
from core.foundation.writes.rows import Rows
from core.foundation.writes.selections import Selection
from core.gateway.sessions import CheckoutState, Money, SessionFacts
from core.orders.orders import Order, OrderLine
from core.orders.status import Progress, Status

_STATES = list(CheckoutState)
_MONEY = list(Money)


class Checkout(Dated, table=True):
    """One row per Session opened for an order. `id` is the idempotency key with which it is created at Stripe.

    `parameters` are kept because a retry under the same key must send the very same ones. `ask_after` is when the worker
    asks Stripe about a Session of which nothing was heard. `folded` is the form of `email` that is compared. Whose person was
    erased has neither from then on, whatever Stripe says: `erased_as` stands for the person.
    """

    __tablename__ = "checkouts"
    dated: ClassVar[str] = "created_at"
    counted: ClassVar[frozenset[str]] = frozenset(("created_at", "stripe_checkout_session_id", "money"))

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
    folded: str = Field(default="", index=True)
    erased_as: str = ""
    name: str = ""
    country: str = ""
    address: str = ""
    tax_id: str = ""
    stripe_payment_intent_id: str | None = Field(default=None, index=True)
    stripe_subscription_id: str | None = Field(default=None, index=True)
    stripe_customer_id: str | None = None
    created_at: datetime = Field(index=True)
    ask_after: datetime


# How the names of those begin of which Stripe never heard: they stand for what an owner gave.
GIVEN = "given_"
AT_STRIPE = and_(
    col(Checkout.stripe_checkout_session_id).is_not(None),
    not_(col(Checkout.stripe_checkout_session_id).startswith(GIVEN, autoescape=True)),
)
OPEN = col(Checkout.state) == constant(CheckoutState.OPEN)
# Those of which Stripe has more to tell.
UNDECIDED = or_(OPEN, col(Checkout.money) == constant(Money.PROCESSING))
index_where(UNDECIDED, "ix_checkouts_undecided", Checkout.id)


OF_ORDERS = Rows(Checkout, "order_id")


def awaits_word(session: Session, order_id: str) -> bool:
    """Whether a Session of the order is one of which Stripe has more to tell, or whose id is not known yet."""
    unheard = or_(UNDECIDED, col(Checkout.stripe_checkout_session_id).is_(None))
    return session.exec(select(Checkout.id).where(Checkout.order_id == order_id, unheard).limit(1)).first() is not None


def at_stripe(session_id: str | None) -> str | None:
    """A Session's id, if Stripe knows it."""
    return None if session_id is None or session_id.startswith(GIVEN) else session_id


def of_order(session: Session, order_id: str) -> list[Checkout]:
    """All Sessions of the order, oldest first, as they are now (read after the order was locked)."""
    return of_orders(session, [order_id])


def of_orders(session: Session, order_ids: Collection[str]) -> list[Checkout]:
    """The same of several orders, those of one after those of another."""
    return in_order(OF_ORDERS.of(session, order_ids))


def in_order(rows: Iterable[Checkout]) -> list[Checkout]:
    """These, the oldest of each order first."""
    return sorted(rows, key=_age)


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


_SETTLING_ELSEWHERE = Selection(
    more="orders.id, checkouts.stripe_checkout_session_id, order_lines.product_id",
    # By their product all that were ever sold would be looked through: a browser has few orders.
    of="from orders join order_lines on order_lines.order_id = orders.id join checkouts on checkouts.order_id = orders.id"
    " where orders.browser_id = {} and orders.status = 'processing' and orders.cart_id <> {} and checkouts.state = 'complete'",
)  # fmt: skip


def settling_elsewhere(
    session: Session, browser_id: str, product_ids: set[str], *, cart_id: str
) -> tuple[str, str | None] | None:
    """The order and Session of another cart of this browser whose money for one of these products is on its way, or None."""
    found = _SETTLING_ELSEWHERE.read(session, browser_id, cart_id)
    return next(((order_id, name) for order_id, name, product_id in found if product_id in product_ids), None)


def settling_elsewhere_ahead(session: Session, browser_id: str, *, cart_id: str) -> None:
    """Have that be read with what the database is asked next."""
    _SETTLING_ELSEWHERE.ahead(session, browser_id, cart_id)


def settling(session: Session, order_ids: Collection[str]) -> list[Checkout]:
    """The Sessions of these orders whose money is on its way."""
    return [row for row in of_orders(session, order_ids) if row.money is Money.PROCESSING] if order_ids else []


def settling_for(folded: Collection[str]) -> SelectOfScalar[str]:
    """The orders for which money of these addresses, folded, is on its way."""
    return select(Checkout.order_id).where(col(Checkout.folded).in_(folded), col(Checkout.money) == Money.PROCESSING)


def record(
    session: Session, known: list[Checkout], attempt: Checkout, facts: SessionFacts, *, now: datetime
) -> Checkout:
    """Merge what a Session said into its row among the order's `known` ones; return the row.

    One that Stripe recovered from the Session of `attempt` gets a row of its own, and shares what that was opened with.
    """
    row = attempt
    if row.stripe_checkout_session_id not in (None, facts.id):
        row = Checkout(
            id=facts.id, order_id=attempt.order_id, attempt=attempt.attempt, parameters=attempt.parameters,
            expires_at=facts.expires_at, erased_as=_erased_as(known), created_at=now, ask_after=now,
        )  # fmt: skip
        session.add(row)
        known.append(row)
        known.sort(key=_age)  # as the next caller will read them: which of two paid ones counts must not change
    _merge(row, facts)
    return row


def is_taxed(row: Checkout) -> bool:
    """Whether we opened it so that Stripe reckons the tax."""
    return bool((row.parameters.get("automatic_tax") or {}).get("enabled"))


def is_invoiced(row: Checkout) -> bool:
    """Whether we opened it so that Stripe writes an invoice of what was bought once."""
    return bool((row.parameters.get("invoice_creation") or {}).get("enabled"))


@dataclass(frozen=True)
class Due:
    """What an order costs, in minor units: `in_trial` is what is left of it while its plans are tried for nothing."""

    amount: int
    in_trial: int
    currency: str


def is_trial(row: Checkout) -> bool:
    """Whether we opened it with a trial."""
    asked = row.parameters.get("subscription_data") or {}
    return bool(asked.get("trial_period_days") or asked.get("trial_end"))


@dataclass(frozen=True)
class Tried:
    """A plan that was tried for nothing, and the order by which it was."""

    product_id: str
    order_id: str
    number: str
    placed_at: datetime


def tried(
    session: Session,
    plans: Collection[str],
    *,
    customer_id: str | None,
    browser_id: str = "",
    besides: str,
    livemode: bool,
) -> list[Tried]:
    """Which of these plans the customer, or who bought with this browser, has tried for nothing, be it over or not: the first
    trial first, without what the cart `besides` was for."""
    theirs = [col(Order.customer_id) == customer_id] if customer_id else []
    theirs += [col(Order.browser_id) == browser_id] if browser_id else []
    if not theirs or not plans:
        return []
    query = (
        select(Checkout, OrderLine.product_id, Order)
        .join(Order, col(Order.id) == Checkout.order_id)
        .join(OrderLine, col(OrderLine.order_id) == Order.id)
        .where(
            or_(*theirs), Order.livemode == livemode, Order.cart_id != besides, Checkout.money == Money.PAID,
            col(OrderLine.interval).is_not(None), col(OrderLine.product_id).in_(plans),
        )
        .order_by(col(Order.created_at), col(Order.id))
    )  # fmt: skip
    found = session.exec(query)
    return [Tried(product, order.id, order.number, order.created_at) for row, product, order in found if is_trial(row)]


def misfit(row: Checkout, said: "Checkout | SessionFacts", due: Due) -> str:
    """Why what a Session says of its money is not what it was opened for, or an empty string.

    Taxes differ lawfully. Discounts and trials do where we opened it so.
    """
    if said.currency != due.currency:
        return f"currency_mismatch: paid in {said.currency}, ordered in {due.currency}"
    ordered = due.in_trial if is_trial(row) else due.amount
    if said.amount_subtotal != ordered:
        return f"amount_mismatch: paid for {said.amount_subtotal}, ordered {ordered}"
    if (said.amount_total or 0) < ordered and not _is_discounted(row):
        return f"amount_mismatch: paid {said.amount_total or 0} for {ordered}, and no discount was offered"
    return ""


def _is_discounted(row: Checkout) -> bool:
    """Whether we opened it so that it may cost less."""
    return bool(row.parameters.get("allow_promotion_codes") or row.parameters.get("discounts"))


def progress(known: list[Checkout]) -> Progress:
    """How far the order's payment has come, over all its Sessions."""
    money = {row.money for row in known}
    if Money.PAID in money:
        return Progress.PAID
    if Money.PROCESSING in money:
        return Progress.PROCESSING
    if not known or any(row.state is CheckoutState.OPEN for row in known):
        return Progress.OPEN
    return Progress.FAILED if Money.FAILED in money else Progress.ENDED


def _age(row: Checkout) -> tuple[int, str]:
    return row.attempt, row.id


def _erased_as(known: list[Checkout]) -> str:
    """For whom an order was paid whose person is erased: of it nothing that is told late may bring them back."""
    return next((row.erased_as for row in known if row.erased_as and row.money is Money.PAID), "")


def _merge(row: Checkout, facts: SessionFacts) -> None:
    row.stripe_checkout_session_id = facts.id
    row.state = max(row.state, facts.state, key=_STATES.index)
    further = _MONEY.index(facts.money) >= _MONEY.index(row.money)
    row.money = max(row.money, facts.money, key=_MONEY.index)
    # Amounts and address of a Session may change until it is paid: the furthest report is the one to believe.
    if further:
        row.amount_subtotal, row.amount_total = facts.amount_subtotal, facts.amount_total
        row.currency, row.country, row.tax_id = facts.currency, facts.country, facts.tax_id
        if not row.erased_as:
            row.email, row.folded, row.name = facts.email, fold(facts.email), facts.name
            row.address = facts.address
    row.stripe_payment_intent_id = row.stripe_payment_intent_id or facts.payment_intent
    row.stripe_subscription_id = row.stripe_subscription_id or facts.subscription
    row.stripe_customer_id = row.stripe_customer_id or facts.customer
