"""Reading discounts of subscriptions and their items: those that do not end by themselves, and by which codes they were given."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from core.gateway.objects import id_of


@dataclass(frozen=True)
class Discount:
    """A discount that stays: `percent` of a hundred off, or an amount in minor units off every bill, of all that is billed or of
    what these `products` of Stripe's cost."""

    percent: Fraction
    amount: int
    products: frozenset[str] | None = None

    def is_for(self, product: str) -> bool:
        """Whether it takes anything off what one of Stripe's products costs."""
        return self.products is None or product in self.products


def lasting(subject: dict[str, Any]) -> tuple[Discount, ...]:
    """The discounts of a subscription, or of an item of one, that stay. They must have been expanded, with their coupons and what
    these apply to."""
    coupons = [(each.get("source") or {}).get("coupon") for each in _expanded(subject)]
    return tuple(
        Discount(Fraction(str(coupon.get("percent_off") or 0)), int(coupon.get("amount_off") or 0), _products(coupon))
        for coupon in coupons
        if isinstance(coupon, dict) and coupon.get("duration") == "forever"
    )


def _products(coupon: dict[str, Any]) -> frozenset[str] | None:
    applies_to = coupon.get("applies_to")
    return frozenset(applies_to["products"]) if applies_to else None


def codes(subject: dict[str, Any]) -> dict[str, str]:
    """By which promotion code each of its discounts was given, by Stripe's ids; without those that were given by none."""
    found = {str(each.get("id")): id_of(each.get("promotion_code")) for each in _expanded(subject)}
    return {discount: code for discount, code in found.items() if code}


def _expanded(subject: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in subject.get("discounts") or [] if isinstance(each, dict)]
