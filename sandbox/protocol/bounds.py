"""How long a text may be, how large a number, and what an email address must look like, where Stripe's description of
its parameters does not say.

From the reference pages. What depends on more than the parameter itself (the least amount of a currency, say) is for
whoever carries the request out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.ground import email_addresses
from sandbox.ground.errors import StripeError, invalid

if TYPE_CHECKING:
    from sandbox.protocol.spec import Operation

LONGEST = 5000
EVIDENCE = (
    "access_activity_log", "cancellation_policy_disclosure", "cancellation_rebuttal", "duplicate_charge_explanation",
    "product_description", "refund_policy_disclosure", "refund_refusal_explanation", "uncategorized_text",
)  # fmt: skip
DESCRIPTOR = {"statement_descriptor": 22, "statement_descriptor_suffix": 22}
# By the first part of the path, then by name; what stands inside a hash is written with a dot, places in arrays are not.
TEXTS: Mapping[str, Mapping[str, int]] = {
    "checkout": {
        "client_reference_id": 200,
        "custom_fields.dropdown.options.label": 100,
        "custom_fields.dropdown.options.value": 100,
        "custom_fields.key": 200,
        "custom_fields.label.custom": 50,
        "invoice_creation.invoice_data.description": 1500,
        "line_items.price_data.product_data.description": 40_000,
        "payment_intent_data.description": 1000,
        "subscription_data.description": 500,
        **{f"payment_intent_data.{name}": most for name, most in DESCRIPTOR.items()},
    },
    "coupons": {"name": 40},
    "customers": {"email": 512, "name": 256, "phone": 20},
    "disputes": {f"evidence.{name}": 20_000 for name in EVIDENCE},
    "invoices": {"description": 1500, **DESCRIPTOR},
    "payment_intents": {"description": 1000, **DESCRIPTOR},
    "prices": {"lookup_key": 200},
    "products": {"description": 40_000, "unit_label": 12, **DESCRIPTOR},
    "promotion_codes": {"code": 500},
    "subscriptions": {"description": 500},
    "test_helpers": {"name": 300},
}
TRIAL_DAYS = (1, 730)
AT_LEAST_ONE = (1, None)
NOT_NEGATIVE = (0, None)
NUMBERS: Mapping[str, Mapping[str, tuple[int, int | None]]] = {
    "checkout": {
        **{
            f"custom_fields.{kind}.{bound}_length": (1, 255)
            for kind in ("numeric", "text")
            for bound in ("maximum", "minimum")
        },
        "line_items.price_data.recurring.interval_count": AT_LEAST_ONE,
        "subscription_data.trial_period_days": TRIAL_DAYS,
    },
    "coupons": {"duration_in_months": AT_LEAST_ONE, "max_redemptions": AT_LEAST_ONE},
    "payment_intents": {"amount": AT_LEAST_ONE},
    "prices": {"recurring.interval_count": AT_LEAST_ONE, "recurring.trial_period_days": TRIAL_DAYS},
    "promotion_codes": {"max_redemptions": AT_LEAST_ONE, "restrictions.minimum_amount": AT_LEAST_ONE},
    "subscription_items": {"quantity": NOT_NEGATIVE},
    "subscriptions": {"items.quantity": NOT_NEGATIVE, "trial_period_days": TRIAL_DAYS},
}


def check(operation: Operation, params: dict[str, Any]) -> None:
    """Raises StripeError for what is too long, too small or too large, and for what is no email address."""
    kind = operation.path.split("/")[2]
    texts, numbers = TEXTS.get(kind, {}), NUMBERS.get(kind, {})
    for name, where, value in _leaves(params, "", ""):
        if isinstance(value, str):
            if len(value) > (most := texts.get(name, LONGEST)):
                raise _too_long(value, most, where)
            # What is looked for need not be one.
            if value and name.endswith("email") and operation.method == "POST":
                _check_address(value, where)
        elif name in numbers and not isinstance(value, bool):
            _check_number(value, *numbers[name], where)


def _leaves(value: Any, name: str, where: str) -> Iterator[tuple[str, str, Any]]:
    """Name, path and value of everything in there. Metadata has bounds of its own."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "metadata":
                yield from _leaves(inner, f"{name}.{key}" if name else key, f"{where}[{key}]" if where else key)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _leaves(inner, name, f"{where}[{position}]")
    else:
        yield name, where, value


def _check_address(value: str, where: str) -> None:
    if not email_addresses.is_address(value):
        raise invalid(f"Invalid email address: {value}", param=where, code="email_invalid")


def _too_long(value: str, most: int, where: str) -> StripeError:
    if where.rpartition("[")[2].rstrip("]") in DESCRIPTOR:
        text = f"The statement descriptor must be at most {most} characters. {value} is {len(value)} characters long."
        return invalid(text, param=where)
    shown = value if len(value) <= 24 else f"{value[:12]}...{value[-12:]}"
    return invalid(f"Invalid string: {shown}; must be at most {most} characters", param=where)


def _check_number(value: int, least: int, most: int | None, where: str) -> None:
    if value < least:
        text = f"This value must be greater than or equal to {least}."
    elif most is not None and value > most:
        text = f"This value must be less than or equal to {most}."
    else:
        return
    raise invalid(text, param=where, code="parameter_invalid_integer")
