"""The way to Stripe: one open Session for one basket, whatever is clicked, changed, lost or refused on the way."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from core import fulfillment
from core.catalog import products
from core.catalog.products import Price, Product, ShopText
from core.events import questions, reconciliation
from core.foundation.errors import (
    AlreadyPaid,
    AmountTooSmall,
    BadInput,
    BadQuantity,
    CurrencyUnknown,
    EmptyBasket,
    MixedBasket,
    NotOpen,
    PlanHeld,
    SoldOut,
    StripeRefused,
    StripeUnreachable,
    TrialUsed,
    UnknownPrice,
    Withdrawn,
)
from core.gateway.sessions import CheckoutState, SessionFacts
from core.journeys import checkout
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import workshops
from core.kinds.workshops import Reservation, ReservationState, WorkshopDate
from core.orders import orders
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.builders import a_basket, deliver, session_id
from tests.conftest import Block, Clock
from tests.fakes import FakeStripe
from tests.machine import eventually

# More than there are connections to a database.
MANY = 25
UNREACHABLE = StripeUnreachable("api_connection_error", "no route")
LIMITED = StripeUnreachable("rate_limit", "Too many requests")
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
REFUSED = StripeRefused("parameter_unknown", "Received unknown parameter: foo")


def places_taken(shop: Shop) -> int:
    return next(date.taken for date in builders.rows(shop, WorkshopDate) if date.product_id == "clinic")


def open_sessions(stripe: FakeStripe) -> list[str]:
    return [each["id"] for each in stripe.sessions.values() if each["status"] == "open"]


def test_the_order_is_committed_with_copied_prices_and_its_session_known(shop: Shop) -> None:
    link = checkout.start(shop, a_basket(("clinic-eur", 2), "guide-eur", email="nora@lindqvist.example"))
    order = builders.detail(shop, link.order_id)
    assert (order["status"], order["amount_expected"], order["email"]) == ("pending", 30900, "nora@lindqvist.example")
    assert order["lines"] == [
        {"product": "clinic", "kind": "workshop", "quantity": 2, "unit_amount": 14000},
        {"product": "guide", "kind": "download", "quantity": 1, "unit_amount": 2900},
    ]
    (attempt,) = builders.attempts(shop)
    assert attempt.stripe_checkout_session_id == session_id(link)
    assert attempt.id == f"checkout:{link.order_id}:1"
    assert places_taken(shop) == 2


def test_a_later_change_of_the_price_alters_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id, paid = builders.opened(shop, "guide-eur")
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").amount = 9900
    stripe.pay(paid)
    builders.deliver(shop, stripe.event("completed", paid))
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.detail(shop, order_id)["lines"][0]["unit_amount"] == 2900


def test_the_same_basket_gets_the_page_that_is_open_already(shop: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(shop, a_basket("guide-eur", "kit-eur"))
    assert checkout.start(shop, a_basket("kit-eur", "guide-eur")) == first
    assert len(stripe.sessions) == 1


def test_a_double_click_opens_one_session(shop: Shop, stripe: FakeStripe) -> None:
    links = builders.at_once(*[lambda: checkout.start(shop, a_basket("clinic-eur"))] * 4)
    assert len(set(links)) == 1
    assert isinstance(links[0], PaymentLink)
    assert open_sessions(stripe) == [session_id(links[0])]
    assert len(builders.rows(shop, Order)) == 1
    assert places_taken(shop) == 1


def test_a_double_click_on_the_last_places_opens_one_session(shop: Shop, stripe: FakeStripe) -> None:
    with shop.transaction() as session:
        for date in session.exec(builders.select(WorkshopDate).where(WorkshopDate.product_id == "clinic")):
            date.capacity = 2
    links = builders.at_once(*[lambda: checkout.start(shop, a_basket(("clinic-eur", 2)))] * 4)
    assert len(set(links)) == 1
    assert isinstance(links[0], PaymentLink)
    assert places_taken(shop) == 2


@pytest.mark.parametrize(
    "changed",
    [
        a_basket(("clinic-eur", 3)),
        a_basket("clinic-eur", "guide-eur"),
        a_basket("clinic-eur", email="ida@berg.example"),
    ],
    ids=["quantity", "another line", "address"],
)
def test_a_changed_basket_makes_a_new_attempt_and_expires_the_old_one(
    shop: Shop, stripe: FakeStripe, changed: Basket
) -> None:
    first = checkout.start(shop, a_basket("clinic-eur"))
    second = checkout.start(shop, changed)
    assert second.order_id == first.order_id
    assert stripe.sessions[session_id(first)]["status"] == "expired"
    assert open_sessions(stripe) == [session_id(second)]
    assert [row.state for row in builders.attempts(shop)] == [CheckoutState.EXPIRED, CheckoutState.OPEN]
    assert builders.status(shop, first.order_id) == "pending"
    assert places_taken(shop) == changed.items[-1].quantity if len(changed.items) == 1 else 1


def test_a_changed_price_makes_a_new_attempt_at_the_new_price(shop: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(shop, a_basket("guide-eur"))
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").amount = 3900
    second = checkout.start(shop, a_basket("guide-eur"))
    assert open_sessions(stripe) == [session_id(second)]
    assert stripe.sessions[session_id(second)]["amount_total"] == 3900
    assert builders.detail(shop, first.order_id)["amount_expected"] == 3900


def test_an_ended_session_makes_a_new_attempt_that_holds_its_places_again(shop: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(shop, a_basket(("clinic-eur", 2)))
    stripe.expire_checkout(session_id(first))
    second = checkout.start(shop, a_basket(("clinic-eur", 2)))
    assert (second.order_id, second.url != first.url) == (first.order_id, True)
    assert open_sessions(stripe) == [session_id(second)]
    assert places_taken(shop) == 2
    assert [row.state for row in builders.rows(shop, Reservation)] == [ReservationState.HELD]


def test_a_retry_after_a_lost_answer_sends_identical_parameters(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    lose_answer(stripe)
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, a_basket("clinic-eur"))
    clock.pass_(minutes=2)
    link = checkout.start(shop, a_basket("clinic-eur"))
    assert list(stripe.sessions) == [session_id(link)]
    assert places_taken(shop) == 1


def lose_answer(stripe: FakeStripe) -> None:
    """Stripe opens the next Session, and its answer never arrives."""
    really = stripe.open_checkout

    def deaf(parameters: dict, *, key: str) -> None:
        stripe.open_checkout = really  # type: ignore[method-assign]
        really(parameters, key=key)
        raise UNREACHABLE

    stripe.open_checkout = deaf  # type: ignore[assignment, method-assign]


def test_an_attempt_whose_answer_is_lost_for_good_is_given_up_for_a_new_one(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    stripe.trouble.append(UNREACHABLE)
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, a_basket("clinic-eur"))
    clock.pass_(minutes=5)
    link = checkout.start(shop, a_basket("clinic-eur"))
    assert [row.state for row in builders.attempts(shop)] == [CheckoutState.EXPIRED, CheckoutState.OPEN]
    assert open_sessions(stripe) == [session_id(link)]
    assert places_taken(shop) == 1


def test_the_sweep_closes_an_attempt_that_was_never_opened(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    stripe.trouble.append(UNREACHABLE)
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, a_basket("clinic-eur"))
    clock.pass_(minutes=11)
    (order,) = builders.rows(shop, Order)
    assert reconciliation.sweep(shop).healed == [order.id]
    assert builders.status(shop, order.id) == "canceled"
    assert places_taken(shop) == 0


@builders.on_sqlite
def test_the_places_of_an_attempt_that_was_given_up_are_there_for_the_next(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.change_date(shop, "clinic/1", taken=2)
    stripe.trouble.append(UNREACHABLE)
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, a_basket(("clinic-eur", 3)))
    clock.pass_(minutes=5)
    with pytest.raises(SoldOut):
        checkout.start(shop, a_basket("clinic-eur", cart="of somebody else"))
    assert checkout.start(shop, a_basket(("clinic-eur", 3))).url
    assert places_taken(shop) == 5


@pytest.mark.parametrize("trouble", [UNREACHABLE, LIMITED], ids=["unreachable", "rate limit"])
def test_an_unreachable_stripe_leaves_an_order_that_the_next_click_continues(
    shop: Shop, stripe: FakeStripe, trouble: StripeUnreachable
) -> None:
    stripe.trouble.append(trouble)
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, a_basket("clinic-eur"))
    (order,) = builders.rows(shop, Order)
    assert order.status == "pending"
    link = checkout.start(shop, a_basket("clinic-eur"))
    assert link.order_id == order.id
    assert len(builders.attempts(shop)) == 1
    assert open_sessions(stripe) == [session_id(link)]


def test_a_refusal_gives_the_places_back_and_the_next_click_starts_afresh(shop: Shop, stripe: FakeStripe) -> None:
    stripe.trouble.append(REFUSED)
    with pytest.raises(StripeRefused):
        checkout.start(shop, a_basket(("clinic-eur", 2)))
    assert places_taken(shop) == 0
    (order,) = builders.rows(shop, Order)
    assert order.status == "canceled"
    link = checkout.start(shop, a_basket(("clinic-eur", 2)))
    assert link.order_id == order.id
    assert places_taken(shop) == 2
    assert builders.status(shop, order.id) == "pending"


@builders.on_sqlite
def test_a_refusal_leaves_an_attempt_alone_whose_page_another_click_opened(shop: Shop, stripe: FakeStripe) -> None:
    opening, links = stripe.open_checkout, []

    def refused_late(parameters: dict, *, key: str) -> SessionFacts:
        stripe.open_checkout = opening  # type: ignore[method-assign]
        links.append(checkout.start(shop, a_basket("clinic-eur")))
        raise REFUSED

    stripe.open_checkout = refused_late  # type: ignore[method-assign]
    with pytest.raises(StripeRefused):
        checkout.start(shop, a_basket("clinic-eur"))
    assert [row.state for row in builders.attempts(shop)] == [CheckoutState.OPEN]
    assert places_taken(shop) == 1
    assert [checkout.start(shop, a_basket("clinic-eur"))] == links


@builders.on_sqlite
def test_a_changed_basket_that_cannot_be_had_leaves_the_page_that_is_open(shop: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(shop, a_basket("guide-eur"))
    with pytest.raises(BadQuantity):
        checkout.start(shop, a_basket(("clinic-eur", 6)))
    assert open_sessions(stripe) == [session_id(first)]
    assert [row.state for row in builders.attempts(shop)] == [CheckoutState.OPEN]
    assert checkout.start(shop, a_basket("guide-eur")) == first


def test_trouble_while_looking_at_the_open_session_changes_nothing(shop: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(shop, a_basket("clinic-eur"))
    before = builders.detail(shop, first.order_id)
    stripe.trouble.append(UNREACHABLE)
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, a_basket("clinic-eur"))
    assert builders.detail(shop, first.order_id) == before
    assert checkout.start(shop, a_basket("clinic-eur")) == first


def test_trouble_while_opening_a_new_attempt_leaves_it_waiting_with_its_places_held(
    shop: Shop, stripe: FakeStripe
) -> None:
    first = checkout.start(shop, a_basket("clinic-eur"))
    stripe.expire_checkout(session_id(first))
    builders.deliver(shop, stripe.event("expired", session_id(first)))
    stripe.trouble.append(UNREACHABLE)
    with pytest.raises(StripeUnreachable):
        checkout.start(shop, a_basket("clinic-eur"))
    assert builders.status(shop, first.order_id) == "pending"
    assert set(builders.log(shop, first.order_id)) == {"checkout:1", "canceled:1", "checkout:2"}
    assert places_taken(shop) == 1


def test_a_price_in_several_currencies_is_asked_for_in_ours(shop: Shop, stripe: FakeStripe) -> None:
    with shop.transaction() as session:
        session.get_one(Price, "kit-eur").stripe_price_id = stripe.sell(8600, "usd", others={"eur": 7900})
    order_id = builders.bought(shop, stripe, "kit-eur")
    ((parameters, _),) = stripe.by_key.values()
    assert (parameters["currency"], parameters["adaptive_pricing"]) == ("eur", {"enabled": False})
    found = builders.detail(shop, order_id)
    assert (found["status"], found["amount_total"], found["currency"]) == ("fulfilled", 7900, "eur")


def test_a_currency_that_stripe_charges_nothing_in_is_refused_before_stripe_is_asked(
    shop: Shop, stripe: FakeStripe
) -> None:
    with shop.transaction() as session:
        session.get_one(Price, "kit-eur").currency = "xau"
    with pytest.raises(CurrencyUnknown):
        checkout.start(shop, a_basket("kit-eur"))
    assert stripe.calls == []


def trial_asked_for(shop: Shop, link: PaymentLink) -> int | None:
    """For how many days Stripe was asked to charge nothing."""
    (found,) = [row for row in builders.attempts(shop) if row.stripe_checkout_session_id == session_id(link)]
    days: int | None = found.parameters["subscription_data"].get("trial_period_days")
    return days


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("who", [{"browser": "br_1"}, {"browser": "br_2", "signed_in": "Nora@Lindqvist.example"}])
def test_who_has_tried_the_plan_pays_from_the_first_day_and_is_told_before(
    shop: Shop, stripe: FakeStripe, who: dict[str, str], over: bool
) -> None:
    builders.let_try(shop, days=14)
    first, name = builders.subscribed(shop, stripe)
    if over:
        builders.deliver(shop, stripe.tell("customer.subscription.deleted", stripe.end(name)))
        builders.ask_stripe(shop)
    basket = a_basket("plan-year", "guide-eur", cart="cart_2", browser=who["browser"])
    again = replace(basket, signed_in=who.get("signed_in", ""))
    with pytest.raises(TrialUsed) as warning:
        checkout.start(shop, again)
    assert (warning.value.product, warning.value.order_id) == ("plan", first)
    link = checkout.start(shop, replace(again, again=True))
    assert trial_asked_for(shop, link) is None
    stripe.pay(session_id(link))
    builders.deliver(shop, stripe.event("completed", session_id(link)))
    assert (builders.status(shop, link.order_id), attention.items(shop)) == ("fulfilled", [])


def test_a_trial_is_anybodys_own_and_of_one_plan(shop: Shop, stripe: FakeStripe) -> None:
    builders.let_try(shop, days=14)
    builders.subscribed(shop, stripe)
    builders.sell_bigger_plan(shop)
    with shop.transaction() as session:
        session.get_one(Product, "bigger").terms = {"trial_days": 7}
    somebody = checkout.start(shop, a_basket("plan-month", cart="cart_2", browser="br_2"))
    # What is only typed tells nobody what its owner has had.
    typed = replace(a_basket("plan-month", cart="cart_3", browser="br_3"), email="nora@lindqvist.example")
    other = checkout.start(shop, a_basket("bigger-month", cart="cart_4"))
    found = [trial_asked_for(shop, link) for link in (somebody, checkout.start(shop, typed), other)]
    assert found == [14, 14, 7]


def test_what_was_opened_and_never_paid_for_is_no_trial(shop: Shop) -> None:
    builders.let_try(shop, days=14)
    checkout.start(shop, a_basket("plan-month"))
    assert trial_asked_for(shop, checkout.start(shop, a_basket("plan-month", cart="cart_2"))) == 14


def test_a_page_that_was_opened_with_a_trial_is_closed_for_who_has_had_it_since(shop: Shop, stripe: FakeStripe) -> None:
    builders.let_try(shop, days=14)
    opened = a_basket("plan-month", cart="cart_2")
    before = checkout.start(shop, opened)
    builders.subscribed(shop, stripe)
    with pytest.raises(TrialUsed):
        checkout.start(shop, opened)
    link = checkout.start(shop, replace(opened, again=True))
    assert stripe.sessions[session_id(before)]["status"] == "expired"
    assert (link.order_id, trial_asked_for(shop, link)) == (before.order_id, None)


def test_of_two_trials_begun_side_by_side_the_owner_is_told(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.let_try(shop, days=14)
    links = []
    for number in (1, 2):
        clock.pass_(seconds=1)
        links.append(checkout.start(shop, a_basket("plan-month", cart=f"cart_{number}", browser=f"br_{number}")))
    first, second = (link.order_id for link in links)
    begun = []
    for link in reversed(links):
        begun.append(stripe.pay(session_id(link))["subscription"])
        builders.deliver(shop, stripe.event("completed", session_id(link)))
        questions.ask(shop, begun[-1])
    # Heard of before the other had been paid for, it is looked at again when Stripe is asked the next time.
    assert attention.items(shop) == []
    questions.ask(shop, begun[0])
    (item,) = attention.items(shop)
    assert (item.topic, item.order_id, item.detail) == ("tried_before", second, builders.order(shop, first).number)
    assert {builders.status(shop, each) for each in (first, second)} == {"fulfilled"}
    stripe.subscriptions[begun[0]]["status"] = "active"
    questions.ask(shop, begun[0])
    assert attention.items(shop) == []


def test_a_second_trial_is_named_while_any_plan_of_its_order_is_tried(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.let_try(shop, days=14)
    builders.subscribed(shop, stripe)
    clock.pass_(seconds=1)
    order_id, opened = builders.opened(shop, "plan-month", cart="cart_2", browser="br_2")
    plans = []
    for name in (stripe.recover(opened)["id"], opened):
        plans.append(stripe.pay(name)["subscription"])
        builders.deliver(shop, stripe.event("completed", name))
    stripe.end(plans[0])
    for name in plans:
        questions.ask(shop, name)
    assert "tried_before" in {item.topic for item in attention.items(shop) if item.order_id == order_id}


def test_of_a_trial_that_was_paid_otherwise_than_ordered_only_that_is_told(shop: Shop, stripe: FakeStripe) -> None:
    builders.let_try(shop, days=14)
    _, opened = builders.opened(shop, "plan-month")
    subscription = stripe.pay(opened)["subscription"]
    stripe.sessions[opened]["amount_subtotal"] = 100
    builders.deliver(shop, stripe.event("completed", opened))
    questions.ask(shop, subscription)
    assert [item.topic for item in attention.items(shop)] == ["amount_mismatch"]


@pytest.mark.parametrize("who", [{"browser": "br_1"}, {"browser": "br_2", "signed_in": "Nora@Lindqvist.example"}])
def test_who_has_the_plan_is_warned_before_paying_for_it_again(shop: Shop, stripe: FakeStripe, who: dict) -> None:
    first, _ = builders.subscribed(shop, stripe)
    again = replace(
        a_basket("plan-year", "guide-eur", cart="cart_2", browser=who["browser"]), signed_in=who.get("signed_in", "")
    )
    with pytest.raises(PlanHeld) as warning:
        checkout.start(shop, again)
    assert (warning.value.product, warning.value.order_id) == ("plan", first)
    link = checkout.start(shop, replace(again, again=True))
    stripe.pay(session_id(link))
    builders.deliver(shop, stripe.event("completed", session_id(link)))
    number = builders.detail(shop, first)["number"]
    assert f"plan_held:{number}" in builders.log(shop, link.order_id)
    builders.deliver(shop, stripe.event("completed", session_id(link)))
    with shop.transaction() as session:
        fulfillment.resettle(session, first, actor="worker", now=shop.now())
    assert not [each for each in builders.log(shop, first) if each.startswith("plan_held")]


@pytest.mark.parametrize(
    "basket",
    [
        a_basket("plan-month", cart="cart_2", browser="br_2"),
        a_basket("plan-month", cart="cart_2", browser=""),
        a_basket("plan-month", cart="cart_2", browser="br_2", email="nora@lindqvist.example"),
        a_basket("guide-eur", cart="cart_2"),
    ],
)
def test_nobody_else_and_nothing_else_is_warned_of_a_plan(shop: Shop, stripe: FakeStripe, basket: Basket) -> None:
    builders.subscribed(shop, stripe)
    assert checkout.start(shop, basket).url


def test_a_cart_whose_plan_is_paid_is_paid_and_no_second_plan(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe)
    with pytest.raises(AlreadyPaid) as refusal:
        checkout.start(shop, a_basket("plan-month"))
    assert refusal.value.order_id == order_id


def test_a_plan_that_is_over_may_be_bought_again_unwarned(shop: Shop, stripe: FakeStripe) -> None:
    _, subscription = builders.subscribed(shop, stripe)
    stripe.end(subscription)
    questions.ask(shop, subscription)
    assert checkout.start(shop, a_basket("plan-month", cart="cart_2")).url


def test_a_paid_basket_cannot_be_paid_again(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    with pytest.raises(AlreadyPaid) as refusal:
        checkout.start(shop, a_basket())
    assert (refusal.value.order_id, refusal.value.session_id) == (order_id, "cs_test_0001")


def test_a_basket_paid_while_no_webhook_told_is_found_paid_at_the_next_click(shop: Shop, stripe: FakeStripe) -> None:
    order_id, paid = builders.opened(shop)
    stripe.pay(paid)
    with pytest.raises(AlreadyPaid):
        checkout.start(shop, a_basket("guide-eur", "kit-eur"))
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.grants(shop, order_id) == [("guide", "active")]


@pytest.mark.parametrize(
    ("basket", "error"),
    [
        (Basket("cart_1", ()), EmptyBasket),
        (Basket("", (Item("guide-eur", 1),)), BadInput),
        (Basket("c" * 65, (Item("guide-eur", 1),)), BadInput),
        (a_basket("nothing"), UnknownPrice),
        (a_basket(("guide-eur", 0)), BadQuantity),
        (a_basket(("guide-eur", -1)), BadQuantity),
        (a_basket(("guide-eur", 6)), BadQuantity),
        (a_basket(("guide-eur", 3), ("guide-eur", 3)), BadQuantity),
        (a_basket("guide-eur", "yen-jpy"), MixedBasket),
        (a_basket("plan-month", "plan-year"), MixedBasket),
        (a_basket("old-eur"), Withdrawn),
        (a_basket("full-eur"), SoldOut),
    ],
)
def test_a_basket_that_cannot_be_bought_leaves_no_trace(
    shop: Shop, stripe: FakeStripe, basket: Basket, error: type[Exception]
) -> None:
    with pytest.raises(error) as refusal:
        checkout.start(shop, basket)
    assert type(refusal.value) is error
    assert builders.rows(shop, Order) == []
    assert stripe.calls == []


def test_an_amount_below_stripes_least_is_refused(shop: Shop) -> None:
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").amount = 49
    with pytest.raises(AmountTooSmall) as refusal:
        checkout.start(shop, a_basket())
    assert (refusal.value.amount, refusal.value.least, refusal.value.currency) == (49, 50, "eur")


def test_a_plan_and_a_guide_go_together_in_one_subscription(shop: Shop, stripe: FakeStripe) -> None:
    link = checkout.start(shop, a_basket(("plan-month", 3), "guide-eur"))
    session = stripe.sessions[session_id(link)]
    assert (session["mode"], session["amount_total"]) == ("subscription", 5600)


def test_stripe_is_told_the_order_and_nothing_of_the_person(shop: Shop, stripe: FakeStripe) -> None:
    basket = a_basket("guide-eur", cart="cart_77", email="nora@lindqvist.example", browser="br_secret")
    link = checkout.start(shop, basket)
    ((parameters, _),) = stripe.by_key.values()
    expected = {"order_id": link.order_id, "cart_id": "cart_77", "shop_id": shop.id, "attempt": "1"}
    assert parameters["payment_intent_data"]["metadata"] == expected
    token = parameters["metadata"]["token"]
    copied = {name for name in parameters["metadata"] if name.startswith("copy")}
    named = {name: value for name, value in parameters["metadata"].items() if name not in copied}
    assert (named, copied) == ({**expected, "token": token}, {"copy_1", "copy_signature"})
    assert len(token) > 20
    assert token not in link.url
    assert parameters["client_reference_id"] == link.order_id
    assert parameters["customer_email"] == "nora@lindqvist.example"
    elsewhere = {name: value for name, value in parameters.items() if name != "customer_email"}
    assert not any(word in orjson.dumps(elsewhere) for word in (b"nora", b"lindqvist", b"br_secret"))
    assert "payment_method_types" not in parameters


def test_a_subscription_carries_the_order_in_its_own_metadata(shop: Shop, stripe: FakeStripe) -> None:
    link = checkout.start(shop, a_basket("plan-year"))
    parameters, _ = stripe.by_key[f"checkout:{link.order_id}:1"]
    assert parameters["subscription_data"]["metadata"]["order_id"] == link.order_id
    assert "payment_intent_data" not in parameters
    (line,) = parameters["line_items"]
    assert stripe.prices[line["price"]]["recurring"] == {"interval": "year"}


def test_the_placeholder_reaches_stripe_with_its_braces(shop: Shop, stripe: FakeStripe) -> None:
    checkout.start(shop, a_basket())
    ((parameters, _),) = stripe.by_key.values()
    assert parameters["success_url"] == "http://localhost:8501/thanks?session_id={CHECKOUT_SESSION_ID}"


def test_places_are_held_for_minutes_and_other_things_may_wait_a_day(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    now = int(clock().timestamp())
    for price, minutes in (("clinic-eur", 35), ("guide-eur", 23 * 60)):
        link = checkout.start(shop, a_basket(price, cart=price))
        assert stripe.sessions[session_id(link)]["expires_at"] == now + minutes * 60


def test_thirty_buyers_at_once_for_five_places_hold_exactly_five(shop: Shop, stripe: FakeStripe) -> None:
    baskets = [a_basket("clinic-eur", cart=f"cart_{number}") for number in range(30)]
    results = builders.at_once(*[lambda basket=basket: checkout.start(shop, basket) for basket in baskets])
    refused = [result for result in results if isinstance(result, NotOpen)]
    assert len([result for result in results if isinstance(result, PaymentLink)]) == 5
    assert [(type(each), each.product, each.left) for each in refused] == [(SoldOut, "clinic", 0)] * 25
    assert places_taken(shop) == 5
    with shop.reading() as session:
        assert workshops.coming(session, ["clinic"], now=shop.now())["clinic"][0].left == 0
    placed = builders.rows(shop, Order)
    assert len(stripe.sessions) == len(placed) == 5
    numbers = sorted(int(order.number.rpartition("-")[2]) for order in placed)
    assert numbers == list(range(numbers[0], numbers[0] + 5))


@on_postgres
def test_nobody_waits_for_an_order_that_is_being_placed_for_another_cart(shop: Shop) -> None:
    with shop.transaction() as session:
        assert orders.lock_cart(session, "cart_2") is None
        # Somebody else's: whoever has a transaction open calls nobody.
        [link] = builders.at_once(lambda: checkout.start(shop, a_basket(cart="cart_1")))
        assert isinstance(link, PaymentLink), link


@on_postgres
@pytest.mark.parametrize("second", [lambda session: orders.lock_cart(session, "cart_1"), products.lock_shelves])
def test_two_orders_of_a_cart_and_changes_of_the_shelves_wait_for_each_other(
    shop: Shop, second: Callable[[Session], object]
) -> None:
    with shop.transaction() as first:
        orders.lock_cart(first, "cart_1")
        with pytest.raises(OperationalError, match="lock timeout"):
            _in_a_moment(shop, second)
    _in_a_moment(shop, second)


def _in_a_moment(shop: Shop, act: Callable[[Session], object]) -> None:
    with shop.transaction() as session:
        session.execute(text("set local lock_timeout = '100ms'"))
        act(session)


def test_an_attempt_whose_session_stripe_has_told_of_is_not_given_up_when_its_own_call_fails(
    shop: Shop, stripe: FakeStripe
) -> None:
    """The event came while the answer was on its way, and what came instead of the answer is a refusal."""
    opening = stripe.open_checkout

    def told_first(parameters: dict[str, Any], *, key: str) -> Any:
        facts = opening(parameters, key=key)
        stripe.pay(facts.id)
        deliver(shop, stripe.event("completed", facts.id))
        raise REFUSED

    stripe.open_checkout = told_first  # type: ignore[method-assign]
    with pytest.raises(StripeRefused):
        checkout.start(shop, a_basket("clinic-eur"))
    (attempt,) = builders.attempts(shop)
    assert attempt.state == "complete"
    assert builders.status(shop, attempt.order_id) == "fulfilled"


def test_an_attempt_whose_session_becomes_known_while_the_sweep_comes_to_it_stays_open(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop, "clinic-eur")
    know(shop, None)
    clock.pass_(minutes=11)
    reconciliation.sweep(shop, progress=lambda subject: know(shop, session_id) if subject == order_id else None)
    (attempt,) = builders.attempts(shop)
    assert (attempt.state, builders.status(shop, order_id)) == ("open", "pending")


def know(shop: Shop, session_id: str | None) -> None:
    """What the database knows of the only attempt's Session."""
    with shop.transaction() as session:
        (attempt,) = builders.attempts(shop)
        session.get_one(Checkout, attempt.id).stripe_checkout_session_id = session_id


def test_stripes_page_bears_the_name_and_colour_that_the_seller_chose(shop: Shop, stripe: FakeStripe) -> None:
    before, _ = builders.opened(shop, cart="before")
    with shop.transaction() as session:
        session.add_all([ShopText(key="name", text="Berg"), ShopText(key="accent", text="#ffdd00")])
    after, _ = builders.opened(shop, cart="after")
    looks = {row.order_id: row.parameters.get("branding_settings") for row in builders.rows(shop, Checkout)}
    assert looks == {before: None, after: {"display_name": "Berg", "button_color": "#ffdd00"}}


@on_postgres
def test_a_crowd_that_waits_for_one_date_leaves_connections_to_everybody_else(
    shop: Shop, stripe: FakeStripe, own_connections: Callable[[], Shop], waiting_for_nobody: Block
) -> None:
    own = own_connections()
    order_id, paid = builders.opened(shop, "kit-eur", cart="paid")
    stripe.pay(paid)
    event = stripe.event("completed", paid)
    with ThreadPoolExecutor(MANY) as pool, shop.engine.begin() as connection:
        connection.execute(text("select 1 from workshop_dates where id = 'clinic/1' for update"))
        waiting = [
            pool.submit(checkout.start, own, a_basket("clinic-eur", cart=f"c{number}")) for number in range(MANY)
        ]
        eventually(lambda: builders.waiting_for_locks(shop) > 0)
        time.sleep(1)  # as many come as get in
        with waiting_for_nobody():
            checkout.start(own, a_basket("guide-eur", cart="guide"))
            deliver(own, event)
        connection.rollback()
        found = [each.exception(30) for each in waiting]
    assert found.count(None) == 5
    assert {type(each) for each in found if each} == {SoldOut}
    assert builders.status(shop, order_id) == "fulfilled"
