"""What becomes of events that are applied together: each comes to what it would alone, and only what it changes is locked."""

from datetime import timedelta
from typing import Any

import pytest

from core.admission import ASKING
from core.catalog.products import Price
from core.events import application
from core.events.handlers import Context, EventState, Outcome, ignored
from core.orders.disputes import FraudWarning
from core.orders.history import FulfillmentLog
from core.orders.orders import Order
from core.orders.payments import Payment
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.orders.stored import locking_rows, writing_unlocked
from tests.fakes import FakeStripe, event_about


def apply(shop: Shop, *events: dict[str, Any], livemode: bool = False) -> list[Outcome]:
    contexts = [Context(shop.id, event, f"webhook {event['id']}", shop.now()) for event in events]
    with shop.transaction() as session:
        return application.apply(session, contexts, livemode=livemode)


def paid(shop: Shop, stripe: FakeStripe, cart: str, *items: str) -> tuple[str, str]:
    """An order that was paid, of which nobody told yet: its id and its Session's."""
    order_id, session_id = builders.opened(shop, *items, cart=cart)
    stripe.pay(session_id)
    return order_id, session_id


def charge_of(shop: Shop, stripe: FakeStripe, order_id: str) -> dict[str, Any]:
    return stripe.charge_of(builders.payment_of(shop, order_id))


def done(order_id: str | None = None) -> Outcome:
    return Outcome(EventState.APPLIED, order_id)


def test_each_of_several_events_comes_to_what_it_would_alone(shop: Shop, stripe: FakeStripe) -> None:
    bought = builders.bought(shop, stripe, cart="cart_0")
    order_id, session_id = paid(shop, stripe, "cart_1")
    with shop.transaction() as session:
        session.get_one(Price, "kit-eur").stripe_price_id = "price_kit"
    theirs = {"id": "re_9", "object": "refund", "payment_intent": "pi_9", "amount": 1, "status": "succeeded"}
    events = {
        "refund.created": (theirs, Outcome(EventState.PARKED, reason=ASKING)),
        "topup.created": ({"id": "tu_1", "object": "topup"}, ignored("a type the shop has no use for")),
        "charge.refunded": (charge_of(shop, stripe, bought), done(bought)),
        "price.deleted": ({"id": "price_kit", "object": "price"}, done()),
        "invoice.paid": ({"id": "in_9", "object": "invoice"}, ignored("an invoice without a subscription")),
        "payment_intent.succeeded": (
            {"id": "pi_8", "object": "payment_intent", "metadata": {}}, ignored("names no order of this shop"),
        ),
        "checkout.session.completed": (stripe.sessions[session_id], done(order_id)),
        "checkout.session.expired": (
            {**stripe.sessions[session_id], "metadata": {}}, ignored("not an order of this shop"),
        ),
    }  # fmt: skip
    before = builders.order(shop, bought)
    found = apply(shop, *(event_about(about, kind, number=kind) for kind, (about, _) in events.items()))
    assert found == [outcome for _, outcome in events.values()]
    assert (builders.status(shop, order_id), builders.order(shop, bought)) == ("fulfilled", before)
    with shop.reading() as session:
        assert not session.get_one(Price, "kit-eur").active
    owed = [job for job in builders.jobs(shop) if job.startswith("ask_stripe:")]
    asked = ("evt_test_refund.created", charge_of(shop, stripe, bought)["id"])
    told = ("evt_test_refund.created", "evt_test_charge.refunded")
    assert owed == sorted(f"ask_stripe:{subject}:{event}" for subject, event in zip(asked, told, strict=True))


@pytest.mark.parametrize("live", [False, True])
@builders.on_sqlite
def test_what_is_told_of_the_other_mode_is_ignored_and_the_rest_is_applied(
    shop: Shop, stripe: FakeStripe, live: bool
) -> None:
    of = builders.live(shop) if live else shop
    order_id, session_id = paid(of, stripe, "cart_1")
    event = {**stripe.event("completed", session_id), "livemode": live}
    others = event_about({"id": "price_9", "object": "price"}, "price.deleted", number="other", livemode=not live)
    reason = "test event, live key" if live else "live event, test key"
    assert apply(of, others, event, livemode=live) == [ignored(reason), done(order_id)]
    hardly = {key: value for key, value in event.items() if key != "livemode"}
    assert apply(of, hardly, livemode=live) == [ignored(reason) if live else done(order_id)]


def test_a_session_was_paid_when_stripe_first_told_of_it(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, session_id = paid(shop, stripe, "cart_1")
    event, paid_at = stripe.event("completed", session_id), shop.now()
    clock.pass_(hours=1)
    assert apply(shop, event) == [done(order_id)]
    assert [row.paid_at for row in builders.rows(shop, Payment)] == [paid_at]
    order = builders.order(shop, order_id)
    assert (order.paid_at, order.fulfilled_at) == (paid_at, paid_at + timedelta(hours=1))


def test_an_order_that_several_events_are_about_is_settled_by_the_first(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = paid(shop, stripe, "cart_1")
    first, second = stripe.event("completed", session_id), stripe.event("async_payment_succeeded", session_id)
    assert apply(shop, second, first) == [done(order_id)] * 2
    settled = {row.actor for row in builders.rows(shop, FulfillmentLog) if row.event in ("paid", "fulfilled")}
    assert settled == {f"webhook {second['id']}"}


def test_what_events_change_is_locked_at_once_and_nothing_else(shop: Shop, stripe: FakeStripe) -> None:
    ids = sorted(builders.bought(shop, stripe, cart=f"cart_{number}") for number in range(3))
    warned, refunded, told = ids
    payments = {order_id: builders.payment_of(shop, order_id) for order_id in ids}
    refund = stripe.tell("refund.created", stripe.make_refund(payments[refunded], 100))
    warning = stripe.tell("radar.early_fraud_warning.created", stripe.warn(payments[warned]))
    charge = stripe.tell("charge.updated", stripe.charge_of(payments[told]))
    with writing_unlocked() as unlocked:
        for events, locked in (
            ([charge], []), ([warning], [[warned]]), ([refund], [[refunded]]),
            ([refund, warning, charge], [[warned, refunded], [refunded]]),
        ):  # fmt: skip
            with locking_rows(Order) as found:
                apply(shop, *events)
            assert found == locked
    assert unlocked == []
    assert [row.order_id for row in builders.rows(shop, FraudWarning)] == [warned]
    assert [row.id for row in builders.rows(shop, Order) if row.eventful] == [refunded]
