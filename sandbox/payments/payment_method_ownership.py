"""Whose a payment method is: nobody's, or one customer's. It decides who pays with it, and how often.

What belongs to nobody pays once, and what was taken from its customer never again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.ground.errors import invalid
from sandbox.payments import cards, payment_methods

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

USED_UP = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use "
    "a PaymentMethod multiple times, you must attach it to a Customer first."
)


def attach(account: Account, call: Call) -> Object:
    """POST /v1/payment_methods/{id}/attach"""
    customer = account.find("customer", call.params.get("customer", ""), param="customer")
    if (known := account.store.get("payment_method", call.id)) and known["customer"] == customer["id"]:
        return known
    return take(account, customer, call.id, param="payment_method")


def take(account: Account, customer: Object, id: str, *, param: str) -> Object:
    """Attach what a parameter names to a customer, and say so. Raises StripeError, (402) when its bank declines."""
    method = give(account, customer, id, param=param)
    account.emit("payment_method.attached", method)
    return method


def give(account: Account, customer: Object, id: str, *, param: str) -> Object:
    """Like `take`, of a customer whom nobody has heard of yet."""
    check_free(account, id, param=param)
    method = payment_methods.named(account, id, param=param)
    account.store.change(method, customer=customer["id"])
    return method


def check_free(account: Account, id: str, *, param: str) -> None:
    """Raises StripeError for what cannot be attached to anybody."""
    instrument = cards.named(id)
    if instrument is None:
        method = account.find("payment_method", id, param=param)
        if method["customer"]:
            raise invalid("The payment method you provided has already been attached to a customer.", param=param)
        _check_unused(account, method, param)
        instrument = payment_methods.instrument_of(account, method)
    cards.check_keeping(instrument)


def named(account: Account, customer: Object, id: str, *, param: str) -> Object:
    """A customer's payment method that a parameter names. What an alias makes is theirs from then on."""
    if cards.named(id):
        return take(account, customer, id, param=param)
    check(account, customer["id"], id, param=param)
    return account.find("payment_method", id)


def check(account: Account, customer: str, id: str, *, param: str) -> None:
    """Raises StripeError for what does not belong to the customer. What an alias is to make can belong to anybody."""
    if cards.named(id) or account.find("payment_method", id, param=param)["customer"] == customer:
        return
    text = f"The customer does not have a payment method with the ID {id}. The payment method must be attached to the"
    raise invalid(f"{text} customer.", param=param, code="resource_missing")


def check_payer(account: Account, method: Object, customer: str | None) -> None:
    """Raises StripeError unless that customer, or nobody in particular, can pay with it."""
    if method["customer"] is None:
        _check_unused(account, method, "payment_method")
    elif method["customer"] != customer:
        text = (
            f"The `payment_method` parameter supplied {method['id']} belongs to the Customer {method['customer']}. "
            "Please include the Customer in the `customer` parameter on the PaymentIntent."
        )
        raise invalid(text, param="payment_method")


def _check_unused(account: Account, method: Object, param: str) -> None:
    if account.store.notes(method["id"]).get("used_up"):
        raise invalid(USED_UP, param=param)


def use(account: Account, method: Object) -> None:
    """The bank is asked for money: what belongs to nobody cannot be used again, however that goes."""
    if method["customer"] is None:
        _use_up(account, method)


def _use_up(account: Account, method: Object) -> None:
    account.store.notes(method["id"])["used_up"] = True
    account.store.save(method)


def detach(account: Account, call: Call) -> Object:
    """POST /v1/payment_methods/{id}/detach"""
    method = account.find("payment_method", call.id)
    if method["customer"] is None:
        text = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(text)
    previous = account.store.change(method, customer=None)
    _use_up(account, method)
    account.emit("payment_method.detached", method, previous)
    return method


def listing(account: Account, call: Call) -> Object:
    """GET /v1/customers/{id}/payment_methods"""
    customer = account.find("customer", call.id)
    attached = account.store.having("payment_method", "customer", customer["id"])
    return lists.cut(call, attached, "payment_method")
