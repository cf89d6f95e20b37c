"""The library: why something does not open, how a plan stands, what came in for an order, and nothing of anybody else."""

from collections.abc import Callable

import pytest

from core.events import questions
from core.foundation.errors import AccessDenied, MadeUp, OrderNotFound, PlanNotActive, TooManyTries
from core.foundation.money import Money
from core.invoicing import receipts
from core.journeys import order_care, refund, revocation
from core.journeys.billing import billed_plans, interval_switch, portal, seat_quantity
from core.kinds.grants import Closing
from core.kinds.standings import PlanStanding
from core.orders.orders import Order
from core.people import address_changes, purchases, sign_in
from core.people.purchases import Purchase, Viewer
from core.people.sign_in import SignIn
from core.registers import subscriptions
from core.registers.paging import Place
from core.shop import Shop
from tests import builders
from tests.builders import begun_twice, deliver, live
from tests.colleagues import signed_in
from tests.conftest import Clock
from tests.core.people.test_address_changes import digits
from tests.core.people.test_addresses import paid_by
from tests.core.test_statements import statements
from tests.fakes import FakeStripe

NORA, OLE = "nora@lindqvist.example", "ole@berg.example"


def library(shop: Shop, email: str = NORA) -> tuple[Purchase, ...]:
    with shop.reading() as session:
        return purchases.library(session, email, livemode=shop.settings.livemode, signing_key=shop.signing_key)


def closings(shop: Shop) -> list[Closing | None]:
    return [each.closing for purchase in library(shop) for each in purchase.deliveries]


def paid_by_two(shop: Shop, stripe: FakeStripe) -> str:
    """An order for which Nora has paid, and Ole as well."""
    order_id, first = builders.opened(shop)
    twin = stripe.recover(first)["id"]
    for session_id, email in ((first, NORA), (twin, OLE)):
        stripe.pay(session_id, email=email)
        deliver(shop, stripe.event("completed", session_id))
    return order_id


def test_a_library_takes_as_many_statements_for_nine_orders_as_for_three(shop: Shop, stripe: FakeStripe) -> None:
    counted = []
    rare = [("plan-month",), ("clinic-eur",), (), ("clinic-eur",), ("clinic-eur",), (), (), (), ()]
    for round_ in range(2):
        for number in range(3 if round_ == 0 else 6):
            cart = f"cart_{round_}_{number}"
            builders.bought(shop, stripe, "guide-eur", "kit-eur", *rare.pop(0), cart=cart)
        with statements(shop.engine) as heard:
            found = library(shop)
        counted.append(len([each for each in heard if each.startswith(("SELECT", "select"))]))
    assert len(found) == 9
    assert counted[0] == counted[1] <= 20


def by_refund(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    refund.request(shop, order_id, actor="owner")


def by_bank(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    payment = builders.payment_of(shop, order_id)
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(payment)))
    assert closings(shop) == [Closing.DISPUTED]
    deliver(shop, stripe.tell("charge.dispute.closed", stripe.dispute(payment, status="lost")))


def by_seller(shop: Shop, stripe: FakeStripe, order_id: str) -> None:
    revocation.revoke(shop, order_id, [1], reason="a mistake", actor="owner")


@pytest.mark.parametrize(
    ("close", "why"),
    [(by_refund, Closing.REFUNDED), (by_bank, Closing.CHARGED_BACK), (by_seller, Closing.TAKEN_BACK)],
)
@builders.on_sqlite
def test_what_does_not_open_any_more_says_why(
    shop: Shop, stripe: FakeStripe, close: Callable[[Shop, FakeStripe, str], None], why: Closing
) -> None:
    order_id = builders.bought(shop, stripe)
    assert closings(shop) == [None]
    close(shop, stripe, order_id)
    assert closings(shop) == [why]


@builders.on_sqlite
def test_a_plan_tells_price_renewal_and_end(shop: Shop, stripe: FakeStripe) -> None:
    _, subscription = builders.subscribed(shop, stripe, ("plan-month", 3))
    [purchase] = library(shop)
    assert purchase.plan
    assert (purchase.plan.price, purchase.plan.interval) == (purchase.lines[0].total, "month")
    assert purchase.plan.renews_at
    assert purchase.plan.runs_until is None
    renews_at = purchase.plan.renews_at
    stripe.cancel_later(subscription)
    questions.ask(shop, subscription)
    [purchase] = library(shop)
    assert purchase.plan
    assert (purchase.plan.renews_at, purchase.plan.runs_until) == (None, renews_at)
    stripe.end(subscription)
    questions.ask(shop, subscription)
    [purchase] = library(shop)
    assert purchase.plan
    assert purchase.plan.ended_at
    assert closings(shop) == [Closing.ENDED]


@builders.on_sqlite
@pytest.mark.parametrize(("ends", "renews"), [(0, False), (40, True)])
def test_a_plan_that_ends_only_after_it_renews_once_more_says_both(
    shop: Shop, stripe: FakeStripe, ends: int, renews: bool
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    end = stripe.subscriptions[name]["items"]["data"][0]["current_period_end"]
    stripe.subscriptions[name]["cancel_at"] = end + ends * 86400
    questions.ask(shop, name)
    [purchase] = library(shop)
    assert purchase.plan
    with shop.reading() as session:
        [row] = subscriptions.of_order(session, order_id, livemode=False).rows
        soon = subscriptions.renewals(session, livemode=False, now=shop.now(), place=Place()).rows
    assert (bool(purchase.plan.renews_at), bool(row.renews_at), bool(soon)) == (renews, renews, renews)
    assert purchase.plan.runs_until == row.ends_at is not None


@builders.on_sqlite
def test_a_plan_that_nobody_paid_for_says_so(shop: Shop, stripe: FakeStripe) -> None:
    _, subscription = builders.subscribed(shop, stripe)
    stripe.end(subscription, reason="payment_failed")
    questions.ask(shop, subscription)
    assert closings(shop) == [Closing.UNPAID]


def test_two_who_paid_one_order_see_what_is_theirs_alone(shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by_two(shop, stripe)
    [purchase] = library(shop)
    [mine] = purchase.paid
    assert mine.amount == Money(2900, "eur")
    assert library(shop, OLE) == ()
    payments = [row for row in stripe.payment_intents if row in str(builders.detail(shop, order_id))]
    assert receipts.for_buyer(shop, mine.id, Viewer(email=NORA)).total == mine.amount
    for payment in payments:
        with pytest.raises(OrderNotFound):
            receipts.for_buyer(shop, payment, Viewer(email=OLE))
    [other] = set(stripe.payment_intents) - {mine.id}
    for known in (Viewer(email=NORA), Viewer(builders.order(shop, order_id).browser_id)):
        with pytest.raises(OrderNotFound):
            receipts.for_buyer(shop, other, known)
    with shop.reading() as session:
        papers = receipts.of_orders(session, shop, [order_id])[order_id]
    assert [each.id for each in papers.payments] == [mine.id]
    with pytest.raises(AccessDenied):
        order_care.resend_to_buyer(shop, OLE, order_id)


def test_what_was_paid_under_an_address_that_was_left_is_still_theirs(shop: Shop, stripe: FakeStripe) -> None:
    paid_by(shop, stripe, NORA)
    address_changes.request(shop, NORA, OLE)
    told = {"old_digits": digits(shop, NORA, about=OLE), "new_digits": digits(shop, OLE, about=NORA)}
    assert address_changes.confirm(shop, NORA, OLE, **told)
    [purchase] = library(shop, OLE)
    assert len(purchase.paid) == 1


def test_a_receipt_is_sent_again_to_its_buyer_a_few_times_an_hour(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = paid_by(shop, stripe, NORA)
    for _ in range(3):
        assert order_care.resend_to_buyer(shop, NORA.upper(), order_id) == NORA
    with pytest.raises(TooManyTries):
        order_care.resend_to_buyer(shop, NORA, order_id)
    clock.pass_(minutes=61)
    order_care.resend_to_buyer(shop, NORA, order_id)
    assert len([job for job in builders.jobs(shop) if job.startswith("receipt:")]) == 5
    assert {entry["actor"] for entry in builders.detail(shop, order_id)["log"] if "resent" in entry["event"]} == {
        "buyer"
    }


@builders.on_sqlite
def test_nothing_is_sent_of_what_was_made_up(shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by(shop, stripe, NORA)
    with shop.transaction() as session:
        session.get_one(Order, order_id).from_season = True
    with pytest.raises(MadeUp):
        order_care.resend_to_buyer(shop, NORA, order_id)


def test_signing_out_everywhere_ends_it_under_every_address_and_for_nobody_else(shop: Shop, stripe: FakeStripe) -> None:
    paid_by(shop, stripe, NORA)
    other = "nora@work.example"
    address_changes.request(shop, NORA, other)
    told = {"old_digits": digits(shop, NORA, about=other), "new_digits": digits(shop, other, about=NORA)}
    assert address_changes.confirm(shop, NORA, other, keep=True, **told) == ""
    for email in (NORA, other, OLE):
        signed_in(shop, email)
    with shop.transaction() as session:
        assert sign_in.sign_out_everywhere(session, NORA, now=shop.now()) == 2
    assert [row.email for row in builders.rows(shop, SignIn) if row.ended_at is None] == [OLE]


def test_an_address_that_bought_is_claimed_by_one_that_did_not(shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by(shop, stripe, NORA)
    address_changes.request(shop, OLE, NORA)
    told = {"old_digits": digits(shop, OLE, about=NORA), "new_digits": digits(shop, NORA, about=OLE)}
    address_changes.confirm(shop, OLE, NORA, keep=True, **told)
    assert builders.seen(shop, OLE) == builders.seen(shop, NORA) == [order_id]


def test_giving_up_an_address_ends_what_is_signed_in_with_it(shop: Shop, stripe: FakeStripe) -> None:
    paid_by(shop, stripe, NORA)
    signed_in(shop, NORA)
    address_changes.request(shop, NORA, OLE)
    told = {"old_digits": digits(shop, NORA, about=OLE), "new_digits": digits(shop, OLE, about=NORA)}
    ticket = address_changes.confirm(shop, NORA, OLE, **told)
    with shop.transaction() as session:
        signed = sign_in.redeem(session, ticket, ip="", signing_key=shop.signing_key, now=shop.now())
        assert sign_in.who(session, signed, now=shop.now()) == OLE
    assert [row.email for row in builders.rows(shop, SignIn) if row.ended_at is None] == [OLE]


@builders.on_sqlite
def test_test_money_is_in_no_library_of_a_live_shop(shop: Shop, stripe: FakeStripe) -> None:
    paid_by(shop, stripe, NORA)
    assert library(live(shop)) == ()


def held_by(shop: Shop, stripe: FakeStripe, clock: Clock, *, paused: bool) -> tuple[str, str]:
    """Nora's order of a guide and a plan whose renewal she has not paid for longer than grace lasts, or whose billing is paused,
    and its first payment."""
    order_id, subscription = builders.subscribed(shop, stripe, "guide-eur", "plan-month")
    first = builders.payment_of(shop, order_id)
    clock.pass_(days=31)
    if paused:
        stripe.pause(subscription)
        stripe.pass_unbilled(subscription)
    else:
        stripe.fail_renewal(subscription)
    clock.pass_(days=8)
    questions.ask(shop, subscription)
    return order_id, first


@builders.on_sqlite
@pytest.mark.parametrize("paused", [False, True])
def test_a_line_that_is_on_hold_says_what_of_though_a_bank_asks_about_another_payment_of_the_order(
    shop: Shop, stripe: FakeStripe, clock: Clock, paused: bool
) -> None:
    order_id, payment = held_by(shop, stripe, clock, paused=paused)
    held = Closing.PAUSED if paused else Closing.UNPAID
    assert closings(shop) == [None, held]
    dispute = stripe.dispute(payment)
    deliver(shop, stripe.tell("charge.dispute.created", dispute))
    builders.ask_stripe(shop)
    assert builders.status(shop, order_id) == "disputed"
    assert closings(shop) == [Closing.DISPUTED, held]


@builders.on_sqlite
def test_the_lines_of_one_order_that_are_closed_say_each_what_of(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, subscription = builders.subscribed(shop, stripe, "guide-eur", "kit-eur", "plan-month")
    revocation.revoke(shop, order_id, [1], reason="a mistake", actor="owner")
    refund.request(shop, order_id, lines=[2], actor="owner")
    assert closings(shop) == [Closing.TAKEN_BACK, Closing.REFUNDED, None]
    stripe.end(subscription)
    questions.ask(shop, subscription)
    assert closings(shop) == [Closing.TAKEN_BACK, Closing.REFUNDED, Closing.ENDED]


def shown(shop: Shop) -> list[str]:
    [purchase] = library(shop)
    [delivery] = purchase.deliveries
    return [each.subscription for each in purchase.plans[delivery.line_id]]


@builders.on_sqlite
def test_of_a_plan_that_was_begun_twice_both_are_shown_and_can_be_ended_while_they_are_billed(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, names = begun_twice(shop, stripe)
    assert shown(shop) == names
    for name in names:
        address = portal.open_page(shop, NORA, order_id, subscription=name, cancel=True)
        assert address.endswith(f"/cancel/{name}")
    stripe.end(names[0])
    questions.ask(shop, names[0])
    assert shown(shop) == names[1:]
    stripe.end(names[1])
    questions.ask(shop, names[1])
    assert shown(shop) == names[1:]


def standings(shop: Shop) -> dict[str, list[PlanStanding]]:
    """How the subscriptions stand that bill for each plan, by the plan's name."""
    [purchase] = library(shop)
    return {each.product: list(purchase.plans[each.line_id]) for each in purchase.deliveries}


@builders.on_sqlite
def test_of_two_plans_that_are_billed_together_each_says_its_own_price_and_seats_and_what_ends_with_it(
    shop: Shop, stripe: FakeStripe
) -> None:
    builders.sell_bigger_plan(shop)
    builders.subscribed(shop, stripe, ("plan-month", 3), "bigger-month", "guide-eur")
    found = standings(shop)
    assert found.pop("Field Guide") == []
    assert {name: [(each.price, each.quantity, each.together) for each in by] for name, by in found.items()} == {
        "Plan": [(Money(2700, "eur"), 3, ("Bigger Plan",))], "Bigger Plan": [(Money(2000, "eur"), 1, ("Plan",))],
    }  # fmt: skip


@builders.on_sqlite
def test_of_two_plans_that_are_billed_apart_each_has_its_own_days_and_is_ended_alone(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, names = builders.two_plans_apart(shop, stripe)
    stripe.cancel_later(names[1])
    questions.ask(shop, names[1])
    found = standings(shop)
    [kept], [ending] = found["Plan"], found["Bigger Plan"]
    assert [kept.subscription, ending.subscription] == names
    assert [each.together for each in (kept, ending)] == [(), ()]
    assert (kept.runs_until, ending.renews_at) == (None, None)
    assert kept.renews_at == ending.runs_until is not None
    assert [kept.price, ending.price] == [Money(900, "eur"), Money(2000, "eur")]


@builders.on_sqlite
def test_of_a_plan_that_is_billed_twice_each_subscription_says_which_plan_it_has_become(
    shop: Shop, stripe: FakeStripe
) -> None:
    builders.sell_bigger_plan(shop, stripe_price_id=(bigger := stripe.sell(2000, interval="month")))
    _, names = begun_twice(shop, stripe)
    stripe.switch(names[1], bigger)
    stripe.change_seats(names[1], 2)
    questions.ask(shop, names[1])
    [found] = standings(shop).values()
    assert [(each.name, each.quantity, each.price) for each in found] == [
        ("Plan", 1, Money(900, "eur")), ("Bigger Plan", 2, Money(4000, "eur")),
    ]  # fmt: skip


@builders.on_sqlite
def test_the_seats_and_the_interval_of_either_subscription_are_changed_by_itself(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, names = begun_twice(shop, stripe)
    grant = builders.deliveries(shop, order_id)[0].grant_id
    change = seat_quantity.preview(shop, NORA, grant, 4, subscription=names[1])
    seat_quantity.carry_out(shop, NORA, change)
    choice = interval_switch.choice(shop, NORA, grant, subscription=names[1])
    assert choice
    assert choice.then == Money(4 * 9000, "eur")
    interval_switch.carry_out(shop, NORA, interval_switch.preview(shop, NORA, choice))
    [found] = standings(shop).values()
    assert [(each.quantity, each.interval) for each in found] == [(1, "month"), (4, "year")]
    assert builders.deliveries(shop, order_id)[0].quantity == 4
    with pytest.raises(PlanNotActive):
        seat_quantity.preview(shop, NORA, grant, 5, subscription="sub_of_somebody")


def test_what_somebody_else_pays_for_of_ones_order_is_neither_shown_nor_changed(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, names = begun_twice(shop, stripe, emails=(NORA, OLE))
    assert shown(shop) == names[:1]
    for cancel in (False, True):
        with pytest.raises(AccessDenied):
            portal.open_page(shop, NORA, order_id, subscription=names[1], cancel=cancel)
    with pytest.raises(PlanNotActive):
        billed_plans.find(shop, NORA, builders.deliveries(shop, order_id)[0].grant_id, subscription=names[1])
    stripe.cancel_later(names[0])
    questions.ask(shop, names[0])
    with pytest.raises(PlanNotActive):
        billed_plans.find(shop, NORA, builders.deliveries(shop, order_id)[0].grant_id)
