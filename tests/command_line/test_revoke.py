"""`pushcart revoke`: what becomes of the deliveries is said before, and done after yes, without money."""

from pathlib import Path

import pytest

from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.fakes import FakeStripe


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe) -> str:
    """A file and a key that a code made free."""
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 100)
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    return order_id


def test_access_is_ended_and_given_back(pushcart: Run, shop: Shop, order_id: str) -> None:
    number = builders.detail(shop, order_id)["number"]
    said = pushcart("revoke", number, "--line", "2", "--reason", "shared it", "--yes")
    assert (said.status, said.output) == (0, f"Access to line 2 of {number} has ended.\n")
    assert said.complaints == [
        "No money moves.", f"  order    {number} ({order_id})", "  line 1   Field Guide: stays active",
        "  line 2   Template Kit: access ends",
    ]  # fmt: skip
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "revoked")]
    back = pushcart("revoke", number, "--restore", "--yes", "--json")
    assert (back.status, back.complaints) == (0, [])
    assert back.json == {
        "order_id": order_id, "number": number, "lines": [1, 2], "order_status": "fulfilled",
        "grants": [
            {"product": "guide", "kind": "download", "state": "active", "quantity": 1},
            {"product": "kit", "kind": "license", "state": "active", "quantity": 1},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        ((), 2, "Say why with --reason: it stands in the order's history."),
        (("--reason", "x", "--json"), 1, "Nothing was done: there is nobody to ask here. Scripts say --yes."),
        (("--reason", "x", "--line", "3", "--yes"), 2, "There is no line 3: the lines of this order are 1 to 2."),
    ],
)
@builders.on_sqlite
def test_without_a_reason_or_a_yes_nothing_is_done(
    pushcart: Run, shop: Shop, order_id: str, words: tuple[str, ...], status: int, complaint: str, folder: Path
) -> None:
    said = pushcart("revoke", order_id, *words)
    assert (said.status, said.output, said.complaints[-1]) == (status, "", complaint)
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "active")]
