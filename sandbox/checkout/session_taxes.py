"""Taxes of Checkout Sessions: reckoned where the buyer is, and shown with the line items when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.catalogue import currency_options, taxes
from sandbox.ground.errors import card_error, invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

# What is kept beside the line items, which show their taxes only to those who ask.
KIND = "line_item_taxes"
NO_ADDRESS = (
    "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to the "
    "Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' to save the "
    "address entered in Checkout to the Customer."
)
NO_NAME = (
    "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an existing "
    "customer, please set `customer_update[name]` to `auto`."
)
SHORTEST_ID = 5


def check(account: Account, params: Object) -> None:
    """Raises StripeError for a customer whose taxes could not be known, or whose tax ID could not be kept."""
    if "customer" not in params:
        return
    customer = account.find("customer", params["customer"], param="customer")
    updated = params.get("customer_update", {})
    taxed = params.get("automatic_tax", {}).get("enabled")
    if taxed and updated.get("address") != "auto" and taxes.of_customer(account, customer) is None:
        raise invalid(NO_ADDRESS, code="customer_tax_location_invalid")
    if params.get("tax_id_collection", {}).get("enabled") and updated.get("name") != "auto":
        raise invalid(NO_NAME, param="tax_id_collection[enabled]")


def buyer(account: Account, session: Object, country: str, tax_id: tuple[str, str] | None) -> taxes.Buyer | None:
    """Whom a session is taxed for: the customer that was named, or whoever says where they are."""
    customer = account.store.get("customer", session["customer"] or "")
    typed = account.store.notes(session["id"]).get("customer_update", {}).get("address") == "auto"
    known = taxes.of_customer(account, customer)
    if customer and known and not typed:
        return taxes.Buyer(known.country, known.exempt, (*known.tax_ids, *([tax_id] if tax_id else [])))
    if not country:
        return known
    exempt = str((customer or {}).get("tax_exempt") or "none")
    return taxes.Buyer(country, exempt, (tax_id,) if tax_id else ())


def levy(account: Account, session: Object, items: list[Object]) -> None:
    """Put the taxes on line items that know their discount, for the buyer the session knows; without one, none."""
    if not session["automatic_tax"]["enabled"]:
        return
    given = account.store.notes(session["id"]).get("taxed_for")
    known = taxes.Buyer(given[0], given[1], tuple((kind, number) for kind, number in given[2])) if given else None
    for item in items:
        after_discount = item["amount_subtotal"] - item["amount_discount"]
        found: list[Object] = []
        if known:
            price = currency_options.in_currency(account, item["price"], item["currency"])
            found = taxes.levied(account, price, after_discount, known)
        kept = account.store.get(KIND, item["id"]) or {"object": KIND, "id": item["id"]}
        account.store.change(kept, taxes=found)
        added = sum(tax["amount"] for tax in found if not tax["rate"]["inclusive"])
        item.update(amount_tax=sum(tax["amount"] for tax in found), amount_total=after_discount + added)


def of_item(account: Account, item: Object) -> list[Object]:
    """The taxes of a line item."""
    kept = account.store.get(KIND, item["id"])
    return list(kept["taxes"]) if kept else []


def asked_id(session: Object) -> Object | None:
    """How a session asks for a tax ID, if it does."""
    asked: Object = session.get("tax_id_collection") or {"enabled": False}
    return asked if asked["enabled"] else None


def typed_id(session: Object, country: str, text: str, *, paying: bool = True) -> tuple[str, str] | None:
    """The tax ID a buyer has typed, with its kind. Raises StripeError (402) for what is none, and for none where one is
    wanted of whoever is `paying`."""
    asked = asked_id(session)
    kind, number = taxes.ID_KINDS.get(country), "".join(text.split()).upper()
    if asked is None:
        return None
    if not number:
        if paying and asked["required"] == "if_supported" and kind:
            raise card_error("field_missing", "A tax ID is required.", param="taxId")
        return None
    if kind is None or len(number) < SHORTEST_ID or not number.isalnum():
        raise card_error("field_invalid", "This tax ID is not one of the country above.", param="taxId")
    return kind, number
