"""What time and buyers can do to a subscription: renew it, fail to pay for it, end it, pause it, change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import cancellations, renewals, subscription_changes, subscriptions
from sandbox.panel.targets import CannotDo, subscription_of

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def renew(account: Account, id: str) -> Object:
    """The present period of a subscription is over: it renews, or ends when it was to end then."""
    subscription = subscription_of(account, id)
    with account.in_time_of(subscription["customer"]):
        if not account.timers.bring_forward("renew", subscription["id"]):
            raise CannotDo(f"This subscription is {subscription['status']}: nothing renews.")
        # Who presses a button does not want to wait for the hour in which the invoice is a draft.
        account.timers.bring_forward("finalize_invoice", subscription["latest_invoice"] or "")
    return subscription


def fail_next(account: Account, id: str, *, times: int = 1) -> Object:
    """The next charges of a subscription are declined, so many (-1: all of them; 0: none after all)."""
    subscription = subscription_of(account, id)
    account.store.notes(subscription["id"])["fail_next"] = times
    account.store.save(subscription)
    return subscription


def retry(account: Account, id: str) -> Object:
    """An unpaid invoice of a subscription is tried again now, ahead of its schedule."""
    subscription = subscription_of(account, id)
    with account.in_time_of(subscription["customer"]):
        if not account.timers.bring_forward("retry_invoice", subscription["latest_invoice"] or ""):
            raise CannotDo("No invoice of this subscription waits for another attempt.")
    return subscription


def cancel(account: Account, id: str) -> Object:
    """A subscription ends now."""
    subscription = subscription_of(account, id)
    with account.in_time_of(subscription["customer"]):
        if subscription["status"] in subscriptions.OVER:
            raise CannotDo("This subscription is over already.")
        cancellations.end(account, subscription, reason="cancellation_requested")
    return subscription


def cancel_later(account: Account, id: str) -> Object:
    """A subscription ends with its period, as when the buyer says so in the portal."""
    subscription = subscription_of(account, id)
    with account.in_time_of(subscription["customer"]):
        cancellations.at_period_end(account, subscription)
    return subscription


def resume(account: Account, id: str) -> Object:
    """A subscription that was to end, or is paused, goes on."""
    subscription = subscription_of(account, id)
    with account.in_time_of(subscription["customer"]):
        if subscription["status"] == "paused":
            renewals.unpause(account, subscription)
        else:
            cancellations.keep(account, subscription)
    return subscription


def pause(account: Account, id: str) -> Object:
    """A subscription is paused: nothing is billed until it is resumed."""
    subscription = subscription_of(account, id)
    with account.in_time_of(subscription["customer"]):
        renewals.pause(account, subscription)
    return subscription


def set_quantity(account: Account, id: str, *, quantity: int, proration: str = "create_prorations") -> Object:
    """So many from now on."""
    subscription = subscription_of(account, id)
    with account.in_time_of(subscription["customer"]):
        subscription_changes.set_quantity(account, subscription, quantity, proration=proration)
    return subscription
