"""Money in, goods out, once: whoever learns of it first, however slowly it comes, and whatever is wrong with it."""

import re
from dataclasses import replace

import pytest
from sqlalchemy import text

from core.events import reconciliation
from core.foundation.errors import CheckoutNotFound, StillSettling, StripeUnreachable
from core.gateway.sessions import CheckoutState
from core.journeys import checkout, refund, revocation, success_page
from core.journeys.checkout import Basket, Item
from core.kinds.grants import Grant
from core.kinds.workshops import WorkshopDate
from core.messages import after_purchase, contents
from core.orders.history import FulfillmentLog
from core.orders.orders import Order
from core.people.customers import Customer
from core.shop import Shop
from tests import builders
from tests.builders import a_basket, deliver
from tests.conftest import Block, Clock
from tests.fakes import FakeStripe, session_in

DONE = ["checkout:1", "paid", "granted:1", "fulfilled"]


def places_taken(shop: Shop) -> int:
    return next(date.taken for date in builders.rows(shop, WorkshopDate) if date.product_id == "clinic")


def fill_the_clinic(shop: Shop, *, leaving: int) -> None:
    with shop.transaction() as session:
        date = session.get_one(WorkshopDate, "clinic/1")
        date.taken = date.capacity - leaving


def test_return_page_and_webhook_at_the_same_instant_fulfil_once_fifty_times_over(
    shop: Shop, stripe: FakeStripe
) -> None:
    orders = []
    for number in range(50):
        order_id, paid = builders.opened(shop, cart=f"cart_{number}")
        stripe.pay(paid)
        event = stripe.event("completed", paid)

        def return_page(order_id: str = order_id, paid: str = paid) -> str:
            assert success_page.confirm(shop, paid) == order_id
            return builders.status(shop, order_id)

        def webhook(order_id: str = order_id, event: dict = event) -> str:
            assert deliver(shop, event).state == "applied"
            return builders.status(shop, order_id)

        assert builders.at_once(return_page, webhook) == ["fulfilled", "fulfilled"]
        assert builders.log(shop, order_id) == DONE
        orders.append(order_id)
    assert builders.jobs(shop) == sorted(f"receipt:{order_id}" for order_id in orders)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("held", ["orders where id = :order", "workshop_dates where :order <> ''"])
def test_the_return_page_waits_for_nobody_who_has_its_order_or_date_locked(
    shop: Shop, stripe: FakeStripe, held: str, waiting_for_nobody: Block
) -> None:
    order_id, paid = builders.opened(shop, "clinic-eur")
    stripe.pay(paid)
    with shop.engine.begin() as connection:
        connection.execute(text(f"select 1 from {held} for update"), {"order": order_id})
        with waiting_for_nobody(), pytest.raises(StripeUnreachable):
            success_page.confirm(shop, paid)
    assert success_page.confirm(shop, paid) == order_id
    assert builders.status(shop, order_id) == "fulfilled"


def test_with_webhooks_blocked_the_return_page_fulfils(shop: Shop, stripe: FakeStripe) -> None:
    order_id, paid = builders.opened(shop, "kit-eur")
    stripe.pay(paid)
    assert success_page.confirm(shop, paid) == order_id
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.jobs(shop) == [f"receipt:{order_id}"]


def test_with_the_browser_closed_too_the_sweep_fulfils(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, paid = builders.opened(shop, "kit-eur")
    stripe.pay(paid)
    clock.pass_(minutes=1)
    assert reconciliation.sweep(shop).healed == [order_id]
    assert builders.status(shop, order_id) == "fulfilled"
    assert reconciliation.sweep(shop).checked == 1


def test_the_sweep_takes_what_stripe_could_not_deliver(shop: Shop, stripe: FakeStripe) -> None:
    order_id, paid = builders.opened(shop)
    stripe.pay(paid)
    stripe.undelivered.append(stripe.event("completed", paid))
    reconciliation.sweep(shop)
    assert builders.status(shop, order_id) == "fulfilled"


def test_an_order_paid_for_twenty_days_is_healed(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, paid = builders.opened(shop)
    stripe.pay(paid)
    clock.pass_(days=20)
    assert reconciliation.sweep(shop).healed == [order_id]


def test_the_sweep_stops_asking_when_stripe_does_not_answer_and_goes_on_next_time(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    for number in range(3):
        stripe.pay(builders.opened(shop, cart=f"cart_{number}")[1])
    clock.pass_(minutes=1)
    stripe.calls.clear()
    stripe.trouble.append(StripeUnreachable("api_connection_error"))
    report = reconciliation.sweep(shop)
    assert (stripe.calls, report.healed, len(report.failed)) == (["undelivered_events"], [], 1)
    assert len(reconciliation.sweep(shop).healed) == 3


def test_a_session_gone_at_stripe_ends_its_order(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, lost = builders.opened(shop, "clinic-eur")
    del stripe.sessions[lost]
    clock.pass_(minutes=1)
    reconciliation.sweep(shop)
    assert builders.status(shop, order_id) == "canceled"
    assert places_taken(shop) == 0


def test_a_return_before_paying_leaves_the_order_pending(shop: Shop) -> None:
    order_id, session_id = builders.opened(shop)
    assert success_page.confirm(shop, session_id) == order_id
    assert builders.status(shop, order_id) == "pending"


@pytest.mark.parametrize("session_id", ["{CHECKOUT_SESSION_ID}", "", "cs_test_nobody", "cs_test_\x00", "x" * 500])
def test_a_return_with_a_session_that_nobody_opened_finds_nothing(shop: Shop, session_id: str) -> None:
    with pytest.raises(CheckoutNotFound):
        success_page.confirm(shop, session_id)


def test_slow_money_is_processing_until_it_arrives_and_then_granted_once(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    stripe.pay(session_id, slowly=True)
    deliver(shop, stripe.event("completed", session_id))
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("processing", [])
    assert builders.jobs(shop) == []
    stripe.settle(session_id)
    deliver(shop, stripe.event("async_payment_succeeded", session_id))
    deliver(shop, stripe.event("async_payment_succeeded", session_id))
    assert builders.status(shop, order_id) == "fulfilled"
    assert sorted(builders.log(shop, order_id)) == sorted([*DONE, "processing:1"])
    assert builders.jobs(shop) == [f"receipt:{order_id}"]


def test_slow_money_that_bounces_releases_the_places_and_owes_a_letter(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, ("clinic-eur", 2))
    stripe.pay(session_id, slowly=True)
    deliver(shop, stripe.event("completed", session_id))
    assert places_taken(shop) == 2
    deliver(shop, stripe.event("async_payment_failed", session_id))
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("failed", [])
    assert places_taken(shop) == 0
    assert builders.jobs(shop) == [f"payment_failed:{order_id}:1"]


def test_the_letter_about_bounced_money_has_an_address_to_go_to(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id, slowly=True, email="Nora@Lindqvist.example")
    deliver(shop, stripe.event("completed", session_id))
    deliver(shop, stripe.event("async_payment_failed", session_id))
    assert builders.detail(shop, order_id)["email"] == "Nora@Lindqvist.example"


@builders.on_sqlite
def test_while_money_is_on_its_way_nobodys_address_is_the_orders(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id, slowly=True)
    deliver(shop, stripe.event("completed", session_id))
    assert builders.order(shop, order_id).email == ""


@builders.on_sqlite
def test_of_several_bounces_the_last_ones_address_is_told(shop: Shop, stripe: FakeStripe) -> None:
    for number, email in enumerate(["nora@lindqvist.example", "ole@berg.example"], start=1):
        order_id, session_id = builders.opened(shop)
        stripe.pay(session_id, slowly=True, email=email)
        deliver(shop, stripe.event("completed", session_id))
        deliver(shop, stripe.event("async_payment_failed", session_id))
        assert builders.order(shop, order_id).email == email
        assert f"payment_failed:{order_id}:{number}" in builders.jobs(shop)


@builders.on_sqlite
def test_an_address_that_was_typed_is_told_of_a_bounce(shop: Shop, stripe: FakeStripe) -> None:
    link = checkout.start(shop, a_basket(email="ida@berg.example"))
    stripe.pay(session_in(link.url), slowly=True)
    deliver(shop, stripe.event("completed", session_in(link.url)))
    deliver(shop, stripe.event("async_payment_failed", session_in(link.url)))
    assert builders.order(shop, link.order_id).email == "ida@berg.example"


@pytest.mark.parametrize("wrong", [{"amount_subtotal": 100}, {"customer_details": {"email": None}}])
@builders.on_sqlite
def test_nobody_is_told_of_a_bounce_by_an_address_that_is_not_known_to_be_the_buyers(
    shop: Shop, stripe: FakeStripe, wrong: dict
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id, slowly=True)
    stripe.sessions[session_id].update(wrong)
    deliver(shop, stripe.event("completed", session_id))
    deliver(shop, stripe.event("async_payment_failed", session_id))
    assert (builders.status(shop, order_id), builders.order(shop, order_id).email) == ("failed", "")
    assert builders.jobs(shop) == []


@builders.on_sqlite
def test_money_without_an_address_is_delivered_and_claimed_for_nobody(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    stripe.sessions[session_id]["customer_details"] = {"email": None}
    deliver(shop, stripe.event("completed", session_id))
    order = builders.order(shop, order_id)
    assert (order.status, order.email, order.customer_id) == ("fulfilled", "", None)
    assert (builders.rows(shop, Customer), builders.jobs(shop)) == ([], [])


@builders.on_sqlite
def test_the_history_names_the_session_that_paid(shop: Shop, stripe: FakeStripe) -> None:
    _, session_id = builders.opened(shop)
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    named = {row.event: row.stripe_checkout_session_id for row in builders.rows(shop, FulfillmentLog)}
    assert named == {"checkout:1": None, "paid": session_id, "granted:1": session_id, "fulfilled": session_id}


def test_after_a_bounce_the_same_cart_can_be_paid_again(shop: Shop, stripe: FakeStripe) -> None:
    order_id, first = builders.opened(shop, "clinic-eur")
    stripe.pay(first, slowly=True)
    deliver(shop, stripe.event("async_payment_failed", first))
    again, second = builders.opened(shop, "clinic-eur")
    assert (again, builders.status(shop, order_id), places_taken(shop)) == (order_id, "pending", 1)
    stripe.pay(second)
    deliver(shop, stripe.event("completed", second))
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.detail(shop, order_id)["stripe"]["checkout_session"] == second


def test_while_money_settles_the_same_cart_warns(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id, slowly=True)
    deliver(shop, stripe.event("completed", session_id))
    with pytest.raises(StillSettling) as warning:
        checkout.start(shop, a_basket("guide-eur", "kit-eur"))
    assert (warning.value.order_id, warning.value.session_id) == (order_id, session_id)
    assert len(stripe.sessions) == 1


def test_while_money_settles_the_same_things_in_another_cart_warn_once(shop: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(shop, Basket("cart_first", (Item("guide-eur", 1),), browser_id="br_nora"))
    session_id = session_in(first.url)
    stripe.pay(session_id, slowly=True)
    deliver(shop, stripe.event("completed", session_id))
    second = Basket("cart_second", (Item("kit-eur", 1), Item("guide-eur", 1)), browser_id="br_nora")
    with pytest.raises(StillSettling) as warning:
        checkout.start(shop, second)
    assert (warning.value.order_id, warning.value.session_id) == (first.order_id, session_id)
    assert checkout.start(shop, replace(second, again=True)).order_id != first.order_id


def test_settling_money_keeps_nobody_from_other_things_or_other_people(shop: Shop, stripe: FakeStripe) -> None:
    first = checkout.start(shop, Basket("cart_first", (Item("guide-eur", 1),), browser_id="br_nora"))
    session_id = session_in(first.url)
    stripe.pay(session_id, slowly=True)
    deliver(shop, stripe.event("completed", session_id))
    assert checkout.start(shop, Basket("cart_second", (Item("kit-eur", 1),), browser_id="br_nora")).url
    assert checkout.start(shop, Basket("cart_third", (Item("guide-eur", 1),), browser_id="br_emil")).url


def test_nothing_to_pay_is_fulfilled_with_amount_zero(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "gift-eur")
    order = builders.detail(shop, order_id)
    assert (order["status"], order["amount_total"], order["stripe"]["payment_intent"]) == ("fulfilled", 0, None)


def test_a_whole_discount_is_fulfilled_with_amount_zero(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.sessions[session_id]["amount_total"] = 0
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    order = builders.detail(shop, order_id)
    assert (order["status"], order["amount_expected"], order["amount_total"]) == ("fulfilled", 2900, 0)


def test_a_trial_is_fulfilled_without_a_payment(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id, payment_status="no_payment_required", amount_total=0))
    order = builders.detail(shop, order_id)
    assert order["status"] == "fulfilled"
    assert order["stripe"]["subscription"]


@pytest.mark.parametrize("total", [2320, 3451])
def test_discounts_and_taxes_are_no_mismatch(shop: Shop, stripe: FakeStripe, total: int) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id, amount_total=total))
    assert builders.status(shop, order_id) == "fulfilled"
    assert builders.detail(shop, order_id)["amount_total"] == total


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_subtotal": 100, "amount_total": 100}, "amount_mismatch: paid for 100, ordered 2900"),
        ({"currency": "usd"}, "currency_mismatch: paid in usd, ordered in eur"),
    ],
)
def test_another_amount_or_currency_is_paid_and_needs_a_person(
    shop: Shop, stripe: FakeStripe, changes: dict, reason: str
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    stripe.sessions[session_id].update(changes)
    deliver(shop, stripe.event("completed", session_id))
    assert (builders.status(shop, order_id), builders.grants(shop, order_id)) == ("paid", [("guide", "blocked")])
    assert builders.order(shop, order_id).attention == reason
    assert all(not file.token for file in builders.deliveries(shop, order_id)[0].files)
    assert builders.jobs(shop) == [f"owner_notice:{order_id}:blocked"]


def test_paid_after_the_hold_lapsed_takes_a_place_that_is_free(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "clinic-eur")
    deliver(shop, stripe.event("expired", session_id, status="expired"))
    assert places_taken(shop) == 0
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    assert (builders.status(shop, order_id), places_taken(shop)) == ("fulfilled", 1)


def test_paid_after_the_hold_lapsed_with_no_place_free_needs_a_person(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "clinic-eur", "guide-eur")
    deliver(shop, stripe.event("expired", session_id, status="expired"))
    fill_the_clinic(shop, leaving=0)
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    assert builders.status(shop, order_id) == "paid"
    assert builders.order(shop, order_id).attention == "sold_out"
    assert builders.grants(shop, order_id) == [("clinic", "blocked"), ("guide", "active")]
    assert places_taken(shop) == 5


def test_a_blocked_place_is_granted_by_any_later_call_once_one_is_free(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, "clinic-eur")
    deliver(shop, stripe.event("expired", session_id, status="expired"))
    fill_the_clinic(shop, leaving=0)
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    fill_the_clinic(shop, leaving=1)
    success_page.confirm(shop, session_id)
    assert (builders.status(shop, order_id), places_taken(shop)) == ("fulfilled", 5)
    assert builders.order(shop, order_id).attention == ""
    told = ["late_delivery:{}:delivered:1", "owner_notice:{}:blocked", "receipt:{}"]
    assert builders.jobs(shop) == [job.format(order_id) for job in told]


def test_expired_after_paid_changes_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "clinic-eur")
    before = builders.detail(shop, order_id)
    deliver(shop, stripe.event("expired", "cs_test_0001", status="expired", payment_status="unpaid"))
    assert builders.detail(shop, order_id) == before
    assert places_taken(shop) == 1


def test_expired_gives_the_places_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = builders.opened(shop, ("clinic-eur", 3))
    stripe.expire_checkout(session_id)
    deliver(shop, stripe.event("expired", session_id))
    assert (builders.status(shop, order_id), places_taken(shop)) == ("canceled", 0)


def test_a_session_that_stripe_recovered_after_expiry_pays_for_the_same_order(shop: Shop, stripe: FakeStripe) -> None:
    order_id, first = builders.opened(shop)
    stripe.expire_checkout(first)
    deliver(shop, stripe.event("expired", first))
    recovered = stripe.recover(first)["id"]
    stripe.pay(recovered)
    deliver(shop, stripe.event("completed", recovered))
    assert builders.status(shop, order_id) == "fulfilled"
    assert [row.state for row in builders.attempts(shop)] == [CheckoutState.EXPIRED, CheckoutState.COMPLETE]


def test_the_first_attempts_money_counts_whichever_is_told_first(shop: Shop, stripe: FakeStripe) -> None:
    order_id, first = builders.opened(shop)
    stripe.expire_checkout(first)
    _, second = builders.opened(shop)
    recovered = stripe.recover(first)["id"]
    for session_id in (second, recovered):
        stripe.pay(session_id)
        deliver(shop, stripe.event("completed", session_id))
    told = builders.detail(shop, order_id)["stripe"]
    deliver(shop, stripe.event("completed", second))
    assert builders.detail(shop, order_id)["stripe"] == told
    assert told["checkout_session"] == recovered
    assert builders.jobs(shop) == [f"owner_notice:{order_id}:paid_twice", f"receipt:{order_id}"]


def test_when_something_was_first_granted_never_moves(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    granted = {row.id: row.granted_at for row in builders.rows(shop, Grant)}
    payment = builders.payment_of(shop, order_id)
    for status, state in (("needs_response", "suspended"), ("won", "active")):
        clock.pass_(days=1)
        deliver(shop, stripe.tell("charge.dispute.updated", stripe.dispute(payment, status=status)))
        assert {row.state for row in builders.rows(shop, Grant)} == {state}
        assert {row.id: row.granted_at for row in builders.rows(shop, Grant)} == granted


def test_a_customer_is_one_address_whatever_its_capitals(shop: Shop, stripe: FakeStripe) -> None:
    for number, email in enumerate(["Nora@Lindqvist.example", "nora@lindqvist.EXAMPLE"]):
        _, paid = builders.opened(shop, cart=f"cart_{number}")
        stripe.pay(paid, email=email)
        deliver(shop, stripe.event("completed", paid))
    assert len({order.customer_id for order in builders.rows(shop, Order)}) == 1


def blocked_order(shop: Shop, stripe: FakeStripe, *items: str) -> tuple[str, str]:
    """Paid after the last place went; its id and its Session's."""
    order_id, session_id = builders.opened(shop, *items)
    deliver(shop, stripe.event("expired", session_id, status="expired"))
    fill_the_clinic(shop, leaving=0)
    stripe.pay(session_id)
    deliver(shop, stripe.event("completed", session_id))
    return order_id, session_id


def to_the_buyer(shop: Shop, order_id: str) -> list[str]:
    """The letters that the order's buyer is owed."""
    mine = [job.replace(f":{order_id}", "") for job in builders.jobs(shop) if order_id in job]
    # Which refund, and when something was taken back, is drawn anew each time.
    return [re.sub(r":(rf_[0-9a-z]+|\d{8}T\d{12})$", "", job) for job in mine if not job.startswith("owner_notice")]


@pytest.mark.parametrize("items", [("clinic-eur", "guide-eur"), ("clinic-eur",)])
def test_whoever_paid_for_what_cannot_be_delivered_is_told_at_once(
    shop: Shop, stripe: FakeStripe, items: tuple[str, ...]
) -> None:
    order_id, session_id = blocked_order(shop, stripe, *items)
    deliver(shop, stripe.event("completed", session_id))
    assert to_the_buyer(shop, order_id) == ["receipt"]
    letter = contents.about_order(shop, order_id)
    assert letter.email == "nora@lindqvist.example"
    assert (letter.deliveries[0].state, letter.deliveries[0].reason) == ("blocked", "sold_out")


def test_and_told_when_it_is_delivered_after_all(shop: Shop, stripe: FakeStripe) -> None:
    order_id, session_id = blocked_order(shop, stripe, "clinic-eur", "guide-eur")
    fill_the_clinic(shop, leaving=1)
    for _ in range(2):
        success_page.confirm(shop, session_id)
    assert to_the_buyer(shop, order_id) == ["late_delivery:delivered:1", "receipt"]
    letter = contents.about_late_lines(shop, order_id, "delivered", [1])
    assert letter
    assert [each.product for each in letter.deliveries] == ["Clinic"]
    refund.request(shop, order_id, actor="owner")
    assert contents.about_late_lines(shop, order_id, "delivered", [1]) is None


def test_and_told_when_the_money_goes_back_instead(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = blocked_order(shop, stripe, "clinic-eur", "guide-eur")
    refund.request(shop, order_id, 500, actor="owner")
    assert to_the_buyer(shop, order_id) == ["receipt", "refunded"]
    done = refund.request(shop, order_id, lines=[1], actor="owner")
    assert to_the_buyer(shop, order_id) == ["late_delivery:given_up:1", "receipt", "refunded", "refunded"]
    # Of the second, the letter about what could not be delivered tells already.
    assert after_purchase.about_refund(shop, order_id, done.id) is None
    letter = contents.about_late_lines(shop, order_id, "given_up", [1])
    assert letter
    assert (letter.returned.amount, [each.product for each in letter.deliveries]) == (14500, ["Clinic"])


def test_what_was_delivered_and_goes_back_later_is_no_late_news(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "clinic-eur", "guide-eur")
    refund.request(shop, order_id, lines=[1], actor="owner")
    assert to_the_buyer(shop, order_id) == ["receipt", "refunded"]


def test_what_an_owner_takes_back_without_its_money_is_not_told_as_paid_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = blocked_order(shop, stripe, "clinic-eur", "guide-eur")
    refund.request(shop, order_id, lines=[2], actor="owner")
    revocation.revoke(shop, order_id, [1], reason="agreed", actor="owner")
    assert builders.grants(shop, order_id) == [("clinic", "revoked"), ("guide", "revoked")]
    assert to_the_buyer(shop, order_id) == ["access_changed:taken_back:1", "receipt", "refunded"]


def test_what_a_lost_dispute_ends_is_not_told_as_money_that_the_shop_sent_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = blocked_order(shop, stripe, "clinic-eur", "guide-eur")
    refund.request(shop, order_id, 500, actor="owner")
    for kind, status in (("created", "needs_response"), ("closed", "lost")):
        dispute = stripe.dispute(builders.payment_of(shop, order_id), status=status)
        deliver(shop, stripe.tell(f"charge.dispute.{kind}", dispute))
    assert builders.grants(shop, order_id) == [("clinic", "revoked"), ("guide", "revoked")]
    assert to_the_buyer(shop, order_id) == ["receipt", "refunded"]
