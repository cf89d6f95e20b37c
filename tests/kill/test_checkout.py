"""Going to pay, killed at every point: the next click leads to a page, and never two pages of one order can be paid."""

from collections.abc import Callable

import pytest
from sqlmodel import col, func, select

from core.events import inbox
from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from core.kinds.workshops import Reservation, ReservationState, WorkshopDate
from core.orders.orders import Order, OrderLine
from core.orders.status import Status
from core.shop import Shop
from tests.fakes import FakeStripe, signed
from tests.kill.mortal import live_until

Before = Callable[[Shop, Basket], None]


@pytest.fixture
def roomy_shop(shop: Shop) -> Shop:
    """The shop with places for everybody."""
    with shop.transaction() as session:
        session.get_one(WorkshopDate, "clinic/1").capacity = 1000
    return shop


def test_wherever_going_to_pay_is_killed_the_next_click_leads_to_the_only_page(
    roomy_shop: Shop, stripe: FakeStripe
) -> None:
    died_at = _kill_everywhere(roomy_shop, stripe, before=lambda _shop, _basket: None)
    assert "after Stripe's open_checkout" in died_at


def test_wherever_changing_a_basket_is_killed_the_page_of_the_old_one_cannot_be_paid(
    roomy_shop: Shop, stripe: FakeStripe
) -> None:
    def open_another(shop: Shop, basket: Basket) -> None:
        checkout.start(shop, Basket(basket.cart_id, (Item("guide-eur", 2), Item("clinic-eur", 2))))

    died_at = _kill_everywhere(roomy_shop, stripe, before=open_another)
    assert {"after Stripe's expire_checkout", "after Stripe's open_checkout"} <= set(died_at)


def test_wherever_a_second_click_is_killed_the_third_leads_to_the_same_page(
    roomy_shop: Shop, stripe: FakeStripe
) -> None:
    died_at = _kill_everywhere(roomy_shop, stripe, before=lambda shop, basket: _discard(checkout.start(shop, basket)))
    assert "after Stripe's retrieve_checkout" in died_at


def _discard(_link: object) -> None:
    pass


def _kill_everywhere(shop: Shop, stripe: FakeStripe, *, before: Before) -> list[str]:
    """Kill `checkout.start` at each of its points, for another cart each time, and check what the next click finds."""
    died_at: list[str] = []
    for point in range(1, 300):
        basket = Basket(f"cart-{point}", (Item("guide-eur", 1), Item("clinic-eur", 1)))
        before(shop, basket)
        end = live_until(point, shop, stripe, lambda mortal, basket=basket: checkout.start(mortal, basket))
        if end.finished:
            break
        died_at.append(end.where)
        _assert_next_click_leads_to_the_only_page(shop, stripe, basket, end.where)
    assert end.finished
    _assert_every_place_is_held_once(shop, orders=len(died_at))
    return died_at


def _assert_next_click_leads_to_the_only_page(shop: Shop, stripe: FakeStripe, basket: Basket, where: str) -> None:
    link = checkout.start(shop, basket)
    open_pages = [
        each
        for each in stripe.sessions.values()
        if each["metadata"]["cart_id"] == basket.cart_id and each["status"] == "open"
    ]
    assert [each["url"] for each in open_pages] == [link.url], where
    assert open_pages[0]["amount_total"] == 2900 + 14000, where
    with shop.reading() as session:
        assert session.exec(select(Order.id).where(Order.cart_id == basket.cart_id)).all() == [link.order_id], where
        assert session.exec(select(func.count()).where(col(OrderLine.order_id) == link.order_id)).one() == 2, where

    stripe.pay(open_pages[0]["id"])
    inbox.receive(shop, *signed(stripe.event("completed", open_pages[0]["id"])))
    with shop.reading() as session:
        assert session.get_one(Order, link.order_id).status is Status.FULFILLED, where


def _assert_every_place_is_held_once(shop: Shop, *, orders: int) -> None:
    """One place for each order that was paid, and one for the last, whose process lived."""
    with shop.reading() as session:
        counting = col(Reservation.state) != ReservationState.RELEASED
        assert session.exec(select(func.sum(Reservation.places)).where(counting)).one() == orders + 1
        assert session.get_one(WorkshopDate, "clinic/1").taken == orders + 1
