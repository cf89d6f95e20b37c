"""Which function carries out which request, and which one runs when a timer is up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from sandbox.account import account as own
from sandbox.account import events, listeners, lists, webhook_endpoints
from sandbox.api import search
from sandbox.balance import balance_transactions, payouts
from sandbox.billing import (
    cancellations,
    collection,
    invoice_item_requests,
    invoice_payments,
    invoice_previews,
    invoices,
    manual_invoices,
    renewals,
    subscription_changes,
    subscription_discounts,
    subscription_items,
    subscription_requests,
)
from sandbox.catalogue import coupons, products_and_prices, promotion_codes
from sandbox.checkout import expirations, line_items, payment_pages, session_payments, sessions
from sandbox.customers import billing_portal, customers, invoice_corrections, tax_ids, test_clocks
from sandbox.payments import (
    captures,
    charges,
    disputes,
    early_fraud_warnings,
    payment_intent_requests,
    payment_method_ownership,
    payment_methods,
    refunds,
)

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call, Handler
    from sandbox.protocol.spec import Object


def _retrieve(kind: str, account: Account, call: Call) -> Object:
    return account.find(kind, call.id)


def _page(kind: str, account: Account, call: Call) -> Object:
    return lists.page(account, call, kind)


def retrieve(kind: str) -> Handler:
    """A handler that returns one object of a kind."""
    return partial(_retrieve, kind)


def page(kind: str) -> Handler:
    """A handler that lists a kind, with filters that compare keys."""
    return partial(_page, kind)


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/v1/account"): own.retrieve,
    ("GET", "/v1/balance"): balance_transactions.retrieve_balance,
    ("GET", "/v1/balance_transactions"): balance_transactions.listing,
    ("GET", "/v1/balance_transactions/{id}"): retrieve("balance_transaction"),
    ("GET", "/v1/billing_portal/configurations"): billing_portal.configurations,
    ("POST", "/v1/billing_portal/configurations"): billing_portal.configure,
    ("GET", "/v1/billing_portal/configurations/{id}"): retrieve("billing_portal.configuration"),
    ("POST", "/v1/billing_portal/configurations/{id}"): billing_portal.reconfigure,
    ("POST", "/v1/billing_portal/sessions"): billing_portal.create,
    ("GET", "/v1/charges"): page("charge"),
    ("GET", "/v1/charges/search"): search.of("charge"),
    ("GET", "/v1/charges/{id}"): retrieve("charge"),
    ("POST", "/v1/charges/{id}"): charges.update,
    ("GET", "/v1/checkout/sessions"): sessions.listing,
    ("POST", "/v1/checkout/sessions"): sessions.create,
    ("GET", "/v1/checkout/sessions/{id}"): retrieve("checkout.session"),
    ("POST", "/v1/checkout/sessions/{id}"): sessions.update,
    ("POST", "/v1/checkout/sessions/{id}/expire"): expirations.expire,
    ("GET", "/v1/checkout/sessions/{id}/line_items"): line_items.listing,
    ("GET", "/v1/coupons"): page("coupon"),
    ("POST", "/v1/coupons"): coupons.create,
    ("GET", "/v1/coupons/{id}"): retrieve("coupon"),
    ("POST", "/v1/coupons/{id}"): coupons.update,
    ("DELETE", "/v1/coupons/{id}"): coupons.delete,
    ("GET", "/v1/credit_notes"): invoice_corrections.listing,
    ("POST", "/v1/credit_notes"): invoice_corrections.credit,
    ("GET", "/v1/credit_notes/{id}"): retrieve(invoice_corrections.KIND),
    ("POST", "/v1/credit_notes/{id}"): invoice_corrections.update,
    ("POST", "/v1/credit_notes/{id}/void"): invoice_corrections.void,
    ("GET", "/v1/customers"): page("customer"),
    ("POST", "/v1/customers"): customers.create,
    ("GET", "/v1/customers/search"): search.of("customer"),
    ("GET", "/v1/customers/{id}"): customers.retrieve,
    ("POST", "/v1/customers/{id}"): customers.update,
    ("DELETE", "/v1/customers/{id}"): customers.delete,
    ("DELETE", "/v1/customers/{id}/discount"): customers.delete_discount,
    ("GET", "/v1/customers/{id}/payment_methods"): payment_method_ownership.listing,
    ("GET", "/v1/customers/{id}/tax_ids"): tax_ids.listing,
    ("POST", "/v1/customers/{id}/tax_ids"): tax_ids.create,
    ("GET", "/v1/disputes"): page("dispute"),
    ("GET", "/v1/disputes/{id}"): retrieve("dispute"),
    ("POST", "/v1/disputes/{id}"): disputes.update,
    ("POST", "/v1/disputes/{id}/close"): disputes.close,
    ("GET", "/v1/events"): events.listing,
    ("GET", "/v1/events/{id}"): events.retrieve,
    ("POST", "/v1/events/{id}/retry"): events.retry,
    ("GET", "/v1/invoice_payments"): invoice_payments.listing,
    ("GET", "/v1/invoice_payments/{id}"): retrieve("invoice_payment"),
    ("GET", "/v1/invoiceitems"): invoice_item_requests.listing,
    ("POST", "/v1/invoiceitems"): invoice_item_requests.create,
    ("GET", "/v1/invoiceitems/{id}"): retrieve("invoiceitem"),
    ("POST", "/v1/invoiceitems/{id}"): invoice_item_requests.update,
    ("DELETE", "/v1/invoiceitems/{id}"): invoice_item_requests.delete,
    ("GET", "/v1/invoices"): invoices.listing,
    ("POST", "/v1/invoices"): manual_invoices.create,
    ("POST", "/v1/invoices/create_preview"): invoice_previews.create,
    ("GET", "/v1/invoices/search"): search.of("invoice"),
    ("GET", "/v1/invoices/{id}"): retrieve("invoice"),
    ("POST", "/v1/invoices/{id}"): manual_invoices.update,
    ("DELETE", "/v1/invoices/{id}"): manual_invoices.delete,
    ("POST", "/v1/invoices/{id}/add_lines"): invoice_corrections.add_lines,
    ("POST", "/v1/invoices/{id}/finalize"): collection.finalize,
    ("GET", "/v1/invoices/{id}/lines"): invoices.lines,
    ("POST", "/v1/invoices/{id}/mark_uncollectible"): invoices.mark_uncollectible,
    ("POST", "/v1/invoices/{id}/pay"): collection.pay,
    ("POST", "/v1/invoices/{id}/send"): manual_invoices.send,
    ("POST", "/v1/invoices/{id}/void"): invoices.void,
    ("GET", "/v1/payment_intents"): page("payment_intent"),
    ("POST", "/v1/payment_intents"): payment_intent_requests.create,
    ("GET", "/v1/payment_intents/search"): search.of("payment_intent"),
    ("GET", "/v1/payment_intents/{id}"): retrieve("payment_intent"),
    ("POST", "/v1/payment_intents/{id}"): payment_intent_requests.update,
    ("POST", "/v1/payment_intents/{id}/cancel"): payment_intent_requests.cancel,
    ("POST", "/v1/payment_intents/{id}/capture"): captures.capture,
    ("POST", "/v1/payment_intents/{id}/confirm"): collection.confirm,
    ("GET", "/v1/payment_methods"): page("payment_method"),
    ("POST", "/v1/payment_methods"): payment_methods.create,
    ("GET", "/v1/payment_methods/{id}"): retrieve("payment_method"),
    ("POST", "/v1/payment_methods/{id}"): payment_methods.update,
    ("POST", "/v1/payment_methods/{id}/attach"): payment_method_ownership.attach,
    ("POST", "/v1/payment_methods/{id}/detach"): payment_method_ownership.detach,
    ("GET", "/v1/payment_pages/{id}"): payment_pages.retrieve,
    ("POST", "/v1/payment_pages/{id}/confirm"): payment_pages.confirm,
    ("GET", "/v1/payouts"): payouts.listing,
    ("POST", "/v1/payouts"): payouts.create,
    ("GET", "/v1/payouts/{id}"): retrieve(payouts.KIND),
    ("POST", "/v1/payouts/{id}"): payouts.update,
    ("POST", "/v1/payouts/{id}/cancel"): payouts.cancel,
    ("GET", "/v1/prices"): products_and_prices.list_prices,
    ("POST", "/v1/prices"): products_and_prices.create_price,
    ("GET", "/v1/prices/search"): search.of("price"),
    ("GET", "/v1/prices/{id}"): retrieve("price"),
    ("POST", "/v1/prices/{id}"): products_and_prices.update_price,
    ("GET", "/v1/products"): products_and_prices.list_products,
    ("POST", "/v1/products"): products_and_prices.create_product,
    ("GET", "/v1/products/search"): search.of("product"),
    ("GET", "/v1/products/{id}"): retrieve("product"),
    ("POST", "/v1/products/{id}"): products_and_prices.update_product,
    ("DELETE", "/v1/products/{id}"): products_and_prices.delete_product,
    ("GET", "/v1/promotion_codes"): promotion_codes.listing,
    ("POST", "/v1/promotion_codes"): promotion_codes.create,
    ("GET", "/v1/promotion_codes/{id}"): retrieve("promotion_code"),
    ("POST", "/v1/promotion_codes/{id}"): promotion_codes.update,
    ("GET", "/v1/radar/early_fraud_warnings"): page(early_fraud_warnings.KIND),
    ("GET", "/v1/radar/early_fraud_warnings/{id}"): retrieve(early_fraud_warnings.KIND),
    ("GET", "/v1/refunds"): page("refund"),
    ("POST", "/v1/refunds"): refunds.create,
    ("GET", "/v1/refunds/{id}"): retrieve("refund"),
    ("POST", "/v1/refunds/{id}"): refunds.update,
    ("POST", "/v1/refunds/{id}/cancel"): refunds.cancel,
    ("POST", "/v1/stripecli/sessions"): listeners.open_session,
    ("GET", "/v1/subscription_items"): subscription_items.listing,
    ("POST", "/v1/subscription_items"): subscription_changes.create_item,
    ("GET", "/v1/subscription_items/{id}"): retrieve("subscription_item"),
    ("POST", "/v1/subscription_items/{id}"): subscription_changes.update_item,
    ("DELETE", "/v1/subscription_items/{id}"): subscription_changes.delete_item,
    ("GET", "/v1/subscriptions"): subscription_requests.listing,
    ("POST", "/v1/subscriptions"): subscription_requests.create,
    ("GET", "/v1/subscriptions/search"): search.of("subscription"),
    ("GET", "/v1/subscriptions/{id}"): retrieve("subscription"),
    ("POST", "/v1/subscriptions/{id}"): subscription_changes.update,
    ("DELETE", "/v1/subscriptions/{id}"): cancellations.cancel,
    ("DELETE", "/v1/subscriptions/{id}/discount"): subscription_discounts.delete,
    ("POST", "/v1/subscriptions/{id}/resume"): renewals.resume,
    ("GET", "/v1/tax_rates"): page("tax_rate"),
    ("GET", "/v1/tax_rates/{id}"): retrieve("tax_rate"),
    ("GET", "/v1/test_helpers/test_clocks"): page(test_clocks.KIND),
    ("POST", "/v1/test_helpers/test_clocks"): test_clocks.create,
    ("GET", "/v1/test_helpers/test_clocks/{id}"): retrieve(test_clocks.KIND),
    ("DELETE", "/v1/test_helpers/test_clocks/{id}"): test_clocks.delete,
    ("POST", "/v1/test_helpers/test_clocks/{id}/advance"): test_clocks.advance,
    ("GET", "/v1/webhook_endpoints"): page("webhook_endpoint"),
    ("POST", "/v1/webhook_endpoints"): webhook_endpoints.create,
    ("GET", "/v1/webhook_endpoints/{id}"): retrieve("webhook_endpoint"),
    ("POST", "/v1/webhook_endpoints/{id}"): webhook_endpoints.update,
    ("DELETE", "/v1/webhook_endpoints/{id}"): webhook_endpoints.delete,
}

TIMERS: Mapping[str, Callable[[Account, str], None]] = {
    "advance_test_clock": test_clocks.arrive,
    "announce_invoice_payment": invoice_payments.announce,
    "announce_trial_end": renewals.announce_trial_end,
    "announce_upcoming": renewals.announce_upcoming,
    "arrive_payout": payouts.arrive,
    "capture": charges.capture,
    "clear_funds": balance_transactions.clear_by_time,
    "decide_dispute": disputes.decide_by_evidence,
    "dispute_deadline": disputes.miss_deadline,
    "end_discount": subscription_discounts.end_by_time,
    "end_subscription": cancellations.end_by_time,
    "expire_incomplete": collection.expire_incomplete,
    "expire_session": expirations.expire_by_time,
    "fall_due": collection.fall_due,
    "finalize_invoice": manual_invoices.advance,
    "finish_refund": refunds.finish,
    "open_dispute": disputes.open_by_card,
    "pay_out": payouts.at_midnight,
    "release": captures.release,
    "renew": renewals.renew,
    "resume_collection": renewals.resume_collection,
    "retry_invoice": collection.retry,
    "send_payout": payouts.send,
    "settle": session_payments.settle,
    "warn_of_fraud": early_fraud_warnings.warn_by_card,
}
