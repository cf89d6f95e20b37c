"""Exports over HTTP: a file for whoever may, and a plain no with nothing in it for everybody else."""

import tomllib
from datetime import date

import pytest
from sqlalchemy import event

from core.events import reconciliation
from core.foundation import signing
from core.foundation.signing import SIGN_IN_COOKIE
from core.owner.accounting import journal, order_list, payouts, tax
from core.owner.accounting.files import File
from core.owner.figures.days import Days
from core.people import staff
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.webhook.conftest import TestClient


def comes_as(shop: Shop, client: TestClient, sign_in_id: str) -> None:
    client.cookies.set(SIGN_IN_COOKIE, signing.sign(shop.signing_key, signing.SIGN_IN, sign_in_id))


@pytest.mark.parametrize("role", [Role.OWNER, Role.SUPPORT])
def test_the_file_is_streamed_to_whoever_may_take_it(
    shop: Shop, client: TestClient, stripe: FakeStripe, role: Role
) -> None:
    builders.bought(shop, stripe)
    comes_as(shop, client, colleagues.works_as(shop, role))
    answer = client.get("/owner/orders.csv", params={"status": "fulfilled", "country": "=1"})
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xef\xbb\xbfplaced_at_utc,")
    assert answer.content.count(b"\r\n") == 2
    assert answer.headers["content-disposition"] == 'attachment; filename="orders-2026-11-23.csv"'
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/csv; charset=utf-8", "no-store")


def test_chosen_orders_are_a_file_of_their_own(shop: Shop, client: TestClient, stripe: FakeStripe) -> None:
    chosen = builders.bought(shop, stripe)
    builders.bought(shop, stripe, cart="cart_2")
    comes_as(shop, client, colleagues.works_as(shop, Role.SUPPORT))
    answer = client.get("/owner/orders.csv", params={"ids": chosen})
    assert [line.rpartition(",")[2] for line in answer.text.splitlines()[1:]] == [chosen]
    assert builders.rows(shop, AuditEntry)[0].detail == "1 chosen"


def test_viewers_buyers_and_strangers_get_nothing(shop: Shop, client: TestClient, stripe: FakeStripe) -> None:
    builders.bought(shop, stripe)
    assert client.get("/owner/orders.csv").status_code == 403
    for sign_in_id in (colleagues.works_as(shop, Role.VIEWER), colleagues.signed_in(shop, "nora@lindqvist.example")):
        comes_as(shop, client, sign_in_id)
        answer = client.get("/owner/orders.csv")
        assert (answer.status_code, answer.json()) == (403, {"error": "NotPermitted", "action": "export"})


def test_strangers_cause_no_look_at_an_order(shop: Shop, client: TestClient) -> None:
    said: list[str] = []
    event.listen(shop.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    client.get("/owner/orders.csv")
    comes_as(shop, client, colleagues.signed_in(shop, "nora@lindqvist.example"))
    said.clear()
    client.get("/owner/orders.csv")
    assert said
    assert not [each for each in said if "orders" in each]


def test_whoever_was_removed_gets_nothing_with_the_cookie_of_before(shop: Shop, client: TestClient) -> None:
    comes_as(shop, client, colleagues.works_as(shop, Role.SUPPORT))
    assert client.get("/owner/orders.csv").status_code == 200
    with shop.transaction() as session:
        (member,) = staff.listed(session, owners=())
        staff.remove(session, member.id, now=shop.now())
    assert client.get("/owner/orders.csv").status_code == 403


def test_a_sign_in_of_yesterday_takes_no_file(shop: Shop, client: TestClient, clock: Clock) -> None:
    comes_as(shop, client, colleagues.works_as(shop, Role.OWNER))
    clock.pass_(hours=12)
    assert client.get("/owner/orders.csv").status_code == 403


def test_a_ticket_that_is_no_good_leads_back_to_the_side_it_was_for(client: TestClient) -> None:
    answer = client.get("/sign-in/nonsense", params={"next": "/owner"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/owner")


@pytest.mark.parametrize("file", File)
def test_an_accountant_s_file_is_that_of_all_its_days_and_is_written_down(
    shop: Shop, client: TestClient, stripe: FakeStripe, clock: Clock, file: File
) -> None:
    for number in range(3):
        builders.bought(shop, stripe, "kit-eur", "guide-eur", cart=f"cart_{number}")
        for made in stripe.pay_out():
            stripe.arrive_payout(made["id"])
        clock.pass_(days=1)
    reconciliation.sweep(shop, everything=True)
    comes_as(shop, client, colleagues.works_as(shop, Role.SUPPORT))
    asked = {"range": "own", "since": "2026-11-01", "until": "2026-11-26"}
    answer = client.get(f"/owner/accounts/{file}.csv", params=asked)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{file}-2026-11-01-2026-11-26.csv"'
    days = Days(date(2026, 11, 1), date(2026, 11, 26), shop.settings.zone)
    with shop.reading() as session:
        whole = {
            File.JOURNAL: lambda: journal.lines(session, days, livemode=False),
            File.TAX: lambda: tax.lines(session, days, livemode=False),
            File.PAYOUTS: lambda: payouts.lines(session, days, livemode=False),
            File.ORDERS: lambda: order_list.lines(session, days, livemode=False),
        }[file]
        assert answer.content.decode() == "".join(whole())
    assert answer.content.count(b"\r\n") > (1 if file is File.TAX else 3)
    entries = [(each.action, each.subject, each.detail) for each in builders.rows(shop, AuditEntry)]
    assert entries == [("export", f"{file} file", "2026-11-01 to 2026-11-26")]


@pytest.mark.parametrize("file", File)
def test_nobody_else_gets_an_accountant_s_file(shop: Shop, client: TestClient, file: File) -> None:
    assert client.get(f"/owner/accounts/{file}.csv").status_code == 403
    for sign_in_id in (colleagues.works_as(shop, Role.VIEWER), colleagues.signed_in(shop, "nora@lindqvist.example")):
        comes_as(shop, client, sign_in_id)
        answer = client.get(f"/owner/accounts/{file}.csv")
        assert (answer.status_code, answer.json()) == (403, {"error": "NotPermitted", "action": "export"})
    assert builders.rows(shop, AuditEntry) == []
    assert client.get("/owner/accounts/secrets.csv").status_code in (400, 404, 422)


def test_evidence_is_handed_out_to_whoever_may_take_it_and_written_down(
    shop: Shop, client: TestClient, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe)
    assert client.get(f"/owner/evidence/{order_id}").status_code == 403
    comes_as(shop, client, colleagues.works_as(shop, Role.VIEWER))
    assert client.get(f"/owner/evidence/{order_id}").status_code == 403
    comes_as(shop, client, colleagues.works_as(shop, Role.SUPPORT))
    answer = client.get(f"/owner/evidence/{order_id}")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "SH-1001" in answer.text
    assert [(each.subject, each.detail) for each in builders.rows(shop, AuditEntry)] == [(order_id, "evidence")]
    assert client.get("/owner/evidence/ord_x").status_code == 404


def test_the_shelves_are_handed_out_as_a_catalogue_file(shop: Shop, client: TestClient) -> None:
    comes_as(shop, client, colleagues.works_as(shop, Role.SUPPORT))
    answer = client.get("/owner/catalogue.toml")
    assert answer.headers["content-disposition"] == 'attachment; filename="catalogue.toml"'
    assert [each["id"] for each in tomllib.loads(answer.text)["products"]][:2] == ["guide", "kit"]
    assert [entry.action for entry in builders.rows(shop, AuditEntry)] == ["export"]
    for sign_in_id in (colleagues.works_as(shop, Role.VIEWER), ""):
        comes_as(shop, client, sign_in_id)
        assert client.get("/owner/catalogue.toml").status_code == 403


@pytest.mark.parametrize("role", [Role.OWNER, Role.SUPPORT])
def test_all_that_is_held_about_a_customer_is_streamed_to_whoever_may(
    shop: Shop, client: TestClient, stripe: FakeStripe, role: Role
) -> None:
    customer_id = builders.order(shop, builders.bought(shop, stripe)).customer_id
    comes_as(shop, client, colleagues.works_as(shop, role))
    answer = client.get(f"/owner/customers/{customer_id}.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.headers["content-disposition"] == 'attachment; filename="customer.json"'
    assert [row["email"] for row in answer.json()["orders"]] == ["nora@lindqvist.example"]
    assert [entry.subject for entry in builders.rows(shop, AuditEntry)] == [customer_id]


def test_nobody_else_is_told_anything_of_a_customer(shop: Shop, client: TestClient, stripe: FakeStripe) -> None:
    customer_id = builders.order(shop, builders.bought(shop, stripe)).customer_id
    assert client.get(f"/owner/customers/{customer_id}.json").status_code == 403
    for sign_in_id in (colleagues.works_as(shop, Role.VIEWER), colleagues.signed_in(shop, "nora@lindqvist.example")):
        comes_as(shop, client, sign_in_id)
        assert client.get(f"/owner/customers/{customer_id}.json").status_code == 403
    comes_as(shop, client, colleagues.works_as(shop, Role.OWNER))
    assert client.get("/owner/customers/cus_1.json").status_code == 404
    assert builders.rows(shop, AuditEntry) == []
