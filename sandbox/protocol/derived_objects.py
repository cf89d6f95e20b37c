"""Objects that say nothing of their own: a plan repeats its price, a list holds what it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.protocol.spec import Object


def plan(price: Object) -> Object:
    """The same as the price, in the words of ten years ago."""
    return blank(
        "plan",
        id=price["id"],
        active=price["active"],
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        billing_scheme="per_unit",
        created=price["created"],
        currency=price["currency"],
        interval=price["recurring"]["interval"],
        interval_count=price["recurring"]["interval_count"],
        metadata=price["metadata"],
        nickname=price["nickname"],
        product=price["product"],
        usage_type="licensed",
    )


def envelope(url: str, data: list[Object], has_more: bool = False) -> Object:
    """A list of objects, with the address at which there are more."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}
