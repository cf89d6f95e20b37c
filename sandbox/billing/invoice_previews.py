"""Requests for invoices as they would be, after a change that somebody is thinking of. Nothing of it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.billing import (
    invoice_drafts,
    invoice_items,
    subscription_changes,
    subscription_items,
    subscriptions,
)
from sandbox.ground.errors import invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def create(account: Account, call: Call) -> Object:
    """POST /v1/invoices/create_preview: of a subscription, as it is or after a change of its items."""
    params = call.params
    if "subscription" not in params:
        raise invalid("The sandbox previews invoices of subscriptions only.", param="subscription")
    if params.get("preview_mode", "next") != "next":
        raise invalid("The sandbox previews the next invoice only.", param="preview_mode")
    subscription = account.find("subscription", params["subscription"], param="subscription")
    if params.get("customer", subscription["customer"]) != subscription["customer"]:
        text = f"The subscription {subscription['id']} is not one of the customer {params['customer']}."
        raise invalid(text, param="customer")
    if subscription["status"] in subscriptions.OVER:
        raise invalid(f"No upcoming invoices for subscription: {subscription['id']}", code="invoice_upcoming_none")
    with account.in_time_of(subscription["customer"]):
        return _of_change(account, subscription, params.get("subscription_details", {}))


def _of_change(account: Account, subscription: Object, details: Object) -> Object:
    where = "subscription_details[items]"
    given = subscription_changes.checked(account, subscription, details.get("items") or [], where=where)
    how = subscription_changes.proration(account, subscription, details, where="subscription_details")
    restart = subscription_items.restarts(subscription, given)
    free = subscription["status"] == "trialing" or how.behavior == "none"
    changes = [(change["item"], subscription_items.changed(account, subscription, change)) for change in given]
    new: list[Object] = []
    for before, after in [] if free else changes:
        new += invoice_items.for_change(account, subscription, before, after, how.since, only_credit=restart)
    items = _items(account, subscription, changes)
    if restart:
        anew = invoice_drafts.from_moment(items, account.clock.now())
        return invoice_drafts.preview(account, subscription, anew, new, reason="subscription_update")
    if how.behavior == "always_invoice" and (new or invoice_items.waiting_for(account, subscription)):
        return invoice_drafts.preview(account, subscription, [], new, reason="subscription_update")
    return invoice_drafts.preview_next(account, subscription, items, new)


def _items(account: Account, subscription: Object, changes: list[tuple[Object | None, Object | None]]) -> list[Object]:
    """The items as they would be: those there are, each in its place, then new ones."""
    changed = {before["id"]: after for before, after in changes if before}
    there = [changed.get(item["id"], item) for item in subscription_items.of(account, subscription["id"])]
    added = [after for before, after in changes if before is None]
    return [item for item in (*there, *added) if item]
