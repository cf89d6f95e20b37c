"""Refunding, killed at every point: Stripe sends the money back once, and the rows are right after the next try."""

from collections.abc import Callable
from itertools import cycle

from sqlmodel import select

from core.events import questions, reconciliation
from core.foundation.jobs import outbox
from core.journeys import refund
from core.orders.orders import Order
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import Status
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.kill.mortal import live_until

PRICE = 2900
Completion = Callable[[Shop, FakeStripe, Clock, str], None]


def click_again(shop: Shop, _stripe: FakeStripe, _clock: Clock, order_id: str) -> None:
    refund.request(shop, order_id, key="form", actor="owner")


def sweep(shop: Shop, _stripe: FakeStripe, clock: Clock, _order_id: str) -> None:
    clock.pass_(minutes=3)
    assert reconciliation.sweep(shop).failed == []


def hear_of_it(shop: Shop, stripe: FakeStripe, _clock: Clock, order_id: str) -> None:
    for made in of_order(stripe, order_id):
        builders.deliver(shop, stripe.tell("refund.created", made))


def of_order(stripe: FakeStripe, order_id: str) -> list[dict]:
    return [each for each in stripe.refunds.values() if each["metadata"].get("order_id") == order_id]


def test_wherever_refunding_is_killed_the_money_goes_back_once(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    outbox.open_client(shop.engine)
    completions = cycle(((click_again,), (sweep,), (hear_of_it, sweep), (hear_of_it, click_again)))
    died_at: list[str] = []
    for point in range(1, 100):
        order_id = builders.bought(shop, stripe, cart=f"cart_{point}")

        def ask_for_it(mortal: Shop, order_id: str = order_id) -> object:
            return refund.request(mortal, order_id, key="form", actor="owner")

        end = live_until(point, shop, stripe, ask_for_it)
        if end.finished:
            break
        died_at.append(end.where)
        _assert_nothing_or_requested_or_done(shop, stripe, order_id, end.where)
        for complete in next(completions):
            complete(shop, stripe, clock, order_id)
        click_again(shop, stripe, clock, order_id)
        _assert_refunded_once(shop, stripe, order_id, end.where)
    assert end.finished
    assert {"before Stripe's refund", "after Stripe's refund", "commit"} <= set(died_at)


def _assert_nothing_or_requested_or_done(shop: Shop, stripe: FakeStripe, order_id: str, where: str) -> None:
    with shop.reading() as session:
        statuses = [row.status for row in session.exec(select(Refund).where(Refund.order_id == order_id))]
        order = session.get_one(Order, order_id)
    done = statuses == [RefundStatus.SUCCEEDED]
    assert done or statuses in ([], [RefundStatus.REQUESTED]), where
    assert (order.status is Status.REFUNDED, order.amount_refunded == PRICE) == (done, done), where
    assert statuses or not of_order(stripe, order_id), "money went back of which nothing is known here"


def _assert_refunded_once(shop: Shop, stripe: FakeStripe, order_id: str, where: str) -> None:
    assert [each["amount"] for each in of_order(stripe, order_id)] == [PRICE], where
    found = builders.detail(shop, order_id)
    assert (found["status"], found["amount_refunded"]) == ("refunded", PRICE), where
    assert [each["status"] for each in found["refunds"]] == ["succeeded"], where
    assert builders.grants(shop, order_id) == [("guide", "revoked")], where
    assert len([entry for entry in builders.log(shop, order_id) if entry.startswith("refund:")]) == 1, where


def test_wherever_asking_about_a_plan_is_killed_asking_again_settles_it(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    outbox.open_client(shop.engine)
    died_at: list[str] = []
    for point in range(1, 100):
        order_id, name = builders.subscribed(
            shop, stripe, ("plan-month", 2), cart=f"cart_{point}", browser=f"br_{point}"
        )
        stripe.change_seats(name, 5)
        stripe.subscriptions[name]["status"] = "unpaid"
        clock.pass_(days=31)  # what was paid for is over
        end = live_until(point, shop, stripe, lambda mortal, name=name: questions.ask(mortal, name))
        if end.finished:
            break
        died_at.append(end.where)
        (grant,) = builders.detail(shop, order_id)["grants"]
        assert (grant["state"], grant["quantity"]) in (("active", 2), ("suspended", 5)), end.where
        questions.ask(shop, name)
        (grant,) = builders.detail(shop, order_id)["grants"]
        assert (grant["state"], grant["quantity"]) == ("suspended", 5), end.where
    assert end.finished
    assert {"after Stripe's find_subscription", "commit"} <= set(died_at)


def test_wherever_asking_whose_a_refund_is_is_killed_the_next_pass_counts_it_once(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    outbox.open_client(shop.engine)
    died_at: list[str] = []
    for point in range(1, 100):
        order_id, name = builders.subscribed(shop, stripe, cart=f"cart_{point}", browser=f"br_{point}")
        stripe.happened.clear()
        builders.deliver(shop, stripe.tell("invoice.paid", stripe.renew(name)))
        told = stripe.tell("refund.created", stripe.make_refund(builders.payment_of(shop, order_id), 300))
        assert builders.deliver(shop, told).state == "parked"
        end = live_until(point, shop, stripe, lambda mortal, told=told: questions.ask(mortal, told["id"]))
        if end.finished:
            break
        died_at.append(end.where)
        if point % 2:
            questions.ask(shop, told["id"])
        else:
            clock.pass_(hours=2)
            assert reconciliation.sweep(shop).failed == []
        found = builders.detail(shop, order_id)
        assert (found["status"], found["amount_refunded"]) == ("partially_refunded", 300), end.where
        assert builders.event_row(shop, told["id"]).state == "applied", end.where
    assert end.finished
    assert {"after Stripe's find_checkout_of", "after Stripe's find_invoice_of"} <= set(died_at)


def test_wherever_fetching_a_charges_refunds_is_killed_each_counts_once(shop: Shop, stripe: FakeStripe) -> None:
    outbox.open_client(shop.engine)
    died_at: list[str] = []
    for point in range(1, 100):
        order_id = builders.bought(shop, stripe, cart=f"cart_{point}")
        payment = builders.payment_of(shop, order_id)
        charge = stripe.charge_of(payment)["id"]
        for amount in (100, 200):
            stripe.make_refund(payment, amount)
        end = live_until(point, shop, stripe, lambda mortal, charge=charge: questions.ask(mortal, charge))
        if end.finished:
            break
        died_at.append(end.where)
        assert builders.detail(shop, order_id)["amount_refunded"] in (0, 300), end.where
        questions.ask(shop, charge)
        assert builders.detail(shop, order_id)["amount_refunded"] == 300, end.where
    assert end.finished
    assert "after Stripe's refunds_of" in died_at
