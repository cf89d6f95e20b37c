"""What a session is for: prices that go together, its currency, its discount, and what that comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.catalogue import currency_options, discounts, taxes
from sandbox.checkout import session_taxes
from sandbox.ground import currencies
from sandbox.ground.errors import invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def check(account: Account, params: Object) -> None:
    """Raises StripeError for prices that do not go with the mode of the session or with each other."""
    rhythms = {
        (p["recurring"]["interval"], p["recurring"].get("interval_count", 1))
        for p in _prices(account, params)
        if p.get("recurring")
    }
    if params["mode"] == "payment" and rhythms:
        text = (
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices."
        )
        raise invalid(text, param="line_items[0]")
    if params["mode"] == "subscription" and not rhythms:
        text = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise invalid(text, param="line_items[0]")
    if len(rhythms) > 1:
        text = "Checkout does not support multiple prices with different billing intervals."
        raise invalid(text, param="line_items")


def _prices(account: Account, params: Object) -> list[Object]:
    """The price, or the description of one, of each line."""
    return [account.store.get("price", line.get("price", "")) or line["price_data"] for line in params["line_items"]]


def currency(account: Account, params: Object) -> str:
    """The one currency that was asked for, or that of all prices. Raises StripeError when there is no such."""
    prices = _prices(account, params)
    found = sorted({currencies.checked(price["currency"]) for price in prices})
    if "currency" in params:
        asked = currencies.checked(params["currency"])
        for n, price in enumerate(prices):
            # What is described on the spot has no id, and no other currencies.
            currency_options.in_currency(
                account,
                {"id": "", **price, "currency": price["currency"].lower()},
                asked,
                param=f"line_items[{n}][price]",
            )
        return asked
    if len(found) > 1:
        raise invalid(f"You cannot combine currencies on a single Checkout Session. Found {' and '.join(found)}.")
    return found[0]


def check_total(total: int, currency: str) -> None:
    """Raises StripeError for less than can be charged. An order that costs nothing is allowed."""
    if total:
        subject = "The Checkout Session's total amount due must add up to"
        currencies.check_minimum(total, currency, subject=subject)
        currencies.check_maximum(total, currency)


def set_discount(account: Account, session: Object, discount: Object | None) -> None:
    """Put a discount on an open session, or take it off; the totals follow."""
    items = account.store.notes(session["id"])["line_items"]
    taken_off = discounts.apply(account, items, discount)
    session_taxes.levy(account, session, items)
    account.store.change(
        session,
        amount_subtotal=sum(item["amount_subtotal"] for item in items),
        amount_total=sum(item["amount_total"] for item in items),
        discounts=[discount] if discount else [],
        total_details={
            **session["total_details"],
            "amount_discount": taken_off,
            "amount_tax": sum(item["amount_tax"] for item in items),
        },
    )


def locate(account: Account, session: Object, buyer: taxes.Buyer | None) -> bool:
    """Tax an open session for a buyer; the totals follow. Returns whether they have to pay another amount now."""
    if not session["automatic_tax"]["enabled"]:
        return False
    before = session["amount_total"]
    account.store.notes(session["id"])["taxed_for"] = [buyer.country, buyer.exempt, buyer.tax_ids] if buyer else None
    account.store.change(session, automatic_tax={**session["automatic_tax"], **_status(buyer)})
    set_discount(account, session, session["discounts"][0] if session["discounts"] else None)
    return bool(session["amount_total"] != before)


def _status(buyer: taxes.Buyer | None) -> Object:
    return {"status": "complete" if buyer else "requires_location_inputs"}
