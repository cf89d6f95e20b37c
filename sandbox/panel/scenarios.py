"""Scenarios: several things at one click, each about the newest object that fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.checkout import expirations
from sandbox.ground import currencies
from sandbox.panel.payment_actions import bounce, dispute, fail_refund, lose, pay, refund
from sandbox.panel.subscription_actions import fail_next, renew, retry
from sandbox.panel.targets import charge_of, is_open, newest

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

RECOVERY_SECONDS = 5.0
DEBITS = {"sepa_debit": "AT861904300235473202", "us_bank_account": "000222222227"}


def expire_all(account: Account, _: str) -> list[Object]:
    """Expire every open session."""
    found = [s for s in account.store.all("checkout.session") if is_open(s)]
    for session in found:
        expirations.end(account, session)
    return found


def refund_some(account: Account, _: str) -> Object:
    """Refund a tenth of the newest payment that has something left."""
    charge = charge_of(account, "")
    left = charge["amount_captured"] - charge["amount_refunded"]
    tenth = currencies.rounded(Decimal(charge["amount"]) / 10, charge["currency"])
    return refund(account, charge["id"], amount=min(tenth or left, left))


def pay_unseen(account: Account, _: str) -> Object:
    """The newest session is paid, and nobody comes back from it."""
    return pay(account, "")


def refund_that_fails(account: Account, _: str) -> Object:
    """The newest payment is refunded, and the refund comes back."""
    return fail_refund(account, refund(account, "")["id"])


def lost_dispute(account: Account, _: str) -> Object:
    """The newest payment is disputed, and the dispute lost."""
    return lose(account, dispute(account, "")["id"])


def stumbling_renewal(account: Account, _: str) -> Object:
    """The newest subscription renews, is declined, and paid a moment later."""
    subscription = fail_next(account, "")
    renew(account, subscription["id"])
    account.later(RECOVERY_SECONDS, "recover", subscription["id"])
    return subscription


def recover(account: Account, id: str) -> None:
    """The timer of a renewal that was declined on purpose."""
    if account.find("subscription", id)["status"] == "past_due":
        retry(account, id)


def bouncing_debit(account: Account, _: str) -> Object:
    """The newest session that takes bank debits is paid by one, which bounces."""

    def takes_debits(session: Object) -> bool:
        return is_open(session) and any(kind in DEBITS for kind in session["payment_method_types"])

    missing = "No open session takes a bank debit. Put something in the cart and go to payment first."
    session = newest(account, "checkout.session", takes_debits, missing)
    kind = next(kind for kind in session["payment_method_types"] if kind in DEBITS)
    pay(account, session["id"], card=DEBITS[kind])
    bounce(account, session["payment_intent"])
    return session


TIMERS: Mapping[str, Callable[[Account, str], None]] = {"recover": recover}
