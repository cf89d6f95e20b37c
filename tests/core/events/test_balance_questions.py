"""The account's money is read from Stripe: on its own schedule, each movement once, whole in the end, and told whose it is."""

from datetime import timedelta
from typing import Any

import pytest

from core.events import balance_questions, reconciliation
from core.events.reconciliation import Report
from core.foundation.errors import StripeUnreachable
from core.journeys import refund
from core.orders.balance.entries import BalanceEntry, Movement, Origin, disown
from core.orders.balance.payouts import Payout, PayoutStatus
from core.orders.status import Status
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import Clock
from tests.fakes import FakeStripe

BALANCE, PAYOUTS = "balance_transactions", "payouts"


def entries(shop: Shop) -> list[BalanceEntry]:
    return sorted(builders.rows(shop, BalanceEntry), key=lambda row: (row.created_at, int(row.id.rpartition("_")[2])))


def kinds(shop: Shop) -> list[tuple[str, Origin]]:
    return [(row.category, row.origin) for row in entries(shop)]


def payouts(shop: Shop) -> list[Payout]:
    return sorted(builders.rows(shop, Payout), key=lambda row: int(row.id.rpartition("_")[2]))


def asked(stripe: FakeStripe, name: str) -> int:
    return stripe.calls.count(name)


def somebody_elses(stripe: FakeStripe, amount: int = 5000, **how: Any) -> str:
    """Another app on the same Stripe account takes money. Returns the PaymentIntent."""
    payment_intent = stripe.bill(amount, **how)
    stripe.charge(payment_intent)
    return str(payment_intent["id"])


def read(shop: Shop) -> Report:
    """A pass of the worker, a while after the last."""
    assert isinstance(shop.now, Clock)
    shop.now.pass_(minutes=16)
    report = reconciliation.sweep(shop)
    assert report.failed == []
    return report


def test_a_payment_and_its_refund_are_kept_with_what_stripe_took(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    read(shop)
    refund.request(shop, order_id, 1000, actor="owner")
    read(shop)
    sold, back = entries(shop)
    assert (sold.gross, sold.fee, sold.net, sold.currency) == (7900, 259, 7641, "eur")
    assert (back.gross, back.fee, back.net, back.currency) == (-1000, 0, -1000, "eur")
    assert {(row.order_id, row.origin, row.livemode) for row in (sold, back)} == {(order_id, Origin.ORDER, False)}
    assert {row.stripe_payment_intent_id for row in (sold, back)} == {builders.payment_of(shop, order_id)}
    assert sold.available_on - sold.created_at == timedelta(days=2)
    assert (sold.original_amount, sold.original_currency, sold.exchange_rate) == (7900, "eur", None)


def test_a_payment_in_another_currency_keeps_what_was_paid(shop: Shop, stripe: FakeStripe) -> None:
    stripe.exchange["eur"] = ("usd", 1.125)
    order_id = builders.bought(shop, stripe, "kit-eur")
    read(shop)
    refund.request(shop, order_id, 1000, actor="owner")
    read(shop)
    sold, back = entries(shop)
    assert (sold.gross, sold.currency, sold.exchange_rate) == (8888, "usd", 1.125)
    assert (sold.original_amount, sold.original_currency) == (7900, "eur")
    assert (back.gross, back.original_amount, back.original_currency) == (-1125, -1000, "eur")


def test_a_dispute_takes_its_fee_and_a_won_one_brings_the_amount_back(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    payment = builders.payment_of(shop, order_id)
    stripe.dispute(payment)
    read(shop)
    stripe.dispute(payment, status="won")
    read(shop)
    assert [(row.category, row.gross, row.fee, row.net) for row in entries(shop)[1:]] == [
        ("dispute", -2900, 2000, -4900), ("dispute_reversal", 2900, 0, 2900),
    ]  # fmt: skip
    assert {row.order_id for row in entries(shop)} == {order_id}


def test_every_payment_of_a_plan_is_its_orders(shop: Shop, stripe: FakeStripe) -> None:
    order_id, plan = builders.subscribed(shop, stripe)
    read(shop)
    stripe.renew(plan)
    read(shop)
    assert [(row.gross, row.order_id) for row in entries(shop)] == [(900, order_id), (900, order_id)]


def test_what_others_on_the_account_take_is_kept_apart(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    named = {"order_id": order_id, "shop_id": shop.id}
    plain = somebody_elses(stripe)
    somebody_elses(stripe, metadata=named), somebody_elses(stripe, customer="cus_theirs")
    somebody_elses(stripe, metadata={"order_id": "ord_theirs", "shop_id": "shop_theirs"})
    stripe.move({"id": "po_x", "currency": "eur"}, -300, "fee", fee=0)
    stripe.payouts_made["po_x"] = {"object": "fee", "id": "po_x", "created": 0}
    read(shop)
    assert kinds(shop) == [("charge", Origin.ORDER), *[("charge", Origin.FOREIGN)] * 4, ("fee", Origin.ACCOUNT)]
    assert [row.order_id for row in entries(shop)] == [order_id, *[None] * 5]
    questions = asked(stripe, "find_invoice_of")
    assert questions == 2, "one that names no order and has no customer is nobody's plan"
    stripe.make_refund(plain, 100)
    read(shop)
    assert (kinds(shop)[-1], asked(stripe, "find_invoice_of")) == (("refund", Origin.FOREIGN), questions)


def test_whose_a_payment_is_can_be_told_later(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """Stripe lists it before anything told of it, and does not answer whose it is."""
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    clock.pass_(minutes=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe, "events", lambda *, since: iter(()))
        patch.setattr(stripe, "retrieve_checkout", _silent)
        patch.setattr(stripe, "find_checkout_of", _silent)
        for subject, ask in balance_questions.due(shop):
            if subject.startswith("pi_"):
                with pytest.raises(StripeUnreachable):
                    ask()
            else:
                ask()
    assert kinds(shop) == [("charge", Origin.UNKNOWN)]
    deliver(shop, stripe.event("completed", session_id))
    questions = asked(stripe, "find_checkout_of")
    read(shop)
    assert (kinds(shop), entries(shop)[0].order_id) == ([("charge", Origin.ORDER)], order_id)
    assert asked(stripe, "find_checkout_of") == questions, "our own rows know it by now"


def _silent(*_: object, **__: object) -> Any:
    raise StripeUnreachable("api_connection_error")


def test_a_payment_that_only_the_balance_shows_delivers_its_order(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    for _, ask in balance_questions.due(shop):
        ask()
    assert builders.status(shop, order_id) == Status.FULFILLED
    assert entries(shop)[0].order_id == order_id


def test_it_is_read_every_quarter_of_an_hour_and_at_the_owners_wish(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    reconciliation.sweep(shop)
    assert (asked(stripe, BALANCE), asked(stripe, PAYOUTS)) == (0, 0), "nothing was sold"
    builders.bought(shop, stripe)
    for _ in range(30):
        reconciliation.sweep(shop)
        clock.pass_(minutes=1)
    assert (asked(stripe, BALANCE), asked(stripe, PAYOUTS)) == (2, 2)
    reconciliation.sweep(shop, everything=True)
    assert (asked(stripe, BALANCE), asked(stripe, PAYOUTS)) == (3, 3)


def test_a_list_that_breaks_off_keeps_what_it_showed_and_is_asked_for_again(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    for _ in range(150):
        somebody_elses(stripe)
    clock.pass_(days=9)
    stripe.breaks_off_after = 120
    assert reconciliation.sweep(shop).stopped
    assert len(entries(shop)) == 100
    reconciliation.sweep(shop)
    assert len(entries(shop)) == 100
    stripe.breaks_off_after = None
    reconciliation.sweep(shop)
    assert len(entries(shop)) == 151


def test_a_worker_that_was_away_reads_week_by_week_and_forgets_none(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    for _ in range(20):
        clock.pass_(days=3)
        somebody_elses(stripe)
    kept = []

    def look() -> None:
        if stripe.calls[-1:] == [BALANCE]:
            kept.append(len(entries(shop)))

    stripe.watch = look
    reconciliation.sweep(shop)
    assert len(entries(shop)) == 21
    assert asked(stripe, BALANCE) == 9
    assert kept[:3] == [3, 5, 7], "each week is kept before the next is asked for"


def test_what_was_listed_late_is_found(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe)
    late = somebody_elses(stripe)
    (hidden,) = [name for name, each in stripe.transactions.items() if each["source"] == stripe.charge_of(late)["id"]]
    kept = stripe.transactions.pop(hidden)
    clock.pass_(minutes=20)
    read(shop)
    assert len(entries(shop)) == 1
    stripe.transactions[hidden] = kept
    read(shop)
    assert len(entries(shop)) == 2


def test_what_is_in_a_payout_is_read_as_soon_as_an_event_tells_of_it(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe)
    reconciliation.sweep(shop)
    clock.pass_(seconds=30)
    somebody_elses(stripe)
    (made,) = stripe.pay_out()
    deliver(shop, stripe.tell("payout.created", made))
    reconciliation.sweep(shop)
    assert [(row.status, row.listed_at) for row in payouts(shop)] == [(PayoutStatus.PENDING, None)]
    deliver(shop, stripe.tell("payout.updated", stripe.send_payout(made["id"])))
    reconciliation.sweep(shop)
    assert asked(stripe, BALANCE) == 1, "the whole balance has its own time"
    assert {(row.category, row.payout_id) for row in entries(shop)} == {("charge", made["id"]), ("payout", made["id"])}
    assert [row.order_id for row in entries(shop)] == [order_id, None, None]
    (row,) = payouts(shop)
    assert (row.amount, row.status, row.automatic, row.listed_at) == (
        made["amount"], PayoutStatus.IN_TRANSIT, True, clock.time,
    )  # fmt: skip
    reconciliation.sweep(shop)
    assert asked(stripe, "transactions_of_payout") == 1


def test_payouts_are_found_without_their_events_however_long_they_take(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    clock.pass_(days=1)
    (made,) = stripe.pay_out()
    stripe.send_payout(made["id"])
    for _ in range(2):
        read(shop)
        clock.pass_(days=20)
    stripe.arrive_payout(made["id"])
    read(shop)
    assert [row.status for row in payouts(shop)] == [PayoutStatus.PAID]
    clock.pass_(days=5)
    (again,) = [stripe.pay_out_by_hand(100)]
    read(shop)
    assert [(row.id, row.automatic, row.listable) for row in payouts(shop)][1:] == [(again["id"], False, False)]
    assert asked(stripe, "transactions_of_payout") == 1


def test_a_payout_that_comes_back_days_later_is_found_without_its_event(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    (made,) = stripe.pay_out()
    stripe.arrive_payout(made["id"])
    for _ in range(5):
        read(shop)
        clock.pass_(days=1)
    stripe.fail_payout(made["id"])
    read(shop)
    assert [row.status for row in payouts(shop)] == [PayoutStatus.FAILED]


def test_a_payout_in_another_currency_settles_no_failed_one(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe)
    (made,) = stripe.pay_out()
    deliver(shop, stripe.tell("payout.failed", stripe.fail_payout(made["id"])))
    clock.pass_(days=1)
    dollars = stripe.arrive_payout(stripe.pay_out_by_hand(100, "usd")["id"])
    deliver(shop, stripe.tell("payout.paid", dollars))
    assert [item.topic for item in attention.items(shop)] == ["payout_failed"]


def test_of_the_same_status_the_latest_word_counts(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    """A payout arrives earlier than was said, or later: whoever hears the old word last does not believe it."""
    made = stripe.pay_out_by_hand(100)
    first = stripe.tell("payout.created", made)
    clock.pass_(minutes=1)
    made["arrival_date"] -= 3600
    second = stripe.tell("payout.updated", made)
    for event in (second, first):
        deliver(shop, event)
    assert payouts(shop)[0].arrival_date.timestamp() == made["arrival_date"]


def test_what_is_known_to_be_an_orders_stays_so(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe)
    read(shop)
    with shop.transaction() as session:
        disown(session, Movement(builders.payment_of(shop, order_id), None))
    assert [row.order_id for row in entries(shop)] == [order_id]


def test_a_payment_of_an_order_that_is_not_here_is_asked_about_ever_more_rarely(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    """As after a backup was restored: it is this shop's, and may come back."""
    builders.bought(shop, stripe)
    read(shop)
    parameters = builders.attempts(shop)[0].parameters
    named = {**parameters["metadata"], "order_id": "ord_of_a_backup"}
    lost = {**parameters, "metadata": named, "payment_intent_data": {"metadata": named}}
    stripe.pay(stripe.open_checkout(lost, key="lost").id)
    read(shop)
    before = asked(stripe, "find_checkout_of")
    for _ in range(10):
        reconciliation.sweep(shop)
    assert asked(stripe, "find_checkout_of") == before
    assert kinds(shop)[1] == ("charge", Origin.UNKNOWN)
    for _ in range(100):
        clock.pass_(hours=1)
        reconciliation.sweep(shop)
    assert before < asked(stripe, "find_checkout_of") < before + 30


def test_a_payout_whose_entries_cannot_be_listed_holds_up_nothing(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.bought(shop, stripe)
    (first,) = stripe.pay_out()
    builders.bought(shop, stripe, cart="cart_2")
    (second,) = stripe.pay_out()
    for made in (first, second):
        deliver(shop, stripe.tell("payout.paid", stripe.arrive_payout(made["id"])))
    lists = stripe.transactions_of_payout

    def listed(payout: str) -> Any:
        if payout == first["id"]:
            raise RuntimeError("no list today")
        return lists(payout)

    monkeypatch.setattr(stripe, "transactions_of_payout", listed)
    report = reconciliation.sweep(shop)
    assert report.failed == [(first["id"], "RuntimeError: no list today")]
    assert [row.listed_at is not None for row in payouts(shop)] == [False, True]
    assert reconciliation.sweep(shop).failed == [], "it waits for its turn"
    monkeypatch.undo()
    read(shop)
    assert [row.listed_at is not None for row in payouts(shop)] == [True, True]


def test_an_old_payout_that_fails_after_all_needs_attention_until_the_next_is_paid(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    (made,) = stripe.pay_out()
    deliver(shop, stripe.tell("payout.paid", stripe.arrive_payout(made["id"])))
    clock.pass_(days=3)
    assert attention.items(shop) == []
    deliver(shop, stripe.tell("payout.failed", stripe.fail_payout(made["id"])))
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.since) == ("payout_failed", made["id"], clock.time)
    assert item.detail == "€27.86: The bank could not process this payout."
    assert "settings" in item.advice
    assert attention.items(builders.live(shop)) == []
    clock.pass_(days=1)
    (again,) = stripe.pay_out()
    deliver(shop, stripe.tell("payout.created", again))
    assert [item.topic for item in attention.items(shop)] == ["payout_failed"]
    deliver(shop, stripe.tell("payout.paid", stripe.arrive_payout(again["id"])))
    assert attention.items(shop) == []


def test_an_event_of_another_accounts_payout_is_ignored(shop: Shop, stripe: FakeStripe) -> None:
    stripe.move({"id": "ch_x", "currency": "eur"}, 500, "charge", fee=0)
    (made,) = stripe.pay_out()
    outcome = deliver(shop, {**stripe.tell("payout.created", made), "account": "acct_connected"})
    assert (outcome.state, payouts(shop)) == ("ignored", [])
    assert deliver(shop, stripe.tell("payout.created", made)).state == "applied"


@pytest.mark.parametrize(("name", "subject", "words"), [
    (BALANCE, "balance", "Balance transaction sources"), (PAYOUTS, "payouts", "read Payouts"),
])  # fmt: skip
def test_a_key_that_may_not_read_it_is_told_once_and_the_rest_goes_on(
    shop: Shop, stripe: FakeStripe, clock: Clock, name: str, subject: str, words: str
) -> None:
    order_id, session_id = builders.opened(shop)
    stripe.pay(session_id)
    clock.pass_(minutes=1)
    stripe.forbidden = {name, "transactions_of_payout"} if name == BALANCE else {name}
    deliver(shop, stripe.tell("payout.updated", stripe.send_payout(stripe.pay_out()[0]["id"])))
    report = reconciliation.sweep(shop)
    assert (report.failed, report.stopped, builders.status(shop, order_id)) == ([], "", Status.FULFILLED)
    other = PAYOUTS if name == BALANCE else BALANCE
    assert asked(stripe, other) == 1
    (item,) = attention.items(shop)
    assert (item.topic, item.subject, item.detail) == ("permission_missing", subject, f"The key may not read {name}.")
    assert words in item.advice
    assert asked(stripe, "transactions_of_payout") == (name == PAYOUTS)
    for _ in range(3):
        clock.pass_(minutes=16)
        reconciliation.sweep(shop)
    assert (asked(stripe, name), asked(stripe, other)) == (1, 4)
    stripe.forbidden = set()
    clock.pass_(minutes=16)
    reconciliation.sweep(shop)
    assert attention.items(shop) == []
    assert (asked(stripe, name), len(entries(shop))) == (2, 2)


def test_a_permission_that_was_given_counts_from_the_next_reconciliation_on(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.bought(shop, stripe)
    stripe.forbidden = {BALANCE}
    reconciliation.sweep(shop)
    stripe.forbidden = set()
    clock.pass_(minutes=1)
    reconciliation.sweep(shop, everything=True)
    assert attention.items(shop) == []
    read(shop)
    assert asked(stripe, BALANCE) == 3


def test_two_workers_that_read_at_once_keep_each_movement_once(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe)
    for _ in range(30):
        somebody_elses(stripe, customer="cus_theirs")
    (made,) = stripe.pay_out()
    stripe.arrive_payout(made["id"])
    clock.pass_(minutes=1)

    def work() -> Report:
        return reconciliation.sweep(shop, everything=True)

    reports = builders.at_once(*[work] * 4)
    assert [each.failed for each in reports if isinstance(each, Report)] == [[]] * 4, reports
    read(shop)
    assert len(entries(shop)) == 32
    assert {row.payout_id for row in entries(shop)} == {made["id"]}
    assert [row.order_id for row in entries(shop) if row.origin is Origin.ORDER] == [order_id]


def test_once_a_shop_is_live_its_trials_stay_apart(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(shop, stripe)
    stripe.forbidden = {BALANCE, PAYOUTS}
    live = builders.live(shop)
    reconciliation.sweep(live)
    assert (asked(stripe, BALANCE), asked(stripe, PAYOUTS)) == (0, 0)
