"""PaymentIntents as the API is asked for them: made, confirmed, changed, canceled. What they do is `payment_intents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ground import currencies, metadata
from sandbox.ground.errors import invalid
from sandbox.payments import cards, payment_intents, payment_method_ownership, payment_methods
from sandbox.payments.payment_intents import Attempt

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

METHOD_TYPES = ("allowed_payment_method_types", "excluded_payment_method_types")
KEPT = (
    "amount", "capture_method", "description", "receipt_email", "setup_future_usage", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group", *METHOD_TYPES,
)  # fmt: skip
# What is only said to a payment that is being made.
CONFIRMING = ("error_on_requires_action", "off_session", "return_url")
NO_RETURN_URL = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these "
    "payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want "
    "to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
)


def create(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents, with `confirm=true` also paid at once."""
    params = call.params
    _check_moment(params)
    currency = currencies.checked(params["currency"])
    currencies.check_minimum(params["amount"], currency, subject="Amount must convert to", param="amount")
    currencies.check_maximum(params["amount"], currency, param="amount")
    values = _values(account, params, {})
    if "automatic_payment_methods" in params:
        values["automatic_payment_methods"] = {"allow_redirects": "always", **params["automatic_payment_methods"]}
    method = _method(account, params, values.get("customer"))
    intent = payment_intents.open(
        account,
        currency=currency,
        confirmation_method=params.get("confirmation_method", "automatic"),
        payment_method=method["id"] if method else None,
        payment_method_types=_method_types(params, currency, values),
        metadata=metadata.fresh(params.get("metadata")),
        **values,
    )
    if not params.get("confirm"):
        payment_intents.announce(account, intent)
        return intent
    return _confirm(account, intent, method, params)


def _check_moment(params: Object) -> None:
    """Raises StripeError for what belongs to a payment, where none is to be made yet."""
    early = [name for name in CONFIRMING if name in params]
    if early and not params.get("confirm"):
        raise invalid(f"The parameter {early[0]} can only be used with `confirm=true`.", param=early[0])
    automatic = params.get("automatic_payment_methods", {})
    if "automatic_payment_methods" in params and "payment_method_types" in params:
        text = "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
        raise invalid(text, param="automatic_payment_methods")
    redirects = automatic.get("enabled") and automatic.get("allow_redirects", "always") == "always"
    if redirects and params.get("confirm") and "return_url" not in params:
        raise invalid(NO_RETURN_URL, param="return_url")


def _values(account: Account, params: Object, options: Object) -> Object:
    """The plain values a request sets on a PaymentIntent; `options` are those of its payment methods so far."""
    values: Object = {key: params[key] or None for key in KEPT if key in params}
    if id := params.get("customer"):
        values["customer"] = account.find("customer", id, param="customer")["id"]
    if "shipping" in params:
        values["shipping"] = payment_intents.shipping(params["shipping"] or None)
    if "payment_method_options" in params:
        values["payment_method_options"] = payment_intents.options(options, params["payment_method_options"])
    return values


def _method_types(params: Object, currency: str, intent: Object) -> list[str]:
    asked = {key: intent.get(key) for key in METHOD_TYPES} | {
        "payment_method_types": params.get("payment_method_types")
    }
    automatic = params.get("automatic_payment_methods", {"enabled": True})["enabled"]
    return payment_methods.offered(asked, currency, debits=automatic)


def _method(account: Account, params: Object, customer: str | None, *, chosen: str | None = None) -> Object | None:
    """What a request names or describes to pay with, or what was chosen before.

    Raises StripeError when it does both, and for what that customer cannot pay with.
    """
    id, described = params.get("payment_method"), params.get("payment_method_data")
    if id and described:
        text = "You may only specify one of these parameters: payment_method, payment_method_data."
        raise invalid(text, param="payment_method")
    if described:
        return payment_methods.described(account, described)
    if not (id := id or chosen):
        return None
    method = payment_methods.named(account, id, param="payment_method")
    payment_method_ownership.check_payer(account, method, customer)
    return method


def confirm(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents/{id}/confirm"""
    intent, params = account.find("payment_intent", call.id), call.params
    if intent["status"] not in payment_intents.CONFIRMABLE:
        raise _wrong_state(intent, "confirm", payment_intents.CONFIRMABLE)
    method = _method(account, params, intent["customer"], chosen=intent["payment_method"])
    _change(account, intent, params)
    return _confirm(account, intent, method, params)


def _confirm(account: Account, intent: Object, method: Object | None, params: Object) -> Object:
    if method is None:
        text = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken."
        )
        raise invalid(text, code="payment_intent_unexpected_state")
    if method["type"] not in intent["payment_method_types"]:
        text = (
            f"The PaymentMethod provided ({method['type']}) is not allowed for this PaymentIntent. Please attach a "
            f"PaymentMethod of one of the following types: {', '.join(intent['payment_method_types'])}."
        )
        raise invalid(text, code="payment_intent_invalid_parameter", param="payment_method")
    if "return_url" in params:
        account.store.notes(intent["id"])["return_url"] = params["return_url"]
    match payment_intents.attempt(account, intent, method, **_presence(account, intent, method, params)):
        case Attempt.PAID | Attempt.HELD:
            payment_intents.announce_success(account, intent)
            # Whoever pays by the API asks for the dispute right away: at Stripe the payment itself opens it.
            account.timers.bring_forward("open_dispute", intent["latest_charge"])
        case Attempt.PROCESSING:
            payment_intents.announce_processing(account, intent)
    return intent


def _presence(account: Account, intent: Object, method: Object, params: Object) -> Object:
    """Whether the buyer is there to be asked by their bank, and what happens when they would have to be."""
    asks = payment_intents.challenges(intent, payment_methods.instrument_of(account, method))
    refused = asks and params.get("error_on_requires_action")
    return {
        "off_session": bool(params.get("off_session")),
        "decline": cards.AUTHENTICATION_REQUIRED if refused else None,
    }


def update(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents/{id}"""
    intent, params = account.find("payment_intent", call.id), call.params
    if ("amount" in params or "currency" in params) and intent["status"] not in payment_intents.CONFIRMABLE:
        raise _wrong_state(intent, "update", payment_intents.CONFIRMABLE)
    method = _method(account, params, params.get("customer") or intent["customer"])
    merged = metadata.merge(intent["metadata"], params.get("metadata"))
    _change(account, intent, params)
    chosen = {"payment_method": method["id"]} if method else {}
    account.store.change(intent, metadata=merged, **chosen)
    return intent


def _change(account: Account, intent: Object, params: Object) -> None:
    """Set the plain values of a request; which kinds of payment method are taken follows."""
    changes = _values(account, params, intent["payment_method_options"])
    currency = currencies.checked(params["currency"]) if "currency" in params else intent["currency"]
    if "amount" in params or "currency" in params:
        amount: int = params["amount"] if "amount" in params else intent["amount"]
        currencies.check_minimum(amount, currency, subject="Amount must convert to", param="amount")
        currencies.check_maximum(amount, currency, param="amount")
        changes["currency"] = currency
    if params.keys() & {"currency", "payment_method_types", *METHOD_TYPES}:
        changes["payment_method_types"] = _method_types(params, currency, {**intent, **changes})
    account.store.change(intent, **changes)


def cancel(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents/{id}/cancel"""
    intent = account.find("payment_intent", call.id)
    if intent["status"] not in payment_intents.CANCELABLE:
        raise _wrong_state(intent, "cancel", payment_intents.CANCELABLE)
    payment_intents.give_up(account, intent, reason=call.params.get("cancellation_reason", "requested_by_customer"))
    return intent


def _wrong_state(intent: Object, verb: str, allowed: tuple[str, ...]) -> Exception:
    text = (
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
        f"with one of the following statuses may be {verb.removesuffix('e')}ed: {', '.join(allowed)}."
    )
    return invalid(text, code="payment_intent_unexpected_state")
