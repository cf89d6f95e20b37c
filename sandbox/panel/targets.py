"""What an action is about: the object that was named, or else the newest that fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.billing import subscriptions

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


class CannotDo(ValueError):
    """It cannot be done now; `str()` says why."""


def newest(account: Account, kind: str, fits: Callable[[Object], bool], otherwise: str) -> Object:
    """The newest object of a kind that fits. Raises CannotDo, saying `otherwise`, when there is none."""
    found = next((obj for obj in account.store.all(kind) if fits(obj)), None)
    if found is None:
        raise CannotDo(otherwise)
    return found


def is_open(session: Object) -> bool:
    """Whether a Checkout Session can still be paid."""
    return bool(session["status"] == "open")


def _is_refundable(charge: Object) -> bool:
    return bool(charge["paid"] and charge["captured"] and not charge["refunded"])


def open_session(account: Account, id: str) -> Object:
    """The session named, in whatever state, or the newest that is open."""
    if id:
        return account.find("checkout.session", id)
    missing = "No session is open. Put something in the cart and go to payment first."
    return newest(account, "checkout.session", is_open, missing)


def charge_of(account: Account, id: str) -> Object:
    """The charge of a payment, or of the newest one that is paid and not refunded."""
    if id.startswith(("ch_", "py_")):
        return account.find("charge", id)
    if id:
        return account.find("charge", account.find("payment_intent", id)["latest_charge"] or "")
    return newest(account, "charge", _is_refundable, "No payment is left for this. Pay for something first.")


def subscription_of(account: Account, id: str) -> Object:
    """The subscription named, or the newest that goes on."""
    if id:
        return account.find("subscription", id)
    return newest(account, "subscription", _goes_on, "No plan is running. Buy one first.")


def _goes_on(subscription: Object) -> bool:
    return subscription["status"] not in subscriptions.OVER
