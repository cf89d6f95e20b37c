"""The pages of tickets, of the way in and of waiting lists, as browsers, calendars and mail scanners ask for them."""

from datetime import timedelta

import pytest
from anyio.from_thread import BlockingPortal
from starlette.testclient import TestClient

from core.attendance import tickets, waiting
from core.foundation import signing
from core.kinds.places import waiting_list
from core.kinds.places.waiting_list import WaitingEntry
from core.people import codes
from core.people.codes import SignInCode
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.core.attendance.conftest import MEETING, NORA, Clinic
from tests.fakes import FakeStripe
from webhook.app import create_app

pytestmark = builders.on_sqlite


@pytest.fixture
def clinic(shop: Shop, stripe: FakeStripe) -> Clinic:
    return Clinic(shop, stripe)


@pytest.fixture
def ticket(clinic: Clinic) -> str:
    """The address of a ticket."""
    return f"/ticket/{clinic.tickets(clinic.sell())[0]}"


def works(client: TestClient, shop: Shop, role: Role) -> None:
    cookie = signing.sign(shop.signing_key, signing.SIGN_IN, colleagues.works_as(shop, role))
    client.cookies.set(signing.SIGN_IN_COOKIE, cookie)


def test_a_ticket_shows_when_and_where_and_is_kept_from_search_engines_and_caches(
    client: TestClient, ticket: str
) -> None:
    page = client.get(ticket)
    assert page.status_code == 200
    for text in (
        "Thursday 10 December 2026, 17:00 to 19:00, Copenhagen time",
        "Nora Lindqvist",
        "<svg",
    ):
        assert text in page.text
    assert MEETING not in page.text
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("private, no-store", "no-referrer")
    assert page.headers["x-robots-tag"] == "noindex"


def test_names_are_text_whatever_is_typed(client: TestClient, ticket: str) -> None:
    answer = client.post(ticket, data={"do": "rename", "name": "<script>alert(1)</script>"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ticket}?done=renamed")
    page = client.get(answer.headers["location"])
    assert "The name is changed." in page.text
    assert "<script>alert(1)" not in page.text


def test_a_form_of_another_site_changes_nothing(client: TestClient, clinic: Clinic, ticket: str) -> None:
    form = {"do": "rename", "name": "Eve"}
    assert client.post(ticket, data=form, headers={"Origin": "https://evil.example"}).status_code == 400
    assert client.post(ticket, data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    assert clinic.rows()[0].name == ""
    assert client.post(ticket, data=form, headers={"Origin": "null"}).status_code == 303


@pytest.mark.parametrize("field", ["do", "date", "name", "email", "code"])
def test_a_form_with_a_character_that_no_text_has_is_none(client: TestClient, ticket: str, field: str) -> None:
    for deed in ("move", "hand-over", "rename", "code"):
        answer = client.post(ticket, data={"do": deed, "name": "Ann", "email": "ann@b.example", field: "\0"})
        assert answer.status_code == 400


def enters(client: TestClient, shop: Shop, email: str) -> None:
    """Be signed in with this address."""
    cookie = signing.sign(shop.signing_key, signing.SIGN_IN, colleagues.signed_in(shop, email))
    client.cookies.set(signing.SIGN_IN_COOKIE, cookie)


def test_a_link_that_was_passed_on_shows_the_place_and_takes_it_from_nobody(
    client: TestClient, clinic: Clinic, ticket: str
) -> None:
    page = client.get(ticket).text
    assert "Change the name" in page
    assert "Give it to somebody else" not in page
    assert NORA not in page
    for form in (
        {"do": "hand-over", "name": "Eve", "email": "eve@lindqvist.example"},
        {"do": "move", "date": "clinic/2"},
        {"do": "cancel"},
    ):
        for address in ("", "eve@lindqvist.example"):
            if address:
                enters(client, clinic.shop, address)
            answer = client.post(ticket, data=form)
            assert answer.status_code == 403
            assert "Only whoever has this place can do that." in answer.text
        client.cookies.clear()
    (row,) = clinic.rows()
    assert (row.turn, row.date_id, row.canceled_at) == (0, "clinic/1", None)


def test_a_code_that_is_mailed_to_the_place_s_address_lets_its_holder_change_it(
    client: TestClient, clinic: Clinic, ticket: str
) -> None:
    sent = client.get(client.post(ticket, data={"do": "send-code"}).headers["location"])
    assert "A code is on its way" in sent.text
    assert "The code from the letter" in sent.text
    (code,) = builders.rows(clinic.shop, SignInCode)
    assert code.email == NORA
    wrong = client.post(ticket, data={"do": "code", "code": "🎫"})
    assert (wrong.status_code, "This code is not right." in wrong.text) == (400, True)
    digits = codes.digits_of(code.id, signing_key=clinic.shop.signing_key)
    right = client.post(ticket, data={"do": "code", "code": f" {digits} "})
    assert (right.status_code, right.headers["location"]) == (303, f"{ticket}?done=proven")
    assert "Give it to somebody else" in client.get(right.headers["location"]).text
    late = client.post(ticket, data={"do": "code", "code": digits})
    assert "used up or too old" in late.text
    assert client.post(ticket, data={"do": "move", "date": "clinic/2"}).status_code == 303


def test_whoever_asks_for_codes_again_and_again_is_told_to_wait(client: TestClient, ticket: str) -> None:
    answers = [client.post(ticket, data={"do": "send-code"}) for _ in range(4)]
    assert [each.status_code for each in answers] == [303, 303, 303, 429]
    assert client.post("/ticket/nobody", data={"do": "send-code"}).status_code == 404
    assert client.post("/ticket/nobody", data={"do": "code", "code": "1"}).status_code == 404


def test_a_household_is_counted_as_one_whichever_of_its_addresses_it_comes_from(
    clinic: Clinic, portal: BlockingPortal, ticket: str
) -> None:
    def sends(number: int, **form: str) -> str:
        browser = TestClient(create_app(clinic.shop), follow_redirects=False, client=(f"2001:db8:5:7::{number}", 1))
        browser.portal = portal
        return browser.post(ticket, data=form).text

    codes_asked = [sends(number, do="send-code") for number in range(4)]
    assert ["a lot of tries" in each for each in codes_asked] == [False] * 3 + [True]
    tries = [sends(number, do="code", code="1") for number in range(9)]
    assert ["a lot of tries" in each for each in tries] == [False] * 8 + [True]


def test_a_handed_over_ticket_opens_nothing_any_more(client: TestClient, clinic: Clinic, ticket: str) -> None:
    enters(client, clinic.shop, NORA.upper())
    answer = client.post(ticket, data={"do": "hand-over", "name": "Nora L.", "email": NORA})
    assert (answer.status_code, answer.headers["location"].partition("?")[2]) == (303, "done=renamed")
    answer = client.post(ticket, data={"do": "hand-over", "name": "Otto Berg", "email": "otto@lindqvist.example"})
    assert "Otto Berg" in answer.text
    assert "Handed over" in answer.text
    for address in (ticket, f"{ticket}/workshop.ics", ticket.replace("/ticket/", "/join/")):
        assert client.get(address).status_code == 404
    assert client.get(f"/ticket/{clinic.tickets(clinic.rows()[0].order_id)[0]}").status_code == 200


def test_moved_and_canceled_by_forms(client: TestClient, clinic: Clinic, ticket: str) -> None:
    enters(client, clinic.shop, NORA)
    assert client.post(ticket, data={"do": "move", "date": "clinic/2"}).status_code == 303
    assert "Thursday 17 December 2026" in client.get(ticket).text
    assert client.post(ticket, data={"do": "cancel"}).status_code == 303
    assert "This place is canceled." in client.get(ticket).text
    assert client.post(ticket, data={"do": "cancel"}).status_code == 409
    assert (builders.taken(clinic.shop)["clinic/1"], builders.taken(clinic.shop)["clinic/2"]) == (0, 0)
    assert client.post(ticket, data={"do": "nonsense"}).status_code == 400


def test_the_way_in_redirects_when_its_time_has_come(
    client: TestClient, clinic: Clinic, clock: Clock, ticket: str
) -> None:
    way = ticket.replace("/ticket/", "/join/")
    early = client.get(way)
    assert (early.status_code, "16:30" in early.text) == (200, True)
    clock.time = tickets.view(clinic.shop, ticket.rpartition("/")[2]).times.starts_at
    answer = client.get(way)
    assert (answer.status_code, answer.headers["location"]) == (303, MEETING)
    clinic.refund(clinic.rows()[0].order_id)
    assert client.get(way).status_code == 403


def test_a_calendar_file_is_a_download(client: TestClient, ticket: str) -> None:
    answer = client.get(f"{ticket}/workshop.ics")
    assert answer.headers["content-type"].startswith("text/calendar")
    assert "METHOD:PUBLISH\r\n" in answer.text
    assert "ATTENDEE" not in answer.text


# -- the door


def test_staff_who_open_a_ticket_on_its_day_check_it_in_once_and_can_undo_it(
    client: TestClient, clinic: Clinic, clock: Clock, ticket: str
) -> None:
    works(client, clinic.shop, Role.SUPPORT)
    assert "Checked in" not in client.get(ticket).text
    clock.time = tickets.view(clinic.shop, ticket.rpartition("/")[2]).times.starts_at - timedelta(minutes=10)
    works(client, clinic.shop, Role.SUPPORT)
    assert client.get(ticket, headers={"Sec-Purpose": "prefetch"}).text.count("Checked in") == 0
    assert client.head(ticket).status_code == 200
    assert clinic.rows()[0].checked_in_at is None
    assert "<strong>Checked in</strong>" in client.get(ticket).text
    first = clinic.rows()[0].checked_in_at
    clock.pass_(minutes=1)
    client.get(ticket)
    assert clinic.rows()[0].checked_in_at == first
    assert client.post(ticket, data={"do": "undo"}).status_code == 303
    assert clinic.rows()[0].checked_in_at is None
    assert "Check in Nora Lindqvist" in client.get(f"{ticket}?done=undone").text


def test_buyers_and_viewers_check_nobody_in(client: TestClient, clinic: Clinic, clock: Clock, ticket: str) -> None:
    clock.time = tickets.view(clinic.shop, ticket.rpartition("/")[2]).times.starts_at - timedelta(minutes=10)
    assert client.get(ticket).status_code == 200
    assert client.post(ticket, data={"do": "check-in"}).status_code == 403
    works(client, clinic.shop, Role.VIEWER)
    client.get(ticket)
    assert client.post(ticket, data={"do": "check-in"}).status_code == 403
    assert clinic.rows()[0].checked_in_at is None


# -- waiting


def waiting_page(shop: Shop) -> str:
    (row,) = builders.rows(shop, WaitingEntry)
    return f"/waiting/{waiting_list.token(row, signing_key=shop.signing_key)}"


def test_opening_an_offer_takes_nothing_and_the_button_leads_to_payment(
    client: TestClient, clinic: Clinic, stripe: FakeStripe
) -> None:
    orders = [clinic.sell(4, cart="a"), clinic.sell(1, cart="b")]
    waiting.join(clinic.shop, "clinic/1", NORA)
    address = waiting_page(clinic.shop)
    assert "You are next." in client.get(address).text
    assert client.post(address, data={"do": "accept"}).status_code == 409
    clinic.refund(orders[1])
    before = builders.rows(clinic.shop, WaitingEntry)
    assert "Go to payment" in client.get(address).text
    assert builders.rows(clinic.shop, WaitingEntry) == before
    answer = client.post(address, data={"do": "accept"})
    assert answer.headers["location"] == stripe.sessions[max(stripe.sessions)]["url"]


def test_leaving_is_one_click_and_a_scanner_that_opens_the_letter_does_not_leave(
    client: TestClient, clinic: Clinic
) -> None:
    clinic.sell(4, cart="a"), clinic.sell(1, cart="b")
    waiting.join(clinic.shop, "clinic/1", NORA)
    address = waiting_page(clinic.shop)
    client.get(address), client.head(address)
    assert builders.rows(clinic.shop, WaitingEntry)[0].state == "waiting"
    client.post(address, data={"do": "leave"})
    assert "You are not on the list any more." in client.get(address).text
    assert client.get("/waiting/nonsense").status_code == 404
