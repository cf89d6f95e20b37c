"""Bundles: one price, several products, each delivered as what it is."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import update

from core.catalog.prices import bundles
from core.catalog.products import Product
from core.foundation.errors import BadQuantity, CatalogInvalid, Withdrawn
from core.foundation.money import Money
from core.journeys import checkout, refund
from core.kinds import offers
from core.kinds.offers import Availability
from core.orders.orders import OrderLine
from core.owner import publishing
from core.owner.shelves import entries
from core.rights.consents import Consent
from core.shop import Shop
from tests import builders
from tests.builders import a_basket
from tests.fakes import FakeStripe


@pytest.fixture
def bundle(shop: Shop) -> str:
    """Guide (29) and kit (79) together for 80; the id of its price."""
    return builders.sell_bundle(shop)


def test_each_part_is_delivered_by_its_own_kind_and_refunded_with_all(
    shop: Shop, stripe: FakeStripe, bundle: str
) -> None:
    order_id = builders.bought(shop, stripe, (bundle, 1))
    detail = builders.detail(shop, order_id)
    assert (detail["status"], detail["amount_total"]) == ("fulfilled", 8000)
    assert [(line["product"], line["kind"], line["unit_amount"]) for line in detail["lines"]] == [
        ("guide", "download", 2148), ("kit", "license", 5852),
    ]  # fmt: skip
    assert [(grant["product"], grant["state"]) for grant in detail["grants"]] == [
        ("guide", "active"),
        ("kit", "active"),
    ]
    assert [row.name for row in builders.rows(shop, OrderLine)] == ["Field Guide (Both)", "Template Kit (Both)"]
    refund.request(shop, order_id, actor="owner")
    for event in [stripe.tell("refund.updated", each) for each in stripe.refunds.values()]:
        builders.deliver(shop, event)
    assert [grant["state"] for grant in builders.detail(shop, order_id)["grants"]] == ["revoked", "revoked"]


def test_the_same_bundle_again_is_the_same_purchase(shop: Shop, stripe: FakeStripe, bundle: str) -> None:
    first, again = (checkout.start(shop, a_basket((bundle, 2), "guide-eur")) for _ in range(2))
    assert (first.url, len(stripe.sessions)) == (again.url, 1)
    assert [line.unit_amount for line in builders.rows(shop, OrderLine)] == [2148, 5852, 2900]


@builders.on_sqlite
def test_what_is_asked_before_is_asked_of_its_parts(shop: Shop, bundle: str) -> None:
    checkout.start(shop, a_basket(bundle))
    assert [row.products for row in builders.rows(shop, Consent)] == ["guide,kit"]


@builders.on_sqlite
def test_no_more_are_sold_than_one_may_have_and_none_without_all_its_parts(shop: Shop, bundle: str) -> None:
    with pytest.raises(BadQuantity):
        checkout.start(shop, a_basket((bundle, 3)))
    with shop.transaction() as session:
        session.exec(update(Product).where(Product.id == "kit").values(active=False))
    with pytest.raises(Withdrawn):
        checkout.start(shop, a_basket(bundle))
    with shop.reading() as session:
        offer = offers.of_product(session, "both", now=shop.now())
    assert offer
    assert (offer.availability, [part.id for part in offer.parts]) == (
        Availability.WITHDRAWN,
        ["guide", "kit"],
    )


@given(
    st.integers(0, 1_000_000),
    st.lists(st.integers(1, 1_000_000), min_size=1, max_size=12),
    st.sampled_from([("eur", 1), ("jpy", 1), ("kwd", 10), ("isk", 100)]),
)
def test_shares_add_up_and_are_as_near_as_can_be(steps: int, weights: Sequence[int], kind: tuple[str, int]) -> None:
    currency, step = kind
    total = steps * step
    found = bundles.shares(Money(total, currency), weights)
    assert sum(found) == total
    assert all(share % step == 0 for share in found)
    assert all(abs(share - total * weight / sum(weights)) < step for share, weight in zip(found, weights, strict=True))


# -- in the catalogue file

TWO = builders.GUIDE + builders.GUIDE.replace('"guide"', '"second"').replace("guide-eur", "second-eur")
BOTH = """
[[products]]
id = "both"
name = "Both"
kind = "download"
parts = ["guide", "second"]
prices = [{ id = "both-eur", amount = 4900, currency = "eur" }]
"""


def applied(shop: Shop, folder: Path, text: str) -> None:
    (folder / "guide.txt").write_text("Read me.")
    (folder / "catalogue.toml").write_text(text)
    publishing.apply(shop, folder / "catalogue.toml")


@builders.on_sqlite
def test_a_catalogue_says_what_a_bundle_is_made_of(shop: Shop, tmp_path: Path) -> None:
    applied(shop, tmp_path, TWO + BOTH)
    with shop.reading() as session:
        assert entries.of_products(session, ["both"])["both"]["parts"] == ["guide", "second"]
        offer = offers.of_product(session, "both", now=shop.now())
    assert offer
    assert offer.availability is Availability.ON_SALE


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('id = "second"', 'id = "second"\ndraft = true', "both: its part second is a draft"),
        ('id = "second"', 'id = "second"\nactive = false', "both: its part second is off the shelves"),
        ('"guide", "second"]', '"guide", "plan"]', "both: its part plan is a plan"),
        ('"guide", "second"]', '"guide", "nothing"]', "both: its part nothing is no product of the shop"),
        ('"guide", "second"]', '"guide"]', "two parts or more"),
    ],
)
@builders.on_sqlite
def test_a_bundle_that_cannot_be_delivered_is_refused_in_words(
    shop: Shop, tmp_path: Path, before: str, after: str, why: str
) -> None:
    with pytest.raises(CatalogInvalid) as refused:
        applied(shop, tmp_path, (TWO + BOTH).replace(before, after))
    assert why in str(refused.value.problems)
