"""Tickets: a row for each place, what opens it, who may change it until when, and what a click on the way in comes to."""

from datetime import timedelta
from typing import Any

import icalendar
import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from core.attendance import changes, check_in, giving_up, tickets
from core.catalog.products import Price
from core.correspondence import drafts
from core.foundation.errors import Fixed, LinkInvalid, NameMissing, PlaceFixed, SoldOut, TooManyTries, UnknownDate
from core.journeys import refund, revocation
from core.kinds.places import attendees
from core.kinds.places.cancellations import MoneyBack, PlaceCancellation
from core.languages import sentences
from core.orders.orders import Order
from core.orders.refunds import Refund
from core.owner.needs import attention
from core.people.staff import Role
from core.registers import workshops
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import at_once, on_sqlite
from tests.conftest import Clock
from tests.core.attendance.conftest import MEETING, NORA, Clinic
from tests.fakes import FakeStripe

COLLEAGUE = "otto@lindqvist.example"


def amounts(shop: Shop) -> list[int]:
    return [row.amount for row in builders.rows(shop, Refund)]


def pay_back(clinic: Clinic) -> list[MoneyBack]:
    """Let the worker ask for what is owed; how far each refund is then."""
    for row in builders.rows(clinic.shop, PlaceCancellation):
        giving_up.pay_back(clinic.shop, row.id)
    clinic.confirm_refunds()
    return [row.money for row in builders.rows(clinic.shop, PlaceCancellation)]


# -- a row for each place


def test_each_place_that_was_paid_for_has_an_attendee_and_a_ticket_of_its_own(clinic: Clinic) -> None:
    order_id = clinic.sell(3)
    assert [(row.place, row.date_id, row.holds) for row in clinic.rows(order_id)] == [
        (place, "clinic/1", True) for place in range(3)
    ]
    (delivery,) = builders.deliveries(clinic.shop, order_id)
    assert [ticket.name for ticket in delivery.tickets] == ["Nora Lindqvist", "Guest 2", "Guest 3"]
    assert [ticket.token for ticket in delivery.tickets] == clinic.tickets(order_id)
    assert len(set(clinic.tickets(order_id))) == 3
    assert builders.taken(clinic.shop)["clinic/1"] == 3


@on_sqlite
def test_a_single_place_of_somebody_who_never_said_a_name_is_no_guest(clinic: Clinic) -> None:
    order_id = clinic.sell()
    with clinic.shop.transaction() as session:
        session.get_one(Order, order_id).name = ""
    (delivery,) = builders.deliveries(clinic.shop, order_id)
    assert [ticket.name for ticket in delivery.tickets] == [""]
    (place,) = clinic.rows(order_id)
    with clinic.shop.reading() as session:
        (person,) = workshops.people(session, place.date_id)
    assert person.name == NORA
    page = tickets.view(clinic.shop, clinic.tickets(order_id)[0])
    assert (page.name, page.number) == ("", person.order.number)


def test_no_token_stands_in_the_database_and_a_changed_one_opens_nothing(clinic: Clinic) -> None:
    (token,) = clinic.tickets(clinic.sell())
    assert token not in str([row.model_dump() for row in clinic.rows()])
    with pytest.raises(LinkInvalid):
        # Not its last character, of which some bits say nothing.
        tickets.view(clinic.shop, token[:-9] + ("a" if token[-9] != "a" else "b") + token[-8:])


def test_a_refund_frees_the_places_and_its_failure_takes_them_again(clinic: Clinic, stripe: FakeStripe) -> None:
    order_id = clinic.sell(2)
    clinic.refund(order_id)
    assert (builders.taken(clinic.shop)["clinic/1"], [row.holds for row in clinic.rows()]) == (0, [False, False])
    before = clinic.tickets(order_id)
    builders.deliver(
        clinic.shop, stripe.tell("refund.failed", stripe.fail_refund(next(reversed(stripe.refunds))))
    )  # fmt: skip
    assert (builders.taken(clinic.shop)["clinic/1"], [row.holds for row in clinic.rows()]) == (2, [True, True])
    assert clinic.tickets(order_id) == before


# -- the way in


@on_sqlite
def test_the_way_in_says_when_opens_half_an_hour_before_and_is_shut_by_a_refund(clinic: Clinic, clock: Clock) -> None:
    order_id = clinic.sell()
    (token,) = clinic.tickets(order_id)
    begins = clinic.rows() and tickets.view(clinic.shop, token).times.starts_at
    assert (tickets.door(clinic.shop, token).opens_at, tickets.door(clinic.shop, token).address) == (
        begins - timedelta(minutes=30), "",
    )  # fmt: skip
    clock.time = begins - timedelta(minutes=30)
    assert tickets.door(clinic.shop, token).address == MEETING
    clock.time = begins - timedelta(minutes=1)
    clinic.refund(order_id)
    assert (tickets.door(clinic.shop, token).shut, tickets.door(clinic.shop, token).address) == (Fixed.CLOSED, "")


@on_sqlite
def test_after_the_end_it_is_over_and_a_room_is_told_at_any_time(clinic: Clinic, clock: Clock) -> None:
    (token,) = clinic.tickets(clinic.sell())
    builders.change_date(clinic.shop, "clinic/1", join_url="Room 4, second floor")
    assert tickets.door(clinic.shop, token).room == "Room 4, second floor"
    clock.time = tickets.view(clinic.shop, token).times.ends_at + timedelta(hours=1)
    assert tickets.door(clinic.shop, token).is_over


# -- calendars


@on_sqlite
def test_the_calendar_keeps_one_entry_through_all_changes_and_never_names_the_meeting(clinic: Clinic) -> None:
    (token,) = clinic.tickets(clinic.sell())
    first = icalendar.Calendar.from_ical(tickets.calendar_file(clinic.shop, token))
    changes.rename(clinic.shop, token, "Nora L.")
    changes.move(clinic.shop, token, "clinic/2", signed_in=NORA)
    text = tickets.calendar_file(clinic.shop, token)
    second = icalendar.Calendar.from_ical(text)
    (before,), (after,) = first.walk("VEVENT"), second.walk("VEVENT")
    assert first["method"] == second["method"] == "PUBLISH"
    assert before["uid"] == after["uid"]
    assert (before["sequence"], after["sequence"]) == (0, 2)
    assert after.start == tickets.view(clinic.shop, token).times.starts_at > before.start
    assert "DTSTART:20261217T102400Z" in text
    assert MEETING not in text
    assert f"/join/{token}" in after["location"]
    with sentences.spoken("de"):
        [spoken] = icalendar.Calendar.from_ical(tickets.calendar_file(clinic.shop, token)).walk("VEVENT")
    assert str(spoken["description"]).startswith("Ihr Ticket, mit dem Zugang: http")


@on_sqlite
def test_the_receipt_brings_tickets_and_an_invitation_with_one_attendee(clinic: Clinic) -> None:
    order_id = clinic.sell(2)
    (letter,) = clinic.letters("receipt:").values()
    assert letter is not None
    for token in clinic.tickets(order_id):
        assert f"/ticket/{token}" in letter.text
        assert f"/ticket/{token}" in letter.html
    (file,) = letter.calendar
    calendar = icalendar.Calendar.from_ical(file)
    (event,) = calendar.walk("VEVENT")
    assert (calendar["method"], event["attendee"]) == ("REQUEST", f"mailto:{NORA}")


def entry(file: str) -> tuple[str, str, int]:
    """What a calendar is to do with a file, what it says of the place, and at which change of it."""
    calendar = icalendar.Calendar.from_ical(file)
    (event,) = calendar.walk("VEVENT")
    return str(calendar["method"]), str(event["status"]), int(event["sequence"])


def fail_last_refund(clinic: Clinic) -> None:
    stripe = clinic.stripe
    builders.deliver(clinic.shop, stripe.tell("refund.failed", stripe.fail_refund(next(reversed(stripe.refunds)))))


@on_sqlite
def test_a_refund_takes_the_place_out_of_its_buyer_s_calendar(clinic: Clinic) -> None:
    order_id = clinic.sell(2)
    token = clinic.tickets(order_id)[0]
    clinic.refund(order_id)
    (letter,) = clinic.letters("refunded:").values()
    assert letter is not None
    assert [(entry(file), letter.method) for file in letter.calendar] == [(("CANCEL", "CANCELLED", 1), "CANCEL")]
    assert entry(tickets.calendar_file(clinic.shop, token)) == ("CANCEL", "CANCELLED", 1)
    fail_last_refund(clinic)
    assert entry(tickets.calendar_file(clinic.shop, token)) == ("PUBLISH", "CONFIRMED", 2)


@on_sqlite
def test_what_leaves_the_place_as_it_is_leaves_the_calendar_alone(clinic: Clinic, clock: Clock) -> None:
    order_id = clinic.sell()
    (token,) = clinic.tickets(order_id)
    refund.request(clinic.shop, order_id, 500, actor="owner", key="part")
    clinic.confirm_refunds()
    (letter,) = clinic.letters("refunded:").values()
    assert letter is not None
    assert letter.calendar == ()
    assert entry(tickets.calendar_file(clinic.shop, token)) == ("PUBLISH", "CONFIRMED", 0)
    # What has begun took place: it stays where it was.
    clock.time = clinic.rows() and tickets.view(clinic.shop, token).times.starts_at
    clinic.refund(order_id)
    assert [each.calendar for each in clinic.letters("refunded:").values() if each] == [(), ()]
    assert entry(tickets.calendar_file(clinic.shop, token)) == ("PUBLISH", "CONFIRMED", 0)


@on_sqlite
def test_access_that_is_taken_back_and_given_back_changes_the_calendar(clinic: Clinic) -> None:
    order_id = clinic.sell()
    revocation.revoke(clinic.shop, order_id, reason="left the team", actor="owner")
    (letter,) = clinic.letters("access_changed:").values()
    assert letter is not None
    assert [(entry(file), letter.method) for file in letter.calendar] == [(("CANCEL", "CANCELLED", 1), "CANCEL")]
    revocation.restore(clinic.shop, order_id, reason="back again", actor="owner")
    opened = [each for job, each in clinic.letters("access_changed:").items() if each and "given_back" in job]
    assert [(entry(file), each.method) for each in opened for file in each.calendar] == [
        (("REQUEST", "CONFIRMED", 2), "REQUEST")
    ]


def test_whoever_was_handed_a_place_hears_that_it_is_closed_and_that_it_is_open_again(clinic: Clinic) -> None:
    order_id = clinic.sell(2)
    first, _ = clinic.tickets(order_id)
    changes.hand_over(clinic.shop, first, "Otto Berg", COLLEAGUE, signed_in=NORA)
    clinic.refund(order_id)
    told = [(job, letter) for job, letter in clinic.letters("place_letter:").items() if ":closed:" in job]
    [(job, closed)] = told
    assert closed is not None
    assert (closed.to, entry(closed.calendar[0])) == (COLLEAGUE, ("CANCEL", "CANCELLED", 2))
    assert NORA not in closed.text + closed.html + closed.calendar[0]
    fail_last_refund(clinic)
    assert clinic.letters(job) == {job: None}  # what was not said in time is not so any more
    [opened] = [letter for job, letter in clinic.letters("place_letter:").items() if ":opened:" in job]
    assert opened is not None
    assert (opened.to, entry(opened.calendar[0])) == (COLLEAGUE, ("REQUEST", "CONFIRMED", 3))
    assert clinic.tickets(order_id)[0] in opened.text


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_hands_a_place_over_locks_its_order_before_it_as_whoever_closes_it_does(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In two turns each would wait for the other until the database ended one of them."""
    order_id, changed = clinic.sell(), attendees.changed

    def changed_beside_a_refund(*given: Any) -> None:
        with pytest.raises(OperationalError, match="could not obtain lock"), clinic.shop.transaction() as session:
            session.exec(select(Order.id).where(Order.id == order_id).with_for_update(nowait=True)).all()
        changed(*given)

    monkeypatch.setattr(attendees, "changed", changed_beside_a_refund)
    [ticket] = clinic.tickets(order_id)
    assert changes.hand_over(clinic.shop, ticket, "Otto Berg", COLLEAGUE, signed_in=NORA)


@on_sqlite
def test_who_gave_a_place_up_does_not_hear_of_it_again_with_the_rest_of_the_order(clinic: Clinic) -> None:
    order_id = clinic.sell(2)
    first, _ = clinic.tickets(order_id)
    changes.hand_over(clinic.shop, first, "Otto Berg", COLLEAGUE, signed_in=NORA)
    giving_up.cancel(clinic.shop, clinic.tickets(order_id)[0], signed_in=NORA)
    clinic.refund(order_id)
    assert [job for job in clinic.letters("place_letter:") if ":closed:" in job] == []


# -- who comes


@on_sqlite
def test_a_name_is_changed_until_it_begins(clinic: Clinic, clock: Clock) -> None:
    (token,) = clinic.tickets(clinic.sell())
    changes.rename(clinic.shop, token, "  Otto \n Berg ")
    assert tickets.view(clinic.shop, token).name == "Otto Berg"
    with pytest.raises(NameMissing):
        changes.rename(clinic.shop, token, " ")
    clock.time = tickets.view(clinic.shop, token).times.starts_at
    with pytest.raises(PlaceFixed) as refusal:
        changes.rename(clinic.shop, token, "Eve")
    assert refusal.value.why is Fixed.BEGUN


def test_who_is_handed_a_place_gets_a_ticket_and_the_old_one_is_dead(clinic: Clinic) -> None:
    order_id = clinic.sell()
    (old,) = clinic.tickets(order_id)
    changes.hand_over(clinic.shop, old, "Otto Berg", COLLEAGUE, signed_in=NORA)
    with pytest.raises(LinkInvalid):
        tickets.view(clinic.shop, old)
    (new,) = clinic.tickets(order_id)
    letters = [letter for letter in clinic.letters("place_letter:").values() if letter]
    by_address = {letter.to: icalendar.Calendar.from_ical(letter.calendar[0]) for letter in letters}
    assert {to: each["method"] for to, each in by_address.items()} == {NORA: "CANCEL", COLLEAGUE: "REQUEST"}
    entries = [each.walk("VEVENT")[0] for each in by_address.values()]
    assert {str(each["uid"]) for each in entries} == {f"{clinic.rows()[0].id}@localhost"}
    assert {each["sequence"] for each in entries} == {1}
    (gone,) = [letter for letter in letters if letter.to == NORA]
    assert new not in gone.text + gone.html + gone.calendar[0].replace("\r\n ", "")
    assert tickets.view(clinic.shop, new).email == COLLEAGUE


@on_sqlite
def test_whoever_had_a_place_is_told_that_it_went_on_also_when_letters_were_late(clinic: Clinic) -> None:
    order_id = clinic.sell()
    third, fourth = "third@berg.example", "fourth@berg.example"
    for name, email, signed_in in (("Otto", COLLEAGUE, NORA), ("Ida", third, COLLEAGUE), ("Liv", fourth, third)):
        changes.hand_over(clinic.shop, clinic.tickets(order_id)[0], name, email, signed_in=signed_in)
    found = {
        job.rpartition(":")[2]: letter for job, letter in clinic.letters("place_letter:").items() if ":gone:" in job
    }
    # Of whoever had it in between nothing is known any more, but that it is not them who have it.
    assert {turn: letter and letter.to for turn, letter in found.items()} == {"1": NORA, "2": None, "3": third}
    made_up = drafts.of_id(f"place_letter:{order_id}:{clinic.rows()[0].id}:gone:soon")
    assert made_up
    assert drafts.write(clinic.shop, made_up) is None
    [new] = clinic.tickets(order_id)
    assert all(new not in each.calendar[0].replace("\r\n ", "") for each in found.values() if each)


@on_sqlite
def test_a_place_is_no_way_to_write_to_the_whole_world(clinic: Clinic, clock: Clock) -> None:
    order_id = clinic.sell()

    def hands_over(number: int) -> None:
        (token,) = clinic.tickets(order_id)
        changes.hand_over(clinic.shop, token, "Win now", f"stranger{number}@elsewhere.example", signed_in=NORA)

    for number in range(5):
        hands_over(number)
    with pytest.raises(TooManyTries):
        hands_over(5)
    assert len([job for job in clinic.letters("place_letter:") if ":ticket:" in job]) == 5
    # Another name brings no letter.
    (token,) = clinic.tickets(order_id)
    assert not changes.hand_over(clinic.shop, token, "Ann", "stranger4@elsewhere.example", signed_in=NORA)
    for _ in range(9):  # nor does whoever may not, who uses up nothing either
        with pytest.raises(PlaceFixed):
            changes.hand_over(clinic.shop, token, "Eve", "eve@elsewhere.example", signed_in="eve@elsewhere.example")
    clock.pass_(minutes=61)
    hands_over(5)


@on_sqlite
def test_a_place_that_is_handed_to_whoever_has_it_is_another_name_and_its_ticket_lives_on(clinic: Clinic) -> None:
    order_id = clinic.sell()
    (token,) = clinic.tickets(order_id)
    changes.hand_over(clinic.shop, token, "Nora L.", f" {NORA.upper()} ", signed_in=NORA)
    assert (tickets.view(clinic.shop, token).name, clinic.letters("place_letter:")) == ("Nora L.", {})
    changes.hand_over(clinic.shop, token, "Otto Berg", COLLEAGUE, signed_in=NORA)
    (new,) = clinic.tickets(order_id)
    changes.hand_over(clinic.shop, new, "O. Berg", COLLEAGUE.upper(), signed_in=COLLEAGUE)
    assert tickets.view(clinic.shop, new).name == "O. Berg"
    assert len(clinic.letters("place_letter:")) == 2


@on_sqlite
def test_who_gets_the_place_of_somebody_who_has_come_has_not_come_yet(clinic: Clinic) -> None:
    order_id = clinic.sell()
    (row,) = clinic.rows()
    owner = colleagues.works_as(clinic.shop, Role.OWNER)
    check_in.check_in(clinic.shop, row.id, deed=colleagues.deed(owner, "1"))
    (token,) = clinic.tickets(order_id)
    changes.hand_over(clinic.shop, token, "Otto Berg", COLLEAGUE, signed_in=NORA)
    assert [(each.checked_in_at, each.checked_in_by) for each in clinic.rows()] == [(None, "")]


# -- another date


def test_a_move_changes_both_dates_at_once_and_is_told(clinic: Clinic) -> None:
    (token, _) = clinic.tickets(clinic.sell(2))
    changes.move(clinic.shop, token, "clinic/2", signed_in=NORA)
    assert {key: builders.taken(clinic.shop)[key] for key in ("clinic/1", "clinic/2")} == {"clinic/1": 1, "clinic/2": 1}
    (letter,) = [letter for letter in clinic.letters("place_letter:").values() if letter]
    assert icalendar.Calendar.from_ical(letter.calendar[0])["method"] == "REQUEST"
    with pytest.raises(UnknownDate):
        changes.move(clinic.shop, token, "full/1", signed_in=NORA)


def test_of_a_full_date_nobody_gets_a_place_by_moving(clinic: Clinic) -> None:
    (token,) = clinic.tickets(clinic.sell())
    builders.change_date(clinic.shop, "clinic/2", taken=5)
    with pytest.raises(SoldOut):
        changes.move(clinic.shop, token, "clinic/2", signed_in=NORA)
    assert builders.taken(clinic.shop)["clinic/1"] == 1


def test_two_who_swap_their_dates_at_once_do_not_wait_for_each_other(clinic: Clinic) -> None:
    first, second = (clinic.tickets(clinic.sell(cart=cart))[0] for cart in ("a", "b"))
    changes.move(clinic.shop, second, "clinic/2", signed_in=NORA)
    done = at_once(
        lambda: changes.move(clinic.shop, first, "clinic/2", signed_in=NORA),
        lambda: changes.move(clinic.shop, second, "clinic/1", signed_in=NORA),
    )
    assert done == [None, None]
    assert {key: builders.taken(clinic.shop)[key] for key in ("clinic/1", "clinic/2")} == {"clinic/1": 1, "clinic/2": 1}


def test_a_refund_after_a_move_frees_the_place_where_it_is(clinic: Clinic) -> None:
    order_id = clinic.sell(2)
    changes.move(clinic.shop, clinic.tickets(order_id)[0], "clinic/2", signed_in=NORA)
    clinic.refund(order_id)
    assert {key: builders.taken(clinic.shop)[key] for key in ("clinic/1", "clinic/2")} == {"clinic/1": 0, "clinic/2": 0}


# -- giving up


def test_a_place_that_is_given_up_in_time_is_free_at_once_and_its_share_goes_back(clinic: Clinic) -> None:
    order_id = clinic.sell(3)
    giving_up.cancel(clinic.shop, clinic.tickets(order_id)[1], signed_in=NORA)
    assert builders.taken(clinic.shop)["clinic/1"] == 2
    assert pay_back(clinic) == [MoneyBack.DONE]
    assert pay_back(clinic) == [MoneyBack.DONE]
    assert amounts(clinic.shop) == [14000]
    assert builders.grants(clinic.shop, order_id) == [("clinic", "active")]
    assert tickets.view(clinic.shop, clinic.tickets(order_id)[1]).shut is Fixed.CANCELED
    assert tickets.view(clinic.shop, clinic.tickets(order_id)[0]).shut is None


@pytest.mark.parametrize(
    ("currency", "price", "back"), [("isk", 1499500, 749700), ("kwd", 30150, 15070), ("huf", 1499500, 749750)]
)
@on_sqlite
def test_what_goes_back_for_a_place_is_what_its_currency_has(
    clinic: Clinic, currency: str, price: int, back: int
) -> None:
    clinic.agree(cancel_until=48, cancel_refund=50)
    with clinic.shop.transaction() as session:
        session.add(Price(id="clinic-x", product_id="clinic", amount=price, currency=currency, lookup_key="clinic-x"))
    order_id = builders.bought(clinic.shop, clinic.stripe, ("clinic-x", 2))
    giving_up.cancel(clinic.shop, clinic.tickets(order_id)[0], signed_in=NORA)
    assert pay_back(clinic) == [MoneyBack.DONE]
    assert amounts(clinic.shop) == [back]


@pytest.mark.parametrize("duplicate_is_back", [False, True])
def test_a_place_of_an_order_that_was_paid_twice_costs_what_it_cost_once(
    clinic: Clinic, stripe: FakeStripe, duplicate_is_back: bool
) -> None:
    order_id, first = builders.opened(clinic.shop, ("clinic-eur", 2))
    paid = (first, stripe.recover(first)["id"])
    for session_id in paid:
        stripe.pay(session_id)
        builders.deliver(clinic.shop, stripe.event("completed", session_id))
    own, duplicate = (str(stripe.sessions[each]["payment_intent"]) for each in paid)
    if duplicate_is_back:
        refund.request(clinic.shop, order_id, payment=duplicate, actor="owner")
        clinic.confirm_refunds()
    giving_up.cancel(clinic.shop, clinic.tickets(order_id)[0], signed_in=NORA)
    assert pay_back(clinic) == [MoneyBack.DONE]
    back = {row.payment_id: row.amount for row in builders.rows(clinic.shop, Refund)}
    assert back == {own: 14000} | ({duplicate: 28000} if duplicate_is_back else {})
    assert builders.grants(clinic.shop, order_id) == [("clinic", "active")]


def test_where_less_is_left_than_is_due_for_a_place_a_person_is_told_until_they_refund(
    clinic: Clinic, clock: Clock
) -> None:
    order_id = clinic.sell(2)
    refund.request(clinic.shop, order_id, 20000, actor="owner")
    clinic.confirm_refunds()
    clock.pass_(minutes=1)
    giving_up.cancel(clinic.shop, clinic.tickets(order_id)[1], signed_in=NORA)
    assert pay_back(clinic) == [MoneyBack.REFUSED]
    [item] = attention.items(clinic.shop)
    assert (item.topic, item.order_id) == ("place_not_paid_back", order_id)
    clock.pass_(minutes=1)
    refund.request(clinic.shop, order_id, 4000, actor="owner")
    clinic.confirm_refunds()
    assert attention.items(clinic.shop) == []


def test_with_the_last_place_all_that_is_left_of_it_goes_back_and_the_order_is_refunded(clinic: Clinic) -> None:
    order_id = clinic.sell(2)
    for token in clinic.tickets(order_id):
        giving_up.cancel(clinic.shop, token, signed_in=NORA)
    pay_back(clinic)
    assert sum(amounts(clinic.shop)) == 28000
    assert (builders.status(clinic.shop, order_id), builders.taken(clinic.shop)["clinic/1"]) == ("refunded", 0)


@on_sqlite
@pytest.mark.parametrize(
    ("refund", "money", "back"),
    [("none", MoneyBack.NONE, []), (50, MoneyBack.DONE, [7000]), ("full", MoneyBack.DONE, [14000])],
)
def test_as_much_goes_back_as_the_product_s_terms_say(
    clinic: Clinic, refund: object, money: MoneyBack, back: list[int]
) -> None:
    clinic.agree(cancel_until=0, cancel_refund=refund)
    giving_up.cancel(clinic.shop, clinic.tickets(clinic.sell())[0], signed_in=NORA)
    assert pay_back(clinic) == [money]
    assert amounts(clinic.shop) == back
    (letter,) = [letter for letter in clinic.letters("place_letter:").values() if letter]
    assert "STATUS:CANCELLED" in letter.calendar[0]


@on_sqlite
def test_too_late_or_without_such_terms_nothing_is_given_up(clinic: Clinic, clock: Clock) -> None:
    (token,) = clinic.tickets(clinic.sell())
    clock.time = tickets.view(clinic.shop, token).times.starts_at - timedelta(hours=47)
    for terms in ({"cancel_until": 48}, {}):
        clinic.agree(**terms)
        with pytest.raises(PlaceFixed) as refusal:
            giving_up.cancel(clinic.shop, token, signed_in=NORA)
        assert refusal.value.why is Fixed.RULES
    assert builders.taken(clinic.shop)["clinic/1"] == 1


@on_sqlite
def test_a_place_that_it_is_too_late_to_give_up_is_not_given_up_after_a_move(clinic: Clinic, clock: Clock) -> None:
    late, early = clinic.tickets(clinic.sell(2))
    changes.move(clinic.shop, early, "clinic/2", signed_in=NORA)
    clock.time = tickets.view(clinic.shop, late).times.starts_at - timedelta(hours=47)
    for date_id in ("clinic/2", "clinic/1", "clinic/2"):
        changes.move(clinic.shop, late, date_id, signed_in=NORA)
        assert tickets.view(clinic.shop, late, signed_in=NORA).not_given_up is Fixed.RULES
        with pytest.raises(PlaceFixed):
            giving_up.cancel(clinic.shop, late, signed_in=NORA)
    # Who moved in time has the time of the other date.
    giving_up.cancel(clinic.shop, early, signed_in=NORA)
    assert builders.taken(clinic.shop)["clinic/2"] == 1


@on_sqlite
def test_what_was_handed_over_is_given_up_by_its_buyer_alone(clinic: Clinic) -> None:
    order_id = clinic.sell()
    changes.hand_over(clinic.shop, clinic.tickets(order_id)[0], "Otto Berg", COLLEAGUE, signed_in=NORA)
    (token,) = clinic.tickets(order_id)
    with pytest.raises(PlaceFixed) as refusal:
        giving_up.cancel(clinic.shop, token, signed_in=COLLEAGUE)
    assert refusal.value.why is Fixed.BUYER
    giving_up.cancel(clinic.shop, token, signed_in=NORA)
    assert builders.taken(clinic.shop)["clinic/1"] == 0


def test_two_clicks_at_once_give_a_place_up_once(clinic: Clinic) -> None:
    (token, _) = clinic.tickets(clinic.sell(2))
    done = at_once(*[lambda: giving_up.cancel(clinic.shop, token, signed_in=NORA)] * 3)
    assert [type(each).__name__ for each in done if each] == ["PlaceFixed", "PlaceFixed"]
    assert builders.taken(clinic.shop)["clinic/1"] == 1
    assert len(builders.rows(clinic.shop, PlaceCancellation)) == 1
