"""What workshops know of people: told to them, forgotten when they ask for it; and what a catalogue file does to their dates."""

import json
from typing import Any

import pytest

from core.attendance import changes, dates, tickets, waiting
from core.foundation.errors import CustomerNotFound, LinkInvalid
from core.kinds.places.waiting_list import WaitingEntry
from core.owner import publishing
from core.people import address_changes, customers
from core.people.customers import How
from core.privacy import erasure, export
from tests import builders, colleagues
from tests.builders import on_sqlite
from tests.conftest import CATALOGUE, Clock
from tests.core.attendance.conftest import NORA, Clinic

OTTO = "otto@lindqvist.example"


def test_who_comes_by_somebody_else_s_order_is_told_and_forgotten(clinic: Clinic, clock: Clock) -> None:
    order_id = clinic.sell(2)
    changes.hand_over(clinic.shop, clinic.tickets(order_id)[1], "Otto Berg", OTTO, signed_in=NORA)
    ticket = clinic.tickets(order_id)[1]
    found = json.loads(b"".join(export.from_terminal(clinic.shop, OTTO)))
    assert [row["name"] for row in found["attendees"]] == ["Otto Berg"]
    assert "former" not in found["attendees"][0]
    erasure.from_terminal(clinic.shop, OTTO)
    assert OTTO not in str([row.model_dump() for row in clinic.rows()])
    with pytest.raises(LinkInvalid):
        changes.rename(clinic.shop, ticket, "Eve")
    assert [row.holds for row in clinic.rows()] == [True, True]
    with pytest.raises(CustomerNotFound):
        erasure.from_terminal(clinic.shop, OTTO)
    clock.pass_(days=60)
    erasure.from_terminal(clinic.shop, NORA)
    assert [(row.name, row.email) for row in clinic.rows()] == [("", ""), ("", "")]


@on_sqlite
def test_who_had_a_place_and_handed_it_on_is_forgotten_however_their_address_was_typed(clinic: Clinic) -> None:
    order_id = clinic.sell()
    changes.hand_over(clinic.shop, clinic.tickets(order_id)[0], "Otto Berg", "Otto@Berg.example", signed_in=NORA)
    changes.hand_over(
        clinic.shop, clinic.tickets(order_id)[0], "Ida", "ida@berg.example", signed_in="otto@berg.example"
    )
    erasure.from_terminal(clinic.shop, "otto@berg.EXAMPLE")
    assert [(row.email, row.former) for row in clinic.rows()] == [("ida@berg.example", "")]
    with pytest.raises(CustomerNotFound):
        erasure.from_terminal(clinic.shop, "otto@berg.example")


@on_sqlite
@pytest.mark.parametrize("whole", [True, False])
def test_the_tickets_of_an_address_that_is_corrected_open_nothing_any_more(clinic: Clinic, whole: bool) -> None:
    order_id = clinic.sell(2)
    changes.hand_over(clinic.shop, clinic.tickets(order_id)[1], "Otto Berg", OTTO, signed_in=NORA)
    before, owner = clinic.tickets(order_id), builders.order(clinic.shop, order_id).customer_id
    with clinic.shop.transaction() as session:
        how: dict[str, Any] = {"how": How.OWNER, "actor": "owner", "now": clinic.shop.now()}
        if whole:
            address_changes.change(session, NORA, "ida@berg.example", **how)
        else:
            address_changes.change_of_order(session, order_id, "ida@berg.example", owner=owner, **how)
    mine, ottos = clinic.tickets(order_id)
    with pytest.raises(LinkInvalid):
        tickets.door(clinic.shop, before[0])
    # What was somebody else's already stays theirs.
    assert (ottos, tickets.view(clinic.shop, ottos).email) == (before[1], OTTO)
    [letter] = [each for each in clinic.letters(f"place_letter:{order_id}:{clinic.rows()[0].id}:").values() if each]
    assert letter.to == "ida@berg.example"
    assert mine in letter.text
    assert f"UID:{clinic.rows()[0].id}" in letter.calendar[0].replace("\r\n ", "")


@on_sqlite
def test_whose_address_is_corrected_has_a_new_ticket_of_somebody_else_s_order_too(clinic: Clinic) -> None:
    order_id = clinic.sell()
    changes.hand_over(clinic.shop, clinic.tickets(order_id)[0], "Otto Berg", OTTO, signed_in=NORA)
    [before] = clinic.tickets(order_id)
    with clinic.shop.transaction() as session:
        customers.remember(session, OTTO, how=How.OWNER, now=clinic.shop.now())
        address_changes.change(session, OTTO, "otto@berg.example", how=How.OWNER, actor="owner", now=clinic.shop.now())
    with pytest.raises(LinkInvalid):
        tickets.door(clinic.shop, before)
    told = {each.to: each.text for each in clinic.letters("place_letter:").values() if each}
    assert clinic.tickets(order_id)[0] in told["otto@berg.example"]
    assert OTTO not in told


def test_who_waits_is_forgotten_and_what_was_offered_to_them_goes_to_the_next(clinic: Clinic) -> None:
    orders = [clinic.sell(4, cart="a"), clinic.sell(1, cart="b")]
    for address in (OTTO, "ann@buyer.example"):
        waiting.join(clinic.shop, "clinic/1", address)
        clinic.shop.now.pass_(minutes=1)  # type: ignore[attr-defined]
    clinic.refund(orders[1])
    assert len(json.loads(b"".join(export.from_terminal(clinic.shop, OTTO)))["waiting_entries"]) == 1
    erasure.from_terminal(clinic.shop, OTTO)
    (left,) = builders.rows(clinic.shop, WaitingEntry)
    assert (left.email, left.state, builders.taken(clinic.shop)["clinic/1"]) == ("ann@buyer.example", "offered", 5)


@on_sqlite
def test_a_file_that_moves_a_date_tells_its_people_and_brings_back_no_canceled_one(
    clinic: Clinic, clock: Clock
) -> None:
    clinic.sell()
    clock.pass_(days=1)  # the file says in how many days it takes place
    publishing.apply(clinic.shop, CATALOGUE)
    assert [job for job in builders.jobs(clinic.shop) if ":moved:" in job] != []
    with clinic.shop.reading() as session:
        about = dates.concerned(session, "clinic/1")
    owner = colleagues.works_as(clinic.shop, colleagues.Role.OWNER)
    dates.cancel(clinic.shop, "clinic/1", agreed=about, deed=colleagues.deed(owner))
    publishing.apply(clinic.shop, CATALOGUE)
    found = next(row for row in builders.rows(clinic.shop, builders.WorkshopDate) if row.id == "clinic/1")
    assert (found.active, found.canceled_at is None) == (False, False)
