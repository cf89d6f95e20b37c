"""Prices and promotion codes as Stripe keeps them, in memory."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from itertools import count
from typing import Any

from core.foundation.errors import StripeRefused


class FakeCatalogue:
    """What is sold at Stripe, and what the shop does about it there."""

    _called: Callable[[str], None]
    _once: Callable[..., str]
    _answer: Callable[[], None]
    _numbers: "count[int]"
    products: dict[str, dict[str, Any]]
    coupons: dict[str, dict[str, Any]]
    now: Callable[[], datetime]

    def __init__(self) -> None:
        super().__init__()
        self.prices: dict[str, dict[str, Any]] = {}
        self.promotion_codes: dict[str, dict[str, Any]] = {}

    def find_price(self, price: str) -> dict[str, Any] | None:
        self._called("find_price")
        found = self.prices.get(price)
        return found and deepcopy({**found, "product": self.products[found["product"]]})

    def create_price(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("create_price")
        return deepcopy(self.prices[self._once(key, parameters, lambda: self._new_price(parameters))])

    def archive_price(self, price: str) -> dict[str, Any]:
        self._called("archive_price")
        self.prices[price]["active"] = False
        self._answer()
        return deepcopy(self.prices[price])

    def create_coupon(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("create_coupon")
        return deepcopy(self.coupons[self._once(key, parameters, lambda: self._new_coupon(parameters))])

    def create_promotion_code(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("create_promotion_code")
        made = self._once(key, parameters, lambda: self._new_promotion_code(parameters))
        return deepcopy(self.promotion_codes[made])

    def find_promotion_code(self, code: str) -> dict[str, Any] | None:
        self._called("find_promotion_code")
        found = deepcopy(self.promotion_codes.get(code))
        if found:
            found["promotion"]["coupon"] = deepcopy(self.coupons[found["promotion"]["coupon"]])
        return found

    def end_promotion_code(self, code: str) -> dict[str, Any]:
        self._called("end_promotion_code")
        self.promotion_codes[code]["active"] = False
        self._answer()
        return deepcopy(self.promotion_codes[code])

    def _new_coupon(self, asked: dict[str, Any]) -> str:
        name = asked.get("id") or f"co_test_{next(self._numbers)}"
        self.coupons[name] = {
            "id": name, "object": "coupon", "livemode": False, "valid": True, "percent_off": asked.get("percent_off"),
            "amount_off": asked.get("amount_off"), "currency": asked.get("currency"), "duration": asked["duration"],
            "name": asked.get("name"), "metadata": dict(asked.get("metadata") or {}), "redeem_by": None,
        }  # fmt: skip
        return name

    def _new_promotion_code(self, asked: dict[str, Any]) -> str:
        if any(each["active"] and each["code"] == asked["code"] for each in self.promotion_codes.values()):
            raise StripeRefused("invalid_request_error", "An active promotion code with this code already exists.")
        name = f"promo_test_{next(self._numbers)}"
        limits = asked.get("restrictions") or {}
        self.promotion_codes[name] = {
            "id": name, "object": "promotion_code", "active": True, "livemode": False, "code": asked["code"],
            "created": int(self.now().timestamp()), "expires_at": asked.get("expires_at"), "times_redeemed": 0,
            "max_redemptions": asked.get("max_redemptions"), "metadata": dict(asked.get("metadata") or {}),
            "promotion": dict(asked["promotion"]),
            "restrictions": {"first_time_transaction": limits.get("first_time_transaction", False)},
        }  # fmt: skip
        return name

    def _new_product(self, name: str) -> str:
        product = f"prod_test_{next(self._numbers)}"
        self.products[product] = {
            "id": product, "object": "product", "active": True, "livemode": False, "name": name, "metadata": {},
        }  # fmt: skip
        return product

    def _new_price(self, asked: dict[str, Any]) -> str:
        recurring = asked.get("recurring")
        price = {
            "id": f"price_test_{next(self._numbers)}", "object": "price", "active": True, "livemode": False,
            "unit_amount": asked["unit_amount"], "currency": asked["currency"], "product": asked["product"],
            "recurring": {"interval": recurring["interval"]} if recurring else None,
            "metadata": asked.get("metadata") or {},
        }  # fmt: skip
        self.prices[price["id"]] = price
        return price["id"]
