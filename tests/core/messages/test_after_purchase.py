"""Letters about what happens to an order after it was bought: owed once in the transaction that settles it, true when written."""

from datetime import date, timedelta

import pytest
from sqlmodel import select

from core.correspondence import drafts
from core.correspondence.veil import Veil
from core.foundation.jobs import outbox
from core.journeys import refund, revocation
from core.journeys.billing import plans
from core.languages import sentences
from core.messages import after_purchase, wording
from core.messages.wording import Message
from core.orders.payments import Payment
from core.orders.subscription_items import SubscriptionItem
from core.orders.subscriptions import Subscription
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe


def owed(shop: Shop, job: str) -> list[str]:
    """The ids of the letters of this job that are owed."""
    return [each for each in builders.jobs(shop) if each.startswith(f"{job}:")]


def written(shop: Shop, job: str) -> Message | None:
    """The one letter of this job that is owed, as it would be sent now."""
    [letter_id] = owed(shop, job)
    return written_of(shop, letter_id)


def written_of(shop: Shop, letter_id: str) -> Message | None:
    draft = drafts.of_id(letter_id)
    assert draft
    assert draft.id == letter_id
    return drafts.write(shop, draft)


def text(shop: Shop, job: str) -> str:
    letter = written(shop, job)
    assert letter
    assert letter.to == "nora@lindqvist.example"
    return letter.text


def settle(shop: Shop, stripe: FakeStripe, name: str) -> None:
    """Learn anew how a subscription stands."""
    builders.deliver(shop, stripe.tell("customer.subscription.updated", stripe.subscriptions[name]))
    builders.ask_stripe(shop)


def test_who_gets_all_their_money_back_reads_how_much_by_when_and_what_is_closed(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    said = text(shop, "refunded")
    number = builders.order(shop, order_id).number
    assert said.startswith("Your money is on its way back.")
    assert f"We sent back the €29.00 that you paid for order {number}, the way you paid." in said
    expected = after_purchase.expected_on(shop.settings, clock())
    assert f"look for it by {expected.day} {expected:%B %Y}." in said
    assert "Field Guide: Is closed." in said


def test_who_gets_part_of_it_back_reads_what_stays_and_what_went_back_before(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    refund.request(shop, order_id, 500, actor="owner", key="one")
    second = refund.request(shop, order_id, lines=[1], actor="owner", key="two")
    assert len(owed(shop, "refunded")) == 2
    told = after_purchase.about_refund(shop, order_id, second.id)
    assert told
    letter = wording.refunded(shop.settings, told)
    assert letter.subject.startswith("Part of your money for order ")
    assert "With what went back before, that makes" in letter.text
    assert "Field Guide: Is closed." in letter.text
    assert "Template Kit: Stays open for you." in letter.text


def test_a_refund_is_told_once_however_often_it_is_heard_of(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    [made] = stripe.refunds.values()
    for _ in range(2):
        builders.deliver(shop, stripe.tell("refund.updated", made))
    assert len(owed(shop, "refunded")) == 1


def test_a_refund_that_stripe_refused_is_not_told_and_one_that_failed_is_dropped(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe)
    builders.refused_refund(shop, stripe, order_id)
    assert owed(shop, "refunded") == []
    builders.failed_refund(shop, stripe, order_id)
    assert written(shop, "refunded") is None


def test_what_went_back_long_ago_is_no_news(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe)
    refund.request(shop, order_id, actor="owner")
    builders.forget_jobs(shop)
    clock.pass_(days=8)
    [made] = stripe.refunds.values()
    builders.deliver(shop, stripe.tell("refund.updated", made))
    assert owed(shop, "refunded") == []


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 11, 27), date(2026, 12, 11)), (date(2026, 11, 28), date(2026, 12, 11))]
)
def test_weekends_are_no_working_days(shop: Shop, clock: Clock, day: date, expected: date) -> None:
    moment = clock().replace(year=day.year, month=day.month, day=day.day)
    assert after_purchase.expected_on(shop.settings, moment) == expected


def test_whose_renewal_failed_reads_how_long_it_stays_open_and_where_to_pay(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    owed_invoice = stripe.fail_renewal(name)
    owed_invoice["hosted_invoice_url"] = "https://invoice.stripe.com/i/1"
    settle(shop, stripe, name)
    said = text(shop, "renewal_failed")
    [row] = builders.rows(shop, Subscription)
    assert row.access_until
    assert "The payment of €9.00 for the renewal of" in said
    assert f"Everything stays open until {row.access_until.day} {row.access_until:%B %Y}." in said
    assert "Pay now: https://invoice.stripe.com/i/1" in said
    clock.pass_(days=8)
    assert "It is closed until the renewal is paid." in text(shop, "renewal_failed")
    stripe.pay_invoice(owed_invoice["id"])
    settle(shop, stripe, name)
    assert written(shop, "renewal_failed") is None


def test_without_a_page_of_stripes_a_failed_renewal_leads_to_the_plan(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    stripe.fail_renewal(name)
    settle(shop, stripe, name)
    assert "Go to your plan: http://localhost:8501/purchases?letter=" in text(shop, "renewal_failed")


def renewed(shop: Shop, stripe: FakeStripe, name: str) -> Payment:
    """A renewal is paid, and told of."""
    invoice = stripe.renew(name)
    builders.deliver(shop, stripe.tell("invoice.paid", invoice))
    builders.ask_stripe(shop)
    with shop.reading() as session:
        return session.get_one(Payment, invoice["id"])


def test_whoever_renewed_reads_what_was_paid_until_when_and_finds_the_receipt_of_it(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    payment = renewed(shop, stripe, name)
    assert owed(shop, "renewed") == [f"renewed:{order_id}:{payment.id}"]
    [row] = builders.rows(shop, Subscription)
    assert row.period_end
    number, today, end = builders.order(shop, order_id).number, clock(), row.period_end
    letter = written(shop, "renewed")
    assert letter
    assert letter.subject.endswith(f" was renewed: order {number}")
    assert f"€9.00 was charged on {today.day} {today:%B %Y} for the renewal of " in letter.text
    assert f"It is paid for until {end.day} {end:%B %Y}, and renews then." in letter.text
    assert f"?to={payment.id}" in letter.text
    assert "Change or cancel your plan: http://localhost:8501/purchases?letter=" in letter.text
    assert " tax" not in letter.text
    # Heard of again, it is the same letter.
    builders.deliver(shop, stripe.tell("invoice.payment_succeeded", stripe.invoices[payment.id]))
    assert len(owed(shop, "renewed")) == 1
    clock.pass_(days=31)
    renewed(shop, stripe, name)
    assert len(owed(shop, "renewed")) == 2


def test_the_first_that_is_paid_after_a_trial_is_told_and_the_trial_is_not(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.let_try(shop, days=14)
    _, name = builders.subscribed(shop, stripe)
    builders.deliver(shop, stripe.tell("invoice.paid", stripe.invoices_of(name)[0]))
    builders.ask_stripe(shop)
    assert owed(shop, "renewed") == []
    clock.pass_(days=14, minutes=1)
    renewed(shop, stripe, name)
    assert "€9.00 was charged on" in text(shop, "renewed")


def test_a_renewal_that_went_back_or_came_after_the_end_is_not_told(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    payment = renewed(shop, stripe, name)
    assert written(shop, "renewed")
    with shop.transaction() as session:
        session.get_one(Subscription, name).ended_at = payment.paid_at - timedelta(seconds=1)
    assert written(shop, "renewed") is None
    with shop.transaction() as session:
        session.get_one(Subscription, name).ended_at = payment.paid_at
    assert written(shop, "renewed")
    refund.request(shop, order_id, payment.amount - 1, payment=payment.id, actor="owner", key="one")
    assert written(shop, "renewed")
    refund.request(shop, order_id, 1, payment=payment.id, actor="owner", key="two")
    assert written(shop, "renewed") is None


def test_a_renewal_names_its_tax_and_the_end_of_a_plan_that_was_cancelled(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    payment = renewed(shop, stripe, name)
    stripe.cancel_later(name)
    settle(shop, stripe, name)
    with shop.transaction() as session:
        session.get_one(Payment, payment.id).sqlmodel_update({"amount_tax": 144, "tax_included": 144})
    said = text(shop, "renewed")
    assert "That includes €1.44 of tax." in said
    assert "It ends then, and doesn't renew any more." in said
    assert "Change or cancel" not in said
    # On top of a price that the buyer had a part of to their credit.
    with shop.transaction() as session:
        session.get_one(Payment, payment.id).tax_included = 0
        session.get_one(Subscription, name).sqlmodel_update({"ends_at": None, "paused": True})
    said = text(shop, "renewed")
    assert " tax" not in said
    assert "It is paid for until" in said
    assert " then" not in said
    # Ended at once since, it is used no more, though it was paid for.
    with shop.transaction() as session:
        session.get_one(Subscription, name).sqlmodel_update({"paused": False, "status": "canceled"})
    assert "It is paid for" not in text(shop, "renewed")
    with shop.transaction() as session:
        session.get_one(Subscription, name).sqlmodel_update({"status": "active", "paid_until": payment.paid_at})
    assert "It is paid for" not in text(shop, "renewed")


def test_a_renewal_speaks_the_language_of_its_order(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    with sentences.spoken("de"):
        _, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    renewed(shop, stripe, name)
    letter = written(shop, "renewed")
    assert letter
    assert " wurde verlängert: Bestellung " in letter.subject
    assert "Beleg ansehen: http://localhost:8501/order/" in letter.text


def test_whose_plan_was_cancelled_reads_until_when_it_runs_unless_they_took_that_back(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, name = builders.subscribed(shop, stripe)
    plan = stripe.subscriptions[name]
    end = plan["items"]["data"][0]["current_period_end"]
    plan.update(cancel_at=end, canceled_at=int(shop.now().timestamp()))
    settle(shop, stripe, name)
    [row] = builders.rows(shop, Subscription)
    assert row.ends_at
    assert f"ends on {row.ends_at.day} {row.ends_at:%B %Y}." in text(shop, "plan_ending")
    plan.update(cancel_at=None, canceled_at=None)
    settle(shop, stripe, name)
    assert written(shop, "plan_ending") is None


def test_who_cancels_once_more_is_told_once_more_whichever_end_it_has(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    plan = stripe.subscriptions[name]
    end = plan["items"]["data"][0]["current_period_end"]

    def told(cancel_at: int | None) -> int:
        """How many letters are owed, one of which is to be sent, once Stripe has said this twice."""
        clock.pass_(minutes=1)
        for seats in (2, 3):
            plan.update(cancel_at=cancel_at, canceled_at=cancel_at and int(shop.now().timestamp()))
            stripe.change_seats(name, seats)
            settle(shop, stripe, name)
            clock.pass_(minutes=1)
        letters = owed(shop, "plan_ending")
        assert sum(written_of(shop, each) is not None for each in letters) == bool(cancel_at)
        return len(letters)

    assert told(end) == 1
    assert told(None) == 1
    assert told(end) == 2
    assert told(end - 86400) == 3
    # It ends at first as it was told to at first: the newest letter said otherwise.
    assert told(end) == 4


def test_a_letter_about_an_end_that_was_owed_by_an_older_version_still_goes(shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    stripe.cancel_later(name)
    settle(shop, stripe, name)
    with shop.transaction() as session:
        row = session.get_one(Subscription, name)
        row.end_changed_at = None
        assert row.ends_at
    assert written_of(shop, f"plan_ending:{order_id}:{name}:{outbox.stamp(row.ends_at)}")


@pytest.mark.parametrize("reason", ["cancellation_requested", "payment_failed"])
def test_whose_plan_has_ended_reads_why_and_that_nothing_more_is_billed(
    shop: Shop, stripe: FakeStripe, reason: str
) -> None:
    _, name = builders.subscribed(shop, stripe)
    builders.deliver(shop, stripe.tell("customer.subscription.deleted", stripe.end(name, reason=reason)))
    builders.ask_stripe(shop)
    said = text(shop, "plan_ended")
    assert "It won't be billed any more. What it opened is closed." in said
    assert ("because its renewal wasn't paid" in said) is (reason == "payment_failed")


def of_subscription(shop: Shop, name: str) -> dict[str, Message]:
    """The letters about this subscription that are owed and would be sent now, by their jobs."""
    theirs = {each.id for each in builders.rows(shop, Payment) if each.stripe_subscription_id == name}
    about = [job for job in builders.jobs(shop) if {name, *theirs} & {*job.split(":")}]
    written = {job: written_of(shop, job) for job in about if drafts.of_id(job)}
    return {job.split(":")[0]: letter for job, letter in written.items() if letter}


def test_letters_about_one_of_an_orders_subscriptions_name_the_plans_that_it_bills_for(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, names = builders.two_plans_apart(shop, stripe)
    clock.pass_(days=31)
    renewed(shop, stripe, names[0])
    stripe.fail_renewal(names[1])
    settle(shop, stripe, names[1])
    found = [of_subscription(shop, name) for name in names]
    assert [sorted(each) for each in found] == [["renewed"], ["renewal_failed"]]
    assert found[0]["renewed"].subject.startswith("Plan was renewed")
    assert found[1]["renewal_failed"].subject == "The renewal of Bigger Plan didn't go through"
    stripe.cancel_later(names[0])
    settle(shop, stripe, names[0])
    assert of_subscription(shop, names[0])["plan_ending"].subject.startswith("Plan ends on")
    for name in names:
        stripe.end(name)
        settle(shop, stripe, name)
    ended = [of_subscription(shop, name)["plan_ended"] for name in names]
    assert [each.subject for each in ended] == ["Plan has ended", "Bigger Plan has ended"]
    assert all("What it opened is closed." in each.text for each in ended)


def test_of_a_plan_that_is_billed_twice_the_letter_about_one_end_says_that_the_other_goes_on(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, names = builders.begun_twice(shop, stripe)
    stripe.cancel_later(names[1])
    settle(shop, stripe, names[1])
    goes_on = "You pay for it by another subscription too: that one goes on, and keeps it open."
    ending = of_subscription(shop, names[1])["plan_ending"]
    assert goes_on in ending.text
    stripe.end(names[1])
    settle(shop, stripe, names[1])
    said = of_subscription(shop, names[1])["plan_ended"].text
    assert "It won't be billed any more." in said
    assert "closed" not in said
    assert goes_on in said
    stripe.end(names[0])
    settle(shop, stripe, names[0])
    assert [goes_on in of_subscription(shop, name)["plan_ended"].text for name in names] == [False, False]


@builders.on_sqlite
def test_of_a_plan_that_is_billed_twice_one_failed_renewal_closes_nothing_and_says_so(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, names = builders.begun_twice(shop, stripe)
    clock.pass_(days=31)
    renewed(shop, stripe, names[0])
    stripe.fail_renewal(names[1])
    settle(shop, stripe, names[1])
    said = of_subscription(shop, names[1])["renewal_failed"].text
    assert "that one goes on, and keeps it open." in said
    assert "If it isn't paid by then" not in said
    # Once neither is paid, it says until when all is open.
    stripe.fail_renewal(names[0])
    settle(shop, stripe, names[0])
    assert "If it isn't paid by then" in of_subscription(shop, names[1])["renewal_failed"].text


def test_a_subscription_whose_prices_are_all_foreign_is_told_of_under_the_plans_of_its_order(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, name = builders.subscribed(shop, stripe)
    stripe.subscriptions[name]["items"]["data"][0]["price"] |= {"id": "price_foreign", "lookup_key": None}
    builders.deliver(shop, stripe.tell("customer.subscription.deleted", stripe.end(name)))
    builders.ask_stripe(shop)
    with shop.transaction() as session:
        for row in session.exec(select(SubscriptionItem)):
            row.order_line_id = None
    assert of_subscription(shop, name)["plan_ended"].subject == "Plan has ended"


def test_whoever_loses_access_by_the_shop_is_told_without_the_staffs_reason_and_again_when_it_is_open(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    revocation.revoke(shop, order_id, [1], reason="looks like fraud", actor="owner")
    said = text(shop, "access_changed")
    assert "We closed Field Guide of order" in said
    assert "fraud" not in said
    clock.pass_(minutes=1)
    revocation.revoke(shop, order_id, [1], reason="again", actor="owner")
    assert len(owed(shop, "access_changed")) == 1
    revocation.restore(shop, order_id, actor="owner")
    closed, opened = sorted(owed(shop, "access_changed"), key=lambda each: "given_back" in each)
    assert written_of(shop, closed) is None
    letter = written_of(shop, opened)
    assert letter
    assert "You can use Field Guide of order" in letter.text


def test_under_the_veil_no_letter_signs_anybody_in(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "kit-eur")
    refund.request(shop, order_id, 500, actor="owner")
    revocation.revoke(shop, order_id, reason="", actor="owner")
    key = builders.license_key(shop, order_id)
    jobs = [job for job in builders.jobs(shop) if job.startswith(("receipt:", "refunded:", "access_changed:"))]
    assert len(jobs) == 3
    for job in jobs:
        draft = drafts.of_id(job)
        assert draft
        seen = draft.write(shop, Veil("http://localhost:8501/purchases", "http://localhost:8501/withdraw"))
        assert seen
        assert "?letter=" not in seen.text + seen.html
        assert not key or key not in seen.text + seen.html


def test_whose_plan_was_paused_and_goes_on_is_told_of_each_once(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(minutes=1)
    stripe.pause(name)
    for _ in range(2):
        settle(shop, stripe, name)
    [row] = builders.rows(shop, Subscription)
    assert row.paid_until
    said = text(shop, "plan_paused")
    assert "Your plan is paused." in said
    assert (
        "is paused: nothing is charged until it goes on. It is paid for until 23 December 2026, and stays open" in said
    )
    clock.pass_(minutes=1)
    stripe.pause(name, resumes_at=shop.now() + timedelta(days=7))
    settle(shop, stripe, name)
    early, now = owed(shop, "plan_paused")
    assert written_of(shop, early) is None
    letter = written_of(shop, now)
    assert letter
    assert "is paused until 30 November 2026: nothing is charged before that. It stays open meanwhile." in letter.text
    clock.pass_(minutes=1)
    stripe.unpause(name)
    for _ in range(2):
        settle(shop, stripe, name)
    *early, now = owed(shop, "plan_paused")
    assert [written_of(shop, each) for each in early] == [None, None]
    letter = written_of(shop, now)
    assert letter
    assert letter.subject == "The billing of Plan goes on"
    assert "goes on. The next payment is due on 23 December 2026." in letter.text


def test_whose_plan_is_on_hold_already_reads_that_it_opens_when_its_billing_goes_on(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(days=31)
    stripe.pause(name)
    stripe.pass_unbilled(name)
    settle(shop, stripe, name)
    assert "It is on hold, and opens again when its billing goes on." in text(shop, "plan_paused")


def test_of_a_pause_that_was_there_from_the_beginning_or_of_a_plan_that_has_ended_nobody_is_told(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, session_id = builders.opened(shop, "plan-month")
    name = stripe.pay(session_id)["subscription"]
    stripe.pause(name)
    builders.deliver(shop, stripe.event("completed", session_id))
    settle(shop, stripe, name)
    assert owed(shop, "plan_paused") == owed(shop, "plan_changed") == []
    clock.pass_(minutes=1)
    stripe.unpause(name)
    settle(shop, stripe, name)
    stripe.end(name)
    settle(shop, stripe, name)
    assert written(shop, "plan_paused") is None


def test_whose_plan_has_changed_reads_what_it_is_now_once(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, name = builders.subscribed(shop, stripe)
    assert owed(shop, "plan_changed") == []
    clock.pass_(minutes=1)
    stripe.change_seats(name, 3)
    for _ in range(2):
        settle(shop, stripe, name)
    said = text(shop, "plan_changed")
    assert "Your plan has changed." in said
    assert "Plan: 3 seats, €27.00 per month." in said
    assert "The next payment is due on 23 December 2026." in said
    clock.pass_(minutes=1)
    renewed(shop, stripe, name)
    assert len(owed(shop, "plan_changed")) == 1
    clock.pass_(minutes=1)
    stripe.change_seats(name, 2)
    settle(shop, stripe, name)
    early, now = owed(shop, "plan_changed")
    assert written_of(shop, early) is None
    assert written_of(shop, now)
    stripe.end(name)
    settle(shop, stripe, name)
    assert written_of(shop, now) is None


def test_a_change_that_is_owed_for_is_told_when_it_is_paid(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(minutes=1)
    invoice = stripe.raise_seats(name, 4, declined=True)
    settle(shop, stripe, name)
    assert owed(shop, "plan_changed") == []
    clock.pass_(minutes=1)
    stripe.pay_invoice(invoice["id"])
    settle(shop, stripe, name)
    assert "Plan: 4 seats, €36.00 per month." in text(shop, "plan_changed")


def test_a_plan_that_has_become_another_is_named_as_it_is_now(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.sell_bigger_plan(shop, stripe_price_id=stripe.sell(2000, interval="month"))
    _, name = builders.subscribed(shop, stripe)
    clock.pass_(minutes=1)
    price = next(each for each in stripe.prices.values() if each["unit_amount"] == 2000)
    stripe.subscriptions[name]["items"]["data"][0]["price"] = price
    settle(shop, stripe, name)
    assert written(shop, "plan_changed").subject.startswith("A change of Bigger Plan: order ")  # type: ignore[union-attr]
    assert "Bigger Plan: 1 seat, €20.00 per month." in text(shop, "plan_changed")


def test_what_was_recorded_by_an_older_version_is_compared_with_what_it_wrote(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe)
    for seats, letters in ((1, 0), (2, 1)):
        clock.pass_(minutes=1)
        with shop.transaction() as session:
            session.get_one(Subscription, name).in_force = None
        # To write down what had not been is nothing that was put right.
        assert not plans.refresh(shop, name)
        with shop.transaction() as session:
            session.get_one(Subscription, name).in_force = None
        stripe.change_seats(name, seats)
        settle(shop, stripe, name)
        assert len(owed(shop, "plan_changed")) == letters
