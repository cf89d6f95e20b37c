"""A workshop's dates: one is chosen, named on the line, and never exchanged for another, whatever happens meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import select

from core.foundation.errors import NotOpen, SoldOut, StripeUnreachable, UnknownDate
from core.foundation.records import new_id
from core.journeys import carts, checkout, refund
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import offers
from core.kinds.offers import Availability
from core.kinds.places import line_places as place_stock
from core.kinds.workshops import Reservation, ReservationState, WorkshopDate
from core.orders.orders import OrderLine
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.fakes import FakeStripe

SEVENTEEN = 17


@pytest.fixture
def two_dates(shop: Shop) -> Shop:
    """The clinic takes place in 17 days, and once more in 24."""
    builders.add_date(shop, "clinic/2", in_days=24)
    return shop


def places(quantity: int = 1, date: str = "", *, cart: str = "cart_1") -> Basket:
    return Basket(cart, (Item("clinic-eur", quantity, date),))


def booked(shop: Shop, stripe: FakeStripe, basket: Basket) -> tuple[str, str]:
    """An order for this basket whose payment page is open: its id and its Session's."""
    link = checkout.start(shop, basket)
    return link.order_id, builders.session_id(link)


# -- which date


def test_a_chosen_date_is_named_on_the_line_at_stripe_and_in_the_answer(two_dates: Shop, stripe: FakeStripe) -> None:
    link = checkout.start(two_dates, places(2, "clinic/2"))
    assert builders.dates_of(two_dates, link.order_id) == ["clinic/2"]
    assert builders.taken(two_dates)["clinic/2"] == 2
    assert [date.date_id for date in link.dates] == ["clinic/2"]
    ((parameters, _),) = stripe.by_key.values()
    product = parameters["line_items"][0]["price_data"]["product_data"]
    assert product["description"] == "2026-12-17, 11:24–13:24 (Europe/Copenhagen)"


def test_without_a_date_the_next_one_with_room_for_all_is_taken(two_dates: Shop) -> None:
    builders.change_date(two_dates, "clinic/1", taken=3)
    first = checkout.start(two_dates, places(2, cart="two"))
    second = checkout.start(two_dates, places(1, cart="one"))
    assert builders.dates_of(two_dates, first.order_id) == ["clinic/1"]
    assert builders.dates_of(two_dates, second.order_id) == ["clinic/2"]


def test_a_date_that_is_over_hides_no_later_one(two_dates: Shop, clock: Clock) -> None:
    clock.pass_(days=SEVENTEEN + 1)
    with two_dates.reading() as session:
        offer = offers.of_product(session, "clinic", now=clock())
    assert offer is not None
    assert (offer.availability, [date.id for date in offer.dates]) == (Availability.ON_SALE, ["clinic/2"])
    assert builders.dates_of(two_dates, checkout.start(two_dates, places()).order_id) == ["clinic/2"]


def test_a_workshop_whose_dates_have_all_begun_is_not_to_be_had(two_dates: Shop, clock: Clock) -> None:
    clock.pass_(days=30)
    with pytest.raises(SoldOut) as refusal:
        checkout.start(two_dates, places())
    assert (refusal.value.left, refusal.value.date) == (0, "")


@pytest.mark.parametrize("date", ["full/1", "clinic/9"])
def test_a_date_of_another_product_is_refused(two_dates: Shop, stripe: FakeStripe, date: str) -> None:
    with pytest.raises(UnknownDate):
        checkout.start(two_dates, places(1, date))
    with pytest.raises(UnknownDate):
        checkout.start(two_dates, Basket("cart_2", (Item("guide-eur", 1, "clinic/1"),)))
    assert stripe.calls == []


def test_a_begun_workshop_can_neither_be_put_into_a_cart_nor_be_held(two_dates: Shop, clock: Clock) -> None:
    order_id = checkout.start(two_dates, places(1, "clinic/1")).order_id
    (date,) = [row for row in builders.rows(two_dates, WorkshopDate) if row.id == "clinic/1"]
    clock.time = date.starts_at
    with two_dates.transaction() as session, pytest.raises(SoldOut) as refusal:
        carts.put(session, "br_1", "clinic-eur", 1, date_id="clinic/1", now=clock())
    assert (refusal.value.date, refusal.value.left, refusal.value.starts_at) == ("clinic/1", 0, date.starts_at)
    with pytest.raises(SoldOut):
        checkout.start(two_dates, places(1, "clinic/1", cart="cart_2"))
    with two_dates.transaction() as session:
        line = session.exec(select(OrderLine).where(OrderLine.order_id == order_id)).one()
        another = OrderLine(**{**line.model_dump(), "id": new_id("ol"), "position": 1})
        session.add(another)
        session.flush()
        with pytest.raises(SoldOut):
            place_stock.hold(session, another, now=clock())
        place_stock.hold(session, another, now=clock() - timedelta(microseconds=1))
        session.rollback()


def test_two_dates_of_a_workshop_are_two_lines_of_a_cart_and_of_an_order(two_dates: Shop) -> None:
    now = two_dates.now()
    with two_dates.transaction() as session:
        carts.put(session, "br_1", "clinic-eur", 1, date_id="clinic/1", now=now)
        carts.put(session, "br_1", "clinic-eur", 2, date_id="clinic/2", now=now)
        carts.put(session, "br_1", "clinic-eur", 3, date_id="clinic/2", now=now)
    with two_dates.reading() as session:
        lines = carts.view(session, "br_1", now=now).lines
    assert [(line.date and line.date.id, line.quantity) for line in lines] == [("clinic/1", 1), ("clinic/2", 3)]
    items = (Item("clinic-eur", 4, "clinic/1"), Item("clinic-eur", 3, "clinic/2"))
    order_id = checkout.start(two_dates, Basket("cart_1", items)).order_id
    assert builders.dates_of(two_dates, order_id) == ["clinic/1", "clinic/2"]
    assert builders.taken(two_dates) == {"clinic/1": 4, "clinic/2": 3, "full/1": 3}
    with two_dates.transaction() as session:
        carts.remove(session, "br_1", "clinic-eur", date_id="clinic/1")
    with two_dates.reading() as session:
        assert [line.quantity for line in carts.view(session, "br_1", now=now).lines] == [3]


# -- never exchanged


def test_a_retry_keeps_the_date_though_an_earlier_one_has_room_by_now(two_dates: Shop, stripe: FakeStripe) -> None:
    builders.change_date(two_dates, "clinic/1", taken=5)
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    with pytest.raises(StripeUnreachable):
        checkout.start(two_dates, places())
    builders.change_date(two_dates, "clinic/1", taken=0)
    link = checkout.start(two_dates, places())
    assert builders.dates_of(two_dates, link.order_id) == ["clinic/2"]
    assert checkout.start(two_dates, places()) == link
    assert builders.taken(two_dates)["clinic/1"] == 0


@pytest.mark.parametrize("quantity", [1, 3], ids=["the same cart", "a changed cart"])
def test_a_lapsed_hold_keeps_its_date_or_is_told_that_this_one_is_sold_out(
    two_dates: Shop, stripe: FakeStripe, quantity: int
) -> None:
    order_id, session_id = booked(two_dates, stripe, places())
    stripe.expire_checkout(session_id)
    deliver(two_dates, stripe.event("expired", session_id))
    builders.change_date(two_dates, "clinic/1", taken=5)
    with pytest.raises(SoldOut) as refusal:
        checkout.start(two_dates, places(quantity))
    assert (refusal.value.date, refusal.value.left) == ("clinic/1", 0)
    builders.change_date(two_dates, "clinic/1", taken=2)
    assert checkout.start(two_dates, places(quantity)).order_id == order_id
    assert builders.dates_of(two_dates, order_id) == ["clinic/1"]
    assert builders.taken(two_dates)["clinic/2"] == 0


def test_another_date_chosen_is_another_basket(two_dates: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(two_dates, places(2, "clinic/1"))
    second = checkout.start(two_dates, places(2, "clinic/2"))
    assert stripe.sessions[builders.session_id(first)]["status"] == "expired"
    assert builders.dates_of(two_dates, second.order_id) == ["clinic/2"]
    assert (builders.taken(two_dates)["clinic/1"], builders.taken(two_dates)["clinic/2"]) == (0, 2)


def test_ones_own_last_places_are_not_sold_out_to_oneself_on_their_date_alone(two_dates: Shop) -> None:
    checkout.start(two_dates, places(4, "clinic/1"))
    builders.change_date(two_dates, "clinic/1", taken=5)
    assert checkout.start(two_dates, places(3, "clinic/1")).url
    builders.change_date(two_dates, "clinic/2", taken=5)
    with pytest.raises(SoldOut) as refusal:
        checkout.start(two_dates, places(3, "clinic/2"))
    assert refusal.value.date == "clinic/2"


# -- paid too late, and money that goes back


def test_paid_after_the_date_has_begun_needs_a_person_and_can_be_refunded(
    two_dates: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, session_id = booked(two_dates, stripe, places(1, "clinic/1"))
    clock.pass_(days=SEVENTEEN + 1)
    stripe.pay(session_id)
    deliver(two_dates, stripe.event("completed", session_id))
    assert builders.status(two_dates, order_id) == "paid"
    assert builders.grants(two_dates, order_id) == [("clinic", "blocked")]
    assert [item.topic for item in attention.items(two_dates)] == ["date_passed"]
    refund.request(two_dates, order_id, actor="owner")
    assert builders.status(two_dates, order_id) == "refunded"
    assert builders.taken(two_dates)["clinic/1"] == 0
    assert attention.items(two_dates) == []


def test_of_a_date_that_was_attended_nothing_is_given_back_by_money_going_back_and_forth(
    two_dates: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(two_dates, stripe, "clinic-eur")
    clock.pass_(days=SEVENTEEN + 1)
    refund.request(two_dates, order_id, actor="owner")
    assert builders.grants(two_dates, order_id) == [("clinic", "revoked")]
    assert builders.taken(two_dates)["clinic/1"] == 1
    fail_the_refund(two_dates, stripe)
    assert builders.grants(two_dates, order_id) == [("clinic", "active")]


def fail_the_refund(shop: Shop, stripe: FakeStripe) -> None:
    """The bank sends its money back."""
    (found,) = stripe.refunds.values()
    found.update(status="failed", failure_reason="lost_or_stolen_card")
    deliver(shop, stripe.tell("refund.failed", found))


@pytest.mark.parametrize("free", [True, False])
def test_a_mismatched_order_gives_its_place_back_when_refunded_and_counts_on_it_again_if_that_fails(
    two_dates: Shop, stripe: FakeStripe, free: bool
) -> None:
    order_id, session_id = booked(two_dates, stripe, places(2, "clinic/1"))
    stripe.sessions[session_id].update(amount_subtotal=100, amount_total=100)
    stripe.pay(session_id)
    deliver(two_dates, stripe.event("completed", session_id))
    assert builders.taken(two_dates)["clinic/1"] == 2
    refund.request(two_dates, order_id, actor="owner")
    assert builders.taken(two_dates)["clinic/1"] == 0
    if not free:
        builders.change_date(two_dates, "clinic/1", taken=5)
    fail_the_refund(two_dates, stripe)
    assert builders.grants(two_dates, order_id) == [("clinic", "blocked")]
    (reservation,) = builders.rows(two_dates, Reservation)
    assert reservation.state is (ReservationState.HELD if free else ReservationState.RELEASED)
    assert builders.taken(two_dates)["clinic/1"] == (2 if free else 5)


# -- many at once


def test_thirty_at_once_for_the_five_places_of_one_date_never_get_another(two_dates: Shop) -> None:
    baskets = [places(1, "clinic/1", cart=f"cart_{number}") for number in range(30)]
    results = builders.at_once(*[lambda basket=basket: checkout.start(two_dates, basket) for basket in baskets])
    assert len([each for each in results if isinstance(each, PaymentLink)]) == 5
    assert {(type(each), each.date) for each in results if isinstance(each, NotOpen)} == {(SoldOut, "clinic/1")}
    assert builders.taken(two_dates) == {"clinic/1": 5, "clinic/2": 0, "full/1": 3}


def test_twelve_at_once_who_ask_for_no_date_fill_one_after_the_other(two_dates: Shop) -> None:
    baskets = [places(cart=f"cart_{number}") for number in range(12)]
    results = builders.at_once(*[lambda basket=basket: checkout.start(two_dates, basket) for basket in baskets])
    assert len([each for each in results if isinstance(each, PaymentLink)]) == 10
    assert builders.taken(two_dates) == {"clinic/1": 5, "clinic/2": 5, "full/1": 3}


def test_two_workshops_crossed_in_two_carts_keep_nobody_from_buying(shop: Shop, stripe: FakeStripe) -> None:
    """Twenty-four who come back at once, each with an order already, so that nothing else makes them wait in turn."""
    for date in ("clinic/1", "full/1"):
        builders.change_date(shop, date, capacity=100, taken=0)
    items = (Item("clinic-eur", 1), Item("full-eur", 1))
    baskets = [Basket(f"cart_{number}", items if number % 2 else items[::-1]) for number in range(24)]
    sessions = [booked(shop, stripe, basket)[1] for basket in baskets]
    for session_id in sessions:
        stripe.expire_checkout(session_id)
    again = [replace(basket, email=f"{basket.cart_id}@berg.example") for basket in baskets]
    results = builders.at_once(*[lambda basket=basket: checkout.start(shop, basket) for basket in again])
    assert [each for each in results if not isinstance(each, PaymentLink)] == []
    assert builders.taken(shop) == {"clinic/1": 24, "full/1": 24}
    expired = [stripe.event("expired", builders.session_id(link)) for link in results if isinstance(link, PaymentLink)]
    for event in expired:
        event["data"]["object"]["status"] = "expired"
    outcomes = builders.at_once(*[lambda event=event: deliver(shop, event).state for event in expired])
    assert outcomes == ["applied"] * 24
    assert builders.taken(shop) == {"clinic/1": 0, "full/1": 0}
