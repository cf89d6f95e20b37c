"""Charges, one for each attempt at a payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.balance import balance_transactions
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.ground.periods import DAY
from sandbox.payments import payment_methods
from sandbox.payments.cards import Decline, Instrument
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

# So long a card's money is held for a payment that is to be captured later.
HELD_SECONDS = 7 * DAY
DESCRIPTOR_LENGTH = 22
# Cards that are disputed by themselves take so many times as long as the money takes to be captured.
AFTERMATH = 2
EDITABLE = ("description", "receipt_email", "transfer_group")
AUTHORIZED = {
    "network_status": "approved_by_network",
    "risk_level": "normal",
    "risk_score": 12,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


def succeeded(account: Account, intent: Object, method: Object, *, authenticated: bool) -> Object:
    """A charge that went through. The money is captured a moment later, by a timer, or is there at once by such a card."""
    values = {"amount_captured": intent["amount"], "captured": True}
    charge = _authorized(account, intent, method, authenticated=authenticated, **values)
    if instrument(account, charge).bypasses_pending:
        account.store.change(charge, balance_transaction=_charged(account, charge)["id"])
    else:
        account.later(account.settings.capture_seconds, "capture", charge["id"])
    _await_aftermath(account, charge)
    return charge


def held(account: Account, intent: Object, method: Object, *, authenticated: bool) -> Object:
    """A charge for which the money is only held, until `take` or until it is let go."""
    charge = _authorized(account, intent, method, authenticated=authenticated)
    charge["payment_method_details"]["card"]["capture_before"] = charge["created"] + HELD_SECONDS
    return charge


def take(account: Account, charge: Object, amount: int) -> None:
    """Capture so much of what is held; the rest is let go."""
    account.store.change(charge, amount_captured=amount, captured=True)
    account.store.change(charge, balance_transaction=_charged(account, charge)["id"])
    account.emit("charge.captured", charge)
    _await_aftermath(account, charge)


def _authorized(account: Account, intent: Object, method: Object, *, authenticated: bool, **values: Any) -> Object:
    charge = _make(account, intent, method, outcome=AUTHORIZED, paid=True, status="succeeded", **values)
    if authenticated:
        charge["payment_method_details"]["card"]["three_d_secure"] = blank(
            "charge.payment_method_details.card.three_d_secure",
            authentication_flow="challenge",
            electronic_commerce_indicator="05",
            result="authenticated",
            version="2.2.0",
        )
    return charge


def _await_aftermath(account: Account, charge: Object) -> None:
    paid_with = instrument(account, charge)
    if paid_with.dispute:
        account.later(AFTERMATH * account.settings.capture_seconds, "open_dispute", charge["id"])
    if paid_with.warning:
        account.later(AFTERMATH * account.settings.capture_seconds, "warn_of_fraud", charge["id"])


def instrument(account: Account, charge: Object) -> Instrument:
    """What a charge was paid with."""
    return payment_methods.instrument_of(account, account.find("payment_method", charge["payment_method"]))


def pending(account: Account, intent: Object, method: Object) -> Object:
    """A charge that the bank has yet to answer."""
    return _make(account, intent, method, outcome=AUTHORIZED, status="pending", captured=True)


def failed(account: Account, intent: Object, method: Object, decline: Decline, *, blocked: bool) -> Object:
    """A charge that was refused."""
    outcome = {
        "network_status": "not_sent_to_network" if blocked else "declined_by_network",
        "reason": "highest_risk_level" if blocked else (decline.reason or decline.code),
        "risk_level": "highest" if blocked else "normal",
        "seller_message": (
            "Stripe blocked this payment as too risky."
            if blocked
            else "The bank did not return any further details with this decline."
        ),
        "type": "blocked" if blocked else "issuer_declined",
    }
    return _make(
        account,
        intent,
        method,
        failure_code=decline.code,
        failure_message=decline.message,
        outcome=outcome,
        status="failed",
    )


def _make(account: Account, intent: Object, method: Object, **values: Any) -> Object:
    charge = blank(
        "charge",
        id=ids.of_payment("ch" if method["type"] == "card" else "py", intent["id"]),
        amount=intent["amount"],
        billing_details=dict(method["billing_details"]),
        calculated_statement_descriptor=_descriptor(account, intent),
        created=account.clock.now(),
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        fraud_details={},
        # Copied once, now; what is later written on the PaymentIntent does not get here.
        metadata=dict(intent["metadata"]),
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=_details(intent, method),
        radar_options={},
        receipt_email=intent["receipt_email"],
        shipping=intent["shipping"],
        statement_descriptor=intent["statement_descriptor"],
        statement_descriptor_suffix=intent["statement_descriptor_suffix"],
        transfer_group=intent["transfer_group"],
        **values,
    )
    return account.store.save(charge)


def _descriptor(account: Account, intent: Object) -> str:
    """What the buyer's bank writes on their statement."""
    shop = account.settings.shop_name.upper()
    if suffix := intent["statement_descriptor_suffix"]:
        return f"{shop[:10].strip()}* {suffix.upper()}"[:DESCRIPTOR_LENGTH]
    return str(intent["statement_descriptor"] or shop)[:DESCRIPTOR_LENGTH]


def _details(intent: Object, method: Object) -> Object:
    kind, known = method["type"], method[method["type"]]
    values: Object = {key: known[key] for key in ("fingerprint", "last4")}
    if kind == "sepa_debit":
        values |= {"bank_code": known["bank_code"], "country": known["country"]}
    elif kind == "us_bank_account":
        values |= {key: known[key] for key in ("account_holder_type", "account_type", "bank_name", "routing_number")}
    else:
        values |= {key: known[key] for key in ("brand", "checks", "country", "exp_month", "exp_year", "funding")}
        values |= {"amount_authorized": intent["amount"], "network": known["brand"]}
    return {"type": kind, kind: values}


def arrive(account: Account, charge: Object) -> None:
    """The money of a bank debit has come."""
    account.store.change(charge, amount_captured=charge["amount"], captured=True, paid=True, status="succeeded")
    account.store.change(charge, balance_transaction=_charged(account, charge)["id"])


def bounce(account: Account, charge: Object, decline: Decline) -> None:
    """The money of a bank debit will not come."""
    account.store.change(
        charge,
        failure_code=decline.reason,
        failure_message=decline.message,
        outcome={**charge["outcome"], "network_status": "declined_by_network", "reason": decline.reason},
        status="failed",
    )


def capture(account: Account, id: str) -> None:
    """The timer of a card payment: fees are known now, so the charge gets its balance transaction."""
    charge = account.find("charge", id)
    transaction = _charged(account, charge)
    previous = account.store.change(charge, balance_transaction=transaction["id"])
    account.emit("charge.updated", charge, previous)


def _charged(account: Account, charge: Object) -> Object:
    amount = charge["amount_captured"]
    kind = "charge" if charge["id"].startswith("ch_") else "payment"
    fee = balance_transactions.fee_of(amount)
    made = balance_transactions.record(account, charge, kind=kind, amount=amount, fee=fee)
    if instrument(account, charge).bypasses_pending:
        balance_transactions.clear(account, made)
    return made


def update(account: Account, call: Call) -> Object:
    """POST /v1/charges/{id}"""
    charge = account.find("charge", call.id)
    changes: Object = {key: call.params[key] or None for key in EDITABLE if key in call.params}
    if id := call.params.get("customer"):
        if charge["customer"]:
            text = "This can only be updated if there is no existing associated customer with this charge."
            raise invalid(text, param="customer")
        changes["customer"] = account.find("customer", id, param="customer")["id"]
    if "shipping" in call.params:
        changes["shipping"] = blank("charge.shipping", **call.params["shipping"])
    if "fraud_details" in call.params:
        report = call.params["fraud_details"]["user_report"]
        changes["fraud_details"] = {"user_report": report} if report else {}
    changes["metadata"] = metadata.merge(charge["metadata"], call.params.get("metadata"))
    if previous := account.store.change(charge, **changes):
        account.emit("charge.updated", charge, previous)
    return charge


def instrument_name(account: Account, charge: Object) -> str:
    """Such as `visa 4242`, for people."""
    used = instrument(account, charge)
    return f"{used.brand if used.kind == 'card' else 'bank debit'} {used.last4}"
