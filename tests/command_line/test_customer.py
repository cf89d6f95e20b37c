"""`pushcart customer`: what somebody has, and the change of their address on an owner's word."""

from pathlib import Path

import orjson
import pytest

from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.core.people.test_addresses import paid_by
from tests.fakes import FakeStripe

NORA, OLE = "Nora@Lindqvist.example", "ole@berg.example"


def test_what_somebody_has_is_shown_under_any_of_their_addresses(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by(shop, stripe, NORA, "kit-eur")
    said = pushcart("customer", NORA.upper(), "--json")
    assert isinstance(said.json, dict)
    assert set(said.json) == {"id", "email", "created_at", "addresses", "orders", "also_paid"}
    assert (said.json["id"], said.json["email"]) == (builders.order(shop, order_id).customer_id, NORA.lower())
    assert [(each["address"], each["how"]) for each in said.json["addresses"]] == [(NORA, "checkout")]
    (order,) = said.json["orders"]
    (listed,) = pushcart("orders", "--json").json
    assert order == {**listed, "grants": builders.detail(shop, order_id)["grants"]}
    words = pushcart("customer", NORA).output
    assert f"  {NORA} (by checkout, " in words
    assert f"{order['number']} fulfilled, €79.00, to {NORA}" in words
    assert "kit (license) x 1: active" in words


@pytest.mark.parametrize("option", ["--json", ""])
@builders.on_sqlite
def test_who_paid_for_somebody_elses_order_is_found(pushcart: Run, shop: Shop, stripe: FakeStripe, option: str) -> None:
    order_id, opened = builders.opened(shop, "kit-eur")
    stripe.expire(opened)
    sessions = [stripe.recover(opened)["id"] for _ in (NORA, OLE)]
    for session_id, email in zip(sessions, (NORA, OLE), strict=True):
        stripe.pay(session_id, email=email)
        builders.deliver(shop, stripe.event("completed", session_id))
        builders.ask_stripe(shop)
    said = pushcart("customer", OLE, *filter(None, [option]))
    if not option:
        assert "somebody else's order" in said.output
        return
    assert isinstance(said.json, dict)
    assert (said.json["id"], said.json["orders"]) == (None, [])
    assert [(each["order_id"], each["checkout_session"]) for each in said.json["also_paid"]] == [
        (order_id, sessions[1])
    ]


def test_an_owner_changes_an_address_and_the_order_says_who_did(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by(shop, stripe, NORA, "kit-eur")
    said = pushcart("customer", NORA, "--change-email", OLE, "--json")
    assert said.status == 0, said.errors
    assert isinstance(said.json, dict)
    assert [(each["address"], each["how"]) for each in said.json["addresses"]] == [(OLE, "owner")]
    assert (builders.seen(shop, NORA), builders.seen(shop, OLE)) == ([], [order_id])
    (entry,) = [each for each in builders.detail(shop, order_id)["log"] if each["event"].startswith("address")]
    assert (entry["event"], entry["actor"]) == ("address_changed:1", "pushcart customer")
    left = pushcart("customer", NORA, "--json").json
    assert isinstance(left, dict)
    assert (left["id"], left["orders"], [each["order_id"] for each in left["also_paid"]]) == (None, [], [order_id])


def test_one_order_alone_may_change_its_address(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    first, second = paid_by(shop, stripe, NORA), paid_by(shop, stripe, NORA)
    number = builders.detail(shop, second)["number"]
    assert pushcart("customer", NORA, "--change-email", OLE, "--order", number).status == 0
    assert (builders.seen(shop, NORA), builders.seen(shop, OLE)) == ([first], [second])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nobody@berg.example",), "Nobody has bought under this address."),
        ((NORA, "--change-email", "name@gmail"), "This is no address that mail can be sent to: its end is missing, such as .com."),
        ((NORA, "--change-email", "x@example..com"), "This is no address that mail can be sent to: it has a dot too many."),
        ((NORA, "--change-email", OLE), "The new address is another customer's, who has 1 order. --join makes one customer"),
        ((NORA, "--change-email", "n@new.example", "--order", "nothing"), "There is no order nothing."),
        (("nobody@berg.example", "--change-email", "n@new.example"), "Nobody has bought under this address."),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_cannot_be_done_is_said_and_nothing_changes(
    pushcart: Run, shop: Shop, stripe: FakeStripe, words: tuple[str, ...], complaint: str
) -> None:
    orders = {NORA: [paid_by(shop, stripe, NORA)], OLE: [paid_by(shop, stripe, OLE)]}
    said = pushcart("customer", *words)
    # What makes no sense whatever the shop holds ends with another status than what is not there.
    assert (said.status, said.output) == (2 if complaint.startswith("This is no address") else 1, "")
    assert said.complaints[0].startswith(complaint)
    assert {email: builders.seen(shop, email) for email in orders} == orders


@builders.on_sqlite
def test_a_code_is_made_for_addresses_alone(pushcart: Run, shop: Shop) -> None:
    said = pushcart("sign-in-code", "name@gmail")
    assert (said.status, said.output) == (2, "")
    assert said.complaints == ["This is no address that mail can be sent to: its end is missing, such as .com."]
    assert pushcart("sign-in-code", "name@gmail.example").status == 0


def test_everything_held_about_somebody_is_written_to_a_file(
    pushcart: Run, shop: Shop, stripe: FakeStripe, folder: Path
) -> None:
    order_id = paid_by(shop, stripe, NORA)
    said = pushcart("customer", NORA, "--export", "nora.json")
    assert (said.status, said.output) == (0, "Written to nora.json.\n")
    assert orjson.loads((folder / "nora.json").read_bytes())["orders"][0]["id"] == order_id
    assert (folder / "nora.json").stat().st_mode & 0o077 == 0
    assert pushcart("customer", OLE, "--export", "ole.json").complaints == ["Nobody has bought under this address."]
    assert [path.name for path in folder.iterdir()] == ["nora.json"]


def test_somebody_is_erased_who_agreed_to_it(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by(shop, stripe, NORA)
    asked = pushcart("customer", NORA, "--erase")
    assert asked.status == 1
    assert "1 address," in asked.errors
    assert asked.complaints[-1] == "Nothing was erased: there is nobody to ask here. Scripts say --yes."
    assert builders.order(shop, order_id).email == NORA
    done = pushcart("customer", NORA, "--erase", "--yes", "--json")
    assert isinstance(done.json, dict)
    assert (done.status, done.json["orders"], done.json["addresses"]) == (0, 1, 1)
    assert builders.order(shop, order_id).email == ""
    assert pushcart("customer", NORA, "--erase", "--yes").complaints == ["Nobody has bought under this address."]


@builders.on_sqlite
def test_why_somebody_cannot_be_erased_is_said(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by(shop, stripe, NORA, "clinic-eur")
    said = pushcart("customer", NORA, "--erase", "--yes")
    number = builders.detail(shop, order_id)["number"]
    assert said.complaints == [
        "Nobody was erased, since something is still open:",
        f"{number} has a place in a workshop that is still to come. Refund it, or wait.",
    ]
    assert pushcart("customer", NORA, "--erase", "--export", "x.json").status == 2
