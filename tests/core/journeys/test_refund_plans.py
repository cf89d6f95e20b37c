"""What a refund is said to do is what it then does, whatever stands on the order's lines."""

from pathlib import Path

import pytest

from core.foundation.errors import NothingToRefund, OtherMode, RefundChanged
from core.journeys import refund
from core.orders.refunds import Refund
from core.owner import publishing
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import CATALOGUE
from tests.fakes import FakeStripe

EVERYTHING = ("guide-eur", "kit-eur", ("clinic-eur", 2))
TOTAL = 2900 + 7900 + 28000
WAYS = {
    "all": (None, (), False), "a part": (100, (), False), "a part that is all": (TOTAL, (), False), "a line": (None, (2,), False),
    "two lines": (None, (1, 3), False), "a part of a line": (50, (3,), False), "taken back": (100, (), True),
    "a line, and taken back": (None, (1,), True),
}  # fmt: skip


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_the_deliveries_become_what_was_foreseen(
    shop: Shop, stripe: FakeStripe, tmp_path: Path, way: str, keeps: bool
) -> None:
    if keeps:
        text = CATALOGUE.read_text(encoding="utf-8").replace('"license"', '"license"\non_refund = "keep"')
        (tmp_path / "catalogue.toml").write_text(text, encoding="utf-8")
        publishing.apply(shop, tmp_path / "catalogue.toml")
    order_id = builders.bought(shop, stripe, *EVERYTHING)
    amount, lines, take_back = WAYS[way]
    plan = refund.preview(shop, order_id, amount, lines=lines, take_back=take_back)
    assert (builders.rows(shop, Refund), builders.status(shop, order_id)) == ([], "fulfilled")
    done = refund.request(shop, order_id, amount, lines=lines, take_back=take_back, actor="owner", agreed=plan)
    assert done.amount == plan.amount
    assert builders.grants(shop, order_id) == [
        (product, each.after) for product, each in zip(("guide", "kit", "clinic"), plan.deliveries, strict=True)
    ]
    with shop.reading() as session:
        assert refund.left(session, order_id) == plan.left


def session_of(shop: Shop, order_id: str) -> str:
    return str(builders.detail(shop, order_id)["stripe"]["checkout_session"])


def test_a_plans_deliveries_and_those_of_a_disputed_order_are_foreseen_too(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    plan = refund.preview(shop, order_id)
    assert [part.payment for part in plan.parts] == [stripe.sessions[session_of(shop, order_id)]["invoice"]]
    refund.request(shop, order_id, actor="owner", agreed=plan)
    assert [each.after for each in plan.deliveries] == [state for _, state in builders.grants(shop, order_id)]
    disputed = builders.bought(shop, stripe, "kit-eur", cart="disputed")
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(builders.payment_of(shop, disputed))))
    with pytest.raises(NothingToRefund):  # Stripe refunds nothing that a bank holds
        refund.preview(shop, disputed, 100)


def test_what_was_agreed_to_is_done_or_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, *EVERYTHING)
    plan = refund.preview(shop, order_id, 100)
    refund.request(shop, order_id, TOTAL - 100, actor="somebody else")
    with pytest.raises(RefundChanged):  # it would be the rest by now, and end all access
        refund.request(shop, order_id, 100, actor="owner", agreed=plan)
    assert [row.amount for row in builders.rows(shop, Refund)] == [TOTAL - 100]


def test_test_money_is_not_moved_with_a_live_key(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    live = builders.live(shop)
    for ask in (lambda: refund.preview(live, order_id), lambda: refund.request(live, order_id, actor="owner")):
        with pytest.raises(OtherMode):
            ask()
    assert "refund" not in stripe.calls
