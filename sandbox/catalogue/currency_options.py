"""What a price costs in other currencies than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.ground.errors import invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def keep(account: Account, price: Object, options: dict[str, Object]) -> None:
    """Remember them beside the price, each `{unit_amount, tax_behavior}`, over those it has; with none, forget all."""
    notes = account.store.notes(price["id"])
    notes["currency_options"] = {**notes.get("currency_options", {}), **options} if options else {}
    account.store.save(price)


def shown(account: Account, price: Object) -> Object:
    """As whoever asks for them sees them: its own currency is among them."""
    return {
        currency: {
            "custom_unit_amount": None,
            "tax_behavior": option["tax_behavior"],
            "unit_amount": option["unit_amount"],
            "unit_amount_decimal": str(option["unit_amount"]),
        }
        for currency, option in {price["currency"]: price, **_others(account, price)}.items()
    }


def _others(account: Account, price: Object) -> dict[str, Any]:
    others: dict[str, Any] = account.store.notes(price["id"]).get("currency_options", {})
    return others


def in_currency(account: Account, price: Object, currency: str, *, param: str = "currency") -> Object:
    """The price as it reads in a currency: its amount and tax behavior there. Raises StripeError when it has none."""
    if price["currency"] == currency:
        return price
    option = _others(account, price).get(currency)
    if option is None:
        text = (
            f"The price specified only supports `{price['currency']}`. This doesn't match the expected currency: "
            f"`{currency}`."
        )
        raise invalid(text, param=param)
    amount = option["unit_amount"]
    return {**price, **option, "currency": currency, "unit_amount_decimal": str(amount)}
