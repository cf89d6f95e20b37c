"""Permissions: what the shop's key must be allowed at Stripe, and where a restricted key with just that is made."""

from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlencode


class Right(StrEnum):
    """What the shop's key must be allowed, by what Stripe's page of restricted keys calls it. Who may write may read as well."""

    CHECKOUT = "Checkout Sessions: write"
    EVENTS = "Events: read"
    CHARGES = "Charges and Refunds: write"
    PAYMENTS = "PaymentIntents: read"
    SUBSCRIPTIONS = "Subscriptions: write"
    INVOICES = "Invoices: read"
    DISPUTES = "Disputes: read"
    BALANCE = "Balance: read"
    BALANCE_TRANSACTIONS = "Balance transaction sources: read"
    PAYOUTS = "Payouts: read"
    PRODUCTS = "Products: write"
    PRICES = "Prices: write"
    COUPONS = "Coupons: write"
    PROMOTION_CODES = "Promotion Codes: write"
    PORTAL = "Customer portal: write"
    ENDPOINTS = "Webhook Endpoints: write"
    CORRECTIONS = "Invoices: write"
    CREDIT_NOTES = "Credit notes: write"
    CUSTOMERS = "Customers: write"
    TAX = "Tax Settings and Registrations: read"


# What only a shop needs for which Stripe writes invoices, as of each plan, that buyers may have corrected; and one that has it
# reckon tax.
OF_INVOICES = (Right.CORRECTIONS, Right.CREDIT_NOTES, Right.CUSTOMERS)
OF_TAX = (Right.TAX,)

# By what the address of that page calls them. Prices are those that once were plans; of tax no name is published.
_NAMES = {
    Right.CHECKOUT: "checkout_session_write",
    Right.EVENTS: "event_read",
    Right.CHARGES: "charge_write",
    Right.PAYMENTS: "payment_intent_read",
    Right.SUBSCRIPTIONS: "subscription_write",
    Right.INVOICES: "invoice_read",
    Right.DISPUTES: "dispute_read",
    Right.BALANCE: "balance_read",
    Right.BALANCE_TRANSACTIONS: "balance_transaction_source_read",
    Right.PAYOUTS: "payout_read",
    Right.PRODUCTS: "product_write",
    Right.PRICES: "plan_write",
    Right.COUPONS: "coupon_write",
    Right.PROMOTION_CODES: "promotion_code_write",
    Right.PORTAL: "customer_portal_write",
    Right.ENDPOINTS: "webhook_write",
    Right.CORRECTIONS: "invoice_write",
    Right.CREDIT_NOTES: "credit_note_write",
    Right.CUSTOMERS: "customer_write",
}


def needed(*, invoices: bool, tax: bool) -> tuple[Right, ...]:
    """The permissions that a shop needs, where Stripe writes its `invoices` and reckons its `tax` or does not."""
    others = (*(() if invoices else OF_INVOICES), *(() if tax else OF_TAX))
    # Who may write invoices may read them.
    return tuple(right for right in Right if right not in others and not (invoices and right is Right.INVOICES))


def page_of_new_key(rights: Sequence[Right], *, livemode: bool) -> str:
    """The address of Stripe's dashboard where a restricted key is made with these ticked already, but for those of tax."""
    asked = [("name", "Pushcart"), *(("permissions[]", f"rak_{_NAMES[right]}") for right in rights if right in _NAMES)]
    return f"https://dashboard.stripe.com/{'' if livemode else 'test/'}apikeys/create?{urlencode(asked, safe='[]')}"
