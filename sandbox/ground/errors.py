"""What the API answers when it refuses: Stripe's own types, codes and sentences.

StripeError
├── invalid(...)          400 invalid_request_error
├── not_imitated(...)     400 for a parameter that Stripe takes and the sandbox does not
├── missing_object(...)   404 for the object in the path, 400 for one named by a parameter
├── unauthorized(...)     401
└── card_error(...)       402, with the decline
"""

from __future__ import annotations

from typing import Any

# Stripe's sentences name some objects otherwise than their `object` key does.
NAMES = {
    "payment_method": "PaymentMethod",
    "promotion_code": "promotion code",
    "webhook_endpoint": "webhook endpoint",
    "line_item": "line item",
}
PATH_PARAMS = {"payment_intent": "intent", "price": "price", "checkout.session": "session", "coupon": "coupon"}


class StripeError(Exception):
    """An answer other than 200. `fields` go into the body beside type and message."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = {}
        self.fields = {"type": kind, "message": message, **{k: v for k, v in fields.items() if v is not None}}
        if code := self.fields.get("code"):
            self.fields["doc_url"] = f"https://stripe.com/docs/error-codes/{str(code).replace('_', '-')}"

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body; Stripe lists its keys alphabetically."""
        return {"error": dict(sorted(self.fields.items()))}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    """A 400 for a request that cannot be carried out."""
    return StripeError(400, "invalid_request_error", message, param=param, code=code)


def not_imitated(param: str) -> StripeError:
    """A 400 for a parameter that Stripe knows, and the sandbox would have to ignore."""
    return invalid(f"The sandbox does not imitate the parameter {param}.", param=param)


def missing_object(kind: str, id: str, *, param: str | None = None) -> StripeError:
    """404 when the path names an unknown object, 400 when a parameter does."""
    shown = id if kind == "checkout.session" else f"'{id}'"
    text = f"No such {NAMES.get(kind, kind)}: {shown}"
    status, param = (400, param) if param else (404, PATH_PARAMS.get(kind, "id"))
    return StripeError(status, "invalid_request_error", text, code="resource_missing", param=param)


def unauthorized(message: str) -> StripeError:
    """A 401: no key, or not one of ours."""
    return StripeError(401, "invalid_request_error", message)


def card_error(code: str, message: str, **fields: Any) -> StripeError:
    """A 402: the bank or the card said no."""
    return StripeError(402, "card_error", message, code=code, **fields)
