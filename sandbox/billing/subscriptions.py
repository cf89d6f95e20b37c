"""Subscriptions: what they are made of, and how their changes are announced. The API makes them by
`subscription_requests`, Checkout when it has been paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import events
from sandbox.billing import subscription_items
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.ground.periods import DAY, period_end
from sandbox.protocol import derived_objects
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

OVER = ("canceled", "incomplete_expired")


def make(
    account: Account, customer: Object, data: Object, lines: list[Object], *, currency: str, method: Object | None
) -> Object:
    """A subscription as `data` describes it, with an item for each line, saved but neither announced nor billed."""
    now = account.clock.now()
    trial_end = end_of_trial(data, lines, now)
    missing = data.get("trial_settings", {}).get("end_behavior", {}).get("missing_payment_method", "create_invoice")
    id = ids.new("sub")
    subscription = blank(
        "subscription",
        id=id,
        automatic_tax=taxed(enabled=data.get("automatic_tax", {}).get("enabled", False)),
        billing_cycle_anchor=trial_end or now,
        billing_mode={"type": data.get("billing_mode", {}).get("type", "flexible")},
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        created=now,
        currency=currency,
        customer=customer["id"],
        **_collected(data),
        default_payment_method=method["id"] if method else None,
        description=data.get("description"),
        invoice_settings={"issuer": {"type": "self"}},
        items=derived_objects.envelope("", []),
        metadata=metadata.fresh(data.get("metadata")),
        payment_settings=payment_settings({"save_default_payment_method": "off"}, data.get("payment_settings", {})),
        start_date=now,
        status="trialing" if trial_end else "active",
        test_clock=account.clock.test_clock,
        trial_end=trial_end,
        trial_settings={"end_behavior": {"missing_payment_method": missing}},
        trial_start=now if trial_end else None,
    )
    account.store.save(subscription)
    for line in lines:
        price, until = line["price"], trial_end or period_end(now, line["price"]["recurring"])
        more = {"metadata": line.get("metadata")}
        subscription_items.make(account, id, price, quantity=line["quantity"], start=now, end=until, **more)
    account.store.change(subscription, items=subscription_items.envelope(account, id))
    return subscription


def taxed(*, enabled: bool) -> Object:
    """Whether its invoices are taxed where the customer is."""
    return {"disabled_reason": None, "enabled": enabled, "liability": {"type": "self"} if enabled else None}


def trial_until(data: Object, now: int) -> int | None:
    """When the trial described by `subscription_data` ends, or None."""
    if days := data.get("trial_period_days"):
        return int(now + days * DAY)
    return data.get("trial_end")


def end_of_trial(data: Object, lines: list[Object], now: int) -> int | None:
    """When the trial ends that was asked for, or that comes with the price."""
    until = now if data.get("trial_end") == "now" else trial_until(data, now)
    if data.get("trial_from_plan"):
        if until is not None:
            text = "You may only specify one of these parameters: trial_end, trial_period_days, trial_from_plan."
            raise invalid(text, param="trial_from_plan")
        days = max(line["price"]["recurring"]["trial_period_days"] or 0 for line in lines)
        until = now + days * DAY
    return until if until and until > now else None


def _collected(data: Object) -> Object:
    """How invoices are paid: charged, or sent and due some days later. Raises StripeError for half of that."""
    method = data.get("collection_method", "charge_automatically")
    days = data.get("days_until_due")
    check_due(method, days)
    return {"collection_method": method, "days_until_due": days}


def check_due(method: str, days: int | None) -> None:
    """Raises StripeError unless there are days until invoices are due just where they are sent."""
    if method == "send_invoice" and days is None:
        text = "If subscription collection method is 'send_invoice', you must specify 'days_until_due'."
        raise invalid(text, param="days_until_due")
    if method != "send_invoice" and days is not None:
        text = "You can only specify 'days_until_due' if subscription collection method is 'send_invoice'."
        raise invalid(text, param="days_until_due")


def payment_settings(known: Object, given: Any) -> Object:
    """How a subscription's invoices may be paid. Raises StripeError for what cannot be paid with here."""
    kinds = (given or {}).get("payment_method_types")
    if kinds and "card" not in kinds:
        text = "The sandbox imitates paying invoices by card only."
        raise invalid(text, param="payment_settings[payment_method_types]")
    return {**known, **{key: value or None for key, value in (given or {}).items()}}


def ends(subscription: Object) -> int:
    """When the present period ends."""
    return int(subscription["items"]["data"][0]["current_period_end"])


def snapshot(subscription: Object) -> Object:
    """The subscription as it is now, for `announce` to compare with."""
    return events.copy(subscription)


def announce(account: Account, subscription: Object, before: Object) -> None:
    """Emit customer.subscription.updated with what has changed since; nothing when nothing has."""
    previous = {key: before[key] for key in before if before[key] != subscription.get(key)}
    if "items" in previous:
        previous["items"] = {"data": previous["items"]["data"]}
    if previous:
        account.store.save(subscription)
        account.emit("customer.subscription.updated", subscription, previous)


def change(account: Account, subscription: Object, **values: Any) -> None:
    """Change keys of a subscription and announce it."""
    before = snapshot(subscription)
    account.store.change(subscription, **values)
    announce(account, subscription, before)
