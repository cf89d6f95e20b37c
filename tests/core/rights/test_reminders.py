"""Reminders: before a yearly plan renews and before a trial ends, once each, with the amount, the day and the way to cancel."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import update

from core.correspondence import drafts
from core.foundation.errors import StripeRefused, StripeUnreachable
from core.foundation.jobs import outbox
from core.journeys.billing import plans
from core.messages.wording import Message
from core.orders.subscriptions import Subscription
from core.rights import reminders
from core.rights.reminders import Reminder
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe


def row(shop: Shop) -> Subscription:
    [found] = builders.rows(shop, Subscription)
    return found


def changes(shop: Shop, **values: object) -> None:
    with shop.transaction() as session:
        session.get_one(Subscription, row(shop).id).sqlmodel_update(values)


def owed(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if job.startswith("plan_reminder:")]


def letter(shop: Shop, job: str) -> Message | None:
    draft = drafts.of_id(job)
    assert draft
    return drafts.write(shop, draft)


def comes_to(clock: Clock, moment: datetime | None, *, before: timedelta) -> None:
    assert moment
    clock.pass_(seconds=(moment - before - clock()).total_seconds())


def test_a_yearly_renewal_is_told_a_week_before_and_once(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.subscribed(shop, stripe, "plan-year")
    assert reminders.owe(shop) == 0
    comes_to(clock, row(shop).period_end, before=timedelta(days=7, minutes=1))
    assert reminders.owe(shop) == 0
    clock.pass_(minutes=2)
    assert sorted(filter(None, builders.at_once(*[lambda: reminders.owe(shop)] * 3))) == [1]
    builders.forget_jobs(shop)
    assert reminders.owe(shop) == 0


@builders.on_sqlite
def test_it_says_how_much_when_and_how_to_cancel(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.subscribed(shop, stripe, "plan-year")
    comes_to(clock, row(shop).period_end, before=timedelta(days=6))
    reminders.owe(shop)
    [job] = owed(shop)
    written, end = letter(shop, job), row(shop).period_end
    assert written
    assert end
    assert f"renews on {end.day} {end:%B %Y} for another year. €90.00 will be charged" in written.text
    assert "choose “Cancel plan”" in written.text
    assert "/purchases?letter=" in written.text
    changes(shop, ends_at=end)  # cancelled since: nothing will be charged
    assert letter(shop, job) is None


@builders.on_sqlite
def test_it_says_what_stripe_will_charge_and_not_the_price(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, name = builders.subscribed(shop, stripe, "plan-year")
    stripe.give_discount(name, duration="forever", percent=50, code="promo_HALF")
    plans.refresh(shop, name)
    comes_to(clock, row(shop).period_end, before=timedelta(days=6))
    reminders.owe(shop)
    [job] = owed(shop)
    written = letter(shop, job)
    assert written
    assert "€45.00 will be charged" in written.text
    assert "discounts and taxes" not in written.text


@builders.on_sqlite
@pytest.mark.parametrize(
    "trouble", [StripeUnreachable("api_connection_error", "Timed out"), StripeRefused("invoice_upcoming_none", "None")]
)
def test_where_stripe_does_not_say_it_names_the_price_as_a_price(
    shop: Shop, stripe: FakeStripe, clock: Clock, trouble: Exception
) -> None:
    builders.subscribed(shop, stripe, "plan-year")
    comes_to(clock, row(shop).period_end, before=timedelta(days=6))
    reminders.owe(shop)
    [job] = owed(shop)
    stripe.trouble.append(trouble)
    written = letter(shop, job)
    assert written
    assert (
        "€90.00 will be charged the way you paid. That is before discounts and taxes, if there are any." in written.text
    )


@builders.on_sqlite
def test_of_what_a_schedule_changes_the_price_to_come_is_named(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.subscribed(shop, stripe, "plan-year")
    end = row(shop).period_end
    comes_to(clock, end, before=timedelta(days=6))
    changes(shop, changes_at=end, next_amount=12000)
    reminders.owe(shop)
    [job] = owed(shop)
    written = letter(shop, job)
    assert written
    assert "€120.00 will be charged the way you paid. That is before discounts and taxes" in written.text


@builders.on_sqlite
def test_a_trial_s_end_is_told_three_days_before(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.let_try(shop, 14)
    builders.subscribed(shop, stripe, "plan-month")
    assert row(shop).status == "trialing"
    comes_to(clock, row(shop).trial_end, before=timedelta(days=4))
    assert reminders.owe(shop) == 0
    clock.pass_(days=2)
    assert reminders.owe(shop) == 1
    [job] = owed(shop)
    written = letter(shop, job)
    assert written
    assert "It goes on as a plan then, and €9.00 will be charged" in written.text
    clock.pass_(days=3)
    assert letter(shop, job) is None


@builders.on_sqlite
def test_of_monthly_renewals_of_what_ends_and_of_what_is_over_nobody_is_reminded(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.subscribed(shop, stripe, "plan-month")
    comes_to(clock, row(shop).period_end, before=timedelta(days=1))
    assert reminders.owe(shop) == 0
    end = row(shop).period_end
    for values in ({"ends_at": end}, {"paused": True}, {"status": "canceled"}, {"period_end": clock()}):
        changes(shop, **{"interval": "year", "ends_at": None, "paused": False, "status": "active", **values})
        assert reminders.owe(shop) == 0, values
    assert reminders.owe(builders.live(shop)) == 0


def test_who_takes_a_cancellation_back_in_time_is_reminded_by_one_letter_all_the_same(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe, "plan-year")
    end = row(shop).period_end
    comes_to(clock, end, before=timedelta(days=6))
    assert reminders.owe(shop) == 1
    for _ in range(2):
        clock.pass_(minutes=1)
        stripe.cancel_later(name)
        plans.refresh(shop, name)
        assert reminders.owe(shop) == 0
        assert [letter(shop, job) for job in owed(shop)] == [None] * len(owed(shop))
        clock.pass_(minutes=1)
        stripe.subscriptions[name].update(cancel_at=None, canceled_at=None, cancel_at_period_end=False)
        plans.refresh(shop, name)
        assert sorted(filter(None, builders.at_once(*[lambda: reminders.owe(shop)] * 3))) == [1]
        assert sum(letter(shop, job) is not None for job in owed(shop)) == 1
    assert len(owed(shop)) == 3
    changes(shop, ends_at=end)
    assert [letter(shop, job) for job in owed(shop)] == [None] * 3


def live(shop: Shop) -> list[Message]:
    """The reminders that would be sent now, of all that were ever owed."""
    return [written for job in owed(shop) if (written := letter(shop, job))]


def test_who_is_paused_and_goes_on_in_time_is_reminded_by_one_letter_all_the_same(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    _, name = builders.subscribed(shop, stripe, "plan-year")
    comes_to(clock, row(shop).period_end, before=timedelta(days=6))
    assert reminders.owe(shop) == 1
    for _ in range(2):
        clock.pass_(minutes=1)
        stripe.pause(name)
        plans.refresh(shop, name)
        assert (reminders.owe(shop), live(shop)) == (0, [])
        clock.pass_(minutes=1)
        stripe.unpause(name)
        plans.refresh(shop, name)
        assert sorted(filter(None, builders.at_once(*[lambda: reminders.owe(shop)] * 3))) == [1]
        assert len(live(shop)) == 1
    # Nothing is news to a plan that goes on as it did.
    clock.pass_(minutes=1)
    stripe.change_seats(name, 2)
    plans.refresh(shop, name)
    assert (reminders.owe(shop), len(live(shop))) == (0, 1)


@builders.on_sqlite
@pytest.mark.parametrize(("resumes", "told"), [(-1, True), (0, True), (1, False)])
def test_a_pause_that_is_over_by_then_keeps_nobody_from_being_reminded(
    shop: Shop, stripe: FakeStripe, clock: Clock, resumes: int, told: bool
) -> None:
    _, name = builders.subscribed(shop, stripe, "plan-year")
    end = row(shop).period_end
    comes_to(clock, end, before=timedelta(days=6))
    assert end
    stripe.pause(name, resumes_at=end + timedelta(minutes=resumes))
    plans.refresh(shop, name)
    assert (reminders.owe(shop), len(live(shop))) == (told, told)


@builders.on_sqlite
@pytest.mark.parametrize(("ends", "told"), [(-1, False), (0, False), (1, True)])
def test_who_is_told_to_end_after_one_more_renewal_is_reminded_of_that(
    shop: Shop, stripe: FakeStripe, clock: Clock, ends: int, told: bool
) -> None:
    _, name = builders.subscribed(shop, stripe, "plan-year")
    end = row(shop).period_end
    assert end
    stripe.subscriptions[name]["cancel_at"] = int((end + timedelta(days=ends)).timestamp())
    plans.refresh(shop, name)
    comes_to(clock, end, before=timedelta(days=5))
    assert (reminders.owe(shop), len(live(shop))) == (told, told)


@pytest.mark.parametrize("price", ["plan-month", "plan-year"])
def test_a_trial_or_a_period_that_is_moved_and_moved_back_is_told_of_by_the_day_that_counts(
    shop: Shop, stripe: FakeStripe, clock: Clock, price: str
) -> None:
    if price == "plan-month":
        builders.let_try(shop, 14)
    _, name = builders.subscribed(shop, stripe, price)
    plan = stripe.subscriptions[name]
    item = plan["items"]["data"][0]
    first = item["current_period_end"]

    def ends(at: int) -> None:
        clock.pass_(minutes=1)
        item["current_period_end"] = at
        plan["trial_end"] = plan["trial_end"] and at
        plans.refresh(shop, name)

    def told() -> list[str]:
        """By which day the letters are that would be sent now."""
        return [written.text.split(" on ")[1].split(" 20")[0] for written in live(shop)]

    def day(at: int) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%-d %B}"

    comes_to(clock, row(shop).trial_end or row(shop).period_end, before=timedelta(days=2))
    assert (reminders.owe(shop), told()) == (1, [day(first)])
    later = first + 40 * 86400
    ends(later)
    assert (reminders.owe(shop), told()) == (0, [])
    clock.pass_(days=1)
    ends(first)
    assert (reminders.owe(shop), told()) == (1, [day(first)])
    ends(first + 86400)
    assert (reminders.owe(shop), told()) == (1, [day(first + 86400)])
    assert (reminders.owe(shop), len(owed(shop))) == (0, 3)


def test_a_reminder_that_is_owed_while_stripe_is_asked_is_made_up_for(
    shop: Shop, stripe: FakeStripe, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, name = builders.subscribed(shop, stripe, "plan-year")
    comes_to(clock, row(shop).period_end, before=timedelta(days=6))
    asked = stripe.find_subscription

    def slowly(subscription: str) -> dict[str, Any] | None:
        found = asked(subscription)
        clock.pass_(seconds=1)
        reminders.owe(shop)
        clock.pass_(seconds=1)
        return found

    end = row(shop).period_end
    assert end
    stripe.pause(name, resumes_at=end)
    monkeypatch.setattr(stripe, "find_subscription", slowly)
    plans.refresh(shop, name)
    assert (len(owed(shop)), live(shop)) == (1, [])
    assert (reminders.owe(shop), len(live(shop))) == (1, 1)
    assert reminders.owe(shop) == 0


@builders.on_sqlite
def test_nobody_is_reminded_of_what_somebody_else_pays_for(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.begun_twice(shop, stripe, "plan-year", emails=(builders.BUYER, "ole@berg.example"))
    mine, _ = builders.rows(shop, Subscription)
    comes_to(clock, mine.period_end, before=timedelta(days=6))
    assert reminders.owe(shop) == 1
    assert [mine.id in job for job in owed(shop)] == [True]


@builders.on_sqlite
def test_of_a_plan_that_is_billed_twice_each_renewal_is_told_of(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.begun_twice(shop, stripe, "plan-year")
    first, _ = builders.rows(shop, Subscription)
    comes_to(clock, first.period_end, before=timedelta(days=6))
    assert (reminders.owe(shop), len(live(shop))) == (2, 2)


@builders.on_sqlite
def test_who_was_reminded_by_an_older_version_is_not_reminded_again(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    builders.subscribed(shop, stripe, "plan-year")
    comes_to(clock, row(shop).period_end, before=timedelta(days=6))
    assert reminders.owe(shop) == 1
    with shop.transaction() as session:
        session.exec(update(Reminder).values(changed_at=None))
    assert reminders.owe(shop) == 0
    clock.pass_(minutes=1)
    changes(shop, end_changed_at=clock())  # as an older version writes it
    assert reminders.owe(shop) == 1
    clock.pass_(minutes=1)
    with shop.transaction() as session:
        session.exec(update(Reminder).values(changed_at=None))
    assert reminders.owe(shop) == 0


@builders.on_sqlite
def test_a_reminder_that_was_owed_by_an_older_version_still_goes(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-year")
    end = row(shop).period_end
    comes_to(clock, end, before=timedelta(days=6))
    changes(shop, end_changed_at=clock())
    assert end
    assert letter(shop, f"plan_reminder:{order_id}:{name}:renewal:{outbox.stamp(end)}")
