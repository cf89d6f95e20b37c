"""The owner's pages of workshops: the list, one date with its people, and the door."""

from datetime import date, time, timedelta

import pytest

from core.attendance import waiting
from core.kinds.places.attendees import Attendee
from core.kinds.places.cancellations import PlaceCancellation
from core.kinds.workshops import WorkshopDate
from core.orders.orders import Order
from core.people.staff import Role
from tests import builders
from tests.builders import bought
from tests.storefront.conftest import Visitor, labels, sound, words

pytestmark = builders.on_sqlite


@pytest.fixture
def office(visitor: Visitor) -> Visitor:
    """An owner, in a shop in which three places of five are sold, and one is being paid for."""
    bought(visitor.shop, visitor.stripe, ("clinic-eur", 2))
    bought(visitor.shop, visitor.stripe, ("clinic-eur", 1), cart="cart_2")
    builders.opened(visitor.shop, ("clinic-eur", 1), cart="cart_3")
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, page: str, **query: str):
    return visitor.opens(f"selling/{page}", folder="owner_pages", **query)


def test_the_list_says_how_full_each_date_is(office: Visitor) -> None:
    waiting.join(office.shop, "full/1", "ann@buyer.example")
    tab = opens(office, "workshops")
    bars = [each.text for each in tab.get("progress")]
    assert "**3 of 5 places** taken, 1 free, 1 held at payment now." in bars
    assert "**3 of 3 places** taken, 3 of them sold elsewhere, none free, 1 on the waiting list." in bars


def test_a_date_is_canceled_by_its_dialog_after_saying_whom_that_concerns(office: Visitor) -> None:
    tab = opens(office, "workshop", id="clinic/1")
    assert "Nora Lindqvist" in words(tab)
    sound(tab.button(key="open-cancel").click().run())
    assert "**3 people** from 2 orders are told" in words(tab)
    sound(tab.button(key="cancel-do").click().run())
    assert "The date is canceled." in words(tab)
    assert len(builders.rows(office.shop, PlaceCancellation)) == 2
    assert "**0 of 2 refunds** asked for at Stripe." in [each.text for each in tab.get("progress")]


def test_a_date_is_moved_and_people_are_written_to(office: Visitor) -> None:
    before = next(row.starts_at for row in builders.rows(office.shop, WorkshopDate) if row.id == "clinic/1")
    tab = opens(office, "workshop", id="clinic/1")
    sound(tab.button(key="open-move").click().run())
    tab.time_input(key="move-time").set_value(before.time().replace(hour=20)).run()
    sound(tab.button(key="move-do").click().run())
    after = next(row.starts_at for row in builders.rows(office.shop, WorkshopDate) if row.id == "clinic/1")
    assert (after - before).total_seconds() == 3 * 3600
    sound(tab.button(key="open-write").click().run())
    tab.text_input(key="write-subject-clinic/1").set_value("Bring a pen")
    tab.text_area(key="write-text-clinic/1").set_value("Please.")
    sound(tab.button(key="write-do").click().run())
    assert "on its way to 3 people" in words(tab)


@pytest.mark.parametrize("hours", [0.1, 1 / 3, 2.125, 120])
def test_a_date_of_a_length_that_only_a_catalogue_says_is_moved_as_well(office: Visitor, hours: float) -> None:
    (before,) = (row for row in builders.rows(office.shop, WorkshopDate) if row.id == "clinic/1")
    builders.change_date(office.shop, "clinic/1", ends_at=before.starts_at + timedelta(hours=hours))
    tab = sound(opens(office, "workshop", id="clinic/1").button(key="open-move").click().run())
    tab.time_input(key="move-time").set_value(time(20)).run()
    sound(tab.button(key="move-do").click().run())
    (after,) = (row for row in builders.rows(office.shop, WorkshopDate) if row.id == "clinic/1")
    assert after.ends_at - after.starts_at == timedelta(hours=hours)


def test_hours_are_typed_with_a_comma_as_well_and_what_is_no_number_is_said(office: Visitor) -> None:
    tab = sound(opens(office, "workshop", id="clinic/1").button(key="open-move").click().run())
    for text in ("long", "0", "1,500"):
        tab.text_input(key="move-hours").set_value(text).run()
        sound(tab.button(key="move-do").click().run())
        assert tab.warning[-1].value == "**The number of hours** is a number such as 2 or 1.5."
    tab.text_input(key="move-hours").set_value("1,5").run()
    sound(tab.button(key="move-do").click().run())
    (after,) = (row for row in builders.rows(office.shop, WorkshopDate) if row.id == "clinic/1")
    assert after.ends_at - after.starts_at == timedelta(minutes=90)


def test_a_time_that_no_clock_shows_is_refused_by_a_button_that_is_there_for_the_next_one(office: Visitor) -> None:
    tab = sound(opens(office, "workshop", id="clinic/1").button(key="open-move").click().run())
    (before,) = (row for row in builders.rows(office.shop, WorkshopDate) if row.id == "clinic/1")
    tab.date_input(key="move-day").set_value(date(2027, 3, 28))
    sound(tab.time_input(key="move-time").set_value(time(2, 30)).run())
    assert any("No clock there shows this time" in each.value for each in tab.warning)
    sound(tab.button(key="move-do").click().run())
    assert "Choose another time first." in [each.value for each in tab.warning]
    assert before in builders.rows(office.shop, WorkshopDate)
    # The field is left by the click itself.
    tab.date_input(key="move-day").set_value(date(2027, 3, 29))
    sound(tab.button(key="move-do").click().run())
    assert "It takes place on" in words(tab)


def test_somebody_who_waits_is_offered_what_is_free(office: Visitor) -> None:
    waiting.join(office.shop, "clinic/1", "ann@buyer.example", places=2)
    tab = opens(office, "workshop", id="clinic/1")
    assert "Offer it" not in labels(tab)
    builders.change_date(office.shop, "clinic/1", capacity=6)
    tab = opens(office, "workshop", id="clinic/1")
    sound(next(each for each in tab.button if each.label == "Offer it").click().run())
    assert "Held for ann@buyer.example" in words(tab)


def test_people_are_searched_ticked_and_unticked_at_the_door(office: Visitor) -> None:
    guest = next(row for row in builders.rows(office.shop, Attendee) if row.place == 1)
    number = next(row.number for row in builders.rows(office.shop, Order) if row.id == guest.order_id)
    tab = opens(office, "check_in", id="clinic/1", text=number.lower())
    assert [each.label for each in tab.button if each.label == "Check in"] == ["Check in", "Check in"]
    sound(tab.button(key=f"check-in-{guest.id}").click().run())
    assert "Guest 2 is here." in words(tab)
    assert "**1 of 3** are here." in [each.text for each in tab.get("progress")]
    sound(tab.button(key=f"undo-{guest.id}").click().run())
    assert "**0 of 3** are here." in [each.text for each in tab.get("progress")]


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_who_may_not_change_dates_has_no_buttons_for_it(office: Visitor, role: Role) -> None:
    office.works_as(role)
    shown = {each.key for each in opens(office, "workshop", id="clinic/1").button}
    assert not shown & {"open-move", "open-cancel"}
    assert ("open-write" in shown) is (role is Role.SUPPORT)
    door = opens(office, "check_in", id="clinic/1")
    assert ("Check in" in labels(door)) is (role is Role.SUPPORT)
    assert ("scan the code of a ticket" in words(door)) is (role is Role.SUPPORT)


@pytest.mark.parametrize("dialog", ["move", "cancel", "write"])
def test_a_forged_dialog_of_a_viewer_changes_no_date(office: Visitor, dialog: str) -> None:
    office.works_as(Role.VIEWER)
    before, jobs = builders.rows(office.shop, WorkshopDate), builders.jobs(office.shop)
    tab = opens(office, "workshop", id="clinic/1")
    tab.session_state["dialog"] = dialog
    sound(tab.run())
    if dialog == "write":
        tab.text_input(key="write-subject-clinic/1").set_value("x")
        tab.text_area(key="write-text-clinic/1").set_value("x")
    sound(tab.button(key=f"{dialog}-do").click().run())
    assert "your role doesn't allow this" in "".join(each.value for each in tab.warning)
    assert (builders.rows(office.shop, WorkshopDate), builders.jobs(office.shop)) == (before, jobs)
