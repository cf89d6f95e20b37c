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
        self.portal_configurations: dict[str, dict[str, Any]] = {}

    def find_price(self, price: str) -> dict[str, Any] | None:
        self._called("find_price")
        found = self.prices.get(price)
        return found and deepcopy({**found, "product": self.products[found["product"]]})

    def create_price(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("create_price")
        return deepcopy(self.prices[self._once(key, parameters, lambda: self._new_price(parameters))])

    def archive_price(self, price: str) -> dict[str, Any]:
        self._called("archive_price")
        if price not in self.prices:
            raise StripeRefused("resource_missing", f"No such price: '{price}'")
        self.prices[price]["active"] = False
        self._answer()
        return deepcopy(self.prices[price])

    def price_by_key(self, lookup_key: str) -> dict[str, Any] | None:
        self._called("price_by_key")
        there = [each for each in self.prices.values() if each["active"] and each["lookup_key"] == lookup_key]
        return deepcopy({**there[0], "product": self.products[there[0]["product"]]}) if there else None

    def find_product(self, product: str) -> dict[str, Any] | None:
        self._called("find_product")
        return deepcopy(self.products.get(product))

    def make_product(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("make_product")
        return deepcopy(self.products[self._once(key, parameters, lambda: self._new_product(**parameters))])

    def change_product(self, product: str, changes: dict[str, Any]) -> dict[str, Any]:
        self._called("change_product")
        self.products[product].update(changes)
        self._answer()
        return deepcopy(self.products[product])

    def portals(self) -> list[dict[str, Any]]:
        self._called("portals")
        return deepcopy(list(self.portal_configurations.values()))

    def make_portal(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        self._called("make_portal")
        return deepcopy(self.portal_configurations[self._once(key, parameters, lambda: self._new_portal(parameters))])

    def set_up_portal(self, configuration: str, features: dict[str, Any]) -> dict[str, Any]:
        self._called("set_up_portal")
        self.portal_configurations[configuration]["features"] |= features
        self._answer()
        return deepcopy(self.portal_configurations[configuration])

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
            "duration_in_months": asked.get("duration_in_months"),
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

    def _new_product(self, name: str, tax_code: str | None = None, metadata: dict[str, str] | None = None) -> str:
        product = f"prod_test_{next(self._numbers)}"
        self.products[product] = {
            "id": product, "object": "product", "active": True, "livemode": False, "name": name, "tax_code": tax_code,
            "metadata": metadata or {},
        }  # fmt: skip
        return product

    def _new_portal(self, asked: dict[str, Any]) -> str:
        name = f"bpc_test_{next(self._numbers)}"
        self.portal_configurations[name] = {
            "id": name, "object": "billing_portal.configuration", "active": True, "livemode": False,
            "is_default": False, "metadata": asked["metadata"], "features": dict(asked["features"]),
        }  # fmt: skip
        return name

    def _new_price(self, asked: dict[str, Any]) -> str:
        if asked["product"] not in self.products:
            raise StripeRefused("resource_missing", f"No such product: '{asked['product']}'")
        recurring, key = asked.get("recurring"), asked.get("lookup_key")
        for each in self.prices.values():
            if key and each["lookup_key"] == key:
                assert asked.get("transfer_lookup_key"), "another price has this lookup key"
                each["lookup_key"] = None
        price = {
            "id": f"price_test_{next(self._numbers)}", "object": "price", "active": True, "livemode": False,
            "unit_amount": asked["unit_amount"], "currency": asked["currency"], "product": asked["product"],
            "recurring": {"interval": recurring["interval"]} if recurring else None,
            "metadata": asked.get("metadata") or {}, "lookup_key": key,
            "tax_behavior": asked.get("tax_behavior") or "unspecified",
        }  # fmt: skip
        self.prices[price["id"]] = price
        return price["id"]
