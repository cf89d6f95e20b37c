"""What owners' scripts read: the shapes of the contract, and one line where something is not there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.events import inbox
from core.foundation.signals import milestones
from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from core.orders.history import FulfillmentLog
from core.orders.orders import Order
from core.people import sign_in
from core.people.receipts.receipt_copies import ReceiptCopy
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run, begin, end
from tests.fakes import FakeStripe, session_in, signed

SUMMARY = [
    "id", "number", "status", "email", "currency", "amount_expected", "amount_total", "amount_refunded", "livemode",
    "fulfilled_at", "stripe",
]  # fmt: skip
MONEY = [
    "amount_subtotal",
    "amount_discount",
    "amount_tax",
    "paid_at",
    "name",
    "country",
    "tax_id",
    "external_id",
    "payments",
]
DETAIL = [*SUMMARY, "lines", "grants", "refunds", "log", *MONEY]


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe) -> str:
    """An order that is fulfilled, and beside it one that is not paid."""
    checkout.start(shop, Basket("cart_open", (Item("guide-eur", 2),)))
    link = checkout.start(shop, Basket("cart_paid", (Item("clinic-eur", 2), Item("guide-eur", 1))))
    session_id = session_in(link.url)
    stripe.pay(session_id)
    inbox.receive(shop, *signed(stripe.event("completed", session_id)))
    return link.order_id


@pytest.fixture
def parked_event(shop: Shop, stripe: FakeStripe) -> str:
    """An event about an order that nobody knows, and that was paid."""
    link = checkout.start(shop, Basket("cart_lost", (Item("guide-eur", 1),)))
    stripe.pay(session_in(link.url))
    event = stripe.event("completed", session_in(link.url))
    event["data"]["object"]["metadata"]["order_id"] = "ord_unheard_of"
    inbox.receive(shop, *signed(event))
    return str(event["id"])


def test_an_order_is_printed_in_the_contracts_shape(pushcart: Run, order_id: str) -> None:
    said = pushcart("order", order_id, "--json")
    assert said.status == 0, said.errors
    found = said.json
    assert isinstance(found, dict)
    assert list(found) == DETAIL
    assert found["id"] == order_id
    assert (found["status"], found["email"], found["livemode"]) == ("fulfilled", "nora@lindqvist.example", False)
    assert (found["currency"], found["amount_expected"], found["amount_total"]) == ("eur", 30900, 30900)
    assert found["amount_refunded"] == 0
    assert datetime.fromisoformat(found["fulfilled_at"]).utcoffset() is not None
    assert set(found["stripe"]) == {"checkout_session", "payment_intent", "subscription"}
    assert found["stripe"]["checkout_session"].startswith("cs_test_")
    assert found["lines"] == [
        {"product": "clinic", "kind": "workshop", "quantity": 2, "unit_amount": 14000},
        {"product": "guide", "kind": "download", "quantity": 1, "unit_amount": 2900},
    ]
    assert found["grants"] == [
        {"product": "clinic", "kind": "workshop", "state": "active", "quantity": 2},
        {"product": "guide", "kind": "download", "state": "active", "quantity": 1},
    ]
    assert found["refunds"] == []
    (payment,) = found["payments"]
    assert list(payment) == [
        "id", "reason", "amount", "amount_subtotal", "amount_discount", "amount_tax", "amount_refunded", "paid_at", "stripe",
    ]  # fmt: skip
    assert (payment["reason"], payment["amount"], payment["paid_at"]) == ("checkout", 30900, found["paid_at"])
    assert [entry["event"] for entry in found["log"]] == ["checkout:1", "paid", "granted:1", "granted:2", "fulfilled"]
    assert all(list(entry) == ["event", "at", "actor"] for entry in found["log"])
    assert pushcart("order", found["number"], "--json").json == found


def test_orders_are_the_same_without_their_details(pushcart: Run, order_id: str) -> None:
    newest = pushcart("orders", "--json").json
    assert isinstance(newest, list)
    assert [list(each) for each in newest] == [SUMMARY, SUMMARY]
    (fulfilled,) = [each for each in newest if each["id"] == order_id]
    detail = pushcart("order", order_id, "--json").json
    assert isinstance(detail, dict)
    assert fulfilled == {name: detail[name] for name in SUMMARY}
    assert pushcart("orders", "--status", "pending", "--limit", "1", "--json").json == [
        each for each in newest if each["id"] != order_id
    ]


def test_events_and_a_replay_tell_what_became_of_them(pushcart: Run, order_id: str, parked_event: str) -> None:
    # There are some, if none of these.
    assert pushcart("orders", "--status", "refunded").output == "No such orders.\n"
    assert pushcart("events", "--state", "failed").output == "No such events.\n"
    listed = pushcart("events", "--json").json
    assert isinstance(listed, list)
    assert all(list(each) == ["id", "type", "state", "order_id", "attempts", "error"] for each in listed)
    states = {each["id"]: (each["state"], each["order_id"], each["attempts"]) for each in listed}
    assert states[parked_event] == ("parked", "ord_unheard_of", 1)
    (applied,) = [each for each in listed if each["state"] == "applied"]
    assert applied["order_id"] == order_id

    before = pushcart("order", order_id, "--json").json
    again = pushcart("replay", applied["id"], "--json")
    assert again.json == {"id": applied["id"], "state": "applied", "order_id": order_id, "error": ""}
    assert pushcart("order", order_id, "--json").json == before
    still = pushcart("replay", parked_event)
    assert (still.status, still.output) == (0, f"{parked_event} is parked: its order is not known yet.\n")


def test_a_receipt_is_sent_again_to_the_order_s_address_or_another(pushcart: Run, shop: Shop, order_id: str) -> None:
    number = builders.order(shop, order_id).number
    again = pushcart("resend", number, "--json")
    assert again.json == {"order_id": order_id, "number": number, "to": "nora@lindqvist.example"}
    said = pushcart("resend", order_id, "--to", "ida@berg.example").output
    assert said == f"The receipt of {number} goes to ida@berg.example again.\n"
    sent = [job for job in builders.jobs(shop) if job.startswith(f"receipt:{order_id}:")]
    assert len(sent) == 2
    assert [copy.address for copy in builders.rows(shop, ReceiptCopy)] == ["ida@berg.example"]
    assert [row.actor for row in builders.rows(shop, FulfillmentLog) if row.event.startswith("resent:")] == [
        "pushcart resend"
    ] * 2
    unfit = pushcart("resend", order_id, "--to", "nobody")
    assert (unfit.status, unfit.complaints) == (2, ["This is no address that mail can be sent to: it has no @."])


@builders.on_sqlite
def test_nothing_is_sent_again_of_an_order_that_nobody_paid(pushcart: Run, shop: Shop, order_id: str) -> None:
    (unpaid,) = [row for row in builders.rows(shop, Order) if row.id != order_id]
    said = pushcart("resend", unpaid.number)
    assert (said.status, said.complaints) == (1, [f"{unpaid.id} was never paid."])


@builders.on_sqlite
def test_people_read_an_order_as_a_page(pushcart: Run, shop: Shop, order_id: str) -> None:
    said = pushcart("order", order_id).output
    number = builders.order(shop, order_id).number
    assert said.startswith(f"{number}  fulfilled  €309.00, test money\n")
    for line in (
        "  clinic (workshop) x 2: active", "  guide (download) x 1: active", f"  order     {order_id}",
        "What happened, by the clock of UTC:",
    ):  # fmt: skip
        assert line in said.splitlines(), line
    assert "<nora@lindqvist.example>" in said
    assert "{" not in said
    (unpaid,) = [row for row in builders.rows(shop, Order) if row.id != order_id]
    assert "  guide (download) x 2: not paid for" in pushcart("order", unpaid.id).output.splitlines()


@builders.on_sqlite
def test_a_state_that_there_is_none_of_is_refused_with_those_that_there_are(pushcart: Run, order_id: str) -> None:
    said = pushcart("orders", "--status", "payed", "--json")
    assert (said.status, said.output) == (2, "")
    assert said.complaints[0].startswith("There is no --status 'payed'. It is one of pending, processing, paid,")
    said = pushcart("events", "--state", "broken")
    assert said.complaints == ["There is no --state 'broken'. It is one of applied, ignored, parked, failed."]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_not_there_is_said_in_one_line_with_status_one(pushcart: Run) -> None:
    for words, complaint in (
        (("order", "PW-999"), "There is no order PW-999."),
        (("order", "ord_none", "--json"), "There is no order ord_none."),
        (("replay", "evt_none"), "There is no event evt_none."),
    ):
        said = pushcart(*words)
        assert (said.status, said.output, said.complaints) == (1, "", [complaint])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_for_people_the_same_answers_are_tables(pushcart: Run, order_id: str) -> None:
    heading, *rows = pushcart("orders").output.splitlines()
    assert heading.split() == ["number", "status", "total", "fulfilled", "email", "id"]
    assert len(rows) == 2
    assert order_id in pushcart("order", order_id).output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_printed_code_signs_in(pushcart: Run, shop: Shop) -> None:
    said = pushcart("sign-in-code", "Owner@Example.com", "--json").json
    assert isinstance(said, dict)
    assert list(said) == ["email", "code", "expires_at"]
    assert said["email"] == "owner@example.com"
    shop.now.time = datetime.fromisoformat(said["expires_at"])  # type: ignore[attr-defined]
    assert sign_in.by_code(shop, "owner@example.com", said["code"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reconciling_without_an_answer_from_stripe_says_so_and_fails(pushcart: Run, order_id: str) -> None:
    said = pushcart("reconcile", "--json")
    assert said.status == 1
    found = said.json
    assert isinstance(found, dict)
    assert list(found) == ["checked", "healed", "failed"]
    assert found["healed"] == []
    assert "StripeUnreachable" in found["failed"][0]["reason"]
    # Where nobody looks there is no bar that moves.
    told = pushcart("reconcile")
    assert [line for line in told.errors.splitlines() if not line.strip()] == []
    assert "was asked nothing more: most of it is still to be checked." in told.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_was_paid_since_a_day_is_asked_for_from_the_beginning_of_the_shops_day(
    shop: Shop, folder: Path, shop_settings: dict[str, object], database_url: str
) -> None:
    settings = {**shop_settings, "database_url": database_url, "shop_timezone": "Pacific/Auckland"}
    assert end(begin("reconcile", "--since", "2026-11-20", folder=folder, **settings)).status == 1  # nobody answers
    with shop.reading() as session:
        asked_from = milestones.last(session, milestones.Name.RESTORED)
    assert asked_from is not None
    assert asked_from.at == datetime(2026, 11, 19, 11, tzinfo=UTC)
