"""Reminders: before a yearly plan renews and before a trial ends, once each, with the amount, the day and the way to cancel."""

from datetime import datetime, timedelta

from core.correspondence import drafts
from core.foundation.jobs import outbox
from core.journeys.billing import plans
from core.messages.wording import Message
from core.orders.subscriptions import Subscription
from core.rights import reminders
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


@builders.on_sqlite
def test_a_reminder_that_was_owed_by_an_older_version_still_goes(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, name = builders.subscribed(shop, stripe, "plan-year")
    end = row(shop).period_end
    comes_to(clock, end, before=timedelta(days=6))
    changes(shop, end_changed_at=clock())
    assert end
    assert letter(shop, f"plan_reminder:{order_id}:{name}:renewal:{outbox.stamp(end)}")
