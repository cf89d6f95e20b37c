"""Properties that are only there when asked for, by `expand[]`: a session's line items, a charge's refunds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.billing import invoice_payments
from sandbox.catalogue import currency_options
from sandbox.checkout import session_taxes
from sandbox.protocol import derived_objects

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def _line_items(account: Account, session: Object) -> Object:
    items = account.store.notes(session["id"])["line_items"]
    return derived_objects.envelope(f"/v1/checkout/sessions/{session['id']}/line_items", items)


def _refunds(account: Account, charge: Object) -> Object:
    found = account.store.having("refund", "charge", charge["id"])
    return derived_objects.envelope(f"/v1/charges/{charge['id']}/refunds", found[:10], len(found) > 10)


def _payments(account: Account, invoice: Object) -> Object:
    found = account.store.having("invoice_payment", "invoice", invoice["id"])
    return derived_objects.envelope("/v1/invoice_payments", found)


def _confirmation_secret(account: Account, invoice: Object) -> Object | None:
    intent = invoice_payments.intent_of(account, invoice)
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None


def _subscriptions(account: Account, customer: Object) -> Object:
    found = account.store.having("subscription", "customer", customer["id"])
    current = [s for s in found if s["status"] != "canceled"]
    return derived_objects.envelope(f"/v1/customers/{customer['id']}/subscriptions", current)


def _applies_to(account: Account, coupon: Object) -> Object | None:
    products = account.store.notes(coupon["id"]).get("products")
    return {"products": products} if products else None


def _tax(account: Account, customer: Object) -> Object:
    ip = account.store.notes(customer["id"]).get("ip_address")
    return {"automatic_tax": "not_collecting", "ip_address": ip, "location": None, "provider": "stripe"}


def _credit(account: Account, customer: Object) -> Object:
    # Owed to them is more than nothing here; on their balance it is less.
    return {customer["currency"] or "eur": -customer["balance"]} if customer["balance"] else {}


def never_there(account: Account, obj: Object) -> None:
    """Includable at Stripe, never there here: tiers, other currencies of a coupon, saved sources."""


def _there_already(account: Account, obj: Object) -> None:
    """What nobody has to ask for here."""


INCLUDABLE: Mapping[tuple[str, str], Callable[[Account, Object], Any]] = {
    ("checkout.session", "line_items"): _line_items,
    ("charge", "refunds"): _refunds,
    ("item", "taxes"): session_taxes.of_item,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("invoice", "payments"): _payments,
    ("customer", "cash_balance"): never_there,
    ("customer", "invoice_credit_balance"): _credit,
    ("customer", "subscriptions"): _subscriptions,
    ("customer", "sources"): never_there,
    ("customer", "tax"): _tax,
    ("customer", "tax_ids"): never_there,
    ("coupon", "applies_to"): _applies_to,
    ("coupon", "currency_options"): never_there,
    ("price", "currency_options"): currency_options.shown,
    ("price", "tiers"): never_there,
    ("search_result", "total_count"): _there_already,
}
