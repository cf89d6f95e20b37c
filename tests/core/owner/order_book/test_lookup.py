"""Lookup: by whatever somebody remembers of an order."""

import pytest

from core.journeys import refund
from core.owner.order_book import lookup
from core.shop import Shop
from tests import builders
from tests.builders import bought, subscribed
from tests.fakes import FakeStripe


def found(shop: Shop, text: str) -> str | None:
    with shop.reading() as session:
        return lookup.exactly(session, text)


def test_an_order_is_found_by_every_id_of_it(shop: Shop, stripe: FakeStripe) -> None:
    other, order_id = bought(shop, stripe, cart="cart_0"), bought(shop, stripe)
    detail = builders.detail(shop, order_id)
    done = refund.request(shop, order_id, 100, actor="owner")
    dispute = stripe.dispute(builders.payment_of(shop, order_id))
    event = stripe.tell("charge.dispute.created", dispute)
    builders.deliver(shop, event)
    stripe_ids = detail["stripe"]
    for name in (
        order_id, detail["number"], detail["number"].lower(), f"  {detail['number']} ", stripe_ids["checkout_session"],
        stripe_ids["payment_intent"], done.id, builders.detail(shop, order_id)["refunds"][0]["id"], dispute["id"],
        event["id"],
    ):  # fmt: skip
        assert found(shop, name) == order_id, name
    assert found(shop, other) == other


def test_a_plan_is_found_by_its_subscription(shop: Shop, stripe: FakeStripe) -> None:
    order_id = subscribed(shop, stripe)[0]
    name = builders.detail(shop, order_id)["stripe"]["subscription"]
    assert found(shop, name) == order_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PC-9999",
        "cs_nothing",
        "pi_nothing",
        "re_x",
        "dp_x",
        "evt_x",
        "sub_x",
        "ord_x",
        "'--",
        "\0",
        "pi_\0",
        "x" * 9000,
    ],
)
def test_what_is_nothing_is_nothing(shop: Shop, text: str) -> None:
    assert found(shop, text) is None


@pytest.mark.parametrize("text", ["nora", "NORA", "nora@lindqvist.example", "Nora@LINDQVIST.example"])
def test_buyers_are_found_by_how_their_address_begins(shop: Shop, stripe: FakeStripe, text: str) -> None:
    order_id = bought(shop, stripe)
    with shop.reading() as session:
        assert lookup.matching(session, text) == [order_id]


def test_marks_that_mean_anything_in_a_pattern_mean_themselves(shop: Shop, stripe: FakeStripe) -> None:
    bought(shop, stripe)
    with shop.reading() as session:
        assert [lookup.matching(session, text) for text in ("n%", "n_ra", "%", "_", "\\")] == [[]] * 5


def test_an_order_is_found_by_a_key_of_it_or_by_how_the_key_ends(shop: Shop, stripe: FakeStripe) -> None:
    order_id, other = bought(shop, stripe, "kit-eur"), bought(shop, stripe, "kit-eur", cart="cart_2")
    key, another = (
        license.key
        for each in (order_id, other)
        for delivery in builders.deliveries(shop, each)
        for license in delivery.licenses
    )
    with shop.reading() as session:
        for text in (key, key.lower(), key.replace("-", " "), key[-7:], key.replace("-", "")[-6:]):
            assert lookup.matching(session, text) == [order_id]
        assert lookup.matching(session, another) == [other]
        assert lookup.matching(session, key.replace("-", "")[-5:]) == []
