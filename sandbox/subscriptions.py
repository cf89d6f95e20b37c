"""Subscriptions: begun at Checkout (where the first payment comes first) or through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import (
    cancellations,
    collection,
    discounts,
    events,
    ids,
    invoice_drafts,
    invoice_items,
    invoices,
    lists,
    metadata,
    ownership,
    payment_intents,
    renewals,
    sessions,
    subscription_items,
)  # fmt: skip
from sandbox.errors import invalid
from sandbox.periods import DAY, period_end
from sandbox.spec import blank

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object

OVER = ("canceled", "incomplete_expired")
MOST_ITEMS = 20
BEHAVIORS = ("allow_incomplete", "default_incomplete")
NO_METHOD = (
    "This customer has no attached payment source or default payment method. Please consider adding a default payment "
    "method. For more information, visit "
    "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority."
)


def start(account: Account, session: Object, customer: Object, method: Object | None, intent: Object | None) -> Object:
    """The subscription of a session that has just been paid, with its first invoice and all their events."""
    data = account.store.notes(session["id"])["subscription_data"]
    lines = [line for line in account.store.notes(session["id"])["line_items"] if line["price"]["recurring"]]
    subscription = _make(account, customer, data, lines, currency=session["currency"], method=method)
    _keep_discount(account, session["discounts"][0] if session["discounts"] else None, subscription)
    before = account.store.change(customer, currency=session["currency"], **_default_method(customer, method))
    if method:
        account.store.change(method, customer=customer["id"])
    invoice = invoices.first(account, subscription, session, intent)
    account.store.change(subscription, latest_invoice=invoice["id"])
    account.store.change(session, invoice=invoice["id"], subscription=subscription["id"])
    _announce_start(account, session, customer, before, method, intent, subscription, invoice)
    renewals.schedule(account, subscription)
    return subscription


def _default_method(customer: Object, method: Object | None) -> Object:
    if method is None:
        return {}
    return {"invoice_settings": {**customer["invoice_settings"], "default_payment_method": method["id"]}}


def _announce_start(
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


def _make(
    account: Account, customer: Object, data: Object, lines: list[Object], *, currency: str, method: Object | None
) -> Object:
    now = account.clock.now()
    trial_end = _trial_end(data, lines, now)
    missing = data.get("trial_settings", {}).get("end_behavior", {}).get("missing_payment_method", "create_invoice")
    id = ids.new("sub")
    subscription = blank(
        "subscription",
        id=id,
        automatic_tax={"enabled": False},
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
        items=lists.envelope("", []),
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


def _trial_end(data: Object, lines: list[Object], now: int) -> int | None:
    """When the trial ends that was asked for, or that comes with the price."""
    until = now if data.get("trial_end") == "now" else sessions.trial_until(data, now)
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


def _keep_discount(account: Account, given: Object | None, subscription: Object) -> None:
    """A coupon that lasts longer than one invoice stays with the subscription."""
    coupon = account.store.get("coupon", given["coupon"]) if given else None
    if given and coupon and coupon["duration"] != "once":
        discount = discounts.for_subscription(account, given, subscription)
        account.store.change(subscription, discounts=[discount["id"]])


def create(account: Account, call: Call) -> Object:
    """POST /v1/subscriptions"""
    params = call.params
    if "customer" not in params:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    if not params.get("items"):
        raise invalid("Missing required param: items.", param="items", code="parameter_missing")
    if params.get("automatic_tax", {}).get("enabled"):
        raise invalid("The sandbox does not imitate automatic tax.", param="automatic_tax[enabled]")
    behavior = params.get("payment_behavior", "allow_incomplete")
    if behavior not in BEHAVIORS:
        text = f"The sandbox imitates the payment behaviors {' and '.join(BEHAVIORS)} only."
        raise invalid(text, param="payment_behavior")
    customer = account.find("customer", params["customer"], param="customer")
    lines = [
        {
            "price": subscription_items.planned(account, given, param=f"items[{n}]"),
            "quantity": given.get("quantity", 1),
            "metadata": given.get("metadata"),
        }
        for n, given in enumerate(params["items"])
    ]
    check_prices([line["price"] for line in lines])
    method = None
    if id := params.get("default_payment_method"):
        method = ownership.named(account, customer, id, param="default_payment_method")
    currency = lines[0]["price"]["currency"]
    if params.get("currency", currency).lower() != currency:
        text = f"The prices of this subscription are in {currency}, not in {params['currency'].lower()}."
        raise invalid(text, param="currency")
    # Older requests may name a coupon or a promotion code.
    old = "coupon" in params or "promotion_code" in params
    chosen = discounts.named(account, params, currency=currency) if old else None
    cancellations.check_ending(account, params)
    if method is None and behavior == "allow_incomplete":
        _check_payable(account, customer, params, lines, chosen)
    subscription = _make(account, customer, params, lines, currency=currency, method=method)
    account.store.change(customer, currency=currency)
    if chosen:
        account.store.change(subscription, discounts=[discounts.for_subscription(account, chosen, subscription)["id"]])
        discounts.redeem(account, chosen)
    if params.get("cancel_at_period_end") or "cancel_at" in params:
        account.store.change(subscription, **cancellations.ending(account, subscription, params))
    _bill_first(account, subscription, behavior, off_session=params.get("off_session", False))
    return subscription


def _bill_first(account: Account, subscription: Object, behavior: str, *, off_session: bool) -> None:
    invoice = invoice_drafts.for_period(account, subscription, reason="subscription_create")
    # What the customer has been credited is taken off when the invoice is finalized.
    due = invoice["total"] + account.find("customer", subscription["customer"])["balance"]
    paying = due > 0 and invoice["collection_method"] == "charge_automatically"
    account.store.change(
        subscription, latest_invoice=invoice["id"], status="incomplete" if paying else subscription["status"]
    )
    account.emit("customer.subscription.created", subscription)
    renewals.schedule(account, subscription)
    if paying:
        account.at(account.clock.now() + collection.INCOMPLETE_SECONDS, "expire_incomplete", subscription["id"])
    if paying and behavior == "default_incomplete":
        account.emit("invoice.created", invoice)
        invoices.finalize(account, invoice)
    else:
        collection.bill(account, invoice, off_session=off_session)


def _check_payable(
    account: Account, customer: Object, params: Object, lines: list[Object], chosen: Object | None
) -> None:
    """Raises StripeError when something is due at once and nobody has said how it is paid."""
    sent = params.get("collection_method") == "send_invoice"
    if sent or customer["invoice_settings"]["default_payment_method"]:
        return
    if _trial_end(params, lines, account.clock.now()) is None and _first_due(account, customer, lines, chosen) > 0:
        raise invalid(NO_METHOD, code="resource_missing")


def _first_due(account: Account, customer: Object, lines: list[Object], chosen: Object | None) -> int:
    """What the first invoice will ask for: the prices less the discount, what waits, and what the customer is owed."""
    plans = [{"amount_subtotal": line["price"]["unit_amount"] * line["quantity"], **line} for line in lines]
    discount = chosen or (customer["discount"] or {}).get("source")
    off = discounts.apply(account, plans, discount)
    waiting = invoice_items.pending(account, customer["id"], lines[0]["price"]["currency"])
    loose = sum(item["amount"] for item in waiting if invoice_items.subscription_of(item) is None)
    return int(sum(plan["amount_subtotal"] for plan in plans) - off + loose + customer["balance"])


def check_prices(found: list[Object]) -> None:
    """Raises StripeError when prices cannot be billed together."""
    if len(found) > MOST_ITEMS:
        raise invalid(f"A subscription can have up to {MOST_ITEMS} items.", param="items")
    named = [price["id"] for price in found]
    if twice := next((id for n, id in enumerate(named) if id in named[:n]), None):
        raise invalid(f"Cannot add multiple subscription items with the same plan: {twice}", param="items")
    if len({(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p in found}) > 1:
        raise invalid("The sandbox does not imitate several billing intervals in one subscription.", param="items")
    if len({price["currency"] for price in found}) > 1:
        raise invalid("All prices of a subscription must be in the same currency.", param="items")


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


def listing(account: Account, call: Call) -> Object:
    """GET /v1/subscriptions: those that are not over, unless `status` asks otherwise."""

    def in_status(subscription: Object, wanted: str) -> bool:
        ended = subscription["status"] in OVER
        return wanted == "all" or (ended if wanted == "ended" else subscription["status"] == wanted)

    def has_price(subscription: Object, price: str) -> bool:
        return any(item["price"]["id"] == price for item in subscription["items"]["data"])

    def in_period(key: str) -> lists.Test:
        return lambda subscription, bounds: lists.within(subscription["items"]["data"][0][key], bounds)

    kinds = account.store.all("subscription")
    if customer := call.params.get("customer"):
        kinds = iter(account.store.having("subscription", "customer", customer))
    return lists.cut(
        call,
        kinds,
        "subscription",
        None if "status" in call.params else lambda subscription: subscription["status"] != "canceled",
        status=in_status,
        price=has_price,
        plan=has_price,
        current_period_end=in_period("current_period_end"),
        current_period_start=in_period("current_period_start"),
        automatic_tax=lambda subscription, wanted: subscription["automatic_tax"]["enabled"] == wanted["enabled"],
    )
