"""PaymentIntents: one amount to be paid, by as many attempts as it takes. Each attempt is a charge.

Checkout makes a PaymentIntent when the buyer confirms, not before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sandbox.account import events
from sandbox.ground import ids
from sandbox.ground.errors import invalid
from sandbox.payments import cards, charges, payment_method_ownership, payment_methods
from sandbox.payments.cards import Decline, Instrument
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (*CONFIRMABLE, "requires_capture")
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)


class Attempt(StrEnum):
    """How an attempt that was not declined went."""

    PAID = "paid"
    PROCESSING = "processing"
    CHALLENGE = "challenge"
    HELD = "held"


def open(
    account: Account, *, amount: int, currency: str, capture_method: str = "automatic_async", **values: Any
) -> Object:
    """A new PaymentIntent, saved. It is announced once something has happened to it."""
    id = f"pi_{ids.payment_stem()}{ids.chance(8)}"
    intent = blank(
        "payment_intent",
        id=id,
        amount=amount,
        capture_method=capture_method,
        client_secret=f"{id}_secret_{ids.chance(25)}",
        created=account.clock.now(),
        currency=currency,
        status="requires_payment_method",
        **{"confirmation_method": "automatic", "payment_method_options": {}, **values},
    )
    account.store.notes(id)["as_created"] = events.copy(intent)
    return account.store.save(intent)


def options(known: Object, given: Object) -> Object:
    """What is asked of each kind of payment method, put over what was asked before."""
    kinds = {kind: {**known.get(kind, {}), **(asked or {})} for kind, asked in given.items()}
    # An empty value takes back what was asked.
    kinds = {kind: {key: value for key, value in asked.items() if value != ""} for kind, asked in kinds.items()}
    if "card" in kinds:
        kinds["card"].setdefault("request_three_d_secure", "automatic")
    return {**known, **{kind: blank(f"payment_intent.payment_method_options.{kind}", **kinds[kind]) for kind in kinds}}


def shipping(given: Object | None) -> Object | None:
    """Where something is sent, complete with nulls."""
    return blank("payment_intent.shipping", **given) if given else None


def announce(account: Account, intent: Object) -> None:
    """Emit payment_intent.created, once, with the PaymentIntent as it was then."""
    if as_created := account.store.notes(intent["id"]).pop("as_created", None):
        account.store.save(intent)
        account.emit("payment_intent.created", as_created)


def attempt(
    account: Account,
    intent: Object,
    method: Object,
    *,
    authenticated: bool = False,
    off_session: bool = False,
    decline: Decline | None = None,
) -> Attempt:
    """Try to pay. Announces what goes wrong or needs the buyer; what goes well is for the caller to announce.

    Off session the buyer's bank cannot ask the buyer. Raises StripeError (402) when the card is declined, or told to be
    by `decline`; the PaymentIntent can then be tried again.
    """
    instrument = payment_methods.instrument_of(account, method)
    if challenges(intent, instrument) and not (authenticated or off_session or decline):
        return _challenge(account, intent, method)
    payment_method_ownership.use(account, method)
    decline = decline or instrument.decline
    if off_session and instrument.always_asks:
        decline = decline or cards.AUTHENTICATION_REQUIRED
    if account.faults.use_up("decline_next"):
        decline = cards.GENERIC
    if decline:
        charge = charges.failed(account, intent, method, decline, blocked=instrument.blocked)
        raise _declined(account, intent, method, decline, charge, charge_first=off_session)
    if intent["capture_method"] == "manual":
        return _hold(account, intent, method, authenticated=authenticated)
    _keep(account, intent, method)
    if instrument.kind != "card":
        charge = charges.pending(account, intent, method)
        account.store.change(
            intent,
            **_tried(method, charge),
            status="processing",
        )
        account.later(account.settings.settle_seconds, "settle", intent["id"])
        return Attempt.PROCESSING
    charge = charges.succeeded(account, intent, method, authenticated=authenticated)
    account.store.change(intent, **_tried(method, charge), status="succeeded", amount_received=intent["amount"])
    return Attempt.PAID


def challenges(intent: Object, instrument: Instrument) -> bool:
    """Whether the buyer's bank asks the buyer: always with some cards, on request with others."""
    wanted = (intent["payment_method_options"].get("card") or {}).get("request_three_d_secure")
    return instrument.challenge or (instrument.asks_on_request and wanted in ("any", "challenge"))


def _keep(account: Account, intent: Object, method: Object) -> None:
    """Attach what is paid with to the customer, if it is to be used again."""
    of_kind = (intent["payment_method_options"].get(method["type"]) or {}).get("setup_future_usage")
    usage = of_kind or intent["setup_future_usage"]
    if intent["customer"] and not method["customer"] and usage not in (None, "none"):
        account.store.change(method, customer=intent["customer"])
        account.emit("payment_method.attached", method)


def _hold(account: Account, intent: Object, method: Object, *, authenticated: bool) -> Attempt:
    if method["type"] != "card":
        text = f"Payments by {method['type']} cannot be captured later."
        raise invalid(text, param="capture_method")
    _keep(account, intent, method)
    charge = charges.held(account, intent, method, authenticated=authenticated)
    account.store.change(
        intent, **_tried(method, charge), status="requires_capture", amount_capturable=intent["amount"]
    )
    account.at(charge["created"] + charges.HELD_SECONDS, "release", intent["id"])
    return Attempt.HELD


def _tried(method: Object, charge: Object) -> Object:
    return {
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "payment_method": method["id"],
    }


def _challenge(account: Account, intent: Object, method: Object) -> Attempt:
    page = f"{account.settings.base_url}/challenge/{intent['id']}"
    back = account.store.notes(intent["id"]).get("return_url")
    account.store.change(
        intent,
        next_action={"type": "redirect_to_url", "redirect_to_url": {"return_url": back, "url": page}},
        payment_method=method["id"],
        status="requires_action",
    )
    announce(account, intent)
    account.emit("payment_intent.requires_action", intent)
    return Attempt.CHALLENGE


def authentication_failed(account: Account, intent: Object) -> Exception:
    """The bank could not make sure that it was the buyer. Returns the refusal to show."""
    method = account.find("payment_method", intent["payment_method"])
    return _declined(account, intent, method, AUTHENTICATION_FAILED, None)


def _declined(
    account: Account,
    intent: Object,
    method: Object,
    decline: Decline,
    charge: Object | None,
    *,
    charge_first: bool = False,
) -> Exception:
    fields = {
        "code": decline.code,
        "decline_code": decline.reason,
        "message": decline.message,
        "charge": charge["id"] if charge else None,
        "payment_method": events.copy(method),
        "payment_method_type": None if method["type"] == "card" else method["type"],
    }
    error = {"type": "card_error", **{key: value for key, value in fields.items() if value is not None}}
    account.store.change(
        intent,
        last_payment_error=error,
        latest_charge=charge["id"] if charge else intent["latest_charge"],
        next_action=None,
        payment_method=None,
        status="requires_payment_method",
    )
    if charge and charge_first:
        account.emit("charge.failed", charge)
    announce(account, intent)
    if charge and not charge_first:
        account.emit("charge.failed", charge)
    account.emit("payment_intent.payment_failed", intent)
    return cards.refusal(
        decline,
        charge=error.get("charge"),
        payment_intent=events.copy(intent),
        payment_method=error["payment_method"],
    )


def announce_success(account: Account, intent: Object) -> None:
    """The events of a payment by card, or of one that is only held. `created` often arrives last, at Stripe too."""
    charge = account.find("charge", intent["latest_charge"])
    kind = "payment_intent.succeeded" if charge["captured"] else "payment_intent.amount_capturable_updated"
    challenged = "as_created" not in account.store.notes(intent["id"])
    if challenged:
        account.emit(kind, intent)
        account.emit("charge.succeeded", charge)
        return
    account.emit("charge.succeeded", charge)
    account.emit(kind, intent)
    announce(account, intent)


def announce_processing(account: Account, intent: Object) -> None:
    """The events of a bank debit that has been started."""
    announce(account, intent)
    account.emit("charge.pending", account.find("charge", intent["latest_charge"]))
    account.emit("payment_intent.processing", intent)


def settle(account: Account, intent: Object, *, paid: bool) -> None:
    """The bank has answered about a debit: the money comes, or does not."""
    charge = account.find("charge", intent["latest_charge"])
    if paid:
        charges.arrive(account, charge)
        account.store.change(intent, status="succeeded", amount_received=intent["amount"])
        account.emit("charge.succeeded", charge)
        account.emit("payment_intent.succeeded", intent)
        return
    method = account.find("payment_method", intent["payment_method"])
    charges.bounce(account, charge, cards.BOUNCED)
    _declined(account, intent, method, cards.BOUNCED, charge)


def give_up(account: Account, intent: Object, *, reason: str) -> None:
    """Cancel a PaymentIntent that has not been paid; paid and canceled ones stay as they are. What is held is let go."""
    if intent["status"] in CANCELABLE:
        account.timers.cancel("release", intent["id"])
        account.store.change(
            intent,
            amount_capturable=0,
            canceled_at=account.clock.now(),
            cancellation_reason=reason,
            next_action=None,
            status="canceled",
        )
        announce(account, intent)
        account.emit("payment_intent.canceled", intent)
