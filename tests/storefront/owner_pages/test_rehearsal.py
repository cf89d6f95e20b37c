"""Rehearsing with an order of the demo, as its owner meets it on the order's page."""

from dataclasses import replace

import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from core.journeys.rehearsal import Turn
from core.orders.orders import Order
from core.people.staff import Role
from storefront.back_office import rehearsal_card
from tests import builders
from tests.builders import bought
from tests.machine import free_port
from tests.storefront.conftest import Visitor, labels, sound, words

DISPUTED = "Its buyer disputes it"


def opens(visitor: Visitor, order_id: str) -> AppTest:
    return visitor.opens("order", folder="owner_pages", id=order_id)


def set_up(visitor: Visitor, monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    chosen = visitor.shop.settings.model_copy(update=settings)
    monkeypatch.setattr("storefront.process.shop", lambda: replace(visitor.shop, settings=chosen))


def test_an_owner_is_offered_what_could_happen_and_told_when_nothing_has(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.works_as(Role.OWNER)
    set_up(visitor, monkeypatch, stripe_api_base=f"http://127.0.0.1:{free_port()}")
    tab = opens(visitor, bought(visitor.shop, visitor.stripe))
    assert {DISPUTED, "The bank warns of fraud", "Refunded in Stripe's dashboard"} <= set(labels(tab))
    assert "The plan renews" not in labels(tab)
    sound(tab.button(key="rehearse-dispute").click().run())
    assert "the sandbox didn't answer" in words(tab)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_others_are_offered_none_of_it(visitor: Visitor, role: Role) -> None:
    visitor.works_as(role)
    assert DISPUTED not in labels(opens(visitor, bought(visitor.shop, visitor.stripe)))


def test_an_order_that_is_made_up_offers_none(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    order_id = bought(visitor.shop, visitor.stripe)
    with visitor.shop.transaction() as session:
        session.get_one(Order, order_id).from_season = True
    assert DISPUTED not in labels(opens(visitor, order_id))


def test_with_a_test_key_of_ones_own_it_says_what_to_do_at_stripe(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.works_as(Role.OWNER)
    order_id = bought(visitor.shop, visitor.stripe)
    set_up(visitor, monkeypatch, stripe_secret_key=builders.OWN_KEY, owner_emails=("owner@example.com",))
    tab = opens(visitor, order_id)
    assert DISPUTED not in labels(tab)
    assert DISPUTED in [each.label for each in tab.expander]
    payment = builders.detail(visitor.shop, order_id)["stripe"]["payment_intent"]
    assert f"`stripe refunds create --payment-intent={payment}`" in words(tab)


def test_every_turn_of_every_life_has_a_button_and_a_step() -> None:
    assert set(rehearsal_card._LABELS) == set(rehearsal_card._STEPS) == set(Turn)


def test_where_money_is_real_nothing_is_rehearsed(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor.works_as(Role.OWNER)
    order_id = bought(visitor.shop, visitor.stripe)
    set_up(visitor, monkeypatch, stripe_secret_key=SecretStr("sk_live_ours"), owner_emails=("owner@example.com",))
    tab = opens(visitor, order_id)
    assert DISPUTED not in labels(tab) + [each.label for each in tab.expander]
