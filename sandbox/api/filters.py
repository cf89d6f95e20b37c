"""Filters of lists that name an object: Stripe refuses one that it does not have, rather than to list nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.balance import payouts
from sandbox.customers import test_clocks
from sandbox.ground.errors import missing_object

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call

# By the name of the parameter, the kinds of object it may name. None is ever made of those in the second half.
NAMED: Mapping[str, tuple[str, ...]] = {
    "charge": ("charge",),
    "coupon": ("coupon",),
    "customer": ("customer",),
    "invoice": ("invoice",),
    "payment[payment_intent]": ("payment_intent",),
    "payment_intent": ("payment_intent",),
    "plan": ("price",),
    "price": ("price",),
    "product": ("product",),
    "source": ("charge", "refund", "dispute"),
    "subscription": ("subscription",),
    "test_clock": (test_clocks.KIND,),
    "customer_account": ("account",),
    "destination": ("bank_account",),
    "payment[payment_record]": ("payment_record",),
    "payment_link": ("payment_link",),
    "payout": ("payout",),
}


def check(account: Account, call: Call) -> None:
    """Raises StripeError (400) for the first filter of a list that names an object there is not, nor ever was."""
    for where, id in _texts(call.params, ""):
        kinds = NAMED.get(where, ())
        if kinds and not _is_known(account, kinds, id):
            raise missing_object(kinds[0] if len(kinds) == 1 else where, id, param=where)


def _is_known(account: Account, kinds: tuple[str, ...], id: str) -> bool:
    # Payouts go to one bank account, which is no object of its own.
    if id == payouts.BANK_ACCOUNT:
        return True
    return any(account.store.get(name, id) for kind in kinds for name in (kind, f"deleted_{kind}"))


def _texts(params: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Paths and values of what is text."""
    for name, value in params.items():
        inside = f"{where}[{name}]" if where else name
        if isinstance(value, dict):
            yield from _texts(value, inside)
        elif isinstance(value, str):
            yield inside, value
