"""Tax numbers of customers: those that somebody gave them, and those that they typed at Checkout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.account import lists
from sandbox.catalogue import taxes
from sandbox.ground import ids
from sandbox.ground.errors import invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

KIND = "tax_id"
# Stripe knows the pattern of each country; that of the European Union's stands here for all of them.
EU_VAT = re.compile(r"^[A-Z]{2}[0-9A-Z]{2,12}$")


def create(account: Account, call: Call) -> Object:
    """POST /v1/customers/{id}/tax_ids. Raises StripeError for a number that cannot be one."""
    customer = account.find("customer", call.id)
    kind, value = call.params["type"], "".join(call.params["value"].split()).upper()
    if not value or (kind == "eu_vat" and not EU_VAT.match(value)):
        raise invalid("Invalid value for `" + kind + "`.", param="value", code="tax_id_invalid")
    known = taxes.ids_of(account, customer)
    given = {"type": kind, "value": value}
    account.store.notes(customer["id"])["tax_ids"] = known if given in known else [*known, given]
    account.store.save(customer)
    return next(each for each in _of(account, customer) if (each["type"], each["value"]) == (kind, value))


def listing(account: Account, call: Call) -> Object:
    """GET /v1/customers/{id}/tax_ids"""
    return lists.cut(call, _of(account, account.find("customer", call.id)), KIND)


def _of(account: Account, customer: Object) -> list[Object]:
    """The numbers of a customer as objects, newest first, each made when somebody first asks for it."""
    made = {
        (each["type"], each["value"]): each for each in account.store.all(KIND) if each["customer"] == customer["id"]
    }
    found = []
    for given in reversed(taxes.ids_of(account, customer)):
        key = (given["type"], given["value"])
        found.append(made.get(key) or _made(account, customer, *key))
    return found


def _made(account: Account, customer: Object, kind: str, value: str) -> Object:
    return account.store.save(
        blank(
            KIND,
            id=ids.new("txi"),
            country=value[:2] if kind == "eu_vat" else (customer["address"] or {}).get("country"),
            created=account.clock.now(),
            customer=customer["id"],
            owner={"type": "customer", "customer": customer["id"]},
            type=kind,
            value=value,
            verification={"status": "unavailable"},
        )
    )
