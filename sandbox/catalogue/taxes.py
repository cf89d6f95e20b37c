"""Automatic tax by a simple table: the rate of the buyer's country, and nothing where the shop is not registered.

The shop is in Germany. Businesses in other countries of the EU that name their VAT number owe the tax themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from sandbox.ground import ids
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

SELLER = "DE"
# Percent. The other countries are nothing to the tax office here.
RATES = {"AT": 20, "BE": 21, "DE": 19, "ES": 21, "FR": 20, "GB": 20, "IE": 23, "IT": 22, "NL": 21, "PL": 23, "SE": 25}
EUROPEAN_UNION = RATES.keys() - {"GB"}
ID_KINDS = {**dict.fromkeys(EUROPEAN_UNION, "eu_vat"), "CH": "ch_vat", "GB": "gb_vat", "NO": "no_vat", "US": "us_ein"}
# Where a price does not say, taxes are added in these and included in all others: Stripe's own default.
ADDED_IN = ("cad", "usd")
NO_LOCATION = (
    "The customer's location isn't recognized. Set a valid customer address in order to automatically calculate tax."
)


@dataclass(frozen=True)
class Buyer:
    """Where a buyer is, and what the tax office knows of them: `tax_ids` are pairs of kind and number."""

    country: str
    exempt: str = "none"
    tax_ids: tuple[tuple[str, str], ...] = ()

    def owes_it_themselves(self) -> bool:
        """Whether the buyer is a business that pays the tax instead of the shop."""
        abroad = self.country in EUROPEAN_UNION - {SELLER}
        return self.exempt == "reverse" or (abroad and any(kind == "eu_vat" for kind, _ in self.tax_ids))


def of_customer(account: Account, customer: Object | None) -> Buyer | None:
    """A customer as the tax office sees them; None while nobody knows where they are."""
    country = ((customer or {}).get("address") or {}).get("country")
    if customer is None or not country:
        return None
    return Buyer(
        country, customer["tax_exempt"] or "none", tuple((e["type"], e["value"]) for e in ids_of(account, customer))
    )


def ids_of(account: Account, customer: Object) -> list[Object]:
    """The tax numbers a customer has given at Checkout."""
    known: list[Object] = account.store.notes(customer["id"]).get("tax_ids", [])
    return known


def behavior(price: Object) -> str:
    """Whether taxes are `inclusive` or `exclusive` of a price, as it reads in its currency."""
    if price["tax_behavior"] in ("inclusive", "exclusive"):
        return str(price["tax_behavior"])
    return "exclusive" if price["currency"] in ADDED_IN else "inclusive"


def levied(account: Account, price: Object, amount: int, buyer: Buyer) -> list[Object]:
    """The taxes on what so much of a price is sold for, as line items of Checkout show them."""
    inclusive = behavior(price) == "inclusive"
    reason, percent = "standard_rated", RATES.get(buyer.country, 0)
    if buyer.country not in RATES:
        reason = "not_collecting"
    elif buyer.exempt == "exempt":
        reason, percent = "customer_exempt", 0
    elif buyer.owes_it_themselves():
        reason, percent = "reverse_charge", 0
    tax = _share(amount, percent, 100 + percent if inclusive else 100)
    return [
        {
            "amount": tax,
            "rate": _rate(account, buyer.country, percent, inclusive=inclusive),
            "taxability_reason": reason,
            "taxable_amount": 0 if reason == "not_collecting" else amount - tax if inclusive else amount,
        }
    ]


def _share(amount: int, percent: int, whole: int) -> int:
    return int((Decimal(amount) * percent / whole).to_integral_value(ROUND_HALF_UP))


def _rate(account: Account, country: str, percent: int, *, inclusive: bool) -> Object:
    """The tax rate of a country, made when it is first needed."""
    for known in account.store.all("tax_rate"):
        if (known["country"], known["percentage"], known["inclusive"]) == (country, percent, inclusive):
            return known
    made = blank(
        "tax_rate",
        id=ids.new("txr"),
        active=False,
        country=country,
        created=account.clock.now(),
        display_name="Sales tax" if country == "US" else "VAT",
        effective_percentage=percent,
        inclusive=inclusive,
        jurisdiction=country,
        jurisdiction_level="country",
        metadata={},
        percentage=percent,
        rate_type="percentage",
        tax_type="sales_tax" if country == "US" else "vat",
    )
    return account.store.save(made)


def for_invoice(taxes: Iterable[Object]) -> list[Object]:
    """The same as the lines of an invoice show them."""
    return [
        {
            "amount": tax["amount"],
            "tax_behavior": "inclusive" if tax["rate"]["inclusive"] else "exclusive",
            "tax_rate_details": {"tax_rate": tax["rate"]["id"]},
            "taxability_reason": tax["taxability_reason"],
            "taxable_amount": tax["taxable_amount"],
            "type": "tax_rate_details",
        }
        for tax in taxes
    ]


def summed(taxes: Iterable[Object]) -> list[Object]:
    """The taxes of all lines of an invoice, those alike together."""
    sums: dict[Any, Object] = {}
    for tax in taxes:
        alike = (tax["tax_rate_details"]["tax_rate"], tax["taxability_reason"])
        known = sums.get(alike)
        sums[alike] = (
            {**tax, **{key: known[key] + tax[key] for key in ("amount", "taxable_amount")}} if known else dict(tax)
        )
    return list(sums.values())


def amounts(taxes: Iterable[Object]) -> tuple[int, int]:
    """What an invoice's taxes come to that were added to the prices, and that were included in them."""
    sums = {"exclusive": 0, "inclusive": 0}
    for tax in taxes:
        sums[tax["tax_behavior"]] += tax["amount"]
    return sums["exclusive"], sums["inclusive"]


def described(*, enabled: bool, buyer: Buyer | None) -> Object:
    """What a Checkout Session or an invoice says about it."""
    if not enabled:
        return {"enabled": False}
    status = "complete" if buyer else "requires_location_inputs"
    return {"enabled": True, "liability": {"type": "self"}, "provider": "stripe", "status": status}
