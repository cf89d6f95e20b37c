"""The weekly digest: owed once for the week that is over, and true in its figures."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.correspondence import digest, drafts
from core.foundation.errors import NoOwners, NotPermitted
from core.foundation.jobs.kinds import Job
from core.journeys import refund
from core.messages import digests, wording
from core.messages.digests import DigestLetter
from core.owner.figures import sales, sums
from core.owner.figures.days import Days
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.fakes import FakeStripe

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
UTC_ZONE = ZoneInfo("UTC")


def owed(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if job.startswith("digest:")]


def at(shop: Shop, clock: Clock, moment: datetime) -> None:
    """It is this moment, and the worker looks whether a digest is due."""
    clock.time = moment
    digest.owe_due(shop)


def letter_of(shop: Shop, week: str) -> DigestLetter:
    letter = digest.of_week(shop, week)
    assert letter
    return letter


MONDAY = datetime(2026, 11, 30, 8, tzinfo=UTC)


@pytest.fixture
def known(shop: Shop, clock: Clock) -> Shop:
    """A shop whose worker has been looking since last week."""
    at(shop, clock, MONDAY - timedelta(days=3))
    assert owed(shop) == []
    return shop


def test_it_is_owed_on_monday_at_eight_and_once(known: Shop, clock: Clock) -> None:
    at(known, clock, MONDAY - timedelta(seconds=1))
    assert owed(known) == []
    for minutes in (0, 1, 60 * 24):
        at(known, clock, MONDAY + timedelta(minutes=minutes))
        assert owed(known) == ["digest:2026-W48"]
    builders.forget_jobs(known)
    at(known, clock, MONDAY + timedelta(days=6))
    assert owed(known) == []


def test_of_many_workers_that_look_at_once_one_owes_it(known: Shop, clock: Clock) -> None:
    clock.time = MONDAY
    assert builders.at_once(*[lambda: digest.owe_due(known)] * 4) == [None] * 4
    assert owed(known) == ["digest:2026-W48"]


def test_after_an_absence_only_the_week_that_is_just_over_is_told(known: Shop, clock: Clock) -> None:
    at(known, clock, MONDAY + timedelta(days=24))
    assert owed(known) == ["digest:2026-W51"]


def test_a_new_shop_is_told_nothing_of_the_weeks_before_it_was_there(shop: Shop, clock: Clock) -> None:
    at(shop, clock, MONDAY + timedelta(days=2))
    at(shop, clock, MONDAY + timedelta(days=3))
    assert owed(shop) == []


def test_switched_off_none_is_owed_and_on_again_not_that_of_the_past(known: Shop, clock: Clock) -> None:
    owner = colleagues.works_as(known, Role.OWNER)
    digest.choose(known, wanted=False, deed=colleagues.deed(owner))
    at(known, clock, MONDAY)
    assert owed(known) == []
    owner = colleagues.works_as(known, Role.OWNER)
    clock.pass_(hours=1)
    digest.choose(known, wanted=True, deed=colleagues.deed(owner))
    digest.owe_due(known)
    assert owed(known) == []
    at(known, clock, MONDAY + timedelta(days=7))
    assert owed(known) == ["digest:2026-W49"]


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_switch_it(known: Shop, role: Role) -> None:
    sign_in = colleagues.works_as(known, role)
    with pytest.raises(NotPermitted):
        digest.choose(known, wanted=False, deed=colleagues.deed(sign_in))
    with known.reading() as session:
        assert digests.is_wanted(session)


@pytest.mark.parametrize(
    ("now", "zone", "monday"),
    [
        (datetime(2026, 11, 30, 7, 0, tzinfo=UTC), COPENHAGEN, datetime(2026, 11, 30, 8, tzinfo=COPENHAGEN)),
        (datetime(2026, 11, 30, 6, 59, tzinfo=UTC), COPENHAGEN, datetime(2026, 11, 23, 8, tzinfo=COPENHAGEN)),
        # Clocks went back on the Sunday before.
        (datetime(2026, 10, 26, 7, 0, tzinfo=UTC), COPENHAGEN, datetime(2026, 10, 26, 8, tzinfo=COPENHAGEN)),
        (datetime(2026, 11, 29, 23, 0, tzinfo=UTC), UTC_ZONE, datetime(2026, 11, 23, 8, tzinfo=UTC)),
    ],
)
def test_monday_is_the_shops(now: datetime, zone: ZoneInfo, monday: datetime) -> None:
    assert digests.last_monday(now, zone) == monday


@pytest.mark.parametrize(
    ("day", "week"), [(date(2026, 11, 29), "2026-W48"), (date(2027, 1, 3), "2026-W53"), (date(2027, 1, 4), "2027-W01")]
)
def test_weeks_are_named_by_the_calendar(day: date, week: str) -> None:
    assert digests.week_of(day) == week
    assert digests.monday_of(week) <= day < digests.monday_of(week) + timedelta(days=7)


def test_its_figures_are_those_of_the_overview(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    clock.time = MONDAY - timedelta(days=10)
    builders.bought(shop, stripe, "kit-eur", cart="before")
    clock.time = MONDAY - timedelta(days=3)
    builders.bought(shop, stripe, cart="one")
    order_id = builders.bought(shop, stripe, cart="two")
    refund.request(shop, order_id, 500, actor="owner")
    clock.time = MONDAY
    letter = letter_of(shop, "2026-W48")
    assert (letter.first, letter.last) == (date(2026, 11, 23), date(2026, 11, 29))
    [week] = letter.sold
    with shop.reading() as session:
        days = Days(letter.first, letter.last, shop.settings.zone)
        wanted = sales.of_days(session, days, sums.ask(session, days.zone, livemode=False))["eur"]
    assert (week.net.amount, week.orders, week.orders_before) == (wanted.net, 2, 1)
    assert week.net.amount == 2 * 2900 - 500
    message = wording.digest(shop.settings, letter)
    for form in (message.text, message.html):
        assert "2 orders were paid in the week of 23 November to 29 November 2026." in form
        assert "€53.00" in form
        assert "These are test orders" in form
    assert message.subject == "Your week: €53.00 net"
    assert message.to == "owner@example.com"


def test_that_nothing_was_sold_is_said_in_a_sentence(shop: Shop, clock: Clock) -> None:
    clock.time = MONDAY
    message = wording.digest(shop.settings, letter_of(shop, "2026-W48"))
    assert message.subject == "Your week: nothing was sold"
    assert "In the week of 23 November to 29 November 2026 nothing was sold." in message.text


def test_it_names_what_needs_somebody_what_is_due_and_what_renews(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe, cart="disputed")
    builders.subscribed(shop, stripe, cart="plan")
    clock.time = clock() + timedelta(days=27)
    dispute = stripe.dispute(builders.payment_of(shop, order_id))
    dispute["evidence_details"] = {"due_by": int((clock() + timedelta(days=9)).timestamp())}
    builders.deliver(shop, stripe.tell("charge.dispute.created", dispute))
    builders.failed_refund(shop, stripe, builders.bought(shop, stripe, cart="failing"))
    week = Days(date(2026, 11, 23), date(2026, 11, 29), UTC_ZONE)
    letter = digest.written(shop, week)
    assert [need.what for need in letter.due] == ["Dispute"]
    assert "Refund failed" in [need.what for need in letter.needs]
    assert [(each.count, each.amount.amount) for each in letter.renewals] == [(1, 900)]
    text = wording.digest(shop.settings, letter).text
    assert "Dispute, to be answered by" in text
    assert "1 plan renews within seven days: €9.00 at list prices." in text
    assert "Nothing needs you" not in text


def test_one_that_waited_for_more_than_a_week_is_dropped(shop: Shop, clock: Clock) -> None:
    clock.time = MONDAY + timedelta(days=6)
    assert drafts.write(shop, drafts.of(Job.DIGEST, ("2026-W48",)))
    clock.time = MONDAY + timedelta(days=7)
    assert drafts.write(shop, drafts.of(Job.DIGEST, ("2026-W48",))) is None


def test_without_owners_it_waits(shop: Shop, clock: Clock) -> None:
    clock.time = MONDAY
    own = builders.replace(
        shop, settings=shop.settings.model_copy(update={"stripe_secret_key": builders.OWN_KEY, "owner_emails": ()})
    )
    with pytest.raises(NoOwners):
        drafts.write(own, drafts.of(Job.DIGEST, ("2026-W48",)))
