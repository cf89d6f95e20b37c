"""Seats of plans: given, accepted, replaced, too few of them; and never more than were paid for."""

import re
from collections.abc import Iterator
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import seating
from core.correspondence import drafts
from core.foundation.errors import (
    AccessDenied,
    BadQuantity,
    LinkExpired,
    PlanChanged,
    PlanNotActive,
    SeatCodeWrong,
    SeatHeld,
    SeatNotFound,
    SeatsTaken,
    ShopError,
    TooManyTries,
)
from core.integrations import entitlements
from core.journeys import refund
from core.journeys.billing import interval_switch, plans, seat_quantity
from core.kinds.grants import Grant
from core.kinds.seats import Seat, SeatState
from core.orders.status import GrantState
from core.orders.subscription_changes import SubscriptionChange
from core.orders.subscriptions import Subscription
from core.outgoing.messages import WebhookMessage
from core.people import address_changes, customers
from core.people.customers import How
from core.privacy import erasure, export
from core.seats import claims, invitations
from core.shop import Shop
from tests import builders
from tests.builders import at_once
from tests.conftest import Clock
from tests.core.outgoing.receiver import listens
from tests.fakes import FakeStripe

NORA = "nora@lindqvist.example"
PEOPLE = [f"guest{number}@team.example" for number in range(6)]


def a_plan(shop: Shop, stripe: FakeStripe, seats: int = 3, cart: str = "cart_1") -> tuple[str, str, str]:
    """An order with a plan: its id, its subscription's, and its grant's."""
    order_id, subscription = builders.subscribed(shop, stripe, ("plan-month", seats), cart=cart, browser=f"br_{cart}")
    (grant,) = [row for row in builders.rows(shop, Grant) if row.order_id == order_id]
    return order_id, subscription, grant.id


def seat_of(shop: Shop, email: str) -> Seat:
    return next(row for row in builders.rows(shop, Seat) if row.email == email)


def standing_seat(shop: Shop, email: str) -> Seat:
    return next(row for row in builders.rows(shop, Seat) if row.email == email and row.state is not SeatState.REMOVED)


def code_for(shop: Shop, email: str) -> str:
    """The code in the newest letter to this address, taken from the letter."""
    job = [each for each in builders.jobs(shop) if each.startswith(f"seat_invitation:{seat_of(shop, email).id}:")][-1]
    draft = drafts.of_id(job)
    assert draft
    letter = drafts.write(shop, draft)
    assert letter
    assert letter.to == email
    return re.findall(r"\b\d{8}\b", letter.text)[0]


def joins(shop: Shop, grant: str, email: str) -> None:
    """Be invited, and take the seat."""
    invitations.invite(shop, NORA, grant, email)
    invitations.accept(shop, seat_of(shop, email).id, code_for(shop, email))


def standing(shop: Shop) -> dict[str, str]:
    return {row.email: row.state.value for row in builders.rows(shop, Seat)}


def may_use(shop: Shop, email: str) -> bool:
    with shop.reading() as session:
        person = customers.whose(session, email)
        found = entitlements.of(session, person, livemode=False, now=shop.now()) if person else None
    return bool(found and any(each.product == "plan" and each.state == "active" for each in found.products))


def set_seats(shop: Shop, stripe: FakeStripe, subscription: str, quantity: int) -> None:
    stripe.subscriptions[subscription]["items"]["data"][0]["quantity"] = quantity
    plans.refresh(shop, subscription)


def test_a_seat_is_given_by_mail_and_taken_with_the_code_alone(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    listens(shop, "http://127.0.0.1:9/", "seat.changed")
    _, _, grant = a_plan(shop, stripe)
    guest = PEOPLE[0]
    invitations.invite(shop, NORA, grant, guest)
    seat = seat_of(shop, guest)
    assert not may_use(shop, guest)
    code = code_for(shop, guest)
    with pytest.raises(SeatCodeWrong):
        invitations.accept(shop, seat.id, f"{(int(code) + 1) % 10**8:08d}")
    clock.pass_(minutes=1)
    assert invitations.accept(shop, seat.id, f"{code[:4]} {code[4:]}")
    assert may_use(shop, guest)
    with pytest.raises(LinkExpired):  # it has done its work
        invitations.accept(shop, seat.id, code)
    told = [orjson.loads(row.body)["data"] for row in builders.rows(shop, WebhookMessage)]
    assert sorted((each["seat"], each["state"], each["person"] is not None) for each in told) == [
        (seat.id, "accepted", True), (seat.id, "invited", False),
    ]  # fmt: skip
    assert guest not in str(told)
    with shop.reading() as session:
        assert [each.product for each in invitations.held_by(session, guest, livemode=False)] == ["Plan"]
    invitations.remove(shop, NORA, seat.id)
    assert not may_use(shop, guest)


@builders.on_sqlite
def test_a_seat_is_no_way_to_write_to_the_whole_world(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, _, grant = a_plan(shop, stripe, seats=2)
    strangers = [f"stranger{number}@elsewhere.example" for number in range(40)]

    def gives_on(number: int) -> None:
        invitations.replace(shop, NORA, standing_seat(shop, strangers[number - 1]).id, strangers[number])

    invitations.invite(shop, NORA, grant, strangers[0])
    for number in range(1, 24):
        gives_on(number)
    with pytest.raises(TooManyTries):
        gives_on(24)
    with pytest.raises(TooManyTries):
        invitations.invite(shop, NORA, grant, strangers[-1])
    assert len([each for each in builders.jobs(shop) if each.startswith("seat_invitation:")]) == 24
    clock.pass_(minutes=61)
    gives_on(24)


@builders.on_sqlite
def test_nobody_is_asked_again_and_again_whoever_asks(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    grants = [a_plan(shop, stripe, cart=f"cart_{number}")[2] for number in range(2)]
    for number in range(5):
        invitations.invite(shop, NORA, grants[number % 2], PEOPLE[0])
        clock.pass_(minutes=1)
    for grant in grants:
        with pytest.raises(TooManyTries):
            invitations.invite(shop, NORA, grant, PEOPLE[0].upper())
    invitations.invite(shop, NORA, grants[0], PEOPLE[1])


@builders.on_sqlite
def test_whoever_has_nothing_to_do_with_a_plan_uses_up_nothing_of_it(shop: Shop, stripe: FakeStripe) -> None:
    _, _, grant = a_plan(shop, stripe)
    for number in range(40):
        with pytest.raises(AccessDenied):
            invitations.invite(shop, PEOPLE[5], grant, f"stranger{number}@elsewhere.example")
    invitations.invite(shop, NORA, grant, PEOPLE[0])


@builders.on_sqlite
def test_codes_end_by_time_by_tries_and_by_a_newer_letter(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, _, grant = a_plan(shop, stripe)
    guest = PEOPLE[0]
    invitations.invite(shop, NORA, grant, guest)
    seat, first = seat_of(shop, guest).id, code_for(shop, guest)
    clock.pass_(days=1)
    invitations.invite(shop, NORA, grant, guest)
    second = code_for(shop, guest)
    assert (first != second, len(builders.rows(shop, Seat))) == (True, 1)
    with pytest.raises(SeatCodeWrong):
        invitations.accept(shop, seat, first)
    clock.pass_(days=15)
    with pytest.raises(LinkExpired):
        invitations.accept(shop, seat, second)
    invitations.invite(shop, NORA, grant, guest)
    third = code_for(shop, guest)
    for _ in range(invitations.MOST_TRIES):
        with pytest.raises(SeatCodeWrong):
            invitations.accept(shop, seat, "nonsense")
    with pytest.raises(LinkExpired):
        invitations.accept(shop, seat, third)
    assert standing(shop) == {guest: "invited"}


@builders.on_sqlite
def test_nobody_else_changes_a_plans_seats(shop: Shop, stripe: FakeStripe) -> None:
    _, _, grant = a_plan(shop, stripe)
    joins(shop, grant, PEOPLE[0])
    seat = seat_of(shop, PEOPLE[0]).id
    for who in (PEOPLE[0], "eve@example.org"):
        for act in (
            lambda who=who: invitations.seats(shop, who, grant),
            lambda who=who: invitations.invite(shop, who, grant, who),
            lambda who=who: invitations.remove(shop, who, seat),
            lambda who=who: invitations.replace(shop, who, seat, who),
            lambda who=who: invitations.sit(shop, who, grant, buyer=False),
            lambda who=who: seat_quantity.preview(shop, who, grant, 5),
        ):
            with pytest.raises(AccessDenied):
                act()
    assert standing(shop) == {PEOPLE[0]: "accepted"}


def test_five_people_one_replaced_shrunk_to_three_grown_again_ended(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, subscription, grant = a_plan(shop, stripe, 5)
    for email in PEOPLE[:4]:
        clock.pass_(minutes=1)
        joins(shop, grant, email)
    assert all(map(may_use, [shop] * 5, [NORA, *PEOPLE[:4]]))
    with pytest.raises(SeatsTaken):
        invitations.invite(shop, NORA, grant, PEOPLE[4])
    clock.pass_(minutes=1)
    invitations.replace(shop, NORA, seat_of(shop, PEOPLE[1]).id, PEOPLE[4])
    invitations.accept(shop, seat_of(shop, PEOPLE[4]).id, code_for(shop, PEOPLE[4]))
    assert (may_use(shop, PEOPLE[1]), may_use(shop, PEOPLE[4])) == (False, True)
    clock.pass_(minutes=1)
    set_seats(shop, stripe, subscription, 3)
    # The buyer and the two who were first; nothing is deleted.
    assert standing(shop) == {
        PEOPLE[0]: "accepted", PEOPLE[1]: "removed", PEOPLE[2]: "accepted", PEOPLE[3]: "suspended", PEOPLE[4]: "suspended",
    }  # fmt: skip
    assert [may_use(shop, each) for each in (NORA, *PEOPLE[:5])] == [True, True, False, True, False, False]
    clock.pass_(minutes=1)
    invitations.choose(shop, NORA, seat_of(shop, PEOPLE[4]).id, seat_of(shop, PEOPLE[0]).id)
    assert [may_use(shop, each) for each in (NORA, *PEOPLE[:5])] == [True, False, False, True, False, True]
    clock.pass_(minutes=1)
    set_seats(shop, stripe, subscription, 5)
    assert [may_use(shop, each) for each in (NORA, *PEOPLE[:5])] == [True, True, False, True, True, True]
    refund.request(shop, order_id, actor="owner", key="1")
    builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
    assert not any(may_use(shop, each) for each in (NORA, *PEOPLE[:5]))
    with pytest.raises(PlanNotActive):
        invitations.invite(shop, NORA, grant, PEOPLE[5])
    assert standing(shop)[PEOPLE[0]] == "accepted"


@builders.on_sqlite
def test_nobody_loses_a_seat_to_somebody_who_has_one_and_the_buyer_needs_no_letter(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, _, grant = a_plan(shop, stripe)
    joins(shop, grant, PEOPLE[0])
    invitations.invite(shop, NORA, grant, PEOPLE[1])
    first, second = seat_of(shop, PEOPLE[0]).id, seat_of(shop, PEOPLE[1]).id
    stands = standing(shop)
    for guest in (PEOPLE[1], f" {PEOPLE[0].upper()} ", NORA.upper()):
        with pytest.raises(SeatHeld):
            invitations.replace(shop, NORA, first, guest)
    for guest in (PEOPLE[0].title(), NORA):
        with pytest.raises(SeatHeld):
            invitations.invite(shop, NORA, grant, guest)
    assert (standing(shop), may_use(shop, PEOPLE[0])) == (stands, True)
    assert invitations.invite(shop, NORA, grant, PEOPLE[1].upper())
    assert standing(shop) == stands
    invitations.sit(shop, NORA, grant, buyer=False)
    assert not invitations.replace(shop, NORA, second, NORA.upper())
    assert standing(shop) == {PEOPLE[0]: "accepted", PEOPLE[1]: "removed"}
    assert invitations.seats(shop, NORA, grant).buyer_sits


@builders.on_sqlite
def test_somebody_with_two_addresses_has_one_seat(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _, grant = a_plan(shop, stripe)
    mine = claims.claim(shop, order_id, PEOPLE[0])
    with shop.transaction() as session:
        customers.take(session, PEOPLE[1], mine.person, how=How.CODE, now=shop.now())
    assert claims.claim(shop, order_id, PEOPLE[1]) == mine
    with pytest.raises(SeatHeld):
        invitations.invite(shop, NORA, grant, PEOPLE[1])
    assert standing(shop) == {PEOPLE[0]: "accepted"}


@builders.on_sqlite
def test_who_would_lose_a_seat_is_known_before_there_are_fewer(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    _, subscription, grant = a_plan(shop, stripe, 5)
    for guest in PEOPLE[:3]:
        joins(shop, grant, guest)
        clock.pass_(minutes=1)
    invitations.invite(shop, NORA, grant, PEOPLE[3])
    losing = invitations.seats(shop, NORA, grant).losing
    assert [losing(number) for number in (5, 4, 3, 2, 1)] == [
        (), (), (PEOPLE[2],), (PEOPLE[1], PEOPLE[2]), tuple(PEOPLE[:3])
    ]  # fmt: skip
    said = losing(2)
    set_seats(shop, stripe, subscription, 2)
    assert tuple(email for email, state in standing(shop).items() if state == "suspended") == said
    assert invitations.seats(shop, NORA, grant).losing(2) == ()


def test_the_buyer_gives_the_first_seat_away_and_takes_it_back(shop: Shop, stripe: FakeStripe) -> None:
    _, _, grant = a_plan(shop, stripe, 1)
    with pytest.raises(SeatsTaken):
        invitations.invite(shop, NORA, grant, PEOPLE[0])
    invitations.sit(shop, NORA, grant, buyer=False)
    assert not may_use(shop, NORA)
    joins(shop, grant, PEOPLE[0])
    with pytest.raises(SeatsTaken):
        invitations.sit(shop, NORA, grant, buyer=True)
    invitations.remove(shop, NORA, seat_of(shop, PEOPLE[0]).id)
    invitations.invite(shop, NORA, grant, NORA)
    assert may_use(shop, NORA)
    assert invitations.seats(shop, NORA, grant).people == ()


@builders.on_sqlite
def test_another_number_of_seats_costs_what_was_shown_and_is_billed_once(shop: Shop, stripe: FakeStripe) -> None:
    _, subscription, grant = a_plan(shop, stripe, 2)
    change = seat_quantity.preview(shop, NORA, grant, 4)
    unit = stripe.subscriptions[subscription]["items"]["data"][0]["price"]["unit_amount"]
    assert (change.before, change.after, change.due.amount, change.then.amount) == (2, 4, 2 * unit, 4 * unit)
    assert stripe.subscriptions[subscription]["items"]["data"][0]["quantity"] == 2
    seat_quantity.carry_out(shop, NORA, change)
    assert [row.quantity for row in builders.rows(shop, Grant)] == [4]
    with pytest.raises(PlanChanged):
        seat_quantity.carry_out(shop, NORA, change)
    assert stripe.calls.count("change_item") == 1
    for quantity in (0, 4, 1000):
        with pytest.raises(BadQuantity):
            seat_quantity.preview(shop, NORA, grant, quantity)
    fewer = seat_quantity.preview(shop, NORA, grant, 1)
    assert fewer.due.amount == -3 * unit


def movements(shop: Shop) -> list[tuple[str, int]]:
    found = sorted(builders.rows(shop, SubscriptionChange), key=lambda row: row.number)
    return [(str(row.kind), row.monthly_after) for row in found]


@builders.on_sqlite
def test_a_switch_to_yearly_costs_what_was_shown_and_leaves_seats_and_people_as_they_are(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, subscription, grant = a_plan(shop, stripe, 3)
    joins(shop, grant, PEOPLE[0])
    before = builders.grants(shop, order_id)
    choice = interval_switch.choice(shop, NORA, grant)
    assert choice
    assert (choice.before, choice.after, choice.then.amount) == ("month", "year", 3 * 9000)
    switch = interval_switch.preview(shop, NORA, choice)
    assert switch.due.amount == 3 * (9000 - 900)
    assert len(stripe.invoices) == 1
    interval_switch.carry_out(shop, NORA, switch)
    with pytest.raises(PlanChanged):
        interval_switch.carry_out(shop, NORA, switch)
    assert stripe.calls.count("change_item") == 1
    assert [invoice["amount_paid"] for invoice in stripe.invoices.values()] == [2700, switch.due.amount]
    (row,) = builders.rows(shop, Subscription)
    assert (row.interval, row.amount, row.status) == ("year", 3 * 9000, "active")
    assert builders.grants(shop, order_id) == before
    assert [each.quantity for each in builders.rows(shop, Grant)] == [3]
    assert standing(shop) == {PEOPLE[0]: "accepted"}
    assert may_use(shop, PEOPLE[0])
    # What it brings in a month is a twelfth of the year's, and less than it was.
    assert movements(shop) == [("new", 2700), ("contraction", 2250)]
    (moment,) = [each for each in builders.log(shop, order_id) if each.startswith("plan_switched:")]
    assert moment == f"plan_switched:{subscription}:{switch.at}"
    # And back: what was paid ahead is credited, and nothing charged.
    back = interval_switch.choice(shop, NORA, grant)
    assert back
    assert back.after == "month"
    credited = interval_switch.preview(shop, NORA, back)
    assert credited.due.amount < 0
    interval_switch.carry_out(shop, NORA, credited)
    assert movements(shop)[-1] == ("expansion", 2700)
    assert builders.grants(shop, order_id) == before


@builders.on_sqlite
def test_nobody_switches_what_is_not_theirs_not_paid_or_billed_with_something_else(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, subscription, grant = a_plan(shop, stripe)
    choice = interval_switch.choice(shop, NORA, grant)
    assert choice
    assert interval_switch.choice(shop, PEOPLE[0], grant) is None
    with pytest.raises(AccessDenied):
        interval_switch.preview(shop, PEOPLE[0], choice)
    stripe.add_item(subscription, stripe.sell(500, interval="month"), 1)
    plans.refresh(shop, subscription)
    assert interval_switch.choice(shop, NORA, grant) is None
    stripe.subscriptions[subscription]["items"]["data"].pop()
    stripe.fail_renewal(subscription)
    plans.refresh(shop, subscription)
    assert interval_switch.choice(shop, NORA, grant) is None
    with pytest.raises(PlanChanged):
        interval_switch.preview(shop, NORA, choice)


@builders.on_sqlite
def test_a_switch_is_not_made_at_another_price_than_was_shown(shop: Shop, stripe: FakeStripe) -> None:
    _, subscription, grant = a_plan(shop, stripe)
    choice = interval_switch.choice(shop, NORA, grant)
    assert choice
    switch = interval_switch.preview(shop, NORA, choice)
    set_seats(shop, stripe, subscription, 4)
    with pytest.raises(PlanChanged):
        interval_switch.carry_out(shop, NORA, switch)
    assert "change_item" not in stripe.calls


@pytest.mark.parametrize("meanwhile", ["a while", "a renewal", "nothing"])
@builders.on_sqlite
def test_what_a_change_costs_holds_for_a_while_and_for_its_period(
    shop: Shop, stripe: FakeStripe, clock: Clock, meanwhile: str
) -> None:
    _, subscription, grant = a_plan(shop, stripe, 2)
    choice = interval_switch.choice(shop, NORA, grant)
    assert choice
    fewer, switch = seat_quantity.preview(shop, NORA, grant, 1), interval_switch.preview(shop, NORA, choice)
    clock.pass_(minutes=16 if meanwhile == "a while" else 14)
    if meanwhile == "a renewal":
        stripe.renew(subscription)
        plans.refresh(shop, subscription)
    for carry_out in (
        lambda: seat_quantity.carry_out(shop, NORA, fewer),
        lambda: interval_switch.carry_out(shop, NORA, switch),
    ):
        if meanwhile == "nothing":
            carry_out()
            return
        with pytest.raises(PlanChanged):
            carry_out()
    assert "change_item" not in stripe.calls


def test_twenty_claims_at_once_on_three_seats_make_three(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _, grant = a_plan(shop, stripe, 3)
    invitations.sit(shop, NORA, grant, buyer=False)
    found = at_once(
        *[lambda number=number: claims.claim(shop, order_id, f"claim{number}@team.example") for number in range(20)]
    )
    claimed = [each for each in found if isinstance(each, claims.Claimed)]
    refused = [each for each in found if isinstance(each, SeatsTaken)]
    assert (len(claimed), len(refused)) == (3, 17), found
    assert sorted(standing(shop).values()) == ["accepted"] * 3
    claims.release(shop, claimed[0].id)
    claims.release(shop, claimed[0].id)
    assert claims.claim(shop, order_id, "claim99@team.example").free == 0
    with pytest.raises(SeatNotFound):
        claims.release(shop, "seat_none")
    with pytest.raises(SeatNotFound):
        claims.claim(shop, "PL-9999", "x@team.example")


def test_of_a_plan_on_hold_programs_are_told_so_whoever_the_seat_is_for(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _, grant = a_plan(shop, stripe, 3)
    claims.claim(shop, order_id, PEOPLE[0])
    invitations.sit(shop, NORA, grant, buyer=False)
    with shop.transaction() as session:
        session.get_one(Grant, grant).state = GrantState.SUSPENDED
    for guest in (PEOPLE[0], PEOPLE[1], NORA):
        with pytest.raises(PlanNotActive):
            claims.claim(shop, order_id, guest)
    assert not builders.rows(shop, Grant)[0].buyer_sits


def test_two_who_take_the_last_seat_at_once_are_one(shop: Shop, stripe: FakeStripe) -> None:
    _, subscription, grant = a_plan(shop, stripe, 3)
    for email in PEOPLE[:2]:
        invitations.invite(shop, NORA, grant, email)
    codes = {email: code_for(shop, email) for email in PEOPLE[:2]}
    set_seats(shop, stripe, subscription, 2)
    found = at_once(
        *[lambda email=email: invitations.accept(shop, seat_of(shop, email).id, codes[email]) for email in codes]
    )
    assert sorted(type(each).__name__ for each in found) == ["SeatsTaken", "str"]
    assert sorted(standing(shop).values()) == ["accepted", "invited"]


def test_who_is_erased_has_no_seat_and_no_invitation_any_more(shop: Shop, stripe: FakeStripe) -> None:
    _, _, grant = a_plan(shop, stripe)
    joins(shop, grant, PEOPLE[0])
    invitations.invite(shop, NORA, grant, PEOPLE[1])
    for email in PEOPLE[:2]:
        assert email.encode() in b"".join(export.from_terminal(shop, email))
        erasure.from_terminal(shop, email)
    assert builders.rows(shop, Seat) == []
    assert invitations.seats(shop, NORA, grant).free == 2


STEPS = st.one_of(
    st.tuples(st.just("claim"), st.integers(0, 4)),
    st.tuples(st.just("remove"), st.integers(0, 4)),
    st.tuples(st.just("quantity"), st.integers(0, 5)),
    st.tuples(st.just("choose"), st.integers(0, 4)),
    st.tuples(st.just("sit"), st.integers(0, 1)),
)


@pytest.fixture
def numbers() -> Iterator[int]:
    return iter(range(10**6))


@builders.on_sqlite
@settings(max_examples=25)
@given(steps=st.lists(STEPS, max_size=10))
def test_whatever_happens_no_more_sit_than_were_paid_for_and_the_first_stay(
    shop: Shop, stripe: FakeStripe, clock: Clock, numbers: Iterator[int], steps: list[tuple[str, int]]
) -> None:
    number = next(numbers)
    order_id, paid = builders.opened(shop, ("plan-month", 3), cart=f"c{number}", browser=f"br_{number}")
    buyer = f"buyer{number}@example.org"
    subscription = stripe.pay(paid, email=buyer)["subscription"]
    builders.deliver(shop, stripe.event("completed", paid))
    plans.refresh(shop, subscription)
    (grant,) = [row.id for row in builders.rows(shop, Grant) if row.order_id == order_id]

    def mine() -> list[Seat]:
        return [row for row in builders.rows(shop, Seat) if row.grant_id == grant]

    for what, value in steps:
        clock.pass_(minutes=1)
        guest = f"g{value}-{number}@team.example"
        own = next((row for row in mine() if row.email == guest), None)
        before = {row.id for row in mine()}
        try:
            match what:
                case "claim":
                    claims.claim(shop, order_id, guest)
                case "remove" if own:
                    claims.release(shop, own.id)
                case "quantity":
                    set_seats(shop, stripe, subscription, value)
                case "choose" if own:
                    sitting = [row.id for row in mine() if row.state is SeatState.ACCEPTED]
                    invitations.choose(shop, buyer, own.id, sitting[0] if sitting else "none")
                case "sit":
                    invitations.sit(shop, buyer, grant, buyer=bool(value))
        except ShopError:
            pass
        with shop.reading() as session:
            row = session.get_one(Grant, grant)
        room = max(row.quantity - row.buyer_sits, 0)
        there = [each for each in mine() if each.state in (SeatState.ACCEPTED, SeatState.SUSPENDED)]
        there.sort(key=lambda each: (each.since, each.id))
        states = [each.state for each in there]
        assert states == [SeatState.ACCEPTED] * min(room, len(there)) + [SeatState.SUSPENDED] * max(
            len(there) - room, 0
        )
        assert before <= {each.id for each in mine()}
    assert timedelta(0) <= clock.time - shop.now()


def test_a_seat_of_who_was_erased_is_whose_turn_it_is(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    listens(shop, "http://127.0.0.1:9/", "seat.changed")
    _, subscription, grant = a_plan(shop, stripe, 3)
    for email in PEOPLE[:2]:
        joins(shop, grant, email)
        clock.pass_(minutes=1)
    set_seats(shop, stripe, subscription, 2)
    assert standing(shop) == {PEOPLE[0]: "accepted", PEOPLE[1]: "suspended"}
    clock.pass_(minutes=1)
    taken = seat_of(shop, PEOPLE[0]).id
    erasure.from_terminal(shop, PEOPLE[0])
    assert standing(shop) == {PEOPLE[1]: "accepted"}
    assert may_use(shop, PEOPLE[1])
    told = [orjson.loads(row.body)["data"] for row in builders.rows(shop, WebhookMessage)]
    assert [each["seat"] for each in told if each["state"] == "removed"] == [taken]


def test_who_was_only_asked_to_take_a_seat_is_forgotten_however_their_address_was_typed(
    shop: Shop, stripe: FakeStripe
) -> None:
    _, _, grant = a_plan(shop, stripe)
    invitations.invite(shop, NORA, grant, "Ida@Team.example")
    told = orjson.loads(b"".join(export.from_terminal(shop, "ida@team.EXAMPLE")))
    assert [row["email"] for row in told["seats"]] == ["Ida@team.example"]
    erasure.from_terminal(shop, "ida@team.EXAMPLE")
    assert builders.rows(shop, Seat) == []


def test_who_is_erased_has_no_seat_under_an_address_of_before_either(shop: Shop, stripe: FakeStripe) -> None:
    _, _, grant = a_plan(shop, stripe)
    joins(shop, grant, PEOPLE[0])
    with shop.transaction() as session:
        address_changes.change(session, PEOPLE[0], PEOPLE[1], how=How.OWNER, actor="owner", now=shop.now())
    erasure.from_terminal(shop, PEOPLE[1])
    assert standing(shop) == {}


# -- two customers, or two addresses, that turn out to be one person's


def claimed(shop: Shop, order_id: str, *guests: str) -> None:
    for guest in guests:
        claims.claim(shop, order_id, guest)


def become_one(shop: Shop, old: str, new: str, *, keep: bool = True) -> None:
    with shop.transaction() as session:
        address_changes.change(session, old, new, how=How.OWNER, keep=keep, join=True, actor="owner", now=shop.now())


@pytest.mark.parametrize("keep", [True, False])
def test_two_customers_who_become_one_keep_the_seat_of_who_came_first(
    shop: Shop, stripe: FakeStripe, clock: Clock, keep: bool
) -> None:
    listens(shop, "http://127.0.0.1:9/", "seat.changed")
    order_id, subscription, grant = a_plan(shop, stripe, 4)
    for guest in PEOPLE[:3]:
        clock.pass_(minutes=1)
        claimed(shop, order_id, guest)
    set_seats(shop, stripe, subscription, 3)
    assert standing(shop) == {PEOPLE[0]: "accepted", PEOPLE[1]: "accepted", PEOPLE[2]: "suspended"}
    clock.pass_(minutes=1)
    become_one(shop, PEOPLE[0], PEOPLE[1], keep=keep)
    # Who waited for a seat has the one that is free.
    assert standing(shop) == {PEOPLE[0]: "accepted", PEOPLE[1]: "removed", PEOPLE[2]: "accepted"}
    assert all(may_use(shop, guest) for guest in PEOPLE[1:3])
    assert [each.split(":")[0] for each in builders.log(shop, order_id) if "seat" in each] == ["seat_freed"]
    told = [orjson.loads(row.body)["data"] for row in builders.rows(shop, WebhookMessage)]
    assert sorted(each["seat"] for each in told if each["state"] == "removed") == [seat_of(shop, PEOPLE[1]).id]
    with pytest.raises(SeatHeld):
        invitations.invite(shop, NORA, grant, PEOPLE[1])


@builders.on_sqlite
@pytest.mark.parametrize("sits", [True, False])
def test_a_plans_buyer_who_turns_out_to_have_a_seat_of_it_has_their_own(
    shop: Shop, stripe: FakeStripe, sits: bool
) -> None:
    order_id, _, grant = a_plan(shop, stripe, 2)
    claimed(shop, order_id, PEOPLE[0])
    invitations.sit(shop, NORA, grant, buyer=sits)
    become_one(shop, PEOPLE[0], NORA)
    found = invitations.seats(shop, NORA, grant)
    assert (found.buyer_sits, found.people, found.free) == (True, (), 1)
    # Of two plans each has a seat of the other's: one is left of either.
    other, _, _ = a_plan(shop, stripe, 2, cart="cart_2")
    assert may_use(shop, PEOPLE[0])
    with pytest.raises(SeatHeld):
        invitations.invite(shop, NORA, grant, PEOPLE[0])
    assert claims.claim(shop, other, PEOPLE[0]).id == ""


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("again", ["ole@team.example", "OLE@Team.example"])
def test_who_is_asked_once_more_in_other_capitals_has_one_seat(
    shop: Shop, stripe: FakeStripe, again: str, older: bool
) -> None:
    _, _, grant = a_plan(shop, stripe, 3)
    invitations.invite(shop, NORA, grant, "Ole@team.example")
    [seat] = builders.rows(shop, Seat)
    if older:  # as a version of before writes it
        with shop.transaction() as session:
            session.get_one(Seat, seat.id).folded = None
    invitations.remove(shop, NORA, seat.id)
    invitations.invite(shop, NORA, grant, again)
    [seat] = builders.rows(shop, Seat)
    # A letter goes to the address as it was given.
    assert (seat.email.partition("@")[0], seat.folded, seat.state) == (
        again.partition("@")[0], "ole@team.example", SeatState.INVITED,
    )  # fmt: skip


def test_a_change_of_address_locks_the_plans_in_which_it_was_typed_otherwise(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _, grant = a_plan(shop, stripe, 3)
    invitations.invite(shop, NORA, grant, "Ole@Team.example")
    with shop.reading() as session:
        assert seating.of_people(session, [], {"ole@team.example"}) == {order_id}
        assert seating.of_people(session, [], {"ole@team.other"}) == set()


def test_who_is_asked_under_an_address_that_is_theirs_by_then_takes_no_second_seat(
    shop: Shop, stripe: FakeStripe
) -> None:
    order_id, _, grant = a_plan(shop, stripe, 3)
    claimed(shop, order_id, PEOPLE[0])
    second = PEOPLE[1].capitalize()
    invitations.invite(shop, NORA, grant, second)
    with shop.transaction() as session:
        person = customers.whose(session, PEOPLE[0])
        assert person
        customers.take(session, PEOPLE[1], person, how=How.CODE, now=shop.now())
    assert invitations.accept(shop, seat_of(shop, second).id, code_for(shop, second))
    assert standing(shop) == {PEOPLE[0]: "accepted", second: "removed"}
    # The buyer who gave their own away and takes one under another address has it back.
    invitations.sit(shop, NORA, grant, buyer=False)
    invitations.invite(shop, NORA, grant, "nora@second.example")
    with shop.transaction() as session:
        person = customers.whose(session, NORA)
        assert person
        customers.take(session, "nora@second.example", person, how=How.CODE, now=shop.now())
    seat = seat_of(shop, "nora@second.example")
    assert invitations.accept(shop, seat.id, code_for(shop, "nora@second.example"))
    found = invitations.seats(shop, NORA, grant)
    assert (found.buyer_sits, [each.email for each in found.people], found.free) == (True, [PEOPLE[0]], 1)


@builders.on_sqlite
def test_an_order_that_is_given_to_somebody_with_a_seat_of_its_plan_frees_it(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _, grant = a_plan(shop, stripe, 2)
    claimed(shop, order_id, PEOPLE[0])
    with shop.transaction() as session:
        owner = customers.whose(session, NORA)
        address_changes.change_of_order(
            session, order_id, PEOPLE[0], owner=owner, how=How.OWNER, actor="owner", now=shop.now()
        )
    found = invitations.seats(shop, PEOPLE[0], grant)
    assert (found.buyer_sits, found.people, found.free) == (True, (), 1)


def test_to_become_one_and_to_take_seats_at_once_leaves_nobody_two(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _, grant = a_plan(shop, stripe, 5)
    claimed(shop, order_id, PEOPLE[0])
    for guest in PEOPLE[1:3]:
        invitations.invite(shop, NORA, grant, guest)
    codes = {guest: (seat_of(shop, guest).id, code_for(shop, guest)) for guest in PEOPLE[1:3]}
    results = at_once(
        lambda: become_one(shop, PEOPLE[0], PEOPLE[1]),
        *[lambda guest=guest: invitations.accept(shop, *codes[guest]) for guest in codes],
        lambda: claims.claim(shop, order_id, PEOPLE[3]),
    )
    refused = [each for each in results if isinstance(each, Exception)]
    assert all(isinstance(each, SeatNotFound) for each in refused), results
    sitting = [row.customer_id for row in builders.rows(shop, Seat) if row.state is SeatState.ACCEPTED]
    assert len(sitting) == len(set(sitting)) == 3
