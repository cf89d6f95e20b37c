"""A seller's software, as the tests have it: it asks the sidecar and reads the envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe

if TYPE_CHECKING:
    from starlette.testclient import TestClient


def sold(shop: Shop, stripe: FakeStripe, *, cart: str = "cart_1", **terms: Any) -> tuple[str, str]:
    """An order of a kit with a key on these terms: the order's id, and the key."""
    builders.license_terms(shop, **terms)
    order_id = builders.bought(shop, stripe, "kit-eur", cart=cart)
    return order_id, builders.deliveries(shop, order_id)[0].licenses[0].key


class App:
    """It holds one key of the kit."""

    def __init__(self, client: TestClient, key: str, *, product: str = "kit") -> None:
        self._client, self._known = client, {"key": key, "product": product}
        self.status = 0

    def ask(self, call: str, **more: Any) -> dict[str, Any]:
        """The envelope that comes back."""
        answer = self._client.post(f"/licenses/{call}", json={**self._known, **more})
        self.status = answer.status_code
        found: dict[str, Any] = answer.json()
        return found

    def code(self, call: str, **more: Any) -> str:
        """What the answer says."""
        return str(self.ask(call, **more)["code"])
