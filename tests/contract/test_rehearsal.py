"""Rehearsal on the demo: what an owner lets happen to an order, the sandbox does, and the shop hears of it by events."""

from dataclasses import replace

import pytest

from core.foundation.errors import DoneAlready, MadeUp, NotPermitted, NotTheDemo, StripeRefused, StripeUnreachable
from core.journeys import rehearsal
from core.journeys.rehearsal import Turn
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.contract.sandbox_side import SandboxSide
from tests.contract.sides import Side, told
from tests.machine import free_port


@pytest.fixture
def demo(sandbox: Side) -> Side:
    """A demo whose Stripe is the sandbox, where its settings say."""
    assert isinstance(sandbox, SandboxSide)
    at = {"stripe_api_base": sandbox.world.settings.base_url}
    sandbox.shop = replace(sandbox.shop, settings=sandbox.shop.settings.model_copy(update=at))
    return sandbox


def hears(side: Side) -> None:
    """All that happened by now has come, and what it asks for was asked."""
    for event in told(side):
        builders.deliver(side.shop, event)
    builders.ask_stripe(side.shop)


def bought(side: Side, *items: str) -> str:
    order_id, session_id = builders.opened(side.shop, *items)
    side.pay(session_id)
    side.pass_(minutes=2)
    hears(side)
    return order_id


def lets_happen(side: Side, order_id: str, turn: Turn, *, role: Role = Role.OWNER) -> str:
    rehearsal.play(side.shop, order_id, turn, deed=colleagues.deed(colleagues.works_as(side.shop, role)))
    side.pass_(minutes=2)
    hears(side)
    return builders.status(side.shop, order_id)


def possible(shop: Shop, order_id: str) -> set[Turn]:
    with shop.reading() as session:
        return set(rehearsal.possible(session, shop.settings, order_id))


def test_a_dispute_comes_and_is_lost(demo: Side) -> None:
    order_id = bought(demo)
    assert possible(demo.shop, order_id) == {Turn.DISPUTE, Turn.WARN, Turn.REFUND}
    assert lets_happen(demo, order_id, Turn.WARN) == "fulfilled"
    assert lets_happen(demo, order_id, Turn.DISPUTE) == "disputed"
    assert possible(demo.shop, order_id) == {Turn.WIN, Turn.LOSE}
    assert lets_happen(demo, order_id, Turn.LOSE) == "charged_back"
    assert possible(demo.shop, order_id) == set()
    with pytest.raises(StripeRefused):
        lets_happen(demo, order_id, Turn.WIN)


def test_a_dispute_is_won(demo: Side) -> None:
    order_id = bought(demo)
    lets_happen(demo, order_id, Turn.DISPUTE)
    assert lets_happen(demo, order_id, Turn.WIN) == "fulfilled"


def test_a_refund_from_the_dashboard_comes_and_fails(demo: Side) -> None:
    order_id = bought(demo)
    assert lets_happen(demo, order_id, Turn.REFUND) == "refunded"
    assert possible(demo.shop, order_id) == {Turn.REFUND_FAILS}
    assert lets_happen(demo, order_id, Turn.REFUND_FAILS) == "fulfilled"


def test_a_plan_renews_fails_to_and_ends(demo: Side) -> None:
    order_id = bought(demo, "plan-month")
    turns = {Turn.DISPUTE, Turn.WARN, Turn.REFUND, Turn.RENEW, Turn.RENEWAL_FAILS, Turn.END}
    assert possible(demo.shop, order_id) == turns
    lets_happen(demo, order_id, Turn.RENEW)
    assert len(builders.detail(demo.shop, order_id)["payments"]) == 2
    lets_happen(demo, order_id, Turn.RENEWAL_FAILS)
    assert [each.status for each in builders.rows(demo.shop, Subscription)] == ["past_due"]
    assert lets_happen(demo, order_id, Turn.END) == "canceled"
    assert possible(demo.shop, order_id) == {Turn.DISPUTE, Turn.WARN, Turn.REFUND}
    assert lets_happen(demo, order_id, Turn.DISPUTE) == "disputed"


def test_only_an_owner_rehearses_once_for_each_click_and_in_the_log(demo: Side) -> None:
    order_id = bought(demo)
    for role in (Role.SUPPORT, Role.VIEWER):
        with pytest.raises(NotPermitted):
            lets_happen(demo, order_id, Turn.DISPUTE, role=role)
    deed = colleagues.deed(colleagues.works_as(demo.shop, Role.OWNER))
    rehearsal.play(demo.shop, order_id, Turn.WARN, deed=deed)
    with pytest.raises(DoneAlready):
        rehearsal.play(demo.shop, order_id, Turn.WARN, deed=deed)
    assert [(each.action, each.subject, each.detail) for each in builders.rows(demo.shop, AuditEntry)] == [
        ("rehearse", order_id, "warn")
    ]


def test_the_sandbox_is_told_nothing_with_a_key_of_ones_own_nor_of_what_is_made_up(demo: Side) -> None:
    order_id = bought(demo)
    settings = demo.shop.settings.model_copy(
        update={"stripe_secret_key": builders.OWN_KEY, "owner_emails": (colleagues.OWNER,)}
    )
    own = replace(demo.shop, settings=settings)
    deed = colleagues.deed(colleagues.works_as(demo.shop, Role.OWNER))
    # What the owner may do at Stripe by themselves is named all the same.
    assert possible(own, order_id) == {Turn.DISPUTE, Turn.WARN, Turn.REFUND}
    with pytest.raises(NotTheDemo):
        rehearsal.play(own, order_id, Turn.DISPUTE, deed=deed)
    with demo.shop.transaction() as session:
        session.get_one(Order, order_id).from_season = True
    assert possible(demo.shop, order_id) == set()
    with pytest.raises(MadeUp):
        rehearsal.play(demo.shop, order_id, Turn.DISPUTE, deed=deed)
    assert builders.rows(demo.shop, AuditEntry) == []


def test_a_sandbox_that_is_away_is_named(demo: Side) -> None:
    order_id = bought(demo)
    gone = demo.shop.settings.model_copy(update={"stripe_api_base": f"http://127.0.0.1:{free_port()}"})
    deed = colleagues.deed(colleagues.works_as(demo.shop, Role.OWNER))
    with pytest.raises(StripeUnreachable):
        rehearsal.play(replace(demo.shop, settings=gone), order_id, Turn.DISPUTE, deed=deed)
