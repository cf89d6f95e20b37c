"""The sample backend beside the real shop: it asks, is told, hears things twice and late, goes on while the shop is away, and
finds at night what nobody told it."""

import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import pytest

from tests.journeys.stand import ROOT, Stand
from tests.machine import eventually, free_port

BACKEND = ROOT / "docs" / "examples" / "saas_backend.py"


class Backend:
    """The backend on a port of its own, and the endpoint that leads to it."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self._stand, port = stand, free_port()
        self.url = f"http://127.0.0.1:{port}"
        made = stand.pushcart("hooks", "add", f"{self.url}/hooks", "--topics", "entitlement.changed")
        self.endpoint = made["id"]
        self.key = stand.pushcart("api-key", "create", "App", "--scopes", "entitlements,seats")["key"]
        told = {
            "SHOP": stand.webhook_url, "SHOP_KEY": self.key, "SHOP_SECRET": made["secret"], "SHOP_PRODUCT": "tally",
            "PORT": str(port),
        }  # fmt: skip
        self.process = stand.launch(f"exec {sys.executable} {BACKEND}", folder / "log", env={**stand.env, **told})
        eventually(self._is_up)

    def _is_up(self) -> bool:
        try:
            return httpx.get(f"{self.url}/work/nobody", timeout=5).status_code == 402
        except httpx.HTTPError:
            return False

    def works_for(self, user: str) -> int | None:
        """By which version somebody is let in, or None if they are not."""
        answer = httpx.get(f"{self.url}/work/{user}", timeout=30)
        assert answer.status_code in (200, 402)
        return int(answer.json()["version"]) if answer.status_code == 200 else None

    def told(self) -> list[dict[str, Any]]:
        """What became of the messages to it."""
        found: list[dict[str, Any]] = self._stand.pushcart("hooks", "log", "--endpoint", self.endpoint)
        return found


@pytest.fixture
def backend(stand: Stand, tmp_path: Path) -> Iterator[Backend]:
    made = Backend(stand, tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(timeout=20)
    stand.pushcart("hooks", "remove", made.endpoint)


def bought(stand: Stand, user: str, seats: int = 2) -> str:
    """A plan that was bought without a browser; the order's id."""
    basket = {
        "cart_id": token_hex(8), "items": [{"price": "tally-month-eur", "quantity": seats}], "external_id": user,
        "email": f"{user}@example.com",
    }  # fmt: skip
    order: dict[str, Any] = httpx.post(f"{stand.webhook_url}/checkout", json=basket, timeout=30).json()
    session = order["url"].rpartition("/")[2].partition("#")[0]
    stand.stripe(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
    eventually(lambda: stand.order(order["order_id"])["status"] == "fulfilled")
    return str(order["order_id"])


def test_the_sample_backend_lets_in_whoever_has_a_seat_and_nobody_else(stand: Stand, backend: Backend) -> None:
    first, second, third = (f"user-{token_hex(3)}" for _ in range(3))
    order_id = bought(stand, first)
    # It is told, and need not ask; and a seat that is given by key counts at once.
    eventually(lambda: "delivered" in {each["state"] for each in backend.told()})
    assert backend.works_for(first)
    bearer = {"Authorization": f"Bearer {backend.key}"}
    seat = {"order": order_id, "email": f"{second}@example.com", "external_id": second}
    given = httpx.post(f"{stand.webhook_url}/seats", json=seat, headers=bearer, timeout=30)
    assert given.status_code == 201, given.text
    assert backend.works_for(second)
    # What is known holds while the shop is away.
    with stand.without("webhook"):
        assert backend.works_for(first)
        assert backend.works_for(second)
    stand.pushcart("refund", stand.order(order_id)["number"], "--yes")
    eventually(lambda: backend.works_for(first) is None)
    eventually(lambda: backend.works_for(second) is None)
    # All of it once more, in whatever order: nobody is revived.
    before = sum(each["attempts"] for each in backend.told())
    again = stand.pushcart("hooks", "replay", backend.endpoint, "--since", "2020-01-01")["sent_again"]
    assert again >= 4
    eventually(lambda: sum(each["attempts"] for each in backend.told()) >= before + again)
    assert (backend.works_for(first), backend.works_for(second)) == (None, None)
    # Whoever was never told of anything finds it at night.
    stand.pushcart("hooks", "off", backend.endpoint)
    bought(stand, third, seats=1)
    assert httpx.post(f"{backend.url}/reconcile", timeout=30).json() >= 6
    assert backend.works_for(third)
    assert "held" in {each["state"] for each in backend.told()}
