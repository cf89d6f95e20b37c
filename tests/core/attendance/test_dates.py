"""What those who run the shop do with a date on which people have places: who is told, what goes back, and who may."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import icalendar
import pytest

from core.attendance import check_in, dates, giving_up, tickets, waiting
from core.attendance.dates import Concerned
from core.foundation.errors import (
    DateCanceled,
    DateChanged,
    DoneAlready,
    Fixed,
    NotPermitted,
    PlaceFixed,
    ProductUnfit,
    SoldOut,
)
from core.journeys import given_orders
from core.journeys.checkout import Item
from core.journeys.given_orders import Gift
from core.kinds.places.cancellations import MoneyBack, PlaceCancellation
from core.kinds.places.waiting_list import WaitingEntry
from core.kinds.workshops import Times, WorkshopDate
from core.orders.refunds import Refund
from core.owner.needs import attention
from core.owner.order_book import attendees_export, lookup
from core.people.audit import AuditEntry
from core.people.deeds import Deed
from core.people.staff import Role
from core.registers import workshops as register
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import at_once, deliver, on_sqlite
from tests.conftest import Clock
from tests.core.attendance.conftest import NORA, Clinic
from tests.core.test_statements import statements
from tests.fakes import FakeStripe

DATE = "clinic/1"


def owner(clinic: Clinic, role: Role = Role.OWNER) -> Deed:
    return colleagues.deed(colleagues.works_as(clinic.shop, role))


def agreed(shop: Shop) -> Concerned:
    with shop.reading() as session:
        return dates.concerned(session, DATE)


def row(shop: Shop) -> register.DateRow:
    with shop.reading() as session:
        found = register.sheet(session, DATE)
    assert found is not None
    return found.row


def times(shop: Shop) -> Times:
    return next(each.times for each in builders.rows(shop, WorkshopDate) if each.id == DATE)


def pay_back(clinic: Clinic) -> None:
    for each in builders.rows(clinic.shop, PlaceCancellation):
        giving_up.pay_back(clinic.shop, each.id)
    clinic.confirm_refunds()


def letters(clinic: Clinic, topic: str) -> list[icalendar.Calendar]:
    found = clinic.letters("place_letter:").items()
    return [icalendar.Calendar.from_ical(each.calendar[0]) for job, each in found if each and f":{topic}:" in job]


def test_a_date_that_moves_tells_everybody_once_with_the_next_sequence(clinic: Clinic) -> None:
    clinic.sell(2, cart="a")
    clinic.sell(1, cart="b")
    new = replace(times(clinic.shop), starts_at=times(clinic.shop).starts_at + timedelta(days=1))
    # As a form says it: by the clock of where it takes place.
    there = new.starts_at.astimezone(ZoneInfo("Europe/Helsinki"))
    new = replace(new, starts_at=there, ends_at=there + timedelta(hours=2), timezone="Europe/Helsinki")
    assert agreed(clinic.shop) == Concerned(people=3, orders=2, paying=0, waiting=0)
    click = owner(clinic)
    dates.move(clinic.shop, DATE, new, agreed=agreed(clinic.shop), deed=click)
    with pytest.raises(DoneAlready):
        dates.move(clinic.shop, DATE, new, agreed=agreed(clinic.shop), deed=click)
    calendars = letters(clinic, "moved")
    assert [each["method"] for each in calendars] == ["REQUEST"] * 3
    events = [each.walk("VEVENT")[0] for each in calendars]
    assert {(event.start, int(event["sequence"])) for event in events} == {(new.starts_at, 1)}
    assert times(clinic.shop) == new
    assert [entry.action for entry in builders.rows(clinic.shop, AuditEntry)] == ["dates"]


def test_who_pays_while_the_date_is_moved_is_told_when_it_takes_place(clinic: Clinic, stripe: FakeStripe) -> None:
    order_id, paying = builders.opened(clinic.shop, ("clinic-eur", 2))
    before = times(clinic.shop)
    new = replace(before, starts_at=before.starts_at + timedelta(days=1), ends_at=before.ends_at + timedelta(days=1))
    dates.move(clinic.shop, DATE, new, agreed=agreed(clinic.shop), deed=owner(clinic))
    assert clinic.letters("place_letter:") == {}
    stripe.pay(paying)
    for _ in range(2):
        deliver(clinic.shop, stripe.event("completed", paying))
    assert [each.walk("VEVENT")[0].start for each in letters(clinic, "moved")] == [new.starts_at] * 2
    assert [each.split(":")[0] for each in builders.log(clinic.shop, order_id)].count("date_moved") == 1
    clinic.sell(1, cart="later")
    assert len(letters(clinic, "moved")) == 2


@on_sqlite
def test_who_agreed_to_other_people_changes_nothing_and_the_past_is_no_time_to_move_to(
    clinic: Clinic, clock: Clock
) -> None:
    before, old = agreed(clinic.shop), times(clinic.shop)
    clinic.sell()
    with pytest.raises(DateChanged):
        dates.cancel(clinic.shop, DATE, agreed=before, deed=owner(clinic))
    with pytest.raises(ProductUnfit):
        dates.move(
            clinic.shop, DATE, replace(old, starts_at=clock()), agreed=agreed(clinic.shop), deed=owner(clinic)
        )  # fmt: skip
    assert times(clinic.shop) == old
    assert builders.rows(clinic.shop, AuditEntry) == []


def test_a_canceled_date_is_paid_back_order_by_order_each_once_with_progress(clinic: Clinic) -> None:
    orders = [clinic.sell(2, cart="a"), clinic.sell(1, cart="b")]
    clinic.sell(2, cart="c")
    waiting.join(clinic.shop, DATE, "ann@buyer.example")
    dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic))
    assert (row(clinic.shop).to_refund, row(clinic.shop).refunded, row(clinic.shop).sold) == (3, 0, 0)
    giving_up.pay_back(clinic.shop, builders.rows(clinic.shop, PlaceCancellation)[0].id)
    assert (row(clinic.shop).to_refund, row(clinic.shop).refunded) == (2, 1)
    pay_back(clinic)
    pay_back(clinic)
    assert sorted(each.amount for each in builders.rows(clinic.shop, Refund)) == [14000, 28000, 28000]
    assert [builders.status(clinic.shop, each) for each in orders] == ["refunded", "refunded"]
    assert {each["method"] for each in letters(clinic, "canceled")} == {"CANCEL"}
    assert len(letters(clinic, "canceled")) == 5
    assert [each.state for each in builders.rows(clinic.shop, WaitingEntry)] == ["closed"]
    assert builders.taken(clinic.shop)[DATE] == 0
    with pytest.raises(SoldOut):
        builders.opened(clinic.shop, ("clinic-eur", 1), cart="late") and waiting.join(clinic.shop, DATE, NORA)
    with pytest.raises(DateCanceled):
        dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic))


@on_sqlite
def test_a_date_of_many_orders_is_canceled_with_its_lines_read_at_once(clinic: Clinic) -> None:
    for number in range(3):
        clinic.sell(cart=f"c{number}")
    about, click = agreed(clinic.shop), owner(clinic)
    with statements(clinic.shop.engine) as heard:
        dates.cancel(clinic.shop, DATE, agreed=about, deed=click)
    lines = [each for each in heard if each.startswith("SELECT") and "FROM order_lines" in each]
    assert len(lines) == 1, lines
    assert row(clinic.shop).to_refund == 3


def test_who_pays_while_the_date_is_canceled_has_no_place_and_a_person_is_told(
    clinic: Clinic, stripe: FakeStripe
) -> None:
    order_id, paying = builders.opened(clinic.shop, ("clinic-eur", 1))
    assert agreed(clinic.shop).paying == 1
    dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic))
    stripe.pay(paying)
    deliver(clinic.shop, stripe.event("completed", paying))
    assert builders.grants(clinic.shop, order_id) == [("clinic", "blocked")]
    assert [item.topic for item in attention.items(clinic.shop)] == ["date_canceled"]
    clinic.refund(order_id)
    assert builders.taken(clinic.shop)[DATE] == 0


@on_sqlite
def test_a_refund_that_stripe_refuses_is_shown_and_the_others_go_on(clinic: Clinic, stripe: FakeStripe) -> None:
    from core.foundation.errors import StripeRefused

    clinic.sell(1, cart="a")
    clinic.sell(1, cart="b")
    dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic))
    stripe.trouble.append(StripeRefused("charge_disputed", "Charge has been charged back"))
    pay_back(clinic)
    found = sorted(each.money for each in builders.rows(clinic.shop, PlaceCancellation))
    assert found == [MoneyBack.DONE, MoneyBack.REFUSED]
    assert (row(clinic.shop).refused, row(clinic.shop).refunded) == (1, 1)


@pytest.mark.parametrize(("ends", "back"), [("won", [14000]), ("lost", [])])
def test_what_a_bank_has_yet_to_decide_about_is_paid_back_once_it_has(
    clinic: Clinic, stripe: FakeStripe, ends: str, back: list[int]
) -> None:
    order_id = clinic.sell()
    payment = builders.payment_of(clinic.shop, order_id)
    deliver(clinic.shop, stripe.tell("charge.dispute.created", stripe.dispute(payment)))
    dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic))
    pay_back(clinic)
    assert (row(clinic.shop).to_refund, builders.rows(clinic.shop, Refund)) == (1, [])
    builders.forget_jobs(clinic.shop)
    for _ in range(2):
        deliver(clinic.shop, stripe.tell("charge.dispute.closed", stripe.dispute(payment, status=ends)))
    assert len([each for each in builders.jobs(clinic.shop) if each.startswith("place_refund:")]) == 1
    pay_back(clinic)
    assert [each.amount for each in builders.rows(clinic.shop, Refund)] == back
    assert row(clinic.shop).to_refund == 0
    assert builders.status(clinic.shop, order_id) == ("refunded" if back else "charged_back")


@on_sqlite
def test_who_paid_nothing_here_is_promised_nothing_back(clinic: Clinic) -> None:
    given_orders.give(clinic.shop, Gift(NORA, (Item("clinic-eur", 2),), "a guest"), deed=owner(clinic))
    dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic))
    told = [each.text for each in clinic.letters("place_letter:").values() if each]
    assert len(told) == 2
    assert all("No money goes back for it." in text for text in told)
    assert row(clinic.shop).to_refund == 0


@on_sqlite
def test_a_letter_to_everybody_reaches_each_of_them_in_their_words(clinic: Clinic) -> None:
    clinic.sell(2)
    click = owner(clinic, Role.SUPPORT)
    assert dates.write(clinic.shop, DATE, " Bring\na pen ", "Hello!\n\nSee you <soon>.", deed=click) == 2
    sent = [each for each in clinic.letters("place_letter:").values() if each]
    assert {(each.to, each.subject) for each in sent} == {(NORA, "Bring a pen")}
    assert "See you &lt;soon&gt;." in sent[0].html
    with pytest.raises(ProductUnfit):
        dates.write(clinic.shop, DATE, "", " ", deed=owner(clinic))


@on_sqlite
def test_support_checks_in_and_moves_nothing_and_a_viewer_does_neither(clinic: Clinic) -> None:
    order_id = clinic.sell()
    attendee = clinic.rows(order_id)[0].id
    check_in.check_in(clinic.shop, attendee, deed=owner(clinic, Role.SUPPORT))
    assert (row(clinic.shop).checked_in, clinic.rows()[0].checked_in_by) == (1, colleagues.ADDRESSES[Role.SUPPORT])
    with pytest.raises(NotPermitted):
        dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic, Role.SUPPORT))
    for act in (check_in.undo, check_in.check_in):
        with pytest.raises(NotPermitted):
            act(clinic.shop, attendee, deed=owner(clinic, Role.VIEWER))
    clinic.refund(order_id)
    with pytest.raises(PlaceFixed) as refusal:
        check_in.check_in(clinic.shop, attendee, deed=owner(clinic))
    assert refusal.value.why is Fixed.CLOSED


@on_sqlite
def test_the_list_is_a_harmless_file_and_attendees_are_found_by_their_names(clinic: Clinic) -> None:
    from core.attendance import changes

    order_id = clinic.sell(2)
    second = clinic.tickets(order_id)[1]
    changes.hand_over(clinic.shop, second, "=HYPERLINK(1)", "otto@elsewhere.example", signed_in=NORA)
    text = "".join(attendees_export.begin(clinic.shop, DATE, deed=owner(clinic)))
    assert text.startswith("\ufeffname,email,")
    assert "'=HYPERLINK(1),otto@elsewhere.example," in text
    with clinic.shop.reading() as session:
        assert lookup.matching(session, "otto@else") == [order_id]
        assert lookup.matching(session, "=HYPER") == [order_id]
        assert [each.name for each in register.people(session, DATE, "OTTO@")] == ["=HYPERLINK(1)"]
        assert len(register.people(session, DATE, "nora")) == 2
    assert tickets.view(clinic.shop, clinic.tickets(order_id)[0]).name == "Nora Lindqvist"


@on_sqlite
def test_the_row_of_a_date_says_who_has_which_places(clinic: Clinic) -> None:
    clinic.sell(2, cart="a")
    builders.opened(clinic.shop, ("clinic-eur", 1), cart="b")
    order_id = clinic.sell(1, cart="c")
    clinic.sell(1, cart="d")
    waiting.join(clinic.shop, DATE, "ann@buyer.example")
    waiting.join(clinic.shop, DATE, "bob@buyer.example")
    clinic.refund(order_id)
    found = row(clinic.shop)
    assert (found.sold, found.held, found.offered, found.waiting, found.free, found.elsewhere) == (3, 1, 1, 1, 0, 0)


def test_who_pays_at_the_very_moment_of_the_end_is_paid_back_or_waits_for_a_person(
    clinic: Clinic, stripe: FakeStripe
) -> None:
    opened = [builders.opened(clinic.shop, ("clinic-eur", 1), cart=f"cart_{number}") for number in range(4)]
    for _, session_id in opened:
        stripe.pay(session_id)
    click, about = owner(clinic), agreed(clinic.shop)
    telling = [partial(deliver, clinic.shop, stripe.event("completed", each)) for _, each in opened]
    done = at_once(*telling[:2], lambda: dates.cancel(clinic.shop, DATE, agreed=about, deed=click), *telling[2:])
    if isinstance(done[2], DateChanged):
        dates.cancel(clinic.shop, DATE, agreed=agreed(clinic.shop), deed=owner(clinic))
    assert [each for each in done if isinstance(each, Exception) and not isinstance(each, DateChanged)] == []
    for order_id, _ in opened:
        ((_, state),) = builders.grants(clinic.shop, order_id)
        canceled = [each.canceled_at is not None for each in clinic.rows(order_id)]
        assert (state, canceled) in (("active", [True]), ("blocked", []))
    pay_back(clinic)
    statuses = [builders.status(clinic.shop, order_id) for order_id, _ in opened]
    assert set(statuses) <= {"refunded", "paid"}
    assert statuses.count("paid") == sum(item.topic == "date_canceled" for item in attention.items(clinic.shop))
