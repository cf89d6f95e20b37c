"""Personal parts of Stripe's objects: who paid, where they live, and with which card. Ids, amounts and countries are none."""

from collections.abc import Mapping
from typing import Any

# Whatever these hold goes.
_PERSONAL = frozenset(
    (
        "account_holder_name", "billing_email", "cardholder_name", "client_ip", "client_secret", "collected_information",
        "custom_fields", "customer_email", "customer_name", "customer_phone", "customer_purchase_ip", "customer_shipping",
        "email", "evidence", "hosted_invoice_url", "individual_name", "business_name", "invoice_pdf", "invoice_prefix", "ip",
        "ip_address", "phone", "receipt_email", "receipt_url", "shipping", "shipping_address", "shipping_details",
        "signature", "user_agent", "verified_address", "verified_email", "verified_name", "verified_phone",
    )
)  # fmt: skip
# Of these the country stays: taxes are reckoned by it.
_PLACES = frozenset(("address", "billing_address", "customer_address"))
# A name is a person's in these, and a product's anywhere else.
_PEOPLE = frozenset(("billing_details", "customer_details", "owner", "payer"))
# Why a plan was ended; what its buyer wrote about it is their own.
_FAREWELLS = frozenset(("cancellation_details",))
# By what they are paid with, these stay: a country is evidence of where somebody lives, and says of nobody who they are.
_MEANS = frozenset(("payment_method_details", "payment_method_data", "card", "card_present"))
_OF_MEANS = frozenset(("type", "brand", "country", "card", "card_present", "funding"))


def removed(said: Any) -> Any:
    """The same without what tells who somebody is. Nothing is changed in place; what has no such parts comes back equal."""
    if isinstance(said, list):
        return [removed(each) for each in said]
    if not isinstance(said, Mapping):
        return said
    kept = {name: value for name, value in said.items() if name not in _PERSONAL}
    if said.get("object") == "customer":
        kept = {name: value for name, value in kept.items() if name not in ("name", "description")}
    return {name: _removed(name, value) for name, value in kept.items()}


def _removed(name: str, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return removed(value)
    if name in _PLACES:
        return {each: value[each] for each in value if each == "country"}
    if name in _FAREWELLS:
        return {each: value[each] for each in value if each != "comment"}
    if name in _MEANS:
        return {each: _removed(each, inner) for each, inner in value.items() if each in _OF_MEANS}
    if name in _PEOPLE:
        return removed({each: inner for each, inner in value.items() if each != "name"})
    return removed(value)
