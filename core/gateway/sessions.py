"""What a Checkout Session says of itself, whichever event or answer carries it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from core.gateway.objects import id_of


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
    """What one Session said of itself, whichever event or answer carried it. Amounts in minor units."""

    id: str
    metadata: dict[str, str]
    recovered_from: str | None
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

    @property
    def order_id(self) -> str:
        """The order that its metadata names, or an empty string."""
        return self.metadata.get("order_id") or ""

    @property
    def shop_id(self) -> str:
        """The shop that its metadata names, or an empty string."""
        return self.metadata.get("shop_id") or ""

    @property
    def attempt(self) -> int:
        """Which attempt at its order it names; the first is 1."""
        attempt = self.metadata.get("attempt") or ""
        return int(attempt) if attempt.isdecimal() else 0


def read_session(session: dict[str, Any], *, event: str = "") -> SessionFacts:
    """Read a `checkout.session` as Stripe sends it, in any API version. `event` is the type it came with, if any.

    Stripe leaves a bounced bank debit at complete/unpaid for ever: only the event's type says that it failed.
    """
    status = session.get("status") or "open"
    return SessionFacts(
        id=session["id"],
        metadata=dict(session.get("metadata") or {}),
        recovered_from=id_of(session.get("recovered_from")),
        livemode=bool(session.get("livemode")),
        state=CheckoutState(status) if status in set(CheckoutState) else CheckoutState.OPEN,
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


def _money(session: dict[str, Any], event: str) -> Money:
    if session.get("status") != "complete":
        return Money.UNPAID
    if session.get("payment_status") in ("paid", "no_payment_required"):
        return Money.PAID
    return Money.FAILED if event == "checkout.session.async_payment_failed" else Money.PROCESSING
