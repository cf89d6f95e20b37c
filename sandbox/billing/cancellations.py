"""The end of a subscription: now, at the end of its period, or at a moment that was named; and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.billing import invoice_drafts, invoice_items, invoices, subscriptions
from sandbox.ground.errors import invalid, missing_object

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

TIMERS = (
    "renew",
    "announce_trial_end",
    "announce_upcoming",
    "end_subscription",
    "resume_collection",
    "expire_incomplete",
)


def cancel(account: Account, call: Call) -> Object:
    """DELETE /v1/subscriptions/{id}: now. Nothing is refunded, and nothing billed unless it is asked for."""
    subscription = account.find("subscription", call.id)
    if subscription["status"] in subscriptions.OVER:
        raise missing_object("subscription", call.id)
    params = call.params
    note(account, subscription, params.get("cancellation_details"))
    if params.get("prorate"):
        credit_rest(account, subscription)
    waiting = invoice_items.waiting_for(account, subscription) if params.get("invoice_now") else []
    invoice = invoice_drafts.for_period(account, subscription, reason="manual", plans=False) if waiting else None
    end(account, subscription, reason="cancellation_requested")
    if invoice:
        account.emit("invoice.created", invoice)
        invoices.finalize(account, invoice)
    return subscription


def note(account: Account, subscription: Object, given: Object | None) -> None:
    """Remember why the buyer leaves."""
    if given:
        words = {key: given[key] or None for key in ("comment", "feedback", "feedback_option") if key in given}
        account.store.change(subscription, cancellation_details={**subscription["cancellation_details"], **words})


def credit_rest(account: Account, subscription: Object, since: int | None = None) -> None:
    """Owe the buyer what is left of the periods they have paid for, from now or another moment on."""
    if subscription["status"] != "trialing":
        since = since or account.clock.now()
        invoice_items.wait(account, invoice_items.for_credit(account, subscription, since))


def end(account: Account, subscription: Object, *, reason: str) -> None:
    """It is over. What was not collected yet is no longer tried."""
    for action in TIMERS:
        account.timers.cancel(action, subscription["id"])
    for invoice in account.store.having("invoice", "subscription", subscription["id"]):
        if invoice["status"] in ("draft", "open"):
            invoices.leave(account, invoice)
    now = account.clock.now()
    account.store.change(
        subscription,
        canceled_at=subscription["canceled_at"] or now,
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
        ended_at=now,
        status="canceled",
    )
    account.emit("customer.subscription.deleted", subscription)


def end_by_time(account: Account, id: str) -> None:
    """The timer of a subscription that was to end at a named moment."""
    subscription = account.store.get("subscription", id)
    if subscription and subscription["status"] not in subscriptions.OVER:
        end(account, subscription, reason="cancellation_requested")


def ordered(account: Account, subscription: Object, *, at: int | None, flag: bool = False) -> dict[str, Any]:
    """What changes when a subscription is told to end at a moment (`flag`: that of its period), or None, to go on."""
    reason = "cancellation_requested" if at is not None else None
    if at is None:
        account.timers.cancel("end_subscription", subscription["id"])
    else:
        account.at(at, "end_subscription", subscription["id"])
    return {
        "cancel_at": at,
        "cancel_at_period_end": flag and at is not None,
        "canceled_at": None if at is None else account.clock.now(),
        "cancellation_details": {**subscription["cancellation_details"], "reason": reason},
    }


def check_ending(account: Account, params: Object) -> None:
    """Raises StripeError when a request says twice when a subscription is to end, or names a moment that is over."""
    at = params.get("cancel_at")
    if "cancel_at_period_end" in params and "cancel_at" in params:
        text = "You may only specify one of these parameters: cancel_at, cancel_at_period_end."
        raise invalid(text, param="cancel_at")
    if isinstance(at, int) and at <= account.clock.now():
        raise invalid("`cancel_at` must be in the future.", param="cancel_at")


def ending(account: Account, subscription: Object, params: Object) -> dict[str, Any]:
    """What changes when a request says when a subscription is to end."""
    if "cancel_at_period_end" in params:
        at = subscriptions.ends(subscription) if params["cancel_at_period_end"] else None
        return ordered(account, subscription, at=at, flag=True)
    at = params["cancel_at"]
    if isinstance(at, str) and at:
        at = subscriptions.ends(subscription)
    return ordered(account, subscription, at=at or None)


def at_period_end(account: Account, subscription: Object, given: Object | None = None) -> None:
    """What the customer portal's button does: flexible billing names the moment, classic billing sets the flag."""
    before = subscriptions.snapshot(subscription)
    note(account, subscription, given)
    flag = subscription["billing_mode"]["type"] == "classic"
    account.store.change(subscription, **ordered(account, subscription, at=subscriptions.ends(subscription), flag=flag))
    subscriptions.announce(account, subscription, before)


def keep(account: Account, subscription: Object) -> None:
    """Take a cancellation back that has not come about yet."""
    before = subscriptions.snapshot(subscription)
    account.store.change(subscription, **ordered(account, subscription, at=None))
    subscriptions.announce(account, subscription, before)
