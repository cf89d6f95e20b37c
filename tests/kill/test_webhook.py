"""The webhook's process killed at every point of its way: the next delivery, return or sweep completes the order, once."""

from collections.abc import Callable
from itertools import cycle

import pytest
from sqlmodel import col, func, select

from core.events import inbox, reconciliation
from core.events.inbox import StripeEvent
from core.foundation.jobs import outbox
from core.journeys import checkout, success_page
from core.journeys.checkout import Basket, Item
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.kinds.workshops import Reservation, ReservationState, WorkshopDate
from core.orders.history import FulfillmentLog
from core.orders.orders import Order
from core.orders.status import GrantState, Status
from core.shop import Shop
from tests.fakes import FakeStripe, session_in, signed
from tests.kill.mortal import live_until

PRICES = ("guide-eur", "kit-eur", "clinic-eur")


@pytest.fixture
def roomy_shop(shop: Shop) -> Shop:
    """The shop with places for everybody."""
    with shop.transaction() as session:
        session.get_one(WorkshopDate, "clinic/1").capacity = 1000
    outbox.open_client(shop.engine)
    return shop


# What each delivery writes, statement by statement.
WRITTEN = (
    "into stripe_events", "checkouts set", "into payments", "into grants", "reservations set", "into attendees", "orders set",
    "into license_keys", "into fulfillment_log", "workflow_status",
)  # fmt: skip


def test_wherever_the_webhook_is_killed_the_order_is_completed_once(roomy_shop: Shop, stripe: FakeStripe) -> None:
    shop = roomy_shop
    completions = cycle((_deliver_again, _come_back, _sweep))
    died_at: list[str] = []
    for point in range(1, 200):
        order_id, session_id = _paid_order(shop, stripe, point)
        event = stripe.event("completed", session_id)
        end = live_until(point, shop, stripe, lambda mortal, event=event: inbox.receive(mortal, *signed(event)))
        if end.finished:
            break
        died_at.append(end.where)
        _assert_nothing_or_all(shop, order_id, end.where)
        next(completions)(shop, stripe, session_id, event)
        _assert_completed_once(shop, order_id, end.where)
        _deliver_again(shop, stripe, session_id, event)
        _assert_completed_once(shop, order_id, end.where)
    assert end.finished
    met = "\n".join(died_at).casefold()
    assert not [words for words in WRITTEN if words not in met]
    assert {"commit", "after the last commit"} <= set(died_at)
    _assert_places_counted_right(shop)


def test_wherever_it_is_killed_over_several_events_all_or_none_are_done(roomy_shop: Shop, stripe: FakeStripe) -> None:
    shop, died_at = roomy_shop, []
    for point in range(1, 200):
        paid = [_paid_order(shop, stripe, 1000 * point + number) for number in range(3)]
        bodies = [signed(stripe.event("completed", session_id)) for _, session_id in paid]
        end = live_until(
            point, shop, stripe,
            lambda mortal, bodies=bodies: inbox.take_all(mortal, [inbox.opened(mortal, *body) for body in bodies]),
        )  # fmt: skip
        if end.finished:
            break
        died_at.append(end.where)
        for order_id, _ in paid:
            _assert_nothing_or_all(shop, order_id, end.where)
        assert len({_status(shop, order_id) for order_id, _ in paid}) == 1, end.where
        for (order_id, _), body in zip(paid, bodies, strict=True):
            inbox.receive(shop, *body)
            _assert_completed_once(shop, order_id, end.where)
    assert end.finished
    assert {"commit", "after the last commit"} <= set(died_at)
    _assert_places_counted_right(shop)


def _status(shop: Shop, order_id: str) -> Status:
    with shop.reading() as session:
        return session.get_one(Order, order_id).status


def _paid_order(shop: Shop, stripe: FakeStripe, number: int) -> tuple[str, str]:
    items = tuple(Item(price, 1) for price in PRICES)
    link = checkout.start(shop, Basket(f"cart-{number}", items))
    session_id = session_in(link.url)
    stripe.pay(session_id)
    return link.order_id, session_id


Completion = Callable[[Shop, FakeStripe, str, dict], None]


def _deliver_again(shop: Shop, _stripe: FakeStripe, _session_id: str, event: dict) -> None:
    assert inbox.receive(shop, *signed(event)).state is inbox.EventState.APPLIED


def _come_back(shop: Shop, _stripe: FakeStripe, session_id: str, _event: dict) -> None:
    success_page.confirm(shop, session_id)


def _sweep(shop: Shop, stripe: FakeStripe, _session_id: str, event: dict) -> None:
    stripe.undelivered = [event]
    stripe.happened.append(event)
    assert reconciliation.sweep(shop).failed == []


def _assert_nothing_or_all(shop: Shop, order_id: str, where: str) -> None:
    """What a killed transaction leaves is either the state before it or the state after it."""
    with shop.reading() as session:
        status = session.get_one(Order, order_id).status
        grants = session.exec(select(func.count()).where(col(Grant.order_id) == order_id)).one()
        remembered = session.exec(select(func.count()).where(col(StripeEvent.order_id) == order_id)).one()
    jobs = len(_receipts(shop, order_id))
    nothing, everything = (Status.PENDING, 0, 0, 0), (Status.FULFILLED, len(PRICES), 1, 1)
    assert (status, grants, remembered, jobs) in (nothing, everything), where


def _assert_completed_once(shop: Shop, order_id: str, where: str) -> None:
    with shop.reading() as session:
        order = session.get_one(Order, order_id)
        grants = session.exec(select(Grant).where(Grant.order_id == order_id)).all()
        keys = session.exec(select(LicenseKey).where(col(LicenseKey.grant_id).in_([g.id for g in grants]))).all()
        log = session.exec(select(FulfillmentLog.event).where(FulfillmentLog.order_id == order_id)).all()
    assert order.status is Status.FULFILLED, where
    assert sorted(grant.product_id for grant in grants) == ["clinic", "guide", "kit"], where
    assert {grant.state for grant in grants} == {GrantState.ACTIVE}, where
    assert len(keys) == 1, where
    assert sorted(log) == ["checkout:1", "fulfilled", "granted:1", "granted:2", "granted:3", "paid"], where
    assert len(_receipts(shop, order_id)) == 1, where


def _receipts(shop: Shop, order_id: str) -> list[str]:
    jobs = outbox.open_client(shop.engine).list_workflows(workflow_ids=[f"receipt:{order_id}"])
    return [job.workflow_id for job in jobs]


def _assert_places_counted_right(shop: Shop) -> None:
    with shop.reading() as session:
        places = session.exec(
            select(func.sum(Reservation.places)).where(col(Reservation.state) != ReservationState.RELEASED)
        ).one()
        assert session.get_one(WorkshopDate, "clinic/1").taken == places
