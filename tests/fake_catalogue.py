"""Prices as Stripe keeps them, in memory."""

from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any


class FakeCatalogue:
    """What is sold at Stripe, and what the shop does about it there."""

    _called: Callable[[str], None]
    _once: Callable[..., str]
    _answer: Callable[[], None]
    _numbers: "count[int]"
    products: dict[str, dict[str, Any]]

    def __init__(self) -> None:
        super().__init__()
        self.prices: dict[str, dict[str, Any]] = {}

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
