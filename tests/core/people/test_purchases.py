"""Who may see an order: the browser that bought it, and nobody for having no name."""

import pytest

from core.journeys import checkout
from core.people import purchases
from core.people.purchases import Viewer
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe


@pytest.mark.parametrize(
    ("bought_by", "seen_by", "whole"),
    [("br_1", "br_1", True), ("br_1", "br_2", False), ("br_1", "", False), ("", "", False)],
)
def test_only_the_browser_that_bought_sees_the_order_whole(
    shop: Shop, stripe: FakeStripe, bought_by: str, seen_by: str, whole: bool
) -> None:
    """One that was placed by a script has no browser: that is no name which all without one share."""
    link = checkout.start(shop, builders.a_basket("kit-eur", browser=bought_by))
    stripe.pay(builders.session_id(link))
    builders.deliver(shop, stripe.event("completed", builders.session_id(link)))
    with shop.reading() as session:
        viewer = Viewer(seen_by)
        seen = purchases.seen(session, link.order_id, viewer, signing_key=shop.signing_key, now=shop.now())
    assert seen
    assert (seen.mine, bool(seen.email), len(seen.lines), len(seen.deliveries)) == (whole, whole, whole, whole)
