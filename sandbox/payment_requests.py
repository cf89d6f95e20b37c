"""PaymentIntents as the API is asked for them: made, confirmed, changed, canceled. What they do is `payment_intents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import collection, currencies, metadata, payment_intents, payment_methods
from sandbox.errors import invalid
from sandbox.payment_intents import Attempt
from sandbox.prices import refuse_unimitated

if TYPE_CHECKING:
    from sandbox.account import Account
    from sandbox.api import Call
    from sandbox.spec import Object

NOT_IMITATED = ("confirmation_token", "mandate", "transfer_data", "on_behalf_of", "application_fee_amount")


def create(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents, with `confirm=true` also paid at once."""
    params = call.params
    refuse_unimitated(params, NOT_IMITATED)
    currency = currencies.checked(params["currency"])
    currencies.check_minimum(params["amount"], currency, subject="Amount must convert to", param="amount")
    if "customer" in params:
        account.find("customer", params["customer"], param="customer")
    method = None
    if "payment_method" in params:
        method = payment_methods.named(account, params["payment_method"], param="payment_method")
    intent = payment_intents.open(
        account,
        amount=params["amount"],
        currency=currency,
        capture_method=params.get("capture_method", "automatic_async"),
        confirmation_method=params.get("confirmation_method", "automatic"),
        customer=params.get("customer"),
        description=params.get("description"),
        metadata=metadata.fresh(params.get("metadata")),
        payment_method=method["id"] if method else None,
        payment_method_types=params.get("payment_method_types", ["card"]),
        receipt_email=params.get("receipt_email"),
        setup_future_usage=params.get("setup_future_usage"),
        shipping=params.get("shipping"),
    )
    if not params.get("confirm"):
        payment_intents.announce(account, intent)
        return intent
    return _confirm(account, intent, method)


def confirm(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents/{id}/confirm"""
    intent = account.find("payment_intent", call.id)
    if intent["status"] not in payment_intents.CONFIRMABLE:
        raise _wrong_state(intent, "confirm", payment_intents.CONFIRMABLE)
    method = None
    if id := call.params.get("payment_method") or intent["payment_method"]:
        method = payment_methods.named(account, id, param="payment_method")
    return _confirm(account, intent, method)


def _confirm(account: Account, intent: Object, method: Object | None) -> Object:
    if method is None:
        text = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken."
        )
        raise invalid(text, code="payment_intent_unexpected_state")
    match payment_intents.attempt(account, intent, method):
        case Attempt.PAID | Attempt.HELD:
            payment_intents.announce_success(account, intent)
            # Whoever pays by the API asks for the dispute right away: at Stripe the payment itself opens it.
            account.timers.bring_forward("open_dispute", intent["latest_charge"])
            collection.paid_by(account, intent)
        case Attempt.PROCESSING:
            payment_intents.announce_processing(account, intent)
    return intent


def update(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents/{id}"""
    intent = account.find("payment_intent", call.id)
    params = call.params
    refuse_unimitated(params, NOT_IMITATED)
    if ("amount" in params or "currency" in params) and intent["status"] not in payment_intents.CONFIRMABLE:
        raise _wrong_state(intent, "update", payment_intents.CONFIRMABLE)
    changes: Object = {
        key: params[key] for key in ("amount", "description", "receipt_email", "shipping") if key in params
    }
    if "payment_method" in params:
        method = payment_methods.named(account, params["payment_method"], param="payment_method")
        changes["payment_method"] = method["id"]
    changes["metadata"] = metadata.merge(intent["metadata"], params.get("metadata"))
    account.store.change(intent, **changes)
    return intent


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
        f"with one of the following statuses may be {verb}ed: {', '.join(allowed)}."
    )
    return invalid(text, code="payment_intent_unexpected_state")
