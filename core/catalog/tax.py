"""Tax: what kind of thing is sold, as Stripe's tax codes say it, and the rates that were taken."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from core.catalog.products import Kind

# What a catalogue may call Stripe's codes. Any other code of Stripe's may be given as it is.
CODES = {
    "download": "txcd_10000000",
    "ebook": "txcd_10302000",
    "software": "txcd_10202000",
    "business_software": "txcd_10202003",
    "saas": "txcd_10103000",
    "business_saas": "txcd_10103001",
    "live_online": "txcd_20060045",
    "in_the_room": "txcd_20060044",
    "not_taxable": "txcd_00000000",
}
_OF_KIND = {Kind.DOWNLOAD: "download", Kind.LICENSE: "software", Kind.PLAN: "saas", Kind.WORKSHOP: "live_online"}
INCLUSIVE, EXCLUSIVE = "inclusive", "exclusive"
# Rates are told with so many digits behind the point at most.
_DIGITS = 4


def name_of(kind: Kind) -> str:
    """What a product of this kind is to the tax office unless its seller says otherwise, as a catalogue calls it."""
    return _OF_KIND[kind]


def code_of(kind: Kind, chosen: str) -> str:
    """Stripe's tax code of a product of this kind; `chosen` is what its seller wrote instead, if anything."""
    name = chosen or _OF_KIND[kind]
    return CODES.get(name, name)


def rate_said(taxes: Sequence[Mapping[str, Any]]) -> str:
    """The rate of a line in per cent, such as `19` or `8.875`, as the taxes on it say themselves; empty if they do not.

    Where a state and a city tax the same line, it is the sum of both.
    """
    said = [each.get("rate") or {} for each in taxes]
    found = [rate.get("effective_percentage", rate.get("percentage")) for rate in said]
    if not found or any(each is None for each in found):
        return ""
    return written(sum((Decimal(str(each)) for each in found), start=Decimal(0)))


def roundest_rate(tax: int, taxable: int) -> str:
    """The rate in per cent with the fewest digits that makes this tax of this net amount to the cent. Invoices of Stripe's
    name no rate, and 551 of 2900 is 19, and not 19.0003."""
    if not taxable:
        return ""
    exact = Decimal(tax) * 100 / Decimal(taxable)
    for digits in range(_DIGITS):
        rate = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        if (Decimal(taxable) * rate / 100).to_integral_value(ROUND_HALF_UP) == tax:
            return written(rate)
    return written(exact.quantize(Decimal(1).scaleb(-_DIGITS), ROUND_HALF_UP))


def written(rate: Decimal) -> str:
    """A rate without needless zeros."""
    return f"{rate.normalize():f}"


def reason_said(taxes: Sequence[Mapping[str, Any]]) -> str:
    """Stripe's word for why a line is taxed so, such as `standard_rated` or `reverse_charge`; empty if it says nothing."""
    return next((str(each["taxability_reason"]) for each in taxes if each.get("taxability_reason")), "")
