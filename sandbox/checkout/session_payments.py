"""Paying a Checkout Session: what follows from the buyer's click, on the hosted page or through the API."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from sandbox.billing import invoices
from sandbox.catalogue import discounts, taxes
from sandbox.checkout import carts, custom_fields, session_invoices, session_subscriptions, session_taxes, sessions
from sandbox.customers import customers
from sandbox.ground.errors import invalid
from sandbox.payments import payment_intents, payment_methods
from sandbox.payments.payment_intents import Attempt
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


@dataclass(frozen=True)
class Buyer:
    """What the buyer typed about themselves."""

    email: str
    name: str = ""
    country: str = ""
    postal_code: str = ""
    phone: str = ""
    # Its kind and its number.
    tax_id: tuple[str, str] | None = None
    business_name: str = ""
    individual_name: str = ""
    # Whether they want to hear of offers.
    promotions: bool = False
    # What was typed into the shop's own fields, by key.
    custom_fields: dict[str, str] = field(default_factory=dict)

    def billing(self) -> Object:
        """The same as billing details."""
        address = {"country": self.country, "postal_code": self.postal_code}
        return {"address": address, "email": self.email, "name": self.name, "phone": self.phone}

    def names(self) -> Object:
        """The names that were asked for beside that on the card, as far as they were given."""
        given = {"business_name": self.business_name, "individual_name": self.individual_name}
        return {key: name for key, name in given.items() if name}


def needs_method(session: Object) -> bool:
    """Whether the buyer has to enter a card or an account."""
    return bool(session["amount_total"]) or session["payment_method_collection"] == "always"


def pay(account: Account, session: Object, method: Object | None, buyer: Buyer) -> Attempt:
    """Try to pay an open session. When it is paid or under way the session is complete.

    Raises StripeError when the session is no longer open, and (402) when the card is declined.
    """
    with account.in_time_of(session["customer"]):
        return _pay(account, session, method, buyer)


def _pay(account: Account, session: Object, method: Object | None, buyer: Buyer) -> Attempt:
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.", code="checkout_session_not_open")
    notes = account.store.notes(session["id"])
    notes["buyer"] = asdict(buyer)
    carts.locate(account, session, session_taxes.buyer(account, session, buyer.country, buyer.tax_id))
    customer = _customer(account, session, buyer)
    if not session["amount_total"]:
        _complete(account, session, customer, method, None)
        return Attempt.PAID
    if method is None:
        raise invalid("A payment method is required to complete this session.", param="payment_method")
    intent = _intent(account, session, customer)
    return _finish(account, session, intent, customer, method, payment_intents.attempt(account, intent, method))


def authenticate(account: Account, intent: Object, *, approved: bool) -> Attempt:
    """The buyer's bank has asked them, and they approved it or not. Raises StripeError like `pay`."""
    session = account.find("checkout.session", account.store.notes(intent["id"])["session"])
    with account.in_time_of(session["customer"]):
        return _authenticate(account, session, intent, approved=approved)


def _authenticate(account: Account, session: Object, intent: Object, *, approved: bool) -> Attempt:
    # What is bought may have changed while the bank was asking.
    waiting = intent["status"] == "requires_action" and intent["amount"] == session["amount_total"]
    if session["status"] != "open" or not waiting:
        raise invalid("This payment no longer waits for a confirmation.", code="payment_intent_unexpected_state")
    if not approved:
        raise payment_intents.authentication_failed(account, intent)
    method = account.find("payment_method", intent["payment_method"])
    customer = account.store.get("customer", intent["customer"] or "")
    outcome = payment_intents.attempt(account, intent, method, authenticated=True)
    return _finish(account, session, intent, customer, method, outcome)


def _finish(
    account: Account, session: Object, intent: Object, customer: Object | None, method: Object, outcome: Attempt
) -> Attempt:
    if outcome is not Attempt.CHALLENGE:
        _complete(account, session, customer, method, intent)
    return outcome


def _customer(account: Account, session: Object, buyer: Buyer) -> Object | None:
    """The session's customer. One is made for plans and invoices, for orders that cost nothing, and when asked for."""
    notes = account.store.notes(session["id"])
    if known := session["customer"] or notes.get("customer"):
        return account.find("customer", known)
    needed = session["customer_creation"] == "always" or session_invoices.wanted(session)
    if session["amount_total"] and not needed:
        return None
    made = customers.make(account, {**buyer.billing(), **buyer.names()})
    # Remembered, so that a second attempt after a decline does not make a second customer.
    notes["customer"] = made["id"]
    return made


def _intent(account: Account, session: Object, customer: Object | None) -> Object:
    """The session's PaymentIntent: made at the first attempt, tried again at later ones."""
    if known := account.store.notes(session["id"]).get("payment_intent"):
        intent = account.find("payment_intent", known)
        account.store.change(intent, amount=session["amount_total"])
        return intent
    data = account.store.notes(session["id"])["payment_intent_data"]
    intent = payment_intents.open(
        account,
        amount=session["amount_total"],
        currency=session["currency"],
        capture_method=data.get("capture_method", "automatic_async"),
        customer=customer["id"] if customer else None,
        description="Subscription creation" if session["mode"] == "subscription" else data.get("description"),
        metadata=dict(data.get("metadata", {})),
        payment_method_options=payment_intents.options({}, session["payment_method_options"] or {}),
        payment_method_types=session["payment_method_types"],
        receipt_email=data.get("receipt_email"),
        setup_future_usage=data.get("setup_future_usage"),
        shipping=payment_intents.shipping(data.get("shipping")),
        statement_descriptor=data.get("statement_descriptor"),
        statement_descriptor_suffix=data.get("statement_descriptor_suffix"),
        transfer_group=data.get("transfer_group"),
    )
    account.store.notes(session["id"])["payment_intent"] = intent["id"]
    account.store.notes(intent["id"])["session"] = session["id"]
    if session["mode"] == "payment":
        account.store.change(session, payment_intent=intent["id"])
    return intent


def _complete(
    account: Account, session: Object, customer: Object | None, method: Object | None, intent: Object | None
) -> None:
    account.timers.cancel("expire_session", session["id"])
    buyer = Buyer(**account.store.notes(session["id"])["buyer"])
    discounts.redeem(account, session["discounts"][0] if session["discounts"] else None)
    account.store.change(
        session,
        collected_information=blank("checkout.session.collected_information", **buyer.names()),
        consent=_consent(session, buyer),
        custom_fields=custom_fields.filled(session, buyer.custom_fields),
        customer=customer["id"] if customer else None,
        customer_details=_details(account, customer, buyer),
        payment_status=_payment_status(session, intent),
        status="complete",
        url=None,
    )
    _update_customer(account, session, customer, buyer)
    if customer and buyer.tax_id:
        _keep_tax_id(account, customer, buyer.tax_id)
    if session["mode"] == "subscription":
        assert customer is not None
        session_subscriptions.start(account, session, customer, method, intent)
        return
    if customer and account.store.notes(session["id"]).get("customer"):
        account.emit("customer.created", customer)
    invoice = _invoice(account, session, intent)
    if intent and intent["status"] == "processing":
        payment_intents.announce_processing(account, intent)
    elif intent:
        payment_intents.announce_success(account, intent)
    sessions.announce_completed(account, session)
    if invoice:
        invoices.announce_paid(account, invoice)


def _invoice(account: Account, session: Object, intent: Object | None) -> Object | None:
    """The invoice of what was bought once, if there is to be one. What has not been paid yet has none."""
    if not session_invoices.wanted(session) or session["payment_status"] == "unpaid":
        return None
    return session_invoices.issue(account, session, account.find("customer", session["customer"]), intent)


def _consent(session: Object, buyer: Buyer) -> Object | None:
    """What the buyer has agreed to. Who could not agree to the terms did not get here."""
    asked = session["consent_collection"]
    if asked is None:
        return None
    offers = "opt_in" if buyer.promotions else "opt_out"
    return {
        "promotions": offers if asked["promotions"] == "auto" else None,
        "terms_of_service": "accepted" if asked["terms_of_service"] == "required" else None,
    }


def _update_customer(account: Account, session: Object, customer: Object | None, buyer: Buyer) -> None:
    """Write what the buyer typed on the customer the shop named, as far as it wants that."""
    asked, billing = account.store.notes(session["id"]).get("customer_update", {}), buyer.billing()
    changes: Object = {}
    if asked.get("name") == "auto":
        changes |= {"name": buyer.name or None, **buyer.names()}
    if asked.get("address") == "auto":
        changes["address"] = payment_methods.billing_details(billing)["address"]
    if customer and changes and (previous := account.store.change(customer, **changes)):
        account.emit("customer.updated", customer, previous)


def _payment_status(session: Object, intent: Object | None) -> str:
    if intent is None:
        return "no_payment_required"
    return "paid" if intent["status"] == "succeeded" else "unpaid"


def _keep_tax_id(account: Account, customer: Object, tax_id: tuple[str, str]) -> None:
    known, (kind, number) = taxes.ids_of(account, customer), tax_id
    given = {"type": kind, "value": number}
    account.store.notes(customer["id"])["tax_ids"] = known if given in known else [*known, given]
    account.store.save(customer)


def _details(account: Account, customer: Object | None, buyer: Buyer) -> Object:
    known = taxes.ids_of(account, customer) if customer else []
    given = [{"type": buyer.tax_id[0], "value": buyer.tax_id[1]}] if buyer.tax_id else []
    billing = payment_methods.billing_details(buyer.billing())
    return blank(
        "checkout.session.customer_details",
        address=billing["address"],
        email=buyer.email,
        name=buyer.name or None,
        phone=buyer.phone or None,
        tax_exempt=(customer or {}).get("tax_exempt") or "none",
        tax_ids=[*known, *(each for each in given if each not in known)],
        **buyer.names(),
    )


def settle(account: Account, intent_id: str, *, paid: bool | None = None) -> None:
    """A bank debit's answer has come: as the account number has it, unless told otherwise."""
    intent = account.find("payment_intent", intent_id)
    method = account.find("payment_method", intent["payment_method"])
    if paid is None:
        paid = payment_methods.instrument_of(account, method).settles
    payment_intents.settle(account, intent, paid=paid)
    session = account.store.get("checkout.session", account.store.notes(intent_id).get("session", ""))
    if session is None:
        return
    if not paid:
        account.emit("checkout.session.async_payment_failed", session)
        return
    account.store.change(session, payment_status="paid")
    invoice = _invoice(account, session, intent)
    account.emit("checkout.session.async_payment_succeeded", session)
    if invoice:
        invoices.announce_paid(account, invoice)
