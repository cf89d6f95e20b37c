"""Payment methods: a card or a bank account, with the name and address that go with it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid, missing_object
from sandbox.payments import cards
from sandbox.payments.cards import Instrument
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

IMITATED = ("card", "sepa_debit", "us_bank_account")
# What may be said of each beside its number, now or later.
DETAILS = {
    "card": ("exp_month", "exp_year"),
    "sepa_debit": (),
    "us_bank_account": ("account_holder_type", "account_type", "routing_number"),
}
DEBITS = {"eur": "sepa_debit", "usd": "us_bank_account"}
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def create(account: Account, call: Call) -> Object:
    """POST /v1/payment_methods"""
    owner = call.params.get("customer")
    customer = account.find("customer", owner, param="customer") if owner else None
    method = described(account, call.params)
    if customer:
        cards.check_keeping(instrument_of(account, method))
        account.store.change(method, customer=customer["id"])
        account.emit("payment_method.attached", method)
    return method


def described(account: Account, given: Object) -> Object:
    """A new payment method, as parameters describe it."""
    kind = given.get("type", "card" if "card" in given else "")
    if kind not in IMITATED:
        raise invalid(f"The sandbox imitates payment methods of the types {', '.join(IMITATED)}.", param="type")
    details = given.get(kind, {})
    instrument, expiry = _instrument(details, kind)
    made = make(account, instrument, expiry=expiry, billing=given.get("billing_details"), extra=given.get("metadata"))
    redisplay = given.get("allow_redisplay", "unspecified")
    account.store.change(made, allow_redisplay=redisplay, **_detailed(made, details))
    return made


def _detailed(method: Object, given: Object) -> Object:
    """A card or an account with what is said of it beside its number."""
    kind = method["type"]
    details = {**method[kind], **{key: given[key] for key in DETAILS[kind] if key in given}}
    if preferred := given.get("networks", {}).get("preferred"):
        details["networks"] = {**details["networks"], "preferred": preferred}
    return {kind: details}


def _instrument(given: Object, kind: str) -> tuple[Instrument, tuple[int, int]]:
    expiry = (given.get("exp_month", 12), given.get("exp_year", 2034))
    if token := given.get("token"):
        found = cards.named(token)
        if found is None:
            raise missing_object("token", token, param="card[token]")
        return found, expiry
    number = given.get({"card": "number", "sepa_debit": "iban", "us_bank_account": "account_number"}[kind], "")
    instrument = cards.numbered(str(number))
    if instrument.kind != kind:
        raise invalid(f"This number is not one of a {kind}.", param=kind)
    if kind == "card":
        cards.check_expiry(*expiry)
        if "cvc" in given:
            cards.check_cvc(given["cvc"], instrument)
    return instrument, expiry


def make(
    account: Account,
    instrument: Instrument,
    *,
    expiry: tuple[int, int] = (12, 2034),
    billing: Object | None = None,
    extra: Any = None,
) -> Object:
    """A new payment method, saved. Only numbers of test instruments ever get here."""
    method = blank(
        "payment_method",
        id=ids.new("pm"),
        allow_redisplay="unspecified",
        billing_details=billing_details(billing),
        created=account.clock.now(),
        metadata=metadata.fresh(extra),
        type=instrument.kind,
        **{instrument.kind: _details(instrument, expiry)},
    )
    account.store.notes(method["id"])["number"] = instrument.number
    return account.store.save(method)


def billing_details(given: Object | None) -> Object:
    """Name, email and address, complete with nulls."""
    given = given or {}
    address = given.get("address") or {}
    return {
        "address": {key: address.get(key) or None for key in ADDRESS},
        **{key: given.get(key) or None for key in ("email", "name", "phone")},
        "tax_id": given.get("tax_id") or None,
    }


def offered(given: Object, currency: str, *, debits: bool = True) -> list[str]:
    """The kinds of payment method a payment takes, of those that were asked for and those that were not wanted."""
    available = ["card", *([DEBITS[currency]] if debits and currency in DEBITS else [])]
    wanted = given.get("payment_method_types") or given.get("allowed_payment_method_types") or available
    excluded = given.get("excluded_payment_method_types") or ()
    left = [kind for kind in wanted if kind in available and kind not in excluded]
    if not left:
        text = f"No payment method types enabled for {currency}. The sandbox imitates {', '.join(available)}."
        raise invalid(text, param="allowed_payment_method_types")
    return left


def fingerprint(instrument: Instrument) -> str:
    """The same for the same number, as Stripe's is."""
    return hashlib.sha256(instrument.number.encode()).hexdigest()[:16]


def _details(instrument: Instrument, expiry: tuple[int, int]) -> Object:
    if instrument.kind == "sepa_debit":
        values: Object = {"bank_code": instrument.number[4:9], "country": instrument.country}
    elif instrument.kind == "us_bank_account":
        values = {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
        }
    else:
        values = {
            "brand": instrument.brand,
            "checks": {"cvc_check": "pass"},
            "country": instrument.country,
            "display_brand": "american_express" if instrument.brand == "amex" else instrument.brand,
            "exp_month": expiry[0],
            "exp_year": expiry[1],
            "funding": instrument.funding,
            "networks": {"available": [instrument.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
        }
    return {**values, "fingerprint": fingerprint(instrument), "last4": instrument.last4}


def named(account: Account, id: str, *, param: str) -> Object:
    """The payment method a parameter names: one that exists, or a new one for an alias such as pm_card_visa."""
    if instrument := cards.named(id):
        return make(account, instrument)
    return account.find("payment_method", id, param=param)


def instrument_of(account: Account, method: Object) -> Instrument:
    """What lies behind a payment method."""
    return cards.BY_NUMBER[account.store.notes(method["id"])["number"]]


def update(account: Account, call: Call) -> Object:
    """POST /v1/payment_methods/{id}"""
    method = account.find("payment_method", call.id)
    changes = {"metadata": metadata.merge(method["metadata"], call.params.get("metadata"))}
    if "billing_details" in call.params:
        changes["billing_details"] = billing_details({**method["billing_details"], **call.params["billing_details"]})
    if "allow_redisplay" in call.params:
        changes["allow_redisplay"] = call.params["allow_redisplay"]
    kind = method["type"]
    if other := next((name for name in IMITATED if name in call.params and name != kind), None):
        raise invalid(f"This is a payment method of the type {kind}.", param=other)
    changes |= _detailed(method, call.params.get(kind, {}))
    if previous := account.store.change(method, **changes):
        account.emit("payment_method.updated", method, previous)
    return method
