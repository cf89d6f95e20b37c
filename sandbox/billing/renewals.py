"""What the calendar does to a subscription: trials end, periods are billed, paused collection goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import cancellations, collection, invoice_drafts, invoices, subscription_items, subscriptions
from sandbox.ground import periods
from sandbox.ground.errors import invalid
from sandbox.ground.periods import DAY

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

TRIAL_NOTICE_SECONDS = 3 * DAY
UPCOMING_SECONDS = 7 * DAY


def schedule(account: Account, subscription: Object) -> None:
    """Set the timers of its present period."""
    id, until = subscription["id"], subscriptions.ends(subscription)
    account.at(until, "renew", id)
    if until - UPCOMING_SECONDS > account.clock.now():
        account.at(until - UPCOMING_SECONDS, "announce_upcoming", id)
    if subscription["status"] == "trialing":
        account.at(max(until - TRIAL_NOTICE_SECONDS, account.clock.now()), "announce_trial_end", id)


def announce_trial_end(account: Account, id: str) -> None:
    """The timer of a trial that has three days left."""
    account.emit("customer.subscription.trial_will_end", account.find("subscription", id))


def announce_upcoming(account: Account, id: str) -> None:
    """The timer of a renewal that is a week away: the invoice as it will be. It is not kept."""
    subscription = account.find("subscription", id)
    if subscription["cancel_at"] is not None or subscription["pause_collection"]:
        return
    account.emit("invoice.upcoming", invoice_drafts.upcoming(account, subscription))


def renew(account: Account, id: str) -> None:
    """The timer of a period: it is over. The subscription ends, or the next period is billed."""
    subscription = account.store.get("subscription", id)
    if subscription is None or subscription["status"] in (*subscriptions.OVER, "paused", "incomplete"):
        return
    until = subscriptions.ends(subscription)
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= until:
        cancellations.end(account, subscription, reason="cancellation_requested")
    elif subscription["status"] != "trialing" or not stops_unpaid(account, subscription):
        draft_seconds = int(account.settings.draft_seconds)
        begin(account, subscription, start=until, reason="subscription_cycle", draft_seconds=draft_seconds)


def stops_unpaid(account: Account, subscription: Object) -> bool:
    """A trial ends: if nobody has said how to pay, cancel or pause it as it was asked for. Returns whether it was."""
    sent = subscription["collection_method"] == "send_invoice"
    if sent or collection.method_of(account, subscription) is not None:
        return False
    match subscription["trial_settings"]["end_behavior"]["missing_payment_method"]:
        case "cancel":
            cancellations.end(account, subscription, reason="cancellation_requested")
        case "pause":
            pause(account, subscription, why="trial_end_without_payment_method")
        case _:
            return False
    return True


def begin(
    account: Account,
    subscription: Object,
    *,
    start: int,
    reason: str,
    anchor: int | None = None,
    before: Object | None = None,
    draft_seconds: int = 0,
) -> None:
    """The next period begins, and is billed: its invoice stays a draft for so many seconds. With an anchor, periods
    are counted from it from now on."""
    before = before or subscriptions.snapshot(subscription)
    if anchor is not None:
        account.store.change(subscription, billing_cycle_anchor=anchor)
    for item in subscription_items.of(account, subscription["id"]):
        recurring = item["price"]["recurring"]
        until = periods.period_end(start, recurring, anchor=subscription["billing_cycle_anchor"])
        account.store.change(item, current_period_start=start, current_period_end=until)
    status = "active" if subscription["status"] in ("trialing", "paused") else subscription["status"]
    items = subscription_items.envelope(account, subscription["id"])
    account.store.change(subscription, items=items, status=status)
    invoice = invoice_drafts.for_period(account, subscription, reason=reason)
    account.store.change(subscription, latest_invoice=invoice["id"])
    subscriptions.announce(account, subscription, before)
    schedule(account, subscription)
    collect(account, subscription, invoice, draft_seconds=draft_seconds)


def collect(account: Account, subscription: Object, invoice: Object, *, draft_seconds: int = 0) -> None:
    """Bill a draft, now or after a while, unless collection is paused or has been given up."""
    paused = subscription["pause_collection"]
    if not paused and subscription["status"] != "unpaid":
        if draft_seconds:
            at = invoice["created"] + draft_seconds
            invoices.finalize_later(account, invoice, at, charged_at=at)
            account.emit("invoice.created", invoice)
        else:
            collection.bill(account, invoice)
        return
    invoices.leave(account, invoice)
    account.emit("invoice.created", invoice)
    if paused and paused["behavior"] != "keep_as_draft":
        if invoice["amount_due"]:
            invoices.finalize(account, invoice)
        invoices.give_up(account, invoice, "void" if paused["behavior"] == "void" else "uncollectible")


def resume_collection(account: Account, id: str) -> None:
    """The timer of a collection that was paused until a named moment."""
    subscription = account.store.get("subscription", id)
    if subscription and subscription["status"] not in subscriptions.OVER:
        subscriptions.change(account, subscription, pause_collection=None)


def pause(account: Account, subscription: Object, *, why: str = "pause_requested") -> None:
    """Nothing is billed and nothing granted until it is resumed."""
    now = account.clock.now()
    details = {"paused": {"subscription": {"type": why}, "transitioned_at": now, "type": "subscription"}}
    for action in cancellations.TIMERS:
        account.timers.cancel(action, subscription["id"])
    account.store.change(subscription, status="paused", status_details=details)
    account.emit("customer.subscription.paused", subscription)


def resume(account: Account, call: Call) -> Object:
    """POST /v1/subscriptions/{id}/resume: a new period begins now."""
    subscription = account.find("subscription", call.id)
    if call.params.get("billing_cycle_anchor", "now") != "now":
        text = "The sandbox resumes subscriptions with a period that begins now."
        raise invalid(text, param="billing_cycle_anchor")
    unpause(account, subscription)
    return subscription


def unpause(account: Account, subscription: Object) -> None:
    """A new period begins now. Raises StripeError when the subscription was not paused."""
    if subscription["status"] != "paused":
        raise invalid(f"This subscription is {subscription['status']}. Only paused subscriptions can be resumed.")
    now = account.clock.now()
    subscription.pop("status_details", None)
    begin(account, subscription, start=now, reason="subscription_cycle", anchor=now)
    account.emit("customer.subscription.resumed", subscription)
