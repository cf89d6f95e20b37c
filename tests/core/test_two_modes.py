"""A database that was used for trials and is opened with a live key: the trials stay apart, and nothing breaks."""

import orjson
import pytest
from sqlmodel import update

from core.attendance import changes, tickets
from core.events import reconciliation
from core.foundation.errors import Fixed, LinkInvalid, PlaceFixed, StripeUnreachable
from core.gateway.sessions import CheckoutState
from core.integrations import versions
from core.journeys import checkout, refund
from core.journeys.billing import plans
from core.kinds import file_versions
from core.orders.orders import Order
from core.outgoing.messages import WebhookMessage
from core.owner.needs import attention
from core.people import purchases
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.outgoing.receiver import listens
from tests.fakes import FakeStripe

NORA = "nora@lindqvist.example"


@pytest.fixture
def live(shop: Shop, stripe: FakeStripe, clock: Clock) -> Shop:
    """The shop with a live key, after trials of every kind: open, paid, disputed, refunded without an answer, subscribed."""
    builders.opened(shop, cart="open")
    disputed = builders.bought(shop, stripe, "kit-eur", cart="disputed")
    builders.deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(builders.payment_of(shop, disputed))))
    unanswered = builders.bought(shop, stripe, cart="unanswered")
    stripe.lost_answers = 1
    with pytest.raises(StripeUnreachable):
        refund.request(shop, unanswered, actor="owner")
    builders.subscribed(shop, stripe, cart="plan")
    clock.pass_(days=40)
    return builders.live(shop)


def test_the_worker_asks_the_live_stripe_about_nothing_that_was_a_trial(live: Shop, stripe: FakeStripe) -> None:
    stripe.calls.clear()
    before = {row.id: row.status for row in builders.rows(live, Order)}
    report = reconciliation.sweep(live, everything=True)
    assert (report.failed, report.healed) == ([], [])
    assert not set(stripe.calls) & {"retrieve", "refund", "find_subscription"}
    assert {row.id: row.status for row in builders.rows(live, Order)} == before


def test_trials_need_nobody_any_more_and_are_nobodys_purchases(live: Shop, shop: Shop) -> None:
    assert [item.topic for item in attention.items(shop) if item.order_id] != []
    assert [item for item in attention.items(live) if item.order_id] == []
    with live.reading() as session:
        found = [
            purchases.library(session, NORA, livemode=mode, signing_key=live.signing_key) for mode in (False, True)
        ]
    assert (len(found[0]), found[1]) == (3, ())


def test_a_cart_from_the_trials_is_paid_for_real(live: Shop, stripe: FakeStripe) -> None:
    before = {row.id for row in builders.attempts(live)}
    link = checkout.start(live, builders.a_basket(cart="open"))
    assert builders.order(live, link.order_id).livemode is True
    rows = [row for row in builders.attempts(live) if row.order_id == link.order_id]
    assert [row.state for row in rows] == [CheckoutState.EXPIRED, CheckoutState.OPEN]
    assert rows[1].id not in before


def test_the_same_holds_the_other_way_round(live: Shop, shop: Shop) -> None:
    link = checkout.start(live, builders.a_basket(cart="real"))
    asked: list[str] = []
    reconciliation.sweep(shop, everything=True, progress=asked.append)
    assert asked
    assert link.order_id not in asked


def test_programs_of_a_live_shop_are_told_nothing_of_what_test_money_opens(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    listens(shop, "http://127.0.0.1:9/", "entitlement.changed")
    real = builders.live(shop)
    _, subscription = builders.subscribed(shop, stripe, cart="plan")

    def told() -> list[tuple[int, list[str]]]:
        said = [orjson.loads(row.body)["data"] for row in builders.rows(shop, WebhookMessage)]
        return [(each["version"], [product["state"] for product in each["products"]]) for each in said]

    versions.catch_up(real)
    assert told() == []
    # By time alone as well.
    clock.pass_(days=40)
    plans.refresh(shop, subscription)
    versions.catch_up(real)
    assert told() == []
    # In the mode of their purchase they are, of what is news by then.
    stripe.end(subscription)
    plans.refresh(shop, subscription)
    versions.catch_up(shop)
    assert [states for _, states in told()] == [["revoked"]]


def test_a_live_shop_hands_out_no_file_and_opens_no_door_for_test_money(shop: Shop, stripe: FakeStripe) -> None:
    real = builders.live(shop)
    guide, clinic = (
        builders.bought(shop, stripe, cart="guide"),
        builders.bought(shop, stripe, "clinic-eur", cart="clinic"),
    )
    [file] = [file for each in builders.deliveries(shop, guide) for file in each.files]
    [ticket] = [ticket for each in builders.deliveries(shop, clinic) for ticket in each.tickets]

    def opens(shop: Shop) -> bool:
        with shop.reading() as session:
            found = file_versions.open_file(
                session, file.token, livemode=shop.settings.livemode, signing_key=shop.signing_key
            )
        return bool(found.key)

    assert opens(shop)
    with pytest.raises(LinkInvalid):
        opens(real)
    assert (tickets.door(shop, ticket.token).shut, tickets.door(real, ticket.token).shut) == (None, Fixed.TRIED)
    with pytest.raises(PlaceFixed):
        changes.rename(real, ticket.token, "Eve")
    # What was bought for real opens, whatever key the shop has by now.
    with shop.transaction() as session:
        session.exec(update(Order).values(livemode=True))
    assert opens(real)
    assert opens(shop)
    assert tickets.door(real, ticket.token).shut is None
