"""Manual capture: the money of a card is only held until it is captured, all of it or a part, or let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import events
from sandbox.ground import currencies, metadata
from sandbox.ground.errors import StripeError
from sandbox.payments import charges, payment_intents

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

RELEASED = (
    "The remaining amount on this PaymentIntent could not be captured because the remainder of the authorized amount "
    "has been released."
)
TOO_LARGE = (
    "The payment could not be captured because the requested capture amount is greater than the amount you can capture "
    "for this charge. Contact us via https://support.stripe.com/contact/ for help."
)


def capture(account: Account, call: Call) -> Object:
    """POST /v1/payment_intents/{id}/capture: once, and what is not captured then is let go."""
    intent, params = account.find("payment_intent", call.id), call.params
    if not params.get("final_capture", True):
        raise _refused(intent, "The sandbox does not imitate several captures of a payment.", param="final_capture")
    named = ("statement_descriptor", "statement_descriptor_suffix")
    take(
        account,
        intent,
        params.get("amount_to_capture"),
        metadata=metadata.merge(intent["metadata"], params.get("metadata")),
        **{key: params[key] for key in named if key in params},
    )
    return intent


def take(account: Account, intent: Object, amount: int | None = None, **changes: Any) -> None:
    """Capture so much of what is held for a payment, or all of it. Raises StripeError when it is not there to take."""
    amount = intent["amount_capturable"] if amount is None else amount
    _check(intent, amount)
    account.store.change(intent, amount_capturable=0, amount_received=amount, status="succeeded", **changes)
    account.timers.cancel("release", intent["id"])
    charges.take(account, account.find("charge", intent["latest_charge"]), amount)
    account.emit("payment_intent.succeeded", intent)
    account.timers.bring_forward("open_dispute", intent["latest_charge"])
    if session := account.store.get("checkout.session", account.store.notes(intent["id"]).get("session", "")):
        account.store.change(session, payment_status="paid")


def _check(intent: Object, amount: int) -> None:
    status = intent["status"]
    if status == "succeeded" and intent["capture_method"] == "manual":
        raise _refused(intent, RELEASED, code="payment_intent_unexpected_state")
    if status != "requires_capture":
        text = (
            f"This PaymentIntent could not be captured because it has a status of {status}. Only a PaymentIntent with "
            "one of the following statuses may be captured: requires_capture."
        )
        raise _refused(intent, text, code="payment_intent_unexpected_state")
    if amount < 0:
        raise _refused(intent, "Invalid non-negative integer", param="amount_to_capture")
    if amount == 0:
        # Stripe names another parameter than the one that was sent.
        text = "This value must be greater than or equal to 1."
        raise _refused(intent, text, param="amount", code="parameter_invalid_integer")
    currencies.check_step(amount, intent["currency"], param="amount_to_capture")
    if amount > intent["amount_capturable"]:
        raise _refused(intent, TOO_LARGE, code="amount_too_large")


def _refused(intent: Object, text: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    more = {"param": param, "code": code, "payment_intent": events.copy(intent)}
    return StripeError(400, "invalid_request_error", text, **more)


def release(account: Account, id: str) -> None:
    """The timer of money that nobody captured in time."""
    intent = account.find("payment_intent", id)
    if intent["status"] == "requires_capture":
        account.emit("charge.expired", account.find("charge", intent["latest_charge"]))
        payment_intents.give_up(account, intent, reason="automatic")
