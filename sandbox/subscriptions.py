"""Subscriptions, as Checkout starts them: the first payment comes first, then the subscription and its invoice."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sandbox import discounts, events, ids, invoices, lists, payment_intents, sessions
from sandbox.spec import blank

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object

DAY = sessions.DAY


def start(account: Account, session: Object, customer: Object, method: Object | None, intent: Object | None) -> Object:
    """The subscription of a session that has just been paid, with its first invoice and all their events."""
    subscription = _make(account, session, customer, method)
    before = account.store.change(customer, currency=session["currency"], **_default_method(customer, method))
    if method:
        account.store.change(method, customer=customer["id"])
    invoice = invoices.first(account, subscription, session, customer, intent)
    account.store.change(subscription, latest_invoice=invoice["id"])
    account.store.change(session, invoice=invoice["id"], subscription=subscription["id"])
    _announce(account, session, customer, before, method, intent, subscription, invoice)
    return subscription


def _default_method(customer: Object, method: Object | None) -> Object:
    if method is None:
        return {}
    return {"invoice_settings": {**customer["invoice_settings"], "default_payment_method": method["id"]}}


def _announce(
    account: Account,
    session: Object,
    customer: Object,
    before: Object,
    method: Object | None,
    intent: Object | None,
    subscription: Object,
    invoice: Object,
) -> None:
    if intent:
        account.emit("charge.succeeded", account.find("charge", intent["latest_charge"]))
    if method:
        account.emit("payment_method.attached", method)
    if account.store.notes(session["id"]).get("customer"):
        account.emit("customer.created", customer)
    account.emit("customer.updated", customer, before)
    sessions.announce_completed(account, session)
    account.emit("customer.subscription.created", subscription)
    if intent:
        payment_intents.announce(account, intent)
        account.emit("payment_intent.succeeded", intent)
    invoices.announce_paid(account, invoice)


def _make(account: Account, session: Object, customer: Object, method: Object | None) -> Object:
    data = account.store.notes(session["id"])["subscription_data"]
    now = account.clock.now()
    trial_end = sessions.trial_until(data, now)
    id = ids.new("sub")
    subscription = blank(
        "subscription",
        id=id,
        automatic_tax={"enabled": False},
        billing_cycle_anchor=trial_end or now,
        billing_mode={"type": data.get("billing_mode", {}).get("type", "flexible")},
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        collection_method="charge_automatically",
        created=now,
        currency=session["currency"],
        customer=customer["id"],
        default_payment_method=method["id"] if method else None,
        description=data.get("description"),
        invoice_settings={"issuer": {"type": "self"}},
        items=lists.envelope(f"/v1/subscription_items?subscription={id}", []),
        metadata=dict(data.get("metadata", {})),
        payment_settings={"save_default_payment_method": "off"},
        start_date=now,
        status="trialing" if trial_end else "active",
        trial_end=trial_end,
        trial_settings={"end_behavior": {"missing_payment_method": "create_invoice"}},
        trial_start=now if trial_end else None,
    )
    subscription["items"]["data"] = _items(account, session, subscription)
    account.store.save(subscription)
    _keep_discount(account, session, subscription)
    return subscription


def _items(account: Account, session: Object, subscription: Object) -> list[Object]:
    start_at = subscription["start_date"]
    lines = account.store.notes(session["id"])["line_items"]
    made = []
    for line in lines:
        price = line["price"]
        if price["recurring"] is None:
            continue
        until = subscription["trial_end"] or period_end(start_at, price["recurring"])
        item = blank(
            "subscription_item",
            id=ids.short("si"),
            created=start_at,
            current_period_end=until,
            current_period_start=start_at,
            metadata=dict(line["metadata"] or {}),
            plan=_plan(price),
            price=events.copy(price),
            quantity=line["quantity"],
            subscription=subscription["id"],
            tax_rates=[],
        )
        made.append(account.store.save(item))
    return made


def _plan(price: Object) -> Object:
    """The same as the price, in the words of ten years ago."""
    return blank(
        "plan",
        id=price["id"],
        active=price["active"],
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        billing_scheme="per_unit",
        created=price["created"],
        currency=price["currency"],
        interval=price["recurring"]["interval"],
        interval_count=price["recurring"]["interval_count"],
        metadata=price["metadata"],
        nickname=price["nickname"],
        product=price["product"],
        usage_type="licensed",
    )


def _keep_discount(account: Account, session: Object, subscription: Object) -> None:
    """A coupon that lasts longer than one invoice stays with the subscription."""
    if not session["discounts"]:
        return
    coupon = account.store.get("coupon", session["discounts"][0]["coupon"])
    if coupon and coupon["duration"] != "once":
        discount = discounts.for_subscription(account, session["discounts"][0], subscription)
        account.store.change(subscription, discounts=[discount["id"]])


def period_end(start_at: int, recurring: Object) -> int:
    """The end of a billing period. Months end on their last day when the day does not exist in them."""
    count = recurring["interval_count"]
    match recurring["interval"]:
        case "day":
            return int(start_at + count * DAY)
        case "week":
            return int(start_at + count * 7 * DAY)
        case "year":
            count *= 12
    began = datetime.fromtimestamp(start_at, UTC)
    year, month = divmod(began.year * 12 + began.month - 1 + count, 12)
    day = min(began.day, calendar.monthrange(year, month + 1)[1])
    return int(began.replace(year=year, month=month + 1, day=day).timestamp())


def listing(account: Account, call: Call) -> Object:
    """GET /v1/subscriptions: those that are not over, unless `status` asks otherwise."""

    def in_status(subscription: Object, wanted: str) -> bool:
        ended = subscription["status"] in ("canceled", "incomplete_expired")
        return wanted == "all" or (ended if wanted == "ended" else subscription["status"] == wanted)

    def has_price(subscription: Object, price: str) -> bool:
        return any(item["price"]["id"] == price for item in subscription["items"]["data"])

    if "status" not in call.params:
        going_on = (s for s in account.store.all("subscription") if s["status"] != "canceled")
        return lists.cut(call, going_on, "subscription", price=has_price)
    return lists.page(account, call, "subscription", status=in_status, price=has_price)
