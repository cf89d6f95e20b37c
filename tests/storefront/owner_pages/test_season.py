"""The season of sales on the overview of a demo, as its owner meets it."""

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from core.orders.orders import Order
from core.owner import publishing
from core.owner.season import plot
from core.people.staff import Role
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from tests.storefront.conftest import Visitor, labels, sound, words

GOODS = ("products", "prices", "download_files", "file_versions", "workshop_dates", "shop_texts", "applied_entries")
FILL, REMOVE = "Fill with a season of sales", "Remove the season"


@pytest.fixture
def shop(bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A demo with the demo's own goods, whose season is a short one."""
    with bare_shop.transaction() as session:
        for table in reversed(builders.SQLModel.metadata.sorted_tables):
            if table.name in GOODS:
                session.execute(table.delete())
    publishing.fill_demo(bare_shop)
    acts = [replace(act, number=number) for number, act in enumerate(plot.acts()[::40], 1)]
    monkeypatch.setattr(plot, "acts", lambda: acts)
    return bare_shop


def overview(visitor: Visitor) -> AppTest:
    return visitor.opens("overview", folder="owner_pages")


def test_an_empty_demo_is_filled_and_emptied_again(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    tab = overview(visitor)
    assert REMOVE not in labels(tab)
    sound(tab.button(key="season-fill").click().run(timeout=60))
    assert "10 orders are in the shop." in words(tab)
    assert FILL not in labels(tab)
    assert len(builders.rows(visitor.shop, Order)) == 10
    sound(tab.button(key="season-remove").click().run())
    sound(tab.button(key="season-remove-do").click().run())
    assert "10 orders were removed." in words(tab)
    assert FILL in labels(tab)
    assert builders.rows(visitor.shop, Order) == []
    sound(tab.button(key="season-fill").click().run(timeout=60))
    assert len(builders.rows(visitor.shop, Order)) == 10


def test_a_shop_with_orders_is_offered_nothing(visitor: Visitor, stripe: FakeStripe) -> None:
    visitor.works_as(Role.OWNER)
    builders.bought(visitor.shop, stripe, "quiet-launch-eur")
    assert not {FILL, REMOVE} & set(labels(overview(visitor)))


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_an_owner_is_offered_it(visitor: Visitor, role: Role) -> None:
    visitor.works_as(role)
    assert not {FILL, REMOVE} & set(labels(overview(visitor)))


def test_with_a_key_of_ones_own_nothing_is_offered(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.works_as(Role.OWNER)
    chosen = visitor.shop.settings.model_copy(update={"stripe_secret_key": builders.OWN_KEY})
    monkeypatch.setattr("storefront.process.shop", lambda: replace(visitor.shop, settings=chosen))
    assert not {FILL, REMOVE} & set(labels(overview(visitor)))
