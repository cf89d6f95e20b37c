"""The sheet of an order: what of its money can still go back."""

import pytest

from core.owner.order_book import detail
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe


@pytest.mark.parametrize(
    ("status", "taken", "left"),
    [
        ("lost", 0, 0),
        ("lost", 1000, 1900),
        ("needs_response", 0, 0),
        ("won", 0, 2900),
        ("warning_needs_response", 0, 2900),
    ],
)
def test_what_a_bank_took_or_holds_cannot_go_back(
    shop: Shop, stripe: FakeStripe, status: str, taken: int, left: int
) -> None:
    order_id = builders.bought(shop, stripe)
    assert detail.sheet(shop, order_id).price.left.amount == 2900
    dispute = stripe.dispute(builders.payment_of(shop, order_id), status=status, amount=taken)
    builders.deliver(shop, stripe.tell("charge.dispute.updated", dispute))
    builders.ask_stripe(shop)
    found = detail.sheet(shop, order_id).price
    assert (found.left.amount, found.kept_back) == (left, left < 2900)
