"""Changes of a running subscription: more or fewer of a price, another price, when it ends, how it is paid.

A change in mid-period is credited and charged for the days that are left: with the next invoice, or at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.billing import (
    cancellations,
    invoice_drafts,
    invoice_items,
    renewals,
    subscription_discounts,
    subscription_items,
    subscription_requests,
    subscriptions,  # fmt: skip
)
from sandbox.ground import metadata
from sandbox.ground.errors import invalid
from sandbox.payments import payment_method_ownership
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

DEFAULT_PRORATION = "create_prorations"


@dataclass(frozen=True)
class Proration:
    """Whether a change in mid-period is credited and charged, and from which moment on."""

    behavior: str
    since: int


def update(account: Account, call: Call) -> Object:
    """POST /v1/subscriptions/{id}"""
    subscription = account.find("subscription", call.id)
    params = call.params
    _check_payment(params)
    subscription_requests.check_location(account, account.find("customer", subscription["customer"]), params)
    if subscription["status"] in subscriptions.OVER and params.keys() - {"metadata", "cancellation_details"}:
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    given = checked(account, subscription, params.get("items") or [])
    how = proration(account, subscription, params)
    cancellations.check_ending(account, params)
    before = subscriptions.snapshot(subscription)
    account.store.change(subscription, **_plain(account, subscription, params))
    cancellations.note(account, subscription, params.get("cancellation_details"))
    restart = _ends_trial(account, subscription, params)
    if restart and not given and renewals.stops_unpaid(account, subscription):
        return subscription
    if params.get("billing_cycle_anchor", {}).get("type") == "now":
        restart = True
    _change_items(account, subscription, before, given, how, restart=restart)
    return subscription


def _check_payment(params: Object) -> None:
    """Raises StripeError for the ways to collect the price of a change that are not imitated."""
    if params.get("payment_behavior", "allow_incomplete") != "allow_incomplete":
        raise invalid("The sandbox imitates the payment behavior allow_incomplete only.", param="payment_behavior")
    if not params.get("off_session", True):
        raise invalid("The sandbox collects for changes of a subscription off session only.", param="off_session")


def proration(account: Account, subscription: Object, params: Object, *, where: str = "") -> Proration:
    """How a change is credited and charged. Raises StripeError for a moment outside of the present period."""
    since = params.get("proration_date")
    begun = subscription["items"]["data"][0]["current_period_start"]
    if since is not None and not begun <= since <= subscriptions.ends(subscription):
        text = "Invalid proration date: it must lie within the current period."
        raise invalid(text, param=f"{where}[proration_date]" if where else "proration_date")
    since = account.clock.now() if since is None else since
    return Proration(params.get("proration_behavior", DEFAULT_PRORATION), since)


def _plain(account: Account, subscription: Object, params: Object) -> dict[str, Any]:
    """What changes without anything being billed."""
    changes: dict[str, Any] = {"metadata": metadata.merge(subscription["metadata"], params.get("metadata"))}
    if "description" in params:
        changes["description"] = params["description"] or None
    if id := params.get("default_payment_method"):
        customer = account.find("customer", subscription["customer"])
        method = payment_method_ownership.named(account, customer, id, param="default_payment_method")
        changes["default_payment_method"] = method["id"]
    if "trial_settings" in params:
        changes["trial_settings"] = blank("subscription.trial_settings", **params["trial_settings"])
    if "automatic_tax" in params:
        changes["automatic_tax"] = subscriptions.taxed(enabled=params["automatic_tax"]["enabled"])
    if "pause_collection" in params:
        changes["pause_collection"] = _paused(account, subscription, params["pause_collection"])
    if "discounts" in params:
        given = params["discounts"] or []
        changes["discounts"] = subscription_discounts.replaced(account, subscription, given)
    if "coupon" in params:
        named = [{"coupon": params["coupon"]}] if params["coupon"] else []
        changes["discounts"] = subscription_discounts.replaced(account, subscription, named)
    if "cancel_at_period_end" in params or "cancel_at" in params:
        changes |= cancellations.ending(account, subscription, params)
    if "payment_settings" in params:
        known = subscription["payment_settings"]
        changes["payment_settings"] = subscriptions.payment_settings(known, params["payment_settings"])
    if params.keys() & {"collection_method", "days_until_due"}:
        changes |= _collected(subscription, params)
    return changes


def _collected(subscription: Object, params: Object) -> dict[str, Any]:
    method: str = params.get("collection_method") or subscription["collection_method"]
    known = subscription["days_until_due"] if method == "send_invoice" else None
    days = params.get("days_until_due", known)
    subscriptions.check_due(method, days)
    return {"collection_method": method, "days_until_due": days}


def _paused(account: Account, subscription: Object, given: Any) -> Object | None:
    account.timers.cancel("resume_collection", subscription["id"])
    if not given:
        return None
    if at := given.get("resumes_at"):
        account.at(at, "resume_collection", subscription["id"])
    return {"behavior": given["behavior"], "resumes_at": given.get("resumes_at")}


def _ends_trial(account: Account, subscription: Object, params: Object) -> bool:
    """Move the end of the trial. True when it ends now, so that the first period begins."""
    if "trial_end" not in params:
        return False
    now = account.clock.now()
    if params["trial_end"] == "now" or params["trial_end"] <= now:
        account.timers.cancel("announce_trial_end", subscription["id"])
        account.store.change(subscription, trial_end=now if subscription["trial_end"] else None)
        return bool(subscription["status"] == "trialing")
    until = params["trial_end"]
    for item in subscription_items.of(account, subscription["id"]):
        account.store.change(item, current_period_end=until)
    account.store.change(
        subscription,
        billing_cycle_anchor=until,
        items=subscription_items.envelope(account, subscription["id"]),
        status="trialing",
        trial_end=until,
        trial_start=subscription["trial_start"] or now,
    )
    renewals.schedule(account, subscription)
    return False


def checked(account: Account, subscription: Object, given: list[Object], *, where: str = "items") -> list[Object]:
    """The item changes with the objects they name. Raises StripeError for those that cannot be made."""
    own = {item["id"]: item for item in subscription_items.of(account, subscription["id"])}
    checked = []
    for n, each in enumerate(given):
        if (id := each.get("id")) and id not in own:
            raise invalid(f"No such subscription_item: '{id}'", param=f"{where}[{n}][id]", code="resource_missing")
        change = {key: each[key] for key in (*_ITEM, "deleted") if key in each}
        change["item"] = own.get(id or "")
        if each.get("deleted") and id is None:
            param = f"{where}[{n}][id]"
            raise invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")
        if not each.get("deleted") and (id is None or "price" in each or "plan" in each):
            change["price"] = subscription_items.planned(account, each, param=f"{where}[{n}]")
        checked.append(change)
    left = [c.get("price") or c["item"]["price"] for c in checked if not c.get("deleted")]
    untouched = own.keys() - {each.get("id") for each in given}
    together = [*left, *(own[id]["price"] for id in untouched)]
    subscription_requests.check_prices(account, together, subscription["currency"], param=where)
    if given and not left and not untouched:
        raise invalid("A subscription must have at least one active plan.", param=where)
    return checked


def _change_items(
    account: Account, subscription: Object, before: Object, given: list[Object], how: Proration, *, restart: bool
) -> None:
    """Make the changes, announce them, and bill what they cost."""
    free = subscription["status"] == "trialing" or before["status"] == "trialing" or how.behavior == "none"
    restart = restart or subscription_items.restarts(before, given)
    for change in given:
        _change_item(account, subscription, change, None if free else how.since, credit_only=restart)
    if restart:
        if not given and not free:
            cancellations.credit_rest(account, subscription, how.since)
        _restart(account, subscription, before, account.clock.now())
        return
    account.store.change(subscription, items=subscription_items.envelope(account, subscription["id"]))
    at_once = how.behavior == "always_invoice" and invoice_items.waiting_for(account, subscription)
    if not at_once:
        subscriptions.announce(account, subscription, before)
        return
    invoice = invoice_drafts.for_period(account, subscription, reason="subscription_update", plans=False)
    account.store.change(subscription, latest_invoice=invoice["id"])
    subscriptions.announce(account, subscription, before)
    renewals.collect(account, subscription, invoice)


def _restart(account: Account, subscription: Object, before: Object, now: int) -> None:
    """Another interval, the end of a trial: a period begins now."""
    renewals.begin(account, subscription, start=now, reason="subscription_update", anchor=now, before=before)


def _change_item(
    account: Account, subscription: Object, change: Object, since: int | None, *, credit_only: bool
) -> None:
    """Change one item; with `since`, what is left of its period is credited and charged."""
    before, after = change["item"], subscription_items.changed(account, subscription, change)
    costs = []
    if since is not None:
        costs = invoice_items.for_change(account, subscription, before, after, since, only_credit=credit_only)
    if after is None:
        account.store.delete("subscription_item", before["id"])
    elif before is None:
        account.store.save(after)
    else:
        account.store.change(before, **after)
    invoice_items.wait(account, costs)


def set_quantity(account: Account, subscription: Object, quantity: int, *, proration: str) -> None:
    """So many of the first item from now on."""
    item = subscription_items.of(account, subscription["id"])[0]
    before = subscriptions.snapshot(subscription)
    change = {"item": item, "quantity": quantity}
    how = Proration(proration, account.clock.now())
    _change_items(account, subscription, before, [change], how, restart=False)


def create_item(account: Account, call: Call) -> Object:
    """POST /v1/subscription_items"""
    subscription = account.find("subscription", call.params["subscription"], param="subscription")
    known = {item["id"] for item in subscription_items.of(account, subscription["id"])}
    with account.in_time_of(subscription["customer"]):
        _by_item(account, subscription, call, {k: call.params[k] for k in _ITEM if k in call.params})
    return next(i for i in subscription_items.of(account, subscription["id"]) if i["id"] not in known)


def update_item(account: Account, call: Call) -> Object:
    """POST /v1/subscription_items/{id}"""
    item = account.find("subscription_item", call.id)
    subscription = account.find("subscription", item["subscription"])
    _by_item(account, subscription, call, {"id": item["id"], **{k: call.params[k] for k in _ITEM if k in call.params}})
    return item


def delete_item(account: Account, call: Call) -> Object:
    """DELETE /v1/subscription_items/{id}"""
    item = account.find("subscription_item", call.id)
    subscription = account.find("subscription", item["subscription"])
    _by_item(account, subscription, call, {"id": item["id"], "deleted": True})
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


_ITEM = ("price", "plan", "price_data", "quantity", "metadata")


def _by_item(account: Account, subscription: Object, call: Call, change: Object) -> None:
    _check_payment(call.params)
    given = checked(account, subscription, [change])
    how = proration(account, subscription, call.params)
    _change_items(account, subscription, subscriptions.snapshot(subscription), given, how, restart=False)
