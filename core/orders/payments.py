"""Payments: the money that an order received, one row for each time that it came in.

The same payment is learned from its Session, from its invoice, or from both, in any order and any number of times: what they
say of it is merged so that the same row stands in the end.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, literal_column
from sqlmodel import Field, Session, col, or_, select

from core.foundation.records import Record, index_where, minor_units
from core.foundation.signals.corrections import Dated
from core.foundation.writes.rows import Rows
from core.gateway.objects import id_of, moment
from core.gateway.sessions import SessionFacts
from core.orders import setbacks
from core.orders.orders import AdmittedOrder, Order, asked_about

CHECKOUT = "checkout"
FIRST_OF_PLAN = "subscription_create"
RENEWAL = "subscription_cycle"
# What a credit note takes off a sale stands as a row of its own, by which no money came in.
CREDIT_NOTE = "credit_note"


class Payment(Dated, table=True):
    """What came in at once. Amounts in minor units; `amount_refunded` is what of it has left us again, `tax_included` what
    of its tax the prices include.

    `id` is Stripe's for the invoice of a plan, else for the PaymentIntent, else, where nothing was to be paid, for the
    Session; it stays what it was when the payment was learned of. `billing_reason` is `checkout`, `credit_note`, or what the
    invoice says.
    `lines_known` is whether what it paid for is known to the cent. `country` is where its buyer lived then, and `tax_id` what they
    had named by then, null where nobody told.
    `receipt_place` is by which place among the order's its receipt was numbered, where that was before numbers followed from names.
    """

    __tablename__ = "payments"
    dated: ClassVar[str] = "paid_at"
    counted: ClassVar[frozenset[str]] = frozenset(
        (
            "paid_at", "amount", "amount_subtotal", "amount_discount", "amount_tax", "tax_included", "lines_known", "country",
        )
    )  # fmt: skip

    id: str = Field(primary_key=True)
    order_id: str = Field(foreign_key="orders.id", index=True)
    billing_reason: str
    amount: int = minor_units()
    amount_subtotal: int = minor_units()
    amount_discount: int = minor_units()
    amount_tax: int = minor_units()
    tax_included: int = minor_units(default=0)
    amount_refunded: int = minor_units(default=0)
    currency: str
    country: str = ""
    tax_id: str | None = None
    paid_at: datetime = Field(index=True)
    stripe_payment_intent_id: str | None = Field(default=None, unique=True)
    stripe_charge_id: str | None = Field(default=None, index=True)
    stripe_checkout_session_id: str | None = Field(default=None, index=True)
    stripe_invoice_id: str | None = Field(default=None, unique=True)
    stripe_subscription_id: str | None = Field(default=None, index=True)
    lines_known: bool
    receipt_place: int | None = None

    @property
    def billed(self) -> int:
        """What was asked for, in minor units. What its amount is less or more was settled with the buyer's balance at Stripe."""
        return self.amount_subtotal - self.amount_discount + self.amount_tax - self.tax_included

    @property
    def is_note(self) -> bool:
        """Whether no money came in by it: it is what a credit note took off a sale."""
        return self.billing_reason == CREDIT_NOTE

    @property
    def names(self) -> tuple[str | None, ...]:
        """The ids of Stripe's by which somebody may mean it."""
        return (
            self.id, self.stripe_payment_intent_id, self.stripe_charge_id, self.stripe_checkout_session_id,
            self.stripe_invoice_id,
        )  # fmt: skip


class PaymentPart(Record, table=True):
    """A PaymentIntent, by its id, that paid a part of a payment, or all of it: an invoice may be paid by several. A refund or
    dispute of such a part names it alone. `amount` is how much it brought, in minor units, null until Stripe was asked for
    all of them."""

    __tablename__ = "payment_parts"

    id: str = Field(primary_key=True)
    payment_id: str = Field(foreign_key="payments.id", index=True)
    stripe_charge_id: str | None = Field(default=None, index=True)
    amount: int | None = minor_units(default=None, nullable=True)


_OF_ORDERS = Rows(Payment, "order_id")
_LINES_UNKNOWN = col(Payment.lines_known).is_(False)
index_where(_LINES_UNKNOWN, "ix_payments_lines_unknown", Payment.id)
# Few payments have any, and who asks for them asks by the day.
_NONE: ColumnElement[int] = literal_column("0")
index_where(col(Payment.amount_discount) != _NONE, "ix_payments_discounted", Payment.paid_at)
index_where(col(Payment.amount_tax) != _NONE, "ix_payments_taxed", Payment.paid_at)


@dataclass(frozen=True)
class PaymentFacts:
    """What Stripe said of money that came in. `lines` are what it was for, None where Stripe did not list all of them.

    `discounts` is what discounts took off, by Stripe's ids, where it names them, and `credited` what credit notes did before it was
    paid, with `credited_tax` in it.
    """

    id: str
    billing_reason: str
    amount: int
    amount_subtotal: int
    amount_discount: int
    amount_tax: int
    currency: str
    paid_at: datetime
    payment_intent: str | None = None
    charge: str | None = None
    session: str | None = None
    invoice: str | None = None
    subscription: str | None = None
    lines: tuple[dict[str, Any], ...] | None = None
    country: str = ""
    tax_id: str = ""
    credited: int = 0
    credited_tax: int = 0
    discounts: Mapping[str, int] = field(default_factory=dict)


def read_paid_session(facts: SessionFacts, *, now: datetime) -> PaymentFacts:
    """The payment of a Session that was paid."""
    billed = facts.invoice if facts.subscription else None
    return PaymentFacts(
        id=billed or facts.payment_intent or facts.id,
        billing_reason=FIRST_OF_PLAN if facts.subscription else CHECKOUT,
        amount=facts.amount_total or 0,
        amount_subtotal=facts.amount_subtotal or 0,
        amount_discount=facts.amount_discount,
        amount_tax=facts.amount_tax,
        currency=facts.currency,
        # Stripe does not say when a Session was paid, but when it first told of it.
        paid_at=(facts.told_at or now).replace(microsecond=0),
        payment_intent=facts.payment_intent,
        session=facts.id,
        invoice=facts.invoice,
        subscription=facts.subscription,
        country=facts.country,
        tax_id=facts.tax_id,
    )


def read_paid_invoice(invoice: dict[str, Any], *, subscription: str | None, now: datetime) -> PaymentFacts:
    """The payment of an invoice that was paid, in the present shape or an older one.

    Since 2025-03-31 it does not say by which PaymentIntent; its `tax` has become `total_taxes`.
    """
    paid_at = (invoice.get("status_transitions") or {}).get("paid_at") or invoice.get("created")
    listed = invoice.get("lines") or {}
    paid = int(invoice.get("amount_paid") or 0)
    subtotal, total = int(invoice.get("subtotal") or paid), int(invoice.get("total") or paid)
    tax = _sum(invoice.get("total_taxes")) or int(invoice.get("tax") or 0)
    credited = int(invoice.get("pre_payment_credit_notes_amount") or 0)
    return PaymentFacts(
        id=invoice["id"],
        billing_reason=invoice.get("billing_reason") or "",
        amount=paid,
        amount_subtotal=subtotal,
        # What is off without being listed was taken off the whole.
        amount_discount=_sum(invoice.get("total_discount_amounts")) or max(subtotal - total, 0),
        amount_tax=tax,
        currency=invoice.get("currency") or "",
        paid_at=moment(paid_at) or now,
        payment_intent=id_of(invoice.get("payment_intent")),
        charge=id_of(invoice.get("charge")),
        invoice=invoice["id"],
        subscription=subscription,
        country=(invoice.get("customer_address") or {}).get("country") or "",
        tax_id=next((each["value"] for each in invoice.get("customer_tax_ids") or [] if each.get("value")), ""),
        credited=credited,
        credited_tax=_part(tax, credited, total),
        lines=tuple(listed["data"]) if listed.get("data") and not listed.get("has_more") else None,
        discounts={
            name: int(part.get("amount") or 0)
            for part in invoice.get("total_discount_amounts") or []
            if (name := id_of(part.get("discount"))) and part.get("amount")
        },
    )


def kept_by(note: dict[str, Any]) -> int:
    """How much a credit note gives its buyer, in minor units, of what was paid already, but for what Stripe sends back: it counts
    for what they are billed next, or was paid back outside of Stripe."""
    if note.get("status") == "void":
        return 0
    sent_back = sum(int(each.get("amount_refunded") or 0) for each in note.get("refunds") or [])
    return max(int(note.get("post_payment_amount") or 0) - sent_back, 0)


def read_credit_note(note: dict[str, Any], *, of: Payment, now: datetime) -> PaymentFacts:
    """What a credit note takes off the sale that this payment was for, with its part of the note's tax. What is sent back is a
    refund, and counts by itself."""
    kept, total = kept_by(note), int(note.get("total") or 0)
    tax = _part(_sum(note.get("total_taxes")), kept, total)
    return _noted(note["id"], kept, tax, of=of, at=moment(note.get("created")) or now)


def credited_before(facts: PaymentFacts, *, of: Payment) -> PaymentFacts:
    """What credit notes took off the sale that this payment was for before it was paid, as its invoice says: such a note does not
    say by itself whether the rest was ever paid."""
    return _noted(f"cn_of_{facts.id}", facts.credited, facts.credited_tax, of=of, at=facts.paid_at)


def _noted(id: str, amount: int, tax: int, *, of: Payment, at: datetime) -> PaymentFacts:
    return PaymentFacts(
        id=id, billing_reason=CREDIT_NOTE, amount=0, amount_subtotal=tax - amount, amount_discount=0, amount_tax=-tax,
        currency=of.currency, paid_at=at, subscription=of.stripe_subscription_id, country=of.country, tax_id=of.tax_id or "",
    )  # fmt: skip


def record(
    session: Session, order_id: AdmittedOrder, known: list[Payment], facts: PaymentFacts, *, lines_known: bool
) -> Payment:
    """Merge what Stripe said into the payment's row among the order's `known` ones. The order must be locked.

    `lines_known` is whether it is plain what it paid for.
    """
    row = _row_of(known, facts)
    if row is None:
        row = Payment(
            id=facts.id, order_id=order_id, billing_reason=facts.billing_reason, amount=facts.amount,
            amount_subtotal=facts.amount_subtotal, amount_discount=facts.amount_discount, amount_tax=facts.amount_tax,
            currency=facts.currency, paid_at=facts.paid_at, lines_known=lines_known,
        )  # fmt: skip
        session.add(row)
        known.append(row)
    _merge(row, facts, lines_known=lines_known)
    known.sort(key=_age)
    if facts.payment_intent and facts.payment_intent != row.stripe_payment_intent_id:
        _note_part(session, row, facts.payment_intent, facts.charge)
    return row


def identify(session: Session, payment: Payment, payment_intent: str | None, charge: str | None = None) -> None:
    """Know a payment by these ids of Stripe's from now on. Its order must be locked."""
    payment.stripe_payment_intent_id = payment.stripe_payment_intent_id or payment_intent
    payment.stripe_charge_id = payment.stripe_charge_id or charge
    session.flush()


def note_parts(session: Session, payment: Payment, parts: Mapping[str, int]) -> None:
    """Know by which PaymentIntents a payment was paid, all of them, each with what it brought in minor units. Its order must be
    locked."""
    for name, amount in parts.items():
        _note_part(session, payment, name, None).amount = amount
    session.flush()


def parts_of(session: Session, payment: Payment) -> dict[str, int]:
    """The PaymentIntents by which a payment was paid, the one first by which it is known, and what each brought, in minor units;
    none until Stripe was asked."""
    query = select(PaymentPart).where(PaymentPart.payment_id == payment.id, col(PaymentPart.amount).is_not(None))
    known = sorted(session.exec(query), key=lambda each: (each.id != payment.stripe_payment_intent_id, each.id))
    return {each.id: each.amount or 0 for each in known}


def of_order(session: Session, order_id: str) -> list[Payment]:
    """The order's payments, oldest first, as they are now."""
    return of_orders(session, [order_id])


def of_orders(session: Session, order_ids: Collection[str]) -> list[Payment]:
    """The same of several orders."""
    return sorted(_OF_ORDERS.of(session, order_ids), key=_age)


def named(payments: Sequence[Payment], *names: str | None) -> Payment | None:
    """Which of these payments goes by one of these ids of Stripe's, or None."""
    wanted = {name for name in names if name}
    return next((payment for payment in payments if wanted & set(payment.names)), None)


def owners_of(session: Session, names: Collection[str]) -> dict[str, str]:
    """The ids of the orders that received the payments of these names, each by all names that its payment has: its own id,
    and those of its PaymentIntent, charge and invoice, and of what paid a part of it."""
    columns = (Payment.id, Payment.stripe_payment_intent_id, Payment.stripe_charge_id, Payment.stripe_invoice_id)
    whole = select(Payment.order_id, *columns).where(or_(*(col(each).in_(names) for each in columns)))  # type: ignore[call-overload]
    part, charge = PaymentPart.id, PaymentPart.stripe_charge_id
    parts = select(Payment.order_id, part, part, charge, part)  # type: ignore[call-overload]
    parts = parts.join(PaymentPart, col(PaymentPart.payment_id) == Payment.id)
    parts = parts.where(or_(col(part).in_(names), col(charge).in_(names)))
    # Each looks in its own indexes: asked with one condition, PostgreSQL would read all.
    found = session.execute(whole.union_all(parts))
    return {name: row[0] for row in found for name in row[1:] if name}


def with_parts(session: Session, names: Collection[str]) -> dict[str, str]:
    """The ids of the payments that these further PaymentIntents paid a part of, by the PaymentIntent's."""
    query = select(PaymentPart.id, PaymentPart.payment_id).where(col(PaymentPart.id).in_(names))
    return dict(session.exec(query).all())


def of_charge(session: Session, order_id: str, charge: str | None) -> str | None:
    """The id of the order's payment that made this charge, if it is known by it."""
    query = select(Payment.id).where(Payment.order_id == order_id, Payment.stripe_charge_id == charge)
    return session.exec(query).first() if charge else None


def with_unknown_lines(session: Session, *, livemode: bool, now: datetime, limit: int) -> list[tuple[str, str]]:
    """The payments of this mode of which Stripe has not told yet what they were for, each with its order."""
    query = select(Payment.id, Payment.order_id).join(Order, col(Order.id) == Payment.order_id)
    query = query.where(
        _LINES_UNKNOWN, *asked_about(livemode=livemode), ~setbacks.resting(col(Payment.id), now=now)
    )  # fmt: skip
    return list(session.exec(query.order_by(col(Payment.id)).limit(limit)))


def _note_part(session: Session, payment: Payment, payment_intent: str, charge: str | None) -> PaymentPart:
    session.flush()  # it refers to the payment, which may be new
    part = session.get(PaymentPart, payment_intent) or PaymentPart(id=payment_intent, payment_id=payment.id)
    part.stripe_charge_id = part.stripe_charge_id or charge
    session.add(part)
    return part


def _row_of(known: Sequence[Payment], facts: PaymentFacts) -> Payment | None:
    if row := named(known, facts.id, facts.payment_intent, facts.invoice, facts.session):
        return row
    # A Session that does not name the first invoice of its plan is paid by it all the same: there is only one such.
    first = facts.billing_reason == FIRST_OF_PLAN and facts.subscription
    same = (row for row in known if row.billing_reason == FIRST_OF_PLAN and row.stripe_subscription_id == first)
    return next(same, None) if first else None


def _merge(row: Payment, facts: PaymentFacts, *, lines_known: bool) -> None:
    """In any order: each of these comes to the same whichever of two reports is the first."""
    # Of what an invoice is over, its buyer may have had a part to their credit.
    row.amount = min(row.amount, facts.amount)
    row.amount_subtotal = max(row.amount_subtotal, facts.amount_subtotal)
    row.amount_discount = max(row.amount_discount, facts.amount_discount)
    row.amount_tax = max(row.amount_tax, facts.amount_tax)
    row.paid_at = min(row.paid_at, facts.paid_at)
    row.stripe_payment_intent_id = row.stripe_payment_intent_id or facts.payment_intent
    row.stripe_charge_id = row.stripe_charge_id or facts.charge
    row.stripe_checkout_session_id = row.stripe_checkout_session_id or facts.session
    row.stripe_invoice_id = row.stripe_invoice_id or facts.invoice
    row.stripe_subscription_id = row.stripe_subscription_id or facts.subscription
    row.country = max(row.country, facts.country)
    row.tax_id = max(row.tax_id or "", facts.tax_id) or None
    row.lines_known = row.lines_known or lines_known


def _age(payment: Payment) -> tuple[bool, datetime, str]:
    # What the order was bought with comes first, even if it was learned of after a renewal.
    return payment.billing_reason not in (CHECKOUT, FIRST_OF_PLAN), payment.paid_at, payment.id


def _part(tax: int, amount: int, total: int) -> int:
    """How much of the tax in a total is in an amount of it."""
    return tax * amount // total if total else 0


def _sum(parts: list[dict[str, Any]] | None) -> int:
    return sum(int(part.get("amount") or 0) for part in parts or [])
