"""Lifetimes: for each table what ends its rows, so that nothing grows of which nobody knows when it goes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.licensing import offline_tokens
from core.outgoing import attempts
from core.owner.doctor import findings
from core.owner.figures import closing
from core.owner.shelves import uploads
from core.traffic import rate_limits


@dataclass(frozen=True)
class Books:
    """Stays: what was sold, paid, delivered and agreed to. Who it was is forgotten on their wish."""


@dataclass(frozen=True)
class Aged:
    """Goes, or forgets in part, by a part of retention."""

    part: str


@dataclass(frozen=True)
class Cleared:
    """Goes by this, which the worker or a shop at work calls again and again."""

    by: Callable[..., Any]


@dataclass(frozen=True)
class With:
    """Goes when what it belongs to does."""

    table: str


@dataclass(frozen=True)
class Few:
    """As many as there are products, people at work, endpoints or days: it does not grow with what is sold."""


Lifetime = Books | Aged | Cleared | With | Few

_BOOKS = (
    "balance_entries", "checkouts", "consents", "disputes", "downloads", "entitlement_records", "fraud_warnings",
    "fulfillment_log", "given_orders", "grants", "invoices", "letters", "license_activations", "lost_orders", "license_keys",
    "order_lines", "orders", "past_customers", "past_orders", "payment_lines", "payment_parts", "payments",
    "payouts",
    "place_cancellations", "promotion_discounts", "promotion_uses", "refunds", "renewal_discounts",
    "reminders", "reservations", "subscription_changes",
    "subscription_items", "subscriptions", "withdrawals", "customers", "attendees", "seats", "audit_log",
)  # fmt: skip
_FEW = (
    "api_keys", "applied_entries", "attendee_messages", "balance_days", "counters", "digest_choices", "download_files",
    "file_versions", "license_signing_keys", "movement_days", "plan_prices", "portal_setups", "prices", "product_days",
    "products", "promotion_codes", "promotion_sums", "retention_marks", "sales_days", "saved_views", "seasons",
    "second_factors", "shop_texts", "signals", "staff", "staff_rules", "stripe_prices", "summed_days", "tax_days",
    "webhook_endpoints", "workshop_dates",
)  # fmt: skip
LIFETIMES: Mapping[str, Lifetime] = {
    **dict.fromkeys(_BOOKS, Books()),
    **dict.fromkeys(_FEW, Few()),
    "stripe_events": Aged("events"),
    "sign_ins": Aged("sign_ins_over"),
    "sign_in_codes": Aged("codes"),
    "carts": Aged("carts"),
    "cart_lines": With("carts"),
    "heartbeats": Aged("runs"),
    "mail_marks": Aged("mail_marks"),
    "waiting_entries": Aged("waiting"),
    "attention_set_aside": Aged("set_aside"),
    "webhook_messages": Cleared(attempts.forget),
    "webhook_deliveries": With("webhook_messages"),
    "webhook_attempts": With("webhook_deliveries"),
    "rate_limits": Cleared(rate_limits.forget),
    "uploads": Cleared(uploads.clean),
    "doctor_findings": Cleared(findings.keep),
    "corrections": Cleared(closing.keep_all),
    "hour_sums": Cleared(closing.keep_all),
    "license_offline_tokens": Cleared(offline_tokens.issue),
    # It goes with the next try that works.
    "setbacks": With("orders"),
    "billing_details": With("orders"),
    "receipt_copies": With("orders"),
    "order_notes": With("orders"),
    "customer_addresses": With("customers"),
    "customer_notes": With("customers"),
    "recovery_codes": With("second_factors"),
}  # fmt: skip
