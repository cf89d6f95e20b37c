"""The waiting list: what frees up is offered before anybody else sees it, to the first for whom it is enough."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.attendance import changes, reminders, waiting
from core.connections import postgres
from core.foundation.errors import BadQuantity, LinkInvalid, OfferOver, PlacesFree, SoldOut
from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from core.kinds import workshops
from core.kinds.places import waiting_list
from core.kinds.places.waiting_list import Waiting, WaitingEntry
from core.kinds.workshops import WorkshopDate
from core.owner.shelves import dates
from core.people import address_changes, customers
from core.people.customers import How
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import at_once, deliver, on_sqlite
from tests.conftest import Clock
from tests.core.attendance.conftest import NORA, Clinic
from tests.fakes import FakeStripe, session_in
from webhook.attendance.pages import sentence

DATE = "clinic/1"


@pytest.fixture
def full(clinic: Clinic) -> Clinic:
    """The clinic with its five places sold, to three buyers: one place, one place, three."""
    for cart, places in (("a", 1), ("b", 1), ("c", 3)):
        clinic.sell(places, cart=cart)
    return clinic


def order_of(clinic: Clinic, cart: str) -> str:
    return next(order.id for order in builders.rows(clinic.shop, builders.Order) if order.cart_id == cart)


def wait(clinic: Clinic, *names: str, places: int = 1) -> None:
    for name in names:
        waiting.join(clinic.shop, DATE, f"{name}@buyer.example", places=places)


def entries(shop: Shop) -> dict[str, WaitingEntry]:
    return {row.email.partition("@")[0]: row for row in builders.rows(shop, WaitingEntry)}


def states(shop: Shop) -> dict[str, str]:
    return {name: row.state.value for name, row in sorted(entries(shop).items())}


def token(shop: Shop, name: str) -> str:
    return waiting_list.token(entries(shop)[name], signing_key=shop.signing_key)


def left(shop: Shop) -> int:
    with shop.reading() as session:
        return workshops.dates(session, [DATE], now=shop.now())[DATE].left


def buys(shop: Shop, places: int = 1, cart: str = "eve") -> Callable[[], object]:
    return lambda: checkout.start(shop, Basket(cart, (Item("clinic-eur", places, DATE),)))


# -- joining and leaving


@on_sqlite
def test_an_address_is_on_the_list_of_a_date_once_and_keeps_its_turn(full: Clinic, clock: Clock) -> None:
    wait(full, "ann", "bob")
    clock.pass_(minutes=5)
    waiting.join(full.shop, DATE, "ANN@buyer.example", places=2)
    assert len(entries(full.shop)) == 2
    assert waiting.view(full.shop, token(full.shop, "ann")).places == 2
    assert (waiting.view(full.shop, token(full.shop, "ann")).ahead, waiting.view(full.shop, token(full.shop, "bob")).ahead) in (
        (0, 1), (1, 0),
    )  # fmt: skip
    assert len([job for job in builders.jobs(full.shop) if job.startswith("waiting_letter:")]) == 2


@on_sqlite
def test_nobody_waits_for_what_is_free_or_has_begun_or_for_more_than_is_sold(clinic: Clinic, clock: Clock) -> None:
    with pytest.raises(PlacesFree):
        waiting.join(clinic.shop, DATE, "ann@buyer.example")
    with pytest.raises(BadQuantity):
        waiting.join(clinic.shop, DATE, "ann@buyer.example", places=9)
    clock.pass_(days=30)
    with pytest.raises(SoldOut):
        waiting.join(clinic.shop, DATE, "ann@buyer.example")


@on_sqlite
def test_who_comes_back_to_the_list_stands_at_its_end_and_the_old_link_is_dead(full: Clinic, clock: Clock) -> None:
    wait(full, "ann")
    old = token(full.shop, "ann")
    waiting.leave(full.shop, old)
    waiting.leave(full.shop, old)
    assert states(full.shop) == {"ann": "left"}
    clock.pass_(minutes=1)
    wait(full, "bob")
    clock.pass_(minutes=1)
    wait(full, "ann")
    with pytest.raises(LinkInvalid):
        waiting.view(full.shop, old)
    assert waiting.view(full.shop, token(full.shop, "ann")).ahead == 1


# -- offers


def test_a_freed_place_goes_to_the_first_for_whom_it_is_enough_and_the_shop_never_shows_it(
    full: Clinic, clock: Clock
) -> None:
    wait(full, "ann", places=2)
    clock.pass_(minutes=1)
    wait(full, "bob", "cyd")
    full.refund(order_of(full, "a"))
    first = next(name for name in ("bob", "cyd") if entries(full.shop)[name].state is Waiting.OFFERED)
    assert sorted(states(full.shop).values()) == ["offered", "waiting", "waiting"]
    assert (left(full.shop), builders.taken(full.shop)[DATE]) == (0, 5)
    with pytest.raises(SoldOut):
        buys(full.shop)()
    assert entries(full.shop)[first].offer_until == clock() + timedelta(hours=24)
    assert [job for job in builders.jobs(full.shop) if ":offer:" in job] != []


def test_twenty_wait_for_three_free_places_and_three_are_offered_one(full: Clinic) -> None:
    wait(full, *(f"w{number:02}" for number in range(20)))
    full.refund(order_of(full, "c"))
    assert sorted(states(full.shop).values()).count("offered") == 3
    assert (left(full.shop), builders.taken(full.shop)[DATE]) == (0, 5)


def test_an_offer_is_taken_by_going_to_pay_and_by_nobody_else(full: Clinic, stripe: FakeStripe) -> None:
    wait(full, "ann")
    full.refund(order_of(full, "a"))
    link = waiting.accept(full.shop, token(full.shop, "ann"))
    assert waiting.accept(full.shop, token(full.shop, "ann")).url == link.url
    assert (states(full.shop), builders.taken(full.shop)[DATE]) == ({"ann": "paying"}, 5)
    session_id = session_in(link.url)
    stripe.pay(session_id, email="ann@buyer.example")
    deliver(full.shop, stripe.event("completed", session_id))
    assert (states(full.shop), builders.taken(full.shop)[DATE]) == ({"ann": "took"}, 5)
    assert len(full.tickets(link.order_id)) == 1
    with pytest.raises(OfferOver) as over:
        waiting.accept(full.shop, token(full.shop, "ann"))
    assert over.value.taken
    assert "the places are yours" in sentence(over.value)


@on_sqlite
def test_an_offer_is_taken_while_the_money_for_another_place_is_still_on_its_way(
    full: Clinic, stripe: FakeStripe
) -> None:
    builders.add_date(full.shop, "clinic/3", in_days=40)
    slow = Basket("slow", (Item("clinic-eur", 1, "clinic/3"),), browser_id="br_1")
    stripe.pay(session_in(checkout.start(full.shop, slow).url), slowly=True)
    builders.ask_stripe(full.shop)
    for session_id in stripe.sessions:
        deliver(full.shop, stripe.event("completed", session_id))
    wait(full, "ann")
    full.refund(order_of(full, "a"))
    assert builders.status(full.shop, order_of(full, "slow")) == "processing"
    waiting.accept(full.shop, token(full.shop, "ann"), browser_id="br_1")
    assert states(full.shop) == {"ann": "paying"}


def test_who_goes_to_pay_and_does_not_is_offered_it_again_while_the_offer_stands(
    full: Clinic, stripe: FakeStripe, clock: Clock
) -> None:
    wait(full, "ann", "bob")
    full.refund(order_of(full, "a"))
    first = next(name for name, state in states(full.shop).items() if state == "offered")
    for again in ("offered", "lapsed"):
        session_id = session_in(waiting.accept(full.shop, token(full.shop, first)).url)
        clock.pass_(minutes=36 if again == "offered" else 60 * 24)
        stripe.expire(session_id)
        deliver(full.shop, stripe.event("expired", session_id))
        assert states(full.shop)[first] == again
        assert builders.taken(full.shop)[DATE] == 5
    assert sorted(states(full.shop).values()) == ["lapsed", "offered"]


def test_an_offer_whose_time_is_over_goes_to_the_next_once(full: Clinic, clock: Clock) -> None:
    wait(full, "ann", "bob")
    full.refund(order_of(full, "a"))
    clock.pass_(hours=24)
    done = at_once(*[lambda: waiting.end_offers(full.shop)] * 3)
    assert sorted(done) == [0, 0, 1]
    assert sorted(states(full.shop).values()) == ["lapsed", "offered"]
    assert builders.taken(full.shop)[DATE] == 5


@on_sqlite
def test_near_the_date_offers_are_shorter_and_in_its_last_hour_there_are_none(full: Clinic, clock: Clock) -> None:
    (date,) = [row for row in builders.rows(full.shop, WorkshopDate) if row.id == DATE]
    wait(full, "ann", "bob")
    clock.time = date.starts_at - timedelta(hours=10)
    full.refund(order_of(full, "a"))
    assert {row.offer_until for row in entries(full.shop).values()} == {None, date.starts_at - timedelta(hours=5)}
    clock.time = date.starts_at - timedelta(minutes=59)
    full.refund(order_of(full, "b"))
    assert left(full.shop) == 1


@on_sqlite
def test_leaving_gives_an_offer_to_the_next_and_moving_away_frees_a_place_for_them(full: Clinic) -> None:
    wait(full, "ann", "bob", "cyd")
    changes.move(full.shop, full.tickets(order_of(full, "a"))[0], "clinic/2", signed_in=NORA)
    first = next(name for name, state in states(full.shop).items() if state == "offered")
    waiting.leave(full.shop, token(full.shop, first))
    assert sorted(states(full.shop).values()) == ["left", "offered", "waiting"]
    assert builders.taken(full.shop)[DATE] == 5


@on_sqlite
def test_more_places_are_offered_to_those_who_wait_and_an_owner_offers_to_anybody(full: Clinic, clock: Clock) -> None:
    wait(full, "ann", places=4)
    wait(full, "bob")
    owner = colleagues.works_as(full.shop, Role.OWNER)
    dates.resize(full.shop, DATE, 7, deed=colleagues.deed(owner))
    assert (states(full.shop), left(full.shop)) == ({"ann": "waiting", "bob": "offered"}, 1)
    with pytest.raises(SoldOut):
        waiting.offer(full.shop, entries(full.shop)["ann"].id, deed=colleagues.deed(owner))
    dates.resize(full.shop, DATE, 8, deed=colleagues.deed(owner))
    clock.pass_(hours=25)
    waiting.end_offers(full.shop)
    assert left(full.shop) == 3
    again = colleagues.works_as(full.shop, Role.OWNER)
    waiting.offer(full.shop, entries(full.shop)["bob"].id, deed=colleagues.deed(again))
    assert (states(full.shop), left(full.shop)) == ({"ann": "waiting", "bob": "offered"}, 2)


# -- at once


def test_thirty_at_once_for_five_places_with_people_waiting(full: Clinic) -> None:
    wait(full, "ann", "bob")
    full.refund(order_of(full, "a"))
    tokens = [token(full.shop, name) for name in ("ann", "bob")]
    crowd = [buys(full.shop, cart=f"crowd_{number}") for number in range(26)]
    takers = [lambda token=token: waiting.accept(full.shop, token) for token in tokens * 2]
    done = at_once(*crowd, *takers)
    assert all(isinstance(each, SoldOut) for each in done[:26])
    assert sum(not isinstance(each, Exception) for each in done[26:]) == 2
    assert builders.taken(full.shop)[DATE] == 5


def test_two_workshops_crossed_in_two_carts_with_people_waiting_for_both(clinic: Clinic) -> None:
    builders.change_date(clinic.shop, "clinic/2", taken=3)
    builders.change_date(clinic.shop, "clinic/1", taken=3)

    def buy(cart: str, *order: str) -> Callable[[], object]:
        return lambda: checkout.start(clinic.shop, Basket(cart, tuple(Item("clinic-eur", 1, date) for date in order)))

    carts = [buy(f"c{number}", *(("clinic/1", "clinic/2")[:: 1 if number % 2 else -1])) for number in range(6)]
    done = at_once(*carts)
    assert sum(not isinstance(each, Exception) for each in done) == 2
    assert [type(each) for each in done if isinstance(each, Exception)] == [SoldOut] * 4
    assert (builders.taken(clinic.shop)["clinic/1"], builders.taken(clinic.shop)["clinic/2"]) == (5, 5)


# -- reminders


def test_reminders_are_owed_once_the_day_before_and_once_an_hour_before(clinic: Clinic, clock: Clock) -> None:
    order_id = clinic.sell(2)
    (date,) = [row for row in builders.rows(clinic.shop, WorkshopDate) if row.id == DATE]

    def owed() -> list[str]:
        reminders.owe_due(clinic.shop)
        reminders.owe_due(clinic.shop)
        jobs = [job for job in builders.jobs(clinic.shop) if job.startswith("place_letter:")]
        return sorted(job.split(":")[3] for job in jobs)

    assert owed() == []
    clock.time = date.starts_at - timedelta(hours=24)
    assert owed() == ["day", "day"]
    clock.time = date.starts_at - timedelta(hours=1)
    assert owed() == ["day", "day", "hour", "hour"]
    letters = clinic.letters("place_letter:")
    assert [bool(letter) for job, letter in letters.items() if ":hour:" in job] == [True, True]
    clinic.refund(order_id)
    assert not any(clinic.letters("place_letter:").values())


@on_sqlite
@pytest.mark.parametrize(("hours", "subject"), [(24, "Tomorrow: "), (11, "Tomorrow: "), (9, "Today: "), (4, "Today: ")])
def test_a_reminder_says_the_day_by_the_clock_of_where_it_takes_place(
    clinic: Clinic, clock: Clock, hours: int, subject: str
) -> None:
    """Also where the date was moved nearer, or no worker was there a day before."""
    clinic.sell()
    begins = clock().replace(hour=1, minute=0) + timedelta(days=10)  # ten o'clock in Tokyo
    builders.change_date(
        clinic.shop, DATE, starts_at=begins, ends_at=begins + timedelta(hours=2), timezone="Asia/Tokyo"
    )
    clock.time = begins - timedelta(hours=hours)
    reminders.owe_due(clinic.shop)
    [letter] = [letter for job, letter in clinic.letters("place_letter:").items() if ":day:" in job]
    assert letter is not None
    assert letter.subject.startswith(subject)
    assert ("begins today" if subject == "Today: " else "begins tomorrow") in letter.text


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_date_that_somebody_else_holds_keeps_no_other_ones_offers_from_ending(
    clinic: Clinic, own_connections: Callable[[], Shop], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres.LIMITS, "lock_timeout", 300)
    own = own_connections()
    for held, other in ((DATE, "clinic/2"), ("clinic/2", DATE)):  # whichever is looked at first
        for date_id in (held, other):
            builders.change_date(clinic.shop, date_id, taken=1)
            with clinic.shop.transaction() as session:
                offered = WaitingEntry(
                    id=f"wl_{date_id}", date_id=date_id, email=NORA, folded=NORA, places=1, state=Waiting.OFFERED,
                    since=clock(), offer_until=clock(),
                )  # fmt: skip
                session.merge(offered)
        with clinic.shop.engine.begin() as connection:
            connection.execute(text("select 1 from workshop_dates where id = :id for update"), {"id": held})
            assert waiting.end_offers(own) == 1
        assert {row.date_id: row.state for row in builders.rows(own, WaitingEntry)} == {
            held: Waiting.OFFERED, other: Waiting.LAPSED
        }  # fmt: skip


def corrected(clinic: Clinic, old: str, new: str) -> None:
    """Have an owner give somebody, who has bought here, another address."""
    with clinic.shop.transaction() as session:
        customers.remember(session, old, how=How.OWNER, now=clinic.shop.now())
        address_changes.change(session, old, new, how=How.OWNER, actor="owner", now=clinic.shop.now())


@on_sqlite
@pytest.mark.parametrize("pays", [False, True])
def test_the_link_to_an_offer_ends_with_the_address_it_went_to_and_the_other_gets_one(
    full: Clinic, stripe: FakeStripe, pays: bool
) -> None:
    wait(full, "anna")
    full.refund(order_of(full, "a"))
    before = token(full.shop, "anna")
    if pays:
        waiting.accept(full.shop, before)
    corrected(full, "anna@buyer.example", "ida@berg.example")
    for act in (waiting.view, waiting.leave, waiting.accept):
        with pytest.raises(LinkInvalid):
            act(full.shop, before)
    assert states(full.shop) == {"ida": "paying" if pays else "offered"}
    letters = [each for each in full.letters("waiting_letter:").values() if each]
    assert {each.to for each in letters} == {"ida@berg.example"}
    assert token(full.shop, "ida") in letters[-1].text
    waiting.accept(full.shop, token(full.shop, "ida"))
    assert states(full.shop) == {"ida": "paying"}
    placed = [order for order in builders.rows(full.shop, builders.Order) if order.cart_id.startswith("wl_")]
    assert [order.email for order in placed] == ["ida@berg.example"]
    session_id = max(stripe.sessions)
    stripe.pay(session_id, email="ida@berg.example")
    deliver(full.shop, stripe.event("completed", session_id))
    assert states(full.shop) == {"ida": "took"}


@on_sqlite
def test_the_link_that_leaves_the_list_ends_with_the_address_it_went_to(full: Clinic) -> None:
    wait(full, "anna")
    before = token(full.shop, "anna")
    corrected(full, "anna@buyer.example", "ida@berg.example")
    with pytest.raises(LinkInvalid):
        waiting.leave(full.shop, before)
    letters = [each for each in full.letters("waiting_letter:").values() if each]
    assert [each.to for each in letters] == ["ida@berg.example"]
    assert token(full.shop, "ida") in letters[0].text
    waiting.leave(full.shop, token(full.shop, "ida"))
    assert states(full.shop) == {"ida": "left"}


@on_sqlite
def test_an_address_that_is_only_written_otherwise_keeps_its_links(full: Clinic) -> None:
    wait(full, "anna")
    before = token(full.shop, "anna")
    with full.shop.transaction() as session:
        waiting_list.readdress(session, "anna@buyer.example", "Anna@buyer.example")
    assert waiting.view(full.shop, before).state is Waiting.WAITING
