"""Free orders: confirmed with an address, by the same fulfilment, without Stripe; and what keeps them from being abused."""

from dataclasses import replace

import pytest
from sqlmodel import update

from core.catalog.products import Price
from core.foundation.errors import AddressUnfit, AddressUnproven, AlreadyPaid, BadQuantity, TooManyTries
from core.journeys import checkout, checkout_limits, success_page
from core.journeys.checkout import Basket, PaymentLink
from core.kinds.workshops import WorkshopDate
from core.messages.letters import Letter
from core.orders.orders import Order
from core.people.customers import Customer
from core.shop import Shop
from core.traffic.counting import Sender
from tests import builders
from tests.builders import a_basket
from tests.fakes import FakeStripe


def free_basket(*items: str | tuple[str, int], cart: str = "cart_1", signed_in: str = "") -> Basket:
    basket = a_basket(*items or ("gift-eur",), cart=cart, email="" if signed_in else "ann@buyer.example")
    return replace(basket, pageless=True, signed_in=signed_in)


def free_clinic(shop: Shop) -> None:
    with shop.transaction() as session:
        session.exec(update(Price).where(Price.id == "clinic-eur").values(amount=0))


def ordered(shop: Shop, basket: Basket) -> PaymentLink:
    return checkout_limits.start(shop, basket, Sender("192.0.2.1", "br_1"))


def test_what_costs_nothing_is_fulfilled_at_once_without_stripe(shop: Shop, stripe: FakeStripe) -> None:
    link = checkout.start(shop, free_basket())
    detail = builders.detail(shop, link.order_id)
    assert (link.is_paid, detail["status"], detail["amount_total"]) == (True, "fulfilled", 0)
    assert [(grant["product"], grant["state"]) for grant in detail["grants"]] == [("gift", "active")]
    assert stripe.calls == []
    assert [row.email for row in builders.rows(shop, Customer)] == ["ann@buyer.example"]
    session_id = link.url.rpartition("=")[2]
    assert success_page.confirm(shop, session_id) == link.order_id


def test_the_same_order_twice_is_one(shop: Shop) -> None:
    first = checkout.start(shop, free_basket())
    with pytest.raises(AlreadyPaid) as refused:
        checkout.start(shop, free_basket())
    assert refused.value.order_id == first.order_id
    assert len(builders.rows(shop, Order)) == 1


@builders.on_sqlite
def test_a_page_that_was_open_for_more_is_ended_before(shop: Shop, stripe: FakeStripe) -> None:
    builders.opened(shop, "guide-eur", cart="cart_1")
    checkout.start(shop, free_basket())
    assert [each["status"] for each in stripe.sessions.values()] == ["expired"]
    assert [order.status for order in builders.rows(shop, Order)] == ["fulfilled"]


@builders.on_sqlite
def test_without_an_address_nothing_is_given(shop: Shop) -> None:
    with pytest.raises(AddressUnfit):
        checkout.start(shop, replace(free_basket(), email=""))
    assert builders.rows(shop, Order) == []


@builders.on_sqlite
def test_with_something_to_pay_beside_it_stripe_s_page_opens(shop: Shop, stripe: FakeStripe) -> None:
    link = checkout.start(shop, free_basket("gift-eur", "guide-eur"))
    assert (link.is_paid, len(stripe.sessions)) == (False, 1)


def test_places_go_to_proven_addresses_and_no_more_to_one_than_an_order_may_have(shop: Shop) -> None:
    free_clinic(shop)
    with pytest.raises(AddressUnproven):
        checkout.start(shop, free_basket("clinic-eur"))
    checkout.start(shop, free_basket(("clinic-eur", 3), signed_in="ann@buyer.example"))
    with pytest.raises(BadQuantity):
        checkout.start(shop, free_basket(("clinic-eur", 2), cart="cart_2", signed_in="ann@buyer.example"))
    checkout.start(shop, free_basket("clinic-eur", cart="cart_3", signed_in="ann@buyer.example"))
    assert [row.taken for row in builders.rows(shop, WorkshopDate) if row.id == "clinic/1"] == [4]


@builders.on_sqlite
def test_nobody_is_sent_many_letters_they_did_not_ask_for(shop: Shop) -> None:
    # What is refused sends none.
    for _ in range(3):
        with pytest.raises(BadQuantity):
            ordered(shop, free_basket(("gift-eur", 999)))
    for number in range(5):
        ordered(shop, free_basket(cart=f"cart_{number}"))
    with pytest.raises(TooManyTries):
        ordered(shop, free_basket(cart="cart_6"))
    assert len(builders.rows(shop, Order)) == 5
    assert len(builders.rows(shop, Letter)) <= 5
