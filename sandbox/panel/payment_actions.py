"""What buyers, banks and a dashboard can do to a payment: pay, decline to, refund, settle, dispute, warn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.checkout import custom_fields, expirations, recoveries, session_payments
from sandbox.panel.targets import CannotDo, charge_of, is_open, open_session
from sandbox.payments import captures, cards, disputes, early_fraud_warnings, payment_intents, payment_methods, refunds

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def pay(account: Account, id: str, *, card: str = "4242424242424242", email: str = "") -> Object:
    """Pay an open session, the newest by default. A payment that is declined leaves it open."""
    session = open_session(account, id)
    address = email or session["customer_email"] or "buyer@example.com"
    buyer = session_payments.Buyer(
        email=address,
        name="Pushcart Buyer",
        country="DE",
        postal_code="10115",
        custom_fields=custom_fields.likely(session),
    )
    method = payment_methods.make(account, cards.numbered(card), billing=buyer.billing())
    session_payments.pay(account, session, method if session_payments.needs_method(session) else None, buyer)
    return session


def expire(account: Account, id: str) -> Object:
    """Expire an open session."""
    session = account.find("checkout.session", id)
    if is_open(session):
        expirations.end(account, session)
    return session


def recover(account: Account, id: str) -> Object:
    """A copy of an expired session is opened, also if it was not to be recoverable: so an order may be paid twice."""
    session = account.find("checkout.session", id)
    if session["status"] != "expired":
        raise CannotDo(f"This session is {session['status']}: only an expired one is recovered.")
    return recoveries.recover(account, session)


def refund(account: Account, id: str, *, amount: int | None = None) -> Object:
    """Refund what is left of a payment, as its owner would in Stripe's dashboard: with no metadata."""
    charge = charge_of(account, id)
    return refunds.give(account, charge, amount=amount, reason="requested_by_customer", extra={})


def fail_refund(account: Account, id: str) -> Object:
    """A refund comes back: the one named, or the newest of the payment named."""
    if id.startswith(("re_", "pyr_")):
        found = account.find("refund", id)
    else:
        of_payment = account.store.having("refund", "payment_intent", id)
        alive = [r for r in of_payment if r["status"] in ("pending", "succeeded", "requires_action")]
        if not alive:
            raise CannotDo("This payment has no refund that could fail.")
        found = alive[0]
    refunds.fail(account, found)
    return found


def finish_refund(account: Account, id: str) -> Object:
    """A refund that takes time goes through now."""
    if not account.timers.bring_forward("finish_refund", id):
        raise CannotDo(f"No refund waits under {id}.")
    return account.find("refund", id)


def capture(account: Account, id: str, *, amount: int | None = None) -> Object:
    """The money that is held for a payment is captured, all of it or so much."""
    found = account.find("payment_intent", id)
    captures.take(account, found, amount)
    return found


def let_go(account: Account, id: str) -> Object:
    """The money that is held for a payment is let go."""
    found = account.find("payment_intent", id)
    if found["status"] != "requires_capture":
        raise CannotDo("Nothing is held for this payment.")
    payment_intents.give_up(account, found, reason="requested_by_customer")
    return found


def settle(account: Account, id: str, *, paid: bool | None = True) -> None:
    """The bank answers about a debit without waiting: it pays, or (`paid: false`) does not."""
    if account.timers.due("settle", id) is None:
        raise CannotDo(f"no bank debit waits for {id}")
    account.timers.cancel("settle", id)
    session_payments.settle(account, id, paid=paid)


def bounce(account: Account, id: str) -> None:
    """The bank does not pay a debit."""
    settle(account, id, paid=False)


def dispute(account: Account, id: str, *, reason: str = "fraudulent", inquiry: bool = False) -> Object:
    """The buyer disputes a payment."""
    return disputes.open_on(account, charge_of(account, id), reason=reason, inquiry=inquiry)


def inquire(account: Account, id: str) -> Object:
    """The buyer's bank asks about a payment; no money moves yet."""
    return dispute(account, id, reason="general", inquiry=True)


def win(account: Account, id: str) -> Object:
    """A dispute is won, or an inquiry closed."""
    return _decided(account, id, "won")


def lose(account: Account, id: str) -> Object:
    """A dispute is lost."""
    return _decided(account, id, "lost")


def close_inquiry(account: Account, id: str) -> Object:
    """An inquiry ends and nothing comes of it."""
    return _decided(account, id, "warning_closed")


def _decided(account: Account, id: str, status: str) -> Object:
    found = account.find("dispute", id)
    disputes.decide(account, found, status)
    return found


def escalate(account: Account, id: str) -> Object:
    """An inquiry becomes a chargeback."""
    found = account.find("dispute", id)
    disputes.escalate(account, found)
    return found


def warn(account: Account, id: str, *, fraud_type: str = "unauthorized_use_of_card") -> Object:
    """The card's bank warns of fraud."""
    return early_fraud_warnings.warn(account, charge_of(account, id), fraud_type=fraud_type)
