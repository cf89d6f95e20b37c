"""What a Checkout Session says of itself, whichever event or answer carries it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from core.gateway.objects import id_of, moment


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


@dataclass(frozen=True)
class SessionFacts:
    """What one Session said of itself, whichever event or answer carried it. Amounts in minor units.

    `told_at` is when Stripe told of it; where it was asked, when the money came, or None if it did not say so.
    """

    id: str
    metadata: dict[str, str]
    recovered_from: str | None
    livemode: bool
    state: CheckoutState
    money: Money
    amount_subtotal: int | None
    amount_total: int | None
    amount_discount: int
    amount_tax: int
    currency: str
    email: str
    name: str
    country: str
    tax_id: str
    payment_intent: str | None
    invoice: str | None
    subscription: str | None
    customer: str | None
    expires_at: datetime
    url: str | None = None
    told_at: datetime | None = None
    promotion_code: str = ""
    address: str = ""

    @property
    def order_id(self) -> str:
        """The order that its metadata names, or an empty string."""
        return self.metadata.get("order_id") or ""

    @property
    def shop_id(self) -> str:
        """The shop that its metadata names, or an empty string."""
        return self.metadata.get("shop_id") or ""

    @property
    def is_paid(self) -> bool:
        """Whether its money has come."""
        return self.money is Money.PAID

    @property
    def attempt(self) -> int:
        """Which attempt at its order it names; the first is 1."""
        attempt = self.metadata.get("attempt") or ""
        return int(attempt) if attempt.isdecimal() else 0


def read_session(session: dict[str, Any], *, event: str = "", told_at: int | None = None) -> SessionFacts:
    """Read a `checkout.session` as Stripe sends it, in any API version. `event` is the type it came with, if any, and
    `told_at` when that was made, in seconds since 1970.

    Stripe leaves a bounced bank debit at complete/unpaid for ever: only the event's type says that it failed.
    """
    status = session.get("status") or "open"
    buyer, totals = session.get("customer_details") or {}, session.get("total_details") or _difference(session)
    return SessionFacts(
        id=session["id"],
        metadata=dict(session.get("metadata") or {}),
        recovered_from=id_of(session.get("recovered_from")),
        livemode=bool(session.get("livemode")),
        state=CheckoutState(status) if status in set(CheckoutState) else CheckoutState.OPEN,
        money=_money(session, event),
        amount_subtotal=session.get("amount_subtotal"),
        amount_total=session.get("amount_total"),
        amount_discount=int(totals.get("amount_discount") or 0),
        amount_tax=int(totals.get("amount_tax") or 0),
        currency=session.get("currency") or "",
        email=address_in(session),
        name=buyer.get("name") or "",
        country=(buyer.get("address") or {}).get("country") or "",
        address=lines_of(buyer.get("address") or {}),
        tax_id=next((each["value"] for each in buyer.get("tax_ids") or [] if each.get("value")), ""),
        payment_intent=id_of(session.get("payment_intent")),
        invoice=id_of(session.get("invoice")),
        subscription=id_of(session.get("subscription")),
        customer=id_of(session.get("customer")),
        expires_at=datetime.fromtimestamp(session.get("expires_at") or 0, UTC),
        url=session.get("url"),
        told_at=moment(told_at or _paid_at(session)),
        promotion_code=next((id_of(each.get("promotion_code")) or "" for each in session.get("discounts") or []), ""),
    )


def address_in(session: dict[str, Any]) -> str:
    """The address that a `checkout.session` has of its buyer, or an empty string."""
    return (session.get("customer_details") or {}).get("email") or session.get("customer_email") or ""


def lines_of(address: dict[str, Any]) -> str:
    """An address of Stripe's but for its country, with a line for each of its lines."""
    town = " ".join(filter(None, [address.get("postal_code"), address.get("city")]))
    return "\n".join(filter(None, [address.get("line1"), address.get("line2"), town, address.get("state")]))


def _paid_at(session: dict[str, Any]) -> int | None:
    """When its money came, if its invoice or its charge came with it. That of a bank debit is days older than its money."""
    invoice, payment = session.get("invoice"), session.get("payment_intent")
    if isinstance(invoice, dict):
        return (invoice.get("status_transitions") or {}).get("paid_at")
    charge = payment.get("latest_charge") if isinstance(payment, dict) else None
    if not isinstance(charge, dict) or (charge.get("payment_method_details") or {}).get("type") != "card":
        return None
    return charge.get("created") if charge.get("paid") else None


def _difference(session: dict[str, Any]) -> dict[str, int]:
    """What became of the subtotal, where a Session does not say it: the one or the other."""
    more = (session.get("amount_total") or 0) - (session.get("amount_subtotal") or 0)
    return {"amount_discount": max(-more, 0), "amount_tax": max(more, 0)}


def _money(session: dict[str, Any], event: str) -> Money:
    if session.get("status") != "complete":
        return Money.UNPAID
    if session.get("payment_status") in ("paid", "no_payment_required"):
        return Money.PAID
    return Money.FAILED if event == "checkout.session.async_payment_failed" else Money.PROCESSING
