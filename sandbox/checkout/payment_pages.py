"""The buyer's side of a session over HTTP, as Stripe's own command line uses it to pay without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.checkout import custom_fields, session_payments
from sandbox.ground.errors import invalid
from sandbox.payments import payment_method_ownership, payment_methods

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object


def retrieve(account: Account, call: Call) -> Object:
    """GET /v1/payment_pages/{session}"""
    return _page(account.find("checkout.session", call.id))


def confirm(account: Account, call: Call) -> Object:
    """POST /v1/payment_pages/{session}/confirm"""
    session = account.find("checkout.session", call.id)
    expected = call.params.get("expected_amount")
    if expected is not None and expected != session["amount_total"]:
        text = "The expected amount does not match the amount of this session."
        raise invalid(text, param="expected_amount", code="checkout_amount_mismatch")
    method = None
    if id := call.params.get("payment_method"):
        method = payment_methods.named(account, id, param="payment_method")
        payment_method_ownership.check_payer(account, method, session["customer"])
    elif session_payments.needs_method(session):
        text = "Missing required param: payment_method."
        raise invalid(text, param="payment_method", code="parameter_missing")
    session_payments.pay(account, session, method, _buyer(account, session, method))
    return _page(session)


def _buyer(account: Account, session: Object, method: Object | None) -> session_payments.Buyer:
    billing = method["billing_details"] if method else payment_methods.billing_details(None)
    customer = account.store.get("customer", session["customer"] or "") or {}
    return session_payments.Buyer(
        email=billing["email"] or session["customer_email"] or customer.get("email") or "stripe@example.com",
        name=billing["name"] or customer.get("name") or "",
        country=billing["address"]["country"] or "",
        postal_code=billing["address"]["postal_code"] or "",
        custom_fields=custom_fields.likely(session),
    )


def _page(session: Object) -> Object:
    return {
        "id": session["id"],
        "object": "checkout.session",
        "session_id": session["id"],
        "amount_total": session["amount_total"],
        "currency": session["currency"],
        "livemode": False,
        "mode": session["mode"],
        "payment_intent": session["payment_intent"],
        "payment_method_types": session["payment_method_types"],
        "payment_status": session["payment_status"],
        "status": session["status"],
        "success_url": session["success_url"],
        "url": session["url"],
    }
