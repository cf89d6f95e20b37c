"""What Stripe takes and the sandbox does not: each parameter is imitated, refused by name, or taken and known to do
nothing anybody could see here. Nothing is dropped silently.

Nested parameters are written as in a request: `line_items[][tax_rates]`. A `*` stands for every payment method but
those that are imitated.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.ground.errors import not_imitated
from sandbox.payments import payment_methods
from sandbox.protocol import spec

if TYPE_CHECKING:
    from sandbox.protocol.spec import Operation

Names = tuple[str, ...]


def _of(owner: str, names: Names) -> Names:
    """The same names inside of another parameter."""
    parts = (name.partition("[") for name in names)
    return tuple(f"{owner}[{head}]{bracket}{rest}" for head, bracket, rest in parts)


# One account only: no connected accounts, no accounts of the second API as customers.
CONNECT = ("application_fee_amount", "on_behalf_of", "transfer_data")
ACCOUNTS = ("customer_account",)
# A price is one amount in each of its currencies.
PRICE_DATA = ("custom_unit_amount",)
# Plans are whole periods of such prices: no metered usage, no thresholds, no taxes, no schedules.
SUBSCRIPTION = (
    "add_invoice_items", "application_fee_percent", "automatic_tax[liability]", "billing_mode[flexible]",
    "billing_schedules", "billing_thresholds", "default_source", "default_tax_rates", "invoice_settings",
    "items[][billing_thresholds]", "items[][current_trial]", "items[][discounts]", "items[][price_data]",
    "items[][tax_rates]", "on_behalf_of", "payment_settings[payment_method_options]", "pending_invoice_item_interval",
    "transfer_data", "trial_settings[end_behavior][billing_cycle_anchor]",
)  # fmt: skip
SUBSCRIPTION_ITEM = ("billing_thresholds", "current_trial", "discounts", "price_data", "tax_rates")
# Cards and accounts are payment methods; the sources that came before them are not imitated.
CUSTOMER = (
    "cash_balance", "invoice_settings[rendering_options]", "source", "tax[validate_location]", "validate",
)  # fmt: skip
# What only banks, networks and certain countries know.
CARD_OPTIONS = _of(
    "payment_method_options[card]",
    ("capture_method", "installments", "statement_descriptor_suffix_kana", "statement_descriptor_suffix_kanji"),
)
DEBIT_OPTIONS = (
    "payment_method_options[sepa_debit][mandate_options]",
    "payment_method_options[sepa_debit][target_date]",
    *_of("payment_method_options[us_bank_account]", ("financial_connections", "target_date", "verification_method")),
)
METHOD_OPTIONS = (*CARD_OPTIONS, *DEBIT_OPTIONS, "payment_method_options[*]")
INTENT_OPTIONS = (
    *METHOD_OPTIONS,
    *_of(
        "payment_method_options[card]",
        (
            "cvc_token", "mandate_options", "moto", "network", "require_cvc_recollection", "setup_credential_usage",
            "stored_credential_usage", "three_d_secure",
        ),
    ),
    *_of("payment_method_options[us_bank_account]", ("mandate_options", "networks", "transaction_purpose")),
)  # fmt: skip
INTENT = (
    "amount_details", "confirmation_token", "hooks", "mandate", "payment_details", "payment_method_data[*]",
    "payment_method_data[us_bank_account][financial_connections_account]", *INTENT_OPTIONS,
)  # fmt: skip
INVOICE = (
    "account_tax_ids", "application_fee_amount", "automatic_tax[liability]", "default_source", "default_tax_rates",
    "issuer[account]", "on_behalf_of", "payment_settings", "rendering", "shipping_cost", "transfer_data",
)  # fmt: skip
# A preview is that of a change of items: no schedules, no subscriptions or customers that are only described.
PREVIEW = (
    "automatic_tax", "currency", "customer_account", "customer_details", "discounts", "invoice_items", "issuer",
    "on_behalf_of", "schedule", "schedule_details",
    *_of(
        "subscription_details",
        (
            "billing_cycle_anchor", "billing_mode", "billing_schedules", "cancel_at", "cancel_at_period_end",
            "cancel_now", "default_tax_rates", "items[][billing_thresholds]", "items[][clear_usage]",
            "items[][current_trial]", "items[][discounts]", "items[][price_data]", "items[][tax_rates]", "metadata",
            "pause", "resume_at", "start_date", "trial_end",
        ),
    ),
)  # fmt: skip
INVOICE_ITEM = ("discounts", "quantity_decimal", "tax_behavior", "tax_code", "tax_rates")

REFUSED: Mapping[tuple[str, str], Names] = {
    ("POST", "/v1/billing_portal/sessions"): (
        "after_expiration", *ACCOUNTS, "flow_data[subscription_cancel][retention]", "flow_data[subscription_pause]",
        "flow_data[subscription_update_confirm]", "on_behalf_of",
    ),
    ("POST", "/v1/checkout/sessions"): (
        "automatic_tax[liability]", *ACCOUNTS, "customer_update[shipping]",
        *_of(
            "invoice_creation",
            ("invoice_data[account_tax_ids]", "invoice_data[issuer][account]", "invoice_data[rendering_options]"),
        ),
        "line_items[][tax_rates]", "managed_payments",
        "optional_items", *_of("payment_intent_data", CONNECT), "payment_method_configuration", "payment_method_data",
        *METHOD_OPTIONS, "payment_method_options[card][restrictions]", "redirect_on_completion", "return_url",
        "setup_intent_data", "shipping_address_collection", "shipping_options",
        *_of(
            "subscription_data",
            (
                "application_fee_percent", "billing_cycle_anchor", "billing_cycle_anchor_config",
                "billing_mode[flexible]", "default_tax_rates", "invoice_settings", "on_behalf_of",
                "pending_invoice_item_interval", "transfer_data",
            ),
        ),
    ),
    ("POST", "/v1/checkout/sessions/{id}"): (
        "collected_information", "line_items", "payment_intent_data", "shipping_options",
    ),
    ("POST", "/v1/coupons"): ("currency_options",),
    ("POST", "/v1/coupons/{id}"): ("currency_options",),
    ("POST", "/v1/customers"): (*CUSTOMER, "tax_id_data"),
    ("POST", "/v1/customers/{id}"): (*CUSTOMER, "default_source"),
    ("POST", "/v1/events/{id}/retry"): ("account",),
    ("POST", "/v1/invoiceitems"): (*INVOICE_ITEM, *ACCOUNTS),
    ("POST", "/v1/invoiceitems/{id}"): (*INVOICE_ITEM, "invoicing_rules"),
    ("POST", "/v1/invoices"): (*INVOICE, *ACCOUNTS, "from_invoice"),
    ("POST", "/v1/invoices/create_preview"): PREVIEW,
    ("POST", "/v1/invoices/{id}"): INVOICE,
    ("POST", "/v1/invoices/{id}/pay"): ("forgive", "mandate", "source"),
    ("POST", "/v1/payment_intents"): (*INTENT, *CONNECT, *ACCOUNTS, "payment_method_configuration"),
    ("POST", "/v1/payment_intents/{id}"): (
        *(name for name in INTENT if name not in ("confirmation_token", "mandate")),
        "application_fee_amount", *ACCOUNTS, "payment_method_configuration", "transfer_data",
    ),
    ("POST", "/v1/payment_intents/{id}/capture"): (
        "amount_details", "application_fee_amount", "hooks", "payment_details", "transfer_data",
    ),
    ("POST", "/v1/payment_intents/{id}/confirm"): (*INTENT, "amount_to_confirm"),
    ("POST", "/v1/payment_methods"): ("*", "payment_method", "us_bank_account[financial_connections_account]"),
    ("POST", "/v1/payment_methods/{id}/attach"): ACCOUNTS,
    ("POST", "/v1/payouts"): ("destination", "payout_method"),
    ("POST", "/v1/prices"): (*PRICE_DATA, "recurring[meter]", "tiers", "tiers_mode", "transform_quantity"),
    ("POST", "/v1/products"): _of("default_price_data", PRICE_DATA),
    ("POST", "/v1/promotion_codes"): (*ACCOUNTS, "restrictions[currency_options]"),
    ("POST", "/v1/promotion_codes/{id}"): ("restrictions",),
    ("POST", "/v1/refunds"): ("currency", "customer", "origin", "refund_application_fee", "reverse_transfer"),
    ("POST", "/v1/subscription_items"): SUBSCRIPTION_ITEM,
    ("POST", "/v1/subscription_items/{id}"): SUBSCRIPTION_ITEM,
    ("DELETE", "/v1/subscription_items/{id}"): ("clear_usage",),
    ("POST", "/v1/subscriptions"): (
        *SUBSCRIPTION, *ACCOUNTS, "backdate_start_date", "billing_cycle_anchor", "billing_cycle_anchor_config",
    ),
    ("POST", "/v1/subscriptions/{id}"): (
        *(name for name in SUBSCRIPTION if name != "billing_mode[flexible]"), "items[][clear_usage]", "trial_from_plan",
    ),
    ("POST", "/v1/subscriptions/{id}/resume"): ("proration_behavior", "proration_date"),
    ("POST", "/v1/test_helpers/test_clocks"): ("customer",),
}  # fmt: skip

# Hints for fraud detection, and for Stripe's own libraries in browsers and apps.
HINTS = ("radar_options", "use_stripe_sdk")
# Who agreed to a debit: mandates are no objects here, and every test account takes debits.
MANDATE = ("mandate_data",)
# Subscriptions begin with a whole period here, so there is nothing to prorate.
PRORATION = ("proration_behavior",)
# The command line forwards events itself; it only tells the server where to.
FORWARDING = ("forward_connect_to_url", "forward_thin_connect_to_url", "forward_thin_to_url")

WITHOUT_EFFECT: Mapping[tuple[str, str], Names] = {
    ("POST", "/v1/checkout/sessions"): _of("subscription_data", PRORATION),
    # Who has a secret key sees everything without it.
    ("GET", "/v1/payment_intents/{id}"): ("client_secret",),
    ("POST", "/v1/payment_intents"): (*HINTS, *MANDATE, "payment_method_data[radar_options]"),
    ("POST", "/v1/payment_intents/{id}"): ("payment_method_data[radar_options]",),
    ("POST", "/v1/payment_intents/{id}/confirm"): (*HINTS, *MANDATE, "payment_method_data[radar_options]"),
    ("POST", "/v1/payment_methods"): ("radar_options",),
    ("POST", "/v1/stripecli/sessions"): FORWARDING,
    ("POST", "/v1/subscriptions"): PRORATION,
}


def refuse(operation: Operation, params: dict[str, Any]) -> None:
    """Raises StripeError for the first parameter that Stripe knows and the sandbox would have to ignore."""
    for name in REFUSED.get((operation.method, operation.path), ()):
        for where in _given(params, segments(name)):
            raise not_imitated(where)


@functools.cache
def other_methods() -> frozenset[str]:
    """The payment methods that Stripe knows and the sandbox does not."""
    described = _properties("POST", "/v1/payment_methods")["type"]["enum"]
    options = _properties("POST", "/v1/payment_intents")["payment_method_options"]["properties"]
    return frozenset({*described, *options} - {*payment_methods.IMITATED})


def _properties(method: str, path: str) -> spec.Schema:
    found = spec.match(method, path)
    assert found is not None
    properties: spec.Schema = found[0].params["properties"]
    return properties


@functools.cache
def segments(name: str) -> tuple[str, ...]:
    """The keys that lead to a parameter, with an empty one for each element of an array."""
    return tuple(name.replace("]", "").split("["))


def _given(value: Any, keys: tuple[str, ...], where: str = "") -> Iterator[str]:
    """Where in a request these keys lead to something, as Stripe would write it."""
    if not keys:
        yield where
        return
    head, rest = keys[0], keys[1:]
    if head == "":
        found: Any = enumerate(value) if isinstance(value, list) else ()
    elif not isinstance(value, dict):
        found = ()
    elif head == "*":
        found = [(key, value[key]) for key in value if key in other_methods()]
    else:
        found = [(head, value[head])] if head in value else ()
    for key, inner in found:
        yield from _given(inner, rest, f"{where}[{key}]" if where else str(key))
