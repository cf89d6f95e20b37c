"""Subscriptions through the API: made, whose first invoice asks for money at once, and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.billing import (
    cancellations,
    collection,
    invoice_drafts,
    invoice_items,
    invoices,
    renewals,
    subscription_discounts,
    subscription_items,
    subscriptions,
)
from sandbox.catalogue import currency_options, discounts, taxes
from sandbox.ground import currencies
from sandbox.ground.errors import invalid
from sandbox.payments import payment_method_ownership

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

MOST_ITEMS = 20
BEHAVIORS = ("allow_incomplete", "default_incomplete")
NO_METHOD = (
    "This customer has no attached payment source or default payment method. Please consider adding a default payment "
    "method. For more information, visit "
    "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority."
)


def create(account: Account, call: Call) -> Object:
    """POST /v1/subscriptions"""
    params = call.params
    _check(params)
    behavior = params.get("payment_behavior", "allow_incomplete")
    customer = account.find("customer", params["customer"], param="customer")
    check_location(account, customer, params)
    currency, lines = _lines(account, params)
    method = None
    if id := params.get("default_payment_method"):
        method = payment_method_ownership.named(account, customer, id, param="default_payment_method")
    # Older requests may name a coupon or a promotion code.
    old = [params] if "coupon" in params or "promotion_code" in params else []
    chosen = subscription_discounts.check(account, params.get("discounts") or old, currency)
    cancellations.check_ending(account, params)
    if method is None and behavior == "allow_incomplete":
        _check_payable(account, customer, params, lines, currency, chosen)
    subscription = subscriptions.make(account, customer, params, lines, currency=currency, method=method)
    account.store.change(customer, currency=currency)
    if chosen:
        account.store.change(subscription, discounts=subscription_discounts.give(account, subscription, chosen))
    if params.get("cancel_at_period_end") or "cancel_at" in params:
        account.store.change(subscription, **cancellations.ending(account, subscription, params))
    _bill_first(account, subscription, behavior, off_session=params.get("off_session", False))
    return subscription


def _check(params: Object) -> None:
    for name in ("customer", "items"):
        if not params.get(name):
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    if params.get("payment_behavior", BEHAVIORS[0]) not in BEHAVIORS:
        text = f"The sandbox imitates the payment behaviors {' and '.join(BEHAVIORS)} only."
        raise invalid(text, param="payment_behavior")


def check_location(account: Account, customer: Object, params: Object) -> None:
    """Raises StripeError when a customer is to be taxed and nobody knows where they are."""
    if params.get("automatic_tax", {}).get("enabled") and taxes.of_customer(account, customer) is None:
        raise invalid(taxes.NO_LOCATION, param="automatic_tax[enabled]", code="customer_tax_location_invalid")


def _lines(account: Account, params: Object) -> tuple[str, list[Object]]:
    """The currency of a subscription to be, and what it is for."""
    lines = [
        {
            "price": subscription_items.planned(account, given, param=f"items[{n}]"),
            "quantity": given.get("quantity", 1),
            "metadata": given.get("metadata"),
        }
        for n, given in enumerate(params["items"])
    ]
    currency = currencies.checked(params.get("currency") or lines[0]["price"]["currency"])
    check_prices(account, [line["price"] for line in lines], currency, param="currency")
    return currency, lines


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
    account: Account, customer: Object, params: Object, lines: list[Object], currency: str, chosen: list[Object]
) -> None:
    """Raises StripeError when something is due at once and nobody has said how it is paid."""
    sent = params.get("collection_method") == "send_invoice"
    if sent or customer["invoice_settings"]["default_payment_method"]:
        return
    if (
        subscriptions.end_of_trial(params, lines, account.clock.now()) is None
        and _first_due(account, customer, lines, currency, chosen) > 0
    ):
        raise invalid(NO_METHOD, code="resource_missing")


def _first_due(account: Account, customer: Object, lines: list[Object], currency: str, chosen: list[Object]) -> int:
    """What the first invoice will ask for: the prices less the discount, what waits, and what the customer is owed."""
    amounts = [currency_options.in_currency(account, line["price"], currency)["unit_amount"] for line in lines]
    plans = [
        {"amount_subtotal": amount * line["quantity"], **line} for amount, line in zip(amounts, lines, strict=True)
    ]
    own = [customer["discount"]["source"]] if customer["discount"] else []
    for discount in chosen or own:
        discounts.apply(account, plans, discount.get("source", discount))
        plans = [{**plan, "amount_subtotal": plan["amount_total"]} for plan in plans]
    waiting = invoice_items.pending(account, customer["id"], currency)
    loose = sum(item["amount"] for item in waiting if invoice_items.subscription_of(item) is None)
    return int(sum(plan["amount_subtotal"] for plan in plans) + loose + customer["balance"])


def check_prices(account: Account, found: list[Object], currency: str, *, param: str = "items") -> None:
    """Raises StripeError when prices cannot be billed together, in that currency."""
    if len(found) > MOST_ITEMS:
        raise invalid(f"A subscription can have up to {MOST_ITEMS} items.", param="items")
    named = [price["id"] for price in found]
    if twice := next((id for n, id in enumerate(named) if id in named[:n]), None):
        raise invalid(f"Cannot add multiple subscription items with the same plan: {twice}", param="items")
    if len({(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p in found}) > 1:
        raise invalid("The sandbox does not imitate several billing intervals in one subscription.", param="items")
    for price in found:
        currency_options.in_currency(account, price, currency, param=param)


def listing(account: Account, call: Call) -> Object:
    """GET /v1/subscriptions: those that are not over, unless `status` asks otherwise."""

    def in_status(subscription: Object, wanted: str) -> bool:
        ended = subscription["status"] in subscriptions.OVER
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
