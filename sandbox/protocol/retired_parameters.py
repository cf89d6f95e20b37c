"""What requests could say in older versions of the API, what it is called today, and what went without saying then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sandbox.protocol.changelog import UI_MODES

if TYPE_CHECKING:
    from sandbox.protocol.spec import Object, Schema


def _as_it_is(params: Object) -> Object:
    return {}


def _discounted(params: Object) -> Object:
    return {"discounts": [{"promotion_code": params["promotion_code"]}]}


@dataclass(frozen=True)
class Parameter:
    """A parameter, or the values of one, that requests could have until that day.

    `today` says the same in today's words, unless the handler understands the old ones. `instead_of` need not be there
    beside it. `refusal` is the code and sentence by which newer versions refuse it, if it has its own.
    """

    until: str
    name: str
    schema: Schema
    today: Callable[[Object], Object] = _as_it_is
    instead_of: str = ""
    refusal: tuple[str, str] | None = None


METHOD_TYPES = Parameter(
    "2026-09-30",
    "payment_method_types",
    {"type": "array", "items": {"type": "string"}},
    refusal=(
        "payment_method_types_no_longer_supported",
        "The payment_method_types parameter is no longer supported. Remove it to use dynamic payment methods, or use "
        "allowed_payment_method_types to limit them.",
    ),
)
COUPON = Parameter("2025-03-31", "coupon", {"type": "string"})
COUPON_OR_NONE = Parameter("2025-03-31", "coupon", {"type": "string", "nullable": True})
PROMOTION_CODE = Parameter("2025-03-31", "promotion_code", {"type": "string"})
UI_MODE = Parameter(
    "2026-03-25",
    "ui_mode",
    {"type": "string", "enum": list(UI_MODES)},
    lambda params: {"ui_mode": UI_MODES.get(params["ui_mode"], params["ui_mode"])},
)

PARAMETERS: Mapping[tuple[str, str], tuple[Parameter, ...]] = {
    ("POST", "/v1/checkout/sessions"): (METHOD_TYPES, UI_MODE),
    ("POST", "/v1/customers"): (COUPON,),
    ("POST", "/v1/customers/{id}"): (COUPON_OR_NONE,),
    ("POST", "/v1/payment_intents"): (METHOD_TYPES,),
    ("POST", "/v1/payment_intents/{id}"): (METHOD_TYPES,),
    ("POST", "/v1/payment_intents/{id}/confirm"): (METHOD_TYPES,),
    ("POST", "/v1/promotion_codes"): (Parameter("2025-09-30", "coupon", {"type": "string"}, instead_of="promotion"),),
    ("POST", "/v1/subscriptions"): (COUPON, PROMOTION_CODE),
    ("POST", "/v1/subscriptions/{id}"): (COUPON_OR_NONE, replace(PROMOTION_CODE, today=_discounted)),
}


def _classic(params: Object) -> Object:
    return {"billing_mode": {"type": "classic"}, **params}


def _classic_at_checkout(params: Object) -> Object:
    if params.get("mode") != "subscription":
        return params
    return {**params, "subscription_data": _classic(params.get("subscription_data", {}))}


# What went without saying until that day. Subscriptions that are billed classically end by a flag, flexible ones at a
# moment.
DEFAULTS: Mapping[tuple[str, str], tuple[tuple[str, Callable[[Object], Object]], ...]] = {
    ("POST", "/v1/checkout/sessions"): (("2025-09-30", _classic_at_checkout),),
    ("POST", "/v1/subscriptions"): (("2025-09-30", _classic),),
}
