"""Each payment of an order by itself: what it was for, what went back of it, and what a bank says of it."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from core.events import reconciliation
from core.foundation.errors import NoSuchPayment, NothingToRefund, RefundTooBig, StripeRefused, StripeUnreachable
from core.journeys import refund
from core.kinds.grants import Grant
from core.orders.orders import OrderLine
from core.orders.payment_lines import PaymentLine
from core.orders.payments import Payment, named
from core.orders.refunds import Refund, RefundStatus
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.webhook.test_stripe_events import post

Tell = Callable[[str, dict], str]


@pytest.fixture
def tell(shop: Shop, client: TestClient, stripe: FakeStripe, clock: Clock) -> Tell:
    """Have Stripe tell of an object, and the worker ask; what became of the event."""

    def telling(kind: str, subject: dict) -> str:
        clock.pass_(seconds=1)
        answer = post(client, stripe.tell(kind, subject))
        assert answer.status_code == 200
        builders.ask_stripe(shop)
        return str(answer.json()["state"])

    return telling


def renewed(stripe: FakeStripe, tell: Tell, clock: Clock, name: str, times: int) -> list[str]:
    """Renew a plan so often, a month apart; the PaymentIntents by which it was paid."""
    payments = []
    for _ in range(times):
        clock.pass_(days=31)
        tell("invoice.paid", stripe.renew(name))
        payments.append(str(stripe.payment_of(name)))
    return payments


def payments(shop: Shop) -> list[tuple[str, int, int]]:
    """Reason, amount and what went back of each payment, oldest first."""
    found = sorted(builders.rows(shop, Payment), key=lambda row: (row.paid_at, row.id))
    return [(row.billing_reason, row.amount, row.amount_refunded) for row in found]


def topics(shop: Shop) -> list[tuple[str, str]]:
    return [(item.topic, item.detail) for item in attention.items(shop)]


# -- which payment a dispute is about


def test_a_dispute_about_a_renewal_touches_the_plan_and_not_the_guide_bought_with_it(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    (renewal,) = renewed(stripe, tell, clock, name, 1)
    tell("charge.dispute.created", stripe.dispute(renewal))
    assert builders.grants(shop, order_id) == [("plan", "suspended"), ("guide", "active")]
    assert builders.status(shop, order_id) == "disputed"
    tell("charge.dispute.closed", stripe.dispute(renewal, status="lost"))
    assert builders.grants(shop, order_id) == [("plan", "revoked"), ("guide", "active")]
    assert builders.status(shop, order_id) == "partially_refunded"


def test_a_dispute_about_what_both_were_bought_with_touches_both(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    first = str(stripe.payment_of(name))
    tell("charge.dispute.created", stripe.dispute(first))
    assert builders.grants(shop, order_id) == [("plan", "suspended"), ("guide", "suspended")]
    tell("charge.dispute.closed", stripe.dispute(first, status="lost"))
    assert builders.grants(shop, order_id) == [("plan", "revoked"), ("guide", "revoked")]
    assert builders.status(shop, order_id) == "charged_back"


def test_a_dispute_won_gives_the_renewed_plan_back(shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    (renewal,) = renewed(stripe, tell, clock, name, 1)
    tell("charge.dispute.created", stripe.dispute(renewal))
    tell("charge.dispute.closed", stripe.dispute(renewal, status="won"))
    assert builders.grants(shop, order_id) == [("plan", "active"), ("guide", "active")]
    assert builders.status(shop, order_id) == "fulfilled"


def test_an_order_of_which_one_payment_was_lost_and_the_other_refunded_is_charged_back(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    first = str(stripe.payment_of(name))
    (renewal,) = renewed(stripe, tell, clock, name, 1)
    tell("charge.dispute.closed", stripe.dispute(renewal, status="lost"))
    assert builders.status(shop, order_id) == "partially_refunded"
    tell("refund.created", stripe.make_refund(first, 900))
    assert builders.status(shop, order_id) == "charged_back"


# -- refunds over several payments


def test_all_that_is_left_spreads_over_the_payments_newest_first(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    first = str(stripe.payment_of(name))
    second, third = renewed(stripe, tell, clock, name, 2)
    plan = refund.preview(shop, order_id)
    assert [part.amount.amount for part in plan.parts] == [900, 900, 3800]
    assert (plan.amount.amount, plan.left.amount) == (5600, 0)
    done = refund.request(shop, order_id, actor="owner", agreed=plan)
    assert done.status is RefundStatus.SUCCEEDED
    assert [(each["payment_intent"], each["amount"]) for each in stripe.refunds.values()] == [
        (third, 900), (second, 900), (first, 3800),
    ]  # fmt: skip
    assert [amount - back for _, amount, back in payments(shop)] == [0, 0, 0]
    assert len({row.request for row in builders.rows(shop, Refund)}) == 1
    assert builders.status(shop, order_id) == "refunded"
    assert builders.grants(shop, order_id) == [("plan", "revoked"), ("guide", "revoked")]


def test_an_amount_takes_the_newest_payment_and_then_the_one_before(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    renewed(stripe, tell, clock, name, 2)
    refund.request(shop, order_id, 1000, actor="owner")
    assert payments(shop) == [
        ("subscription_create", 900, 0), ("subscription_cycle", 900, 100), ("subscription_cycle", 900, 900),
    ]  # fmt: skip
    # The period that runs was paid back; its access ends with it.
    assert builders.grants(shop, order_id) == [("plan", "revoked")]
    with pytest.raises(RefundTooBig) as refusal:
        refund.request(shop, order_id, 1701, actor="owner")
    assert refusal.value.left == 1700
    assert refund.preview(shop, order_id).amount.amount == 1700


def test_refunding_an_earlier_period_leaves_the_one_that_runs(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    first = str(stripe.sessions[session_of(shop, order_id)]["invoice"])
    renewed(stripe, tell, clock, name, 1)
    refund.request(shop, order_id, payment=first, actor="owner")
    assert builders.grants(shop, order_id) == [("plan", "active")]
    assert builders.status(shop, order_id) == "partially_refunded"
    with pytest.raises(NothingToRefund):
        refund.request(shop, order_id, payment=first, actor="owner")
    with pytest.raises(NoSuchPayment):
        refund.request(shop, order_id, payment="in_nobody", actor="owner")


def session_of(shop: Shop, order_id: str) -> str:
    return str(builders.detail(shop, order_id)["stripe"]["checkout_session"])


def test_what_a_bank_holds_does_not_go_back_and_the_rest_does(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    (renewal,) = renewed(stripe, tell, clock, name, 1)
    tell("charge.dispute.created", stripe.dispute(renewal))
    assert refund.preview(shop, order_id).amount.amount == 900
    refund.request(shop, order_id, actor="owner")
    assert [each["payment_intent"] != renewal for each in stripe.refunds.values()] == [True]


def test_where_stripe_refuses_one_of_several_the_others_are_made_and_it_is_said(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    (renewal,) = renewed(stripe, tell, clock, name, 1)
    stripe.dispute(renewal)  # of which nobody has told yet
    done = refund.request(shop, order_id, actor="owner")
    assert [part.status for part in done.parts] == [RefundStatus.CANCELED, RefundStatus.SUCCEEDED]
    assert done.status is RefundStatus.CANCELED
    assert builders.detail(shop, order_id)["amount_refunded"] == 900
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, actor="owner")


@pytest.mark.parametrize("kind", ["refund.created", "charge.dispute.created"])
def test_what_names_its_charge_alone_is_about_the_payment_of_that_charge(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock, kind: str
) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    (renewal,) = renewed(stripe, tell, clock, name, 1)
    about = stripe.make_refund(renewal, 900) if kind == "refund.created" else stripe.dispute(renewal)
    assert tell(kind, {**about, "payment_intent": None}) == "parked"
    assert builders.grants(shop, order_id)[1] == ("guide", "active")
    assert builders.grants(shop, order_id)[0] == ("plan", "revoked" if kind == "refund.created" else "suspended")
    assert [back for reason, _, back in payments(shop) if reason == "subscription_cycle"] == [
        900 if kind == "refund.created" else 0
    ]


# -- the share of a line


@pytest.fixture
def half_price(shop: Shop, stripe: FakeStripe, client: TestClient) -> str:
    """A guide and a kit at half price, with a fifth on top as tax."""
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 50)
    stripe.tax(session_id, 20)
    stripe.pay(session_id)
    assert post(client, stripe.event("completed", session_id)).json()["state"] == "applied"
    builders.ask_stripe(shop)
    return order_id


def test_a_line_goes_back_as_it_was_paid_with_its_discount_and_tax(
    shop: Shop, stripe: FakeStripe, half_price: str
) -> None:
    found = builders.detail(shop, half_price)
    assert (found["amount_subtotal"], found["amount_discount"], found["amount_tax"]) == (10800, 5400, 1080)
    lines = sorted(builders.rows(shop, OrderLine), key=lambda line: line.position)
    assert [(line.amount_discount, line.amount_tax) for line in lines] == [(1450, 290), (3950, 790)]
    refund.request(shop, half_price, lines=[1], actor="owner")
    assert [each["amount"] for each in stripe.refunds.values()] == [1740]
    assert builders.grants(shop, half_price) == [("guide", "revoked"), ("kit", "active")]
    refund.request(shop, half_price, lines=[2], actor="owner")
    assert [each["amount"] for each in stripe.refunds.values()] == [1740, 4740]
    assert builders.status(shop, half_price) == "refunded"


def test_half_price_without_tax_goes_back_at_half_price(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 50)
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    # Even while Stripe does not say which line the discount is on.
    stripe.trouble.append(StripeUnreachable("silence", "down"))
    assert refund.preview(shop, order_id, lines=[1]).amount.amount == 1450
    assert [row.lines_known for row in builders.rows(shop, Payment)] == [False]
    builders.ask_stripe(shop)
    assert [row.lines_known for row in builders.rows(shop, Payment)] == [True]
    assert refund.preview(shop, order_id, lines=[1]).amount.amount == 1450


@pytest.mark.parametrize("asked", [False, True])
def test_a_line_never_goes_back_by_an_estimate_of_what_was_paid_for_it(
    shop: Shop, stripe: FakeStripe, client: TestClient, asked: bool
) -> None:
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 50, on="Template Kit")
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    if asked:
        builders.ask_stripe(shop)
    plan = refund.preview(shop, order_id, lines=[1])
    assert plan.amount.amount == 2900
    refund.request(shop, order_id, lines=[1], actor="owner", agreed=plan)
    builders.ask_stripe(shop)
    assert [each["amount"] for each in stripe.refunds.values()] == [2900]
    assert builders.grants(shop, order_id) == [("guide", "revoked"), ("kit", "active")]


def test_a_plan_begun_at_half_price_goes_back_at_half_price_and_renews_at_the_whole(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month", "guide-eur")
    stripe.discount(session_id, 50)
    name = stripe.pay(session_id)["subscription"]
    post(client, stripe.event("completed", session_id))
    tell("invoice.paid", stripe.invoices_of(name)[0])
    renewed(stripe, tell, clock, name, 1)
    assert [part.amount.amount for part in refund.preview(shop, order_id, lines=[1]).parts] == [900, 450]
    assert [part.amount.amount for part in refund.preview(shop, order_id, lines=[2]).parts] == [1450]


def test_should_the_job_that_asks_for_the_lines_be_lost_the_sweep_asks(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    _, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 10)
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    paid = stripe.sessions[session_id]["payment_intent"]
    assert f"ask_stripe:{paid}" in builders.jobs(shop)
    assert paid in reconciliation.sweep(shop).healed
    assert sorted(row.amount for row in builders.rows(shop, PaymentLine)) == [2610, 7110]
    assert paid not in reconciliation.sweep(shop).healed


def test_a_payment_of_which_stripe_lists_nothing_is_asked_about_once(
    shop: Shop, stripe: FakeStripe, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, session_id = builders.opened(shop, "guide-eur", "kit-eur")
    stripe.discount(session_id, 10)
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id))
    asked: list[str] = []
    monkeypatch.setattr(stripe, "line_items_of", lambda session_id: asked.append(session_id) or [])
    for _ in range(3):
        reconciliation.sweep(shop)
    assert asked == [session_id]
    assert [part.amount.amount for part in refund.preview(shop, order_id, lines=[1]).parts] == [2610]


def test_of_a_line_a_part_goes_back_and_its_access_is_a_decision_of_its_own(
    shop: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    shown = refund.preview(shop, order_id, 100, lines=[2])
    assert [each.after for each in shown.deliveries] == ["active", "active"]
    refund.request(shop, order_id, 100, lines=[2], actor="owner", agreed=shown)
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "active")]
    ending = refund.preview(shop, order_id, 100, lines=[2], take_back=True)
    assert [each.after for each in ending.deliveries] == ["active", "revoked"]
    refund.request(shop, order_id, 100, lines=[2], take_back=True, actor="owner", agreed=ending)
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "revoked")]
    with pytest.raises(RefundTooBig) as refusal:
        refund.request(shop, order_id, 7701, lines=[2], actor="owner")
    assert refusal.value.left == 7700


def test_what_an_owner_took_back_with_a_refund_comes_back_when_the_refund_fails(
    shop: Shop, stripe: FakeStripe, tell: Tell
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    refund.request(shop, order_id, 100, take_back=True, actor="owner")
    refund.request(shop, order_id, 100, lines=[1], take_back=True, actor="owner")
    made, of_line = stripe.refunds
    tell("refund.failed", stripe.fail_refund(made))
    assert builders.grants(shop, order_id) == [("guide", "revoked"), ("kit", "active")]
    tell("refund.failed", stripe.fail_refund(of_line))
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "active")]


def test_when_it_was_granted_does_not_move(shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    (before,) = (row.granted_at for row in builders.rows(shop, Grant))
    assert before == clock.time
    clock.pass_(days=3)
    payment = builders.payment_of(shop, order_id)
    tell("charge.dispute.created", stripe.dispute(payment))
    clock.pass_(days=3)
    tell("charge.dispute.closed", stripe.dispute(payment, status="won"))
    assert builders.grants(shop, order_id) == [("kit", "active")]
    assert [row.granted_at for row in builders.rows(shop, Grant)] == [before]


# -- two Sessions paid


@pytest.fixture
def twice(shop: Shop, stripe: FakeStripe, client: TestClient) -> tuple[str, str, str]:
    """An order that was paid twice: its id, and the two PaymentIntents."""
    order_id, first = builders.opened(shop, "guide-eur", "kit-eur")
    second = stripe.recover(first)["id"]
    for paid in (first, second):
        stripe.pay(paid)
        post(client, stripe.event("completed", paid))
    return order_id, *(stripe.sessions[each]["payment_intent"] for each in (first, second))


def test_paid_twice_ends_when_that_payment_went_back_and_not_after_any_refund(
    shop: Shop, stripe: FakeStripe, tell: Tell, twice: tuple[str, str, str]
) -> None:
    order_id, first, second = twice
    assert topics(shop) == [("paid_twice", second)]
    tell("refund.created", stripe.make_refund(first, 500))
    tell("refund.created", stripe.make_refund(second, 500))
    assert topics(shop) == [("paid_twice", second)]
    done = refund.request(shop, order_id, payment=second, actor="owner")
    assert done.amount.amount == 10800 - 500
    assert topics(shop) == []
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "active")]
    assert builders.status(shop, order_id) == "partially_refunded"


@pytest.mark.parametrize("first_paid", [True, False])
@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "charge.succeeded"])
def test_money_of_a_recovered_session_is_known_though_nobody_ever_tells_of_that_session(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell, first_paid: bool, kind: str
) -> None:
    """Its `completed` is lost for good: what tells of the money is enough to ask."""
    order_id, first = builders.opened(shop, "kit-eur")
    if first_paid:
        stripe.pay(first)
        post(client, stripe.event("completed", first))
    else:
        stripe.expire(first)
        post(client, stripe.event("expired", first))
    copy = stripe.recover(first)["id"]
    stripe.pay(copy)
    intent = stripe.payment_intents[stripe.sessions[copy]["payment_intent"]]
    told = intent if kind.startswith("payment_intent") else stripe.charge(intent)
    assert tell(kind, told) in ("parked", "applied")
    paid = [row.stripe_payment_intent_id for row in builders.rows(shop, Payment)]
    assert intent["id"] in paid
    assert topics(shop) == ([("paid_twice", intent["id"])] if first_paid else [])
    assert builders.status(shop, order_id) == "fulfilled"


@builders.on_sqlite
def test_money_of_a_session_that_is_open_waits_for_what_tells_of_it(shop: Shop, stripe: FakeStripe, tell: Tell) -> None:
    order_id, session_id = builders.opened(shop, "kit-eur")
    stripe.pay(session_id)
    stripe.calls.clear()
    assert (
        tell("payment_intent.succeeded", stripe.payment_intents[stripe.sessions[session_id]["payment_intent"]])
        == "applied"
    )
    assert (stripe.calls, builders.status(shop, order_id)) == ([], "pending")


def test_of_two_payments_either_keeps_the_access_and_both_end_it(
    shop: Shop, stripe: FakeStripe, tell: Tell, twice: tuple[str, str, str]
) -> None:
    order_id, first, second = twice
    tell("charge.dispute.closed", stripe.dispute(first, status="lost"))
    assert builders.grants(shop, order_id) == [("guide", "active"), ("kit", "active")]
    tell("refund.created", stripe.make_refund(second, 10800))
    assert builders.grants(shop, order_id) == [("guide", "revoked"), ("kit", "revoked")]
    assert builders.status(shop, order_id) == "charged_back"


# -- paid after the plan's end


@pytest.fixture
def ended(shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock) -> tuple[str, str]:
    """A plan that ended because nobody paid, and whose last invoice was paid all the same: the order, and the invoice."""
    order_id, name = builders.subscribed(shop, stripe, "plan-month", "guide-eur")
    clock.pass_(days=31)
    owed = stripe.fail_renewal(name)
    tell("invoice.payment_failed", owed)
    clock.pass_(days=20)
    tell("customer.subscription.deleted", stripe.end(name, reason="payment_failed"))
    clock.pass_(days=1)
    tell("invoice.paid", stripe.pay_invoice(owed["id"]))
    return order_id, owed["id"]


def test_money_for_a_plan_that_has_ended_is_told_to_owner_and_buyer_with_a_way_back(
    shop: Shop, stripe: FakeStripe, ended: tuple[str, str]
) -> None:
    order_id, invoice = ended
    assert builders.grants(shop, order_id) == [("plan", "revoked"), ("guide", "active")]
    (item,) = attention.items(shop)
    number = builders.detail(shop, order_id)["number"]
    assert (item.topic, item.detail) == ("paid_after_end", invoice)
    assert f"`pushcart refund {number} --payment {invoice}`" in item.advice
    assert {f"paid_after_end:{order_id}:{invoice}", f"owner_notice:{order_id}:paid_after_end:{invoice}"} <= set(
        builders.jobs(shop)
    )
    refund.request(shop, order_id, payment=invoice, actor="owner")
    assert [each["amount"] for each in stripe.refunds.values()] == [900]
    assert attention.items(shop) == []


def test_money_before_the_end_is_no_trouble(shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock) -> None:
    _, name = builders.subscribed(shop, stripe)
    renewed(stripe, tell, clock, name, 1)
    clock.pass_(days=1)
    tell("customer.subscription.deleted", stripe.end(name))
    assert attention.items(shop) == []


def test_learned_the_other_way_round_it_is_the_same(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    owed = stripe.fail_renewal(name)
    stripe.end(name, reason="payment_failed")
    clock.pass_(days=1)
    post(client, stripe.tell("invoice.paid", stripe.pay_invoice(owed["id"])))
    assert attention.items(shop) == []  # nobody has told of the end yet
    builders.ask_stripe(shop)
    assert topics(shop) == [("paid_after_end", owed["id"])]


def test_a_plan_of_which_nobody_told_until_it_had_ended_was_paid_before(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month", "guide-eur")
    paid_at, name = clock.time, stripe.pay(session_id)["subscription"]
    clock.pass_(hours=1)
    tell("customer.subscription.deleted", stripe.end(name))
    clock.pass_(hours=1)
    builders.ask_stripe(shop)
    builders.ask_stripe(shop)
    assert builders.grants(shop, order_id) == [("plan", "revoked"), ("guide", "active")]
    assert [row.paid_at for row in builders.rows(shop, Payment)] == [paid_at]
    assert topics(shop) == []
    assert [job for job in builders.jobs(shop) if "paid_after_end" in job] == []


def test_a_recovered_session_was_paid_when_its_event_says_so_however_late_it_is_placed(
    shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock
) -> None:
    _, session_id = builders.opened(shop)
    copy = stripe.recover(stripe.recover(session_id)["id"])["id"]
    paid_at = clock.time
    stripe.pay(copy)
    assert post(client, stripe.event("completed", copy)).json()["state"] == "parked"
    clock.pass_(hours=1)
    builders.ask_stripe(shop)
    assert [row.paid_at for row in builders.rows(shop, Payment)] == [paid_at]


# -- one row for each payment, whoever tells of it first


def test_the_first_payment_of_a_plan_is_one_row_whether_its_session_or_its_invoice_tells(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month", "guide-eur")
    stripe.pay(session_id)
    (invoice,) = stripe.invoices.values()
    tell("invoice.paid", invoice)
    post(client, stripe.event("completed", session_id))
    tell("invoice.payment_succeeded", invoice)
    (row,) = builders.rows(shop, Payment)
    assert (row.id, row.stripe_checkout_session_id, row.stripe_invoice_id) == (invoice["id"], session_id, invoice["id"])
    assert (row.amount, row.billing_reason, row.lines_known) == (3800, "subscription_create", True)
    lines = {line.id: line.product_id for line in builders.rows(shop, OrderLine)}
    assert sorted((lines[str(row.order_line_id)], row.amount) for row in builders.rows(shop, PaymentLine)) == [
        ("guide", 2900), ("plan", 900),
    ]  # fmt: skip
    assert builders.detail(shop, order_id)["amount_total"] == 3800


def test_a_session_that_does_not_name_its_invoice_is_paid_by_it_all_the_same(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    stripe.pay(session_id)
    post(client, stripe.event("completed", session_id, invoice=None))
    (invoice,) = stripe.invoices.values()
    tell("invoice.paid", invoice)
    (row,) = builders.rows(shop, Payment)
    assert (row.id, row.stripe_invoice_id, row.amount) == (session_id, invoice["id"], 900)
    assert builders.detail(shop, order_id)["amount_total"] == 900
    refund.request(shop, order_id, payment=invoice["id"], actor="owner")
    assert [each["payment_intent"] for each in stripe.refunds.values()] == [
        stripe.payment_of(builders.detail(shop, order_id)["stripe"]["subscription"])
    ]


def test_who_paid_when_stands_on_the_order(shop: Shop, stripe: FakeStripe, client: TestClient, clock: Clock) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    stripe.sessions[session_id]["customer_details"] |= {
        "address": {"country": "SE"}, "tax_ids": [{"type": "eu_vat", "value": "SE556000016701"}],
    }  # fmt: skip
    completed = stripe.event("completed", session_id)
    paid_at = clock.time
    clock.pass_(hours=2)
    post(client, completed)
    found = builders.detail(shop, order_id)
    assert {name: found[name] for name in ("name", "country", "tax_id", "external_id", "paid_at")} == {
        "name": "Nora Lindqvist", "country": "SE", "tax_id": "SE556000016701", "external_id": None,
        "paid_at": paid_at.isoformat(),
    }  # fmt: skip
    assert found["payments"][0]["stripe"]["checkout_session"] == session_id


@pytest.mark.parametrize("plan", ["plan-month", "plan-year"])
def test_a_mismatch_is_one_for_every_subscription_and_its_renewals_buy_nothing(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell, clock: Clock, plan: str
) -> None:
    order_id, session_id = builders.opened(shop, plan, "guide-eur")
    stripe.sessions[session_id].update(amount_subtotal=100, amount_total=100)
    name = stripe.pay(session_id)["subscription"]
    post(client, stripe.event("completed", session_id))
    clock.pass_(days=366)
    tell("invoice.paid", stripe.renew(name))
    assert builders.grants(shop, order_id) == [("plan", "blocked"), ("guide", "blocked")]
    assert builders.status(shop, order_id) == "paid"
    assert [topic for topic, _ in topics(shop)] == ["amount_mismatch"]


def test_the_renewals_of_a_mismatch_keep_nothing_that_was_bought_with_the_right_money(
    shop: Shop, stripe: FakeStripe, client: TestClient, tell: Tell, clock: Clock
) -> None:
    order_id, wrong = builders.opened(shop, "plan-month")
    stripe.sessions[wrong].update(amount_subtotal=100, amount_total=100)
    right = stripe.recover(wrong)
    right.update(amount_subtotal=900, amount_total=900)
    names = [stripe.pay(each)["subscription"] for each in (wrong, right["id"])]
    for session_id in (wrong, right["id"]):
        post(client, stripe.event("completed", session_id))
    clock.pass_(days=31)
    tell("invoice.paid", stripe.renew(names[0]))
    assert builders.grants(shop, order_id) == [("plan", "active")]
    tell("refund.created", stripe.make_refund(str(stripe.payment_of(names[1])), 900))
    assert builders.grants(shop, order_id) == [("plan", "revoked")]


def test_what_the_order_was_bought_with_is_its_first_payment_also_if_it_is_learned_of_last(
    shop: Shop, stripe: FakeStripe, tell: Tell, clock: Clock
) -> None:
    order_id, session_id = builders.opened(shop, "plan-month")
    name = stripe.pay(session_id)["subscription"]
    clock.pass_(days=31)
    tell("invoice.paid", stripe.renew(name))
    clock.pass_(days=1)
    reconciliation.sweep(shop, everything=True)
    (part,) = refund.preview(shop, order_id, 900).parts
    newest = named(builders.rows(shop, Payment), part.payment)
    assert newest
    assert newest.billing_reason == "subscription_cycle"
