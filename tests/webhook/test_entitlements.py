"""Entitlements as a seller's backend asks for them: one person, by address, and whoever has changed."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlmodel import select, update
from starlette.testclient import TestClient

from core.catalog.products import Product
from core.events import questions, reconciliation
from core.integrations import versions
from core.journeys import refund
from core.kinds import entitlement_records
from core.kinds.licenses import LicenseKey
from core.licensing import administration, imports
from core.orders.orders import Order
from core.orders.subscriptions import Subscription
from core.outgoing.messages import WebhookMessage
from core.people import address_changes, api_keys
from core.people.api_keys import Scope
from core.people.customers import Customer, How
from core.shop import Shop
from tests import builders
from tests.conftest import Block, Clock
from tests.core.outgoing.receiver import listens
from tests.core.test_statements import statements
from tests.fakes import FakeStripe


@pytest.fixture
def asks(client: TestClient, shop: Shop) -> TestClient:
    """The sidecar, asked with a key for entitlements."""
    with shop.transaction() as session:
        made = api_keys.make(session, "App", [Scope.ENTITLEMENTS], by="terminal", now=shop.now())
    client.headers["Authorization"] = f"Bearer {made.key}"
    return client


def person_of(shop: Shop, order_id: str) -> str:
    return str(builders.order(shop, order_id).customer_id)


def of(asks: TestClient, person: str) -> dict[str, Any]:
    answer = asks.get(f"/entitlements/{person}")
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert answer.headers["ETag"] == f'"{said["version"]}"'
    assert answer.headers["Cache-Control"] == "private, max-age=60"
    return dict(said)


def state_of(asks: TestClient, person: str) -> tuple[int, list[tuple[str, str]]]:
    said = of(asks, person)
    return said["version"], [(each["product"], each["state"]) for each in said["products"]]


@builders.on_sqlite
def test_a_plan_is_told_whole_and_a_304_is_nothing(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    with shop.transaction() as session:
        session.get_one(Product, "plan").terms = {"features": {"projects": 10, "sso": True}}
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 3))
    person = person_of(shop, order_id)
    said = of(asks, person)
    (plan,) = said.pop("products")
    assert said == {"person": person, "external_id": None, "version": 1, "computed_at": said["computed_at"]}
    assert datetime.fromisoformat(said["computed_at"]) == shop.now()
    until = datetime.fromisoformat(plan.pop("until"))
    assert timedelta(days=27) < until - shop.now() < timedelta(days=32)
    assert plan == {
        "product": "plan", "state": "active", "quantity": 3, "features": {"projects": 10, "sso": True}, "grace": None,
        "orders": [order_id],
    }  # fmt: skip
    clock.pass_(hours=1)
    again = asks.get(f"/entitlements/{person}", headers={"If-None-Match": 'W/"7", "1"'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", '"1"')
    assert asks.get(f"/entitlements/{person}", headers={"If-None-Match": '"0"'}).status_code == 200
    assert asks.get(f"/entitlements/{person}", headers={"If-None-Match": "*"}).status_code == 304
    assert asks.get("/entitlements/nobody", headers={"If-None-Match": "*"}).status_code == 404
    looked = asks.head(f"/entitlements/{person}")
    assert (looked.status_code, looked.headers["ETag"]) == (200, '"1"')
    assert asks.head("/entitlements").status_code == 200


@builders.on_sqlite
def test_nobody_is_told_without_a_key_for_it_and_a_stranger_is_404(asks: TestClient, shop: Shop) -> None:
    assert asks.get("/entitlements/cus_none").json() == {"error": "CustomerNotFound"}
    assert asks.get("/entitlements/cus_none").status_code == 404
    assert asks.post("/entitlements/lookup", json={"email": "nobody@example.org"}).status_code == 404
    for body in ({"address": "x"}, {"email": "no\0body@example.org"}):
        assert asks.post("/entitlements/lookup", json=body).status_code == 400
    assert asks.get("/entitlements?changed_since=yesterday").status_code == 400
    with shop.transaction() as session:
        other = api_keys.make(session, "App", [Scope.SEATS], by="terminal", now=shop.now()).key
    for key, status in (("", 401), (other, 403)):
        asks.headers["Authorization"] = f"Bearer {key}"
        for answer in (
            asks.get("/entitlements/x"),
            asks.get("/entitlements"),
            asks.post("/entitlements/lookup", json={}),
        ):
            assert answer.status_code == status


def test_money_that_goes_back_and_a_dispute_that_is_won_each_make_a_version(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur")
    person = person_of(shop, order_id)
    assert state_of(asks, person) == (1, [("guide", "active")])
    payment = builders.payment_of(shop, order_id)
    dispute = stripe.dispute(payment)
    builders.deliver(shop, stripe.tell("charge.dispute.created", dispute))
    assert state_of(asks, person) == (2, [("guide", "suspended")])
    clock.pass_(minutes=1)
    builders.deliver(shop, stripe.tell("charge.dispute.closed", stripe.dispute(payment, status="won")))
    assert state_of(asks, person) == (3, [("guide", "active")])
    clock.pass_(minutes=1)
    refund.request(shop, order_id, actor="owner", key="1")
    builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
    assert state_of(asks, person) == (4, [("guide", "revoked")])
    assert state_of(asks, person)[0] == 4


@builders.on_sqlite
def test_of_several_purchases_the_best_counts(asks: TestClient, shop: Shop, stripe: FakeStripe) -> None:
    first = builders.bought(shop, stripe, "guide-eur")
    second = builders.bought(shop, stripe, "guide-eur", cart="cart_2")
    refund.request(shop, first, actor="owner", key="1")
    builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
    (guide,) = of(asks, person_of(shop, first))["products"]
    assert (guide["state"], guide["quantity"], guide["orders"]) == ("active", 1, sorted([first, second]))


def test_time_alone_makes_a_version_at_the_next_question_and_by_the_worker(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    listens(shop, "http://127.0.0.1:9/", "entitlement.changed")
    builders.license_terms(shop, valid_for="14 days")
    order_id = builders.bought(shop, stripe, "kit-eur")
    person = person_of(shop, order_id)
    versions.catch_up(shop)
    assert state_of(asks, person) == (1, [("kit", "active")])
    clock.pass_(days=14)
    assert versions.catch_up(shop) == 1
    assert versions.catch_up(shop) == 0
    told = [orjson.loads(row.body) for row in builders.rows(shop, WebhookMessage)]
    assert sorted((each["data"]["version"], each["data"]["products"][0]["state"]) for each in told) == [
        (1, "active"), (2, "expired"),
    ]  # fmt: skip
    assert state_of(asks, person) == (2, [("kit", "expired")])
    with shop.transaction() as session:
        key = session.exec(select(LicenseKey)).one()
        key.expires_at = shop.now() + timedelta(days=1)
    assert state_of(asks, person) == (3, [("kit", "active")])
    clock.pass_(days=1)
    assert state_of(asks, person) == (4, [("kit", "expired")])


def test_a_renewal_that_fails_has_its_grace_and_then_bites_at_once(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, subscription = builders.subscribed(shop, stripe)
    person = person_of(shop, order_id)
    before = of(asks, person)
    clock.pass_(days=31)
    stripe.fail_renewal(subscription)
    builders.deliver(shop, stripe.tell("customer.subscription.updated", stripe.subscriptions[subscription]))
    builders.ask_stripe(shop)
    failing = of(asks, person)
    (plan,) = failing["products"]
    assert (plan["state"], failing["version"]) == ("active", before["version"] + 1)
    assert plan["grace"]
    clock.time = datetime.fromisoformat(plan["grace"])
    # Before any pass of the worker.
    late = of(asks, person)
    assert (late["products"][0]["state"], late["version"]) == ("suspended", failing["version"] + 1)
    reconciliation.sweep(shop)
    assert of(asks, person)["products"][0]["state"] == "suspended"


def moment(said: Any) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


def plans_of(
    asks: TestClient, shop: Shop, order_id: str
) -> dict[str, tuple[str, int, datetime | None, datetime | None]]:
    """Of each product the state, how many, until when it is paid for, and until when grace lasts."""
    return {
        each["product"]: (each["state"], each["quantity"], moment(each["until"]), moment(each["grace"]))
        for each in of(asks, person_of(shop, order_id))["products"]
    }  # fmt: skip


def test_of_two_plans_of_one_order_each_goes_by_its_own_subscription(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, names = builders.two_plans_apart(shop, stripe)
    stripe.change_seats(names[0], 4)
    clock.pass_(days=31)
    stripe.renew(names[0])
    stripe.fail_renewal(names[1])
    for name in names:
        questions.ask(shop, name)
    kept, owed = (shop_row(shop, name) for name in names)
    assert plans_of(asks, shop, order_id) == {
        "plan": ("active", 4, kept.period_end, None), "bigger": ("active", 1, owed.paid_until, owed.grace_until),
    }  # fmt: skip
    assert kept.period_end != owed.paid_until
    clock.pass_(days=8)
    found = plans_of(asks, shop, order_id)
    assert (found["plan"][0], found["bigger"][0]) == ("active", "suspended")
    stripe.end(names[1])
    questions.ask(shop, names[1])
    found = plans_of(asks, shop, order_id)
    assert found["plan"] == ("active", 4, kept.period_end, None)
    assert found["bigger"][0] == "revoked"


def shop_row(shop: Shop, name: str) -> Subscription:
    with shop.reading() as session:
        return session.get_one(Subscription, name)


def test_of_a_plan_that_is_billed_twice_the_subscription_counts_that_is_paid_for_longest(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, names = builders.begun_twice(shop, stripe)
    clock.pass_(days=31)
    stripe.renew(names[0])
    stripe.fail_renewal(names[1])
    for name in names:
        questions.ask(shop, name)
    paid = ("active", 1, shop_row(shop, names[0]).period_end, None)
    assert plans_of(asks, shop, order_id) == {"plan": paid}
    clock.pass_(days=8)  # nobody has looked at the order since grace is over
    assert plans_of(asks, shop, order_id) == {"plan": paid}


def test_what_somebody_else_pays_for_says_nothing_of_a_buyers_plan(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, names = builders.begun_twice(shop, stripe, emails=(builders.BUYER, "ole@berg.example"))
    clock.pass_(days=31)
    stripe.renew(names[1])
    stripe.fail_renewal(names[0])
    for name in names:
        questions.ask(shop, name)
    mine = shop_row(shop, names[0])
    assert plans_of(asks, shop, order_id) == {"plan": ("active", 1, mine.paid_until, mine.grace_until)}
    stripe.end(names[0])
    questions.ask(shop, names[0])
    assert plans_of(asks, shop, order_id) == {"plan": ("revoked", 1, None, None)}


def test_a_plan_that_is_given_back_says_until_when(asks: TestClient, shop: Shop, stripe: FakeStripe) -> None:
    order_id, name = builders.subscribed(shop, stripe)
    until = shop_row(shop, name).period_end
    refund.request(shop, order_id, actor="owner")
    builders.end_plans(shop)
    assert plans_of(asks, shop, order_id) == {"plan": ("revoked", 1, None, None)}
    builders.deliver(shop, stripe.tell("refund.failed", stripe.fail_refund(*stripe.refunds)))
    assert plans_of(asks, shop, order_id) == {"plan": ("active", 1, until, None)}


def test_an_address_and_the_sellers_own_id_lead_to_the_same_person(
    asks: TestClient, shop: Shop, stripe: FakeStripe
) -> None:
    body = {"cart_id": "c1", "items": [{"price": "guide-eur"}], "external_id": "user-77"}
    opened = asks.post("/checkout", json=body).json()
    paid = builders.session_id(builders.PaymentLink(opened["order_id"], opened["url"]))
    stripe.pay(paid, email="Nora@Lindqvist.example")
    builders.deliver(shop, stripe.event("completed", paid))
    person = person_of(shop, opened["order_id"])
    assert of(asks, "user-77") | {"computed_at": ""} == of(asks, person) | {"computed_at": ""}
    assert of(asks, "user-77")["external_id"] == "user-77"
    found = asks.post("/entitlements/lookup", json={"email": "nora@lindqvist.example", "product": "kit"}).json()
    assert (found["person"], found["products"]) == (person, [])
    # Nobody takes an id that is somebody's, and nobody's is changed by buying again.
    for cart, name, buyer in (("c2", "user-77", "eve@example.org"), ("c3", "user-78", "nora@lindqvist.example")):
        opened = asks.post("/checkout", json=body | {"cart_id": cart, "external_id": name, "again": True}).json()
        paid = builders.session_id(builders.PaymentLink(opened["order_id"], opened["url"]))
        stripe.pay(paid, email=buyer)
        builders.deliver(shop, stripe.event("completed", paid))
    assert {row.email: row.seller_reference for row in builders.rows(shop, Customer)} == {
        "nora@lindqvist.example": "user-77", "eve@example.org": None,
    }  # fmt: skip
    assert asks.post("/checkout", json=body | {"external_id": "a b"}).status_code == 400


MIA = "mia@plainwork.example"


def looked_up(asks: TestClient, email: str) -> dict[str, Any]:
    answer = asks.post("/entitlements/lookup", json={"email": email})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_key_that_was_given_or_brought_along_counts_as_one_that_was_bought(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    end = shop.now() + timedelta(days=9)
    with shop.transaction() as session:
        row, _ = administration.issue(session, "kit", holder="Mia@plainwork.example", livemode=False, now=shop.now())
        administration.issue(session, "kit", holder=MIA, livemode=True, now=shop.now())
        administration.issue(session, "kit", livemode=False, now=shop.now())
    [told] = asks.get("/entitlements", params={"changed_since": ""}).json()["data"]
    (kit,) = told["products"]
    assert (told["version"], kit["product"], kit["state"], kit["quantity"], kit["orders"]) == (
        1,
        "kit",
        "active",
        1,
        [],
    )
    with shop.transaction() as session:
        sheet = f"key,product,email,expires_at\nOLD-1,kit,{MIA},{end:%Y-%m-%d}\n"
        brought = imports.read(session, sheet, livemode=False, now=shop.now())
        assert (brought.keys, brought.problems) == (1, [])
    said = looked_up(asks, MIA)
    assert (said["version"], said["person"], said["products"][0]["quantity"]) == (2, told["person"], 2)
    with shop.transaction() as session:
        administration.disable(session, administration.hold(session, row.id), now=shop.now())
    said = looked_up(asks, MIA)
    (kit,) = said["products"]
    assert (said["version"], kit["state"], kit["quantity"]) == (3, "active", 1)
    assert moment(kit["until"]) is not None
    clock.pass_(days=10)
    assert [each["state"] for each in looked_up(asks, MIA)["products"]] == ["suspended"]
    _, paid = builders.opened(shop, "kit-eur")
    stripe.pay(paid, email=MIA)
    builders.deliver(shop, stripe.event("completed", paid))
    (kit,) = looked_up(asks, MIA)["products"]
    assert (kit["state"], kit["quantity"], len(kit["orders"])) == ("active", 1, 1)


@builders.on_sqlite
def test_whoever_was_given_a_key_before_that_made_them_a_customer_is_found_by_their_address(
    asks: TestClient, shop: Shop
) -> None:
    with shop.transaction() as session:
        administration.issue(session, "kit", livemode=False, now=shop.now())
        session.exec(update(LicenseKey).values(holder=MIA))
    assert asks.post("/entitlements/lookup", json={"email": "ole@berg.example"}).status_code == 404
    assert [each["state"] for each in looked_up(asks, MIA)["products"]] == ["active"]


@builders.on_sqlite
def test_a_key_of_an_address_that_becomes_somebodys_is_news_of_theirs(
    asks: TestClient, shop: Shop, stripe: FakeStripe
) -> None:
    person = person_of(shop, builders.bought(shop, stripe))
    with shop.transaction() as session:
        administration.issue(session, "kit", livemode=False, now=shop.now())
        session.exec(update(LicenseKey).values(holder=MIA))
    before = of(asks, person)
    same = {"If-None-Match": f'"{before["version"]}"'}
    assert asks.get(f"/entitlements/{person}", headers=same).status_code == 304
    with shop.transaction() as session:
        address_changes.change(session, builders.BUYER, MIA, how=How.OWNER, keep=True, actor="owner", now=shop.now())
    said = asks.get(f"/entitlements/{person}", headers=same).json()
    assert [each["product"] for each in said["products"]] == ["guide", "kit"]


def test_whoever_reconciles_page_by_page_leaves_nobody_out(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    people = []
    for number in range(5):
        order_id, paid = builders.opened(shop, "guide-eur", cart=f"c{number}", browser=f"br_{number}")
        stripe.pay(paid, email=f"buyer{number}@example.org")
        builders.deliver(shop, stripe.event("completed", paid))
        people.append((person_of(shop, order_id), order_id))
        versions.catch_up(shop)
        clock.pass_(minutes=10)

    def pages(cursor: str = "") -> tuple[list[str], str]:
        found: list[str] = []
        while True:
            page = asks.get("/entitlements", params={"changed_since": cursor, "limit": 2}).json()
            found += [each["person"] for each in page["data"]]
            cursor = page["next_cursor"]
            if not page["has_more"]:
                return found, cursor

    everybody, cursor = pages()
    assert sorted(everybody) == sorted(person for person, _ in people)
    clock.pass_(minutes=5)
    assert pages(cursor)[0] == []
    refund.request(shop, people[2][1], actor="owner", key="1")
    builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
    again, cursor = pages(cursor)
    assert again == [people[2][0]]
    # A transaction that began before the answer and committed after it is told the next time.
    assert pages(cursor)[0] == [people[2][0]]


def test_other_features_of_a_plan_are_a_change_of_all_who_have_it(
    asks: TestClient, shop: Shop, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur")
    person = person_of(shop, order_id)
    assert of(asks, person)["version"] == 1
    with shop.transaction() as session:
        session.get_one(Product, "guide").terms = {"features": {"pages": 9}}
        entitlement_records.look_at_holders(session, "guide", now=shop.now())
    versions.catch_up(shop)
    assert versions.catch_up(shop) == 0
    said = of(asks, person)
    assert (said["version"], said["products"][0]["features"]) == (2, {"pages": 9})


def test_endpoints_get_the_whole_object_and_of_two_who_become_one_the_end(
    asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    listens(shop, "http://127.0.0.1:9/", "entitlement.changed")
    order_id = builders.bought(shop, stripe, "guide-eur")
    other, paid = builders.opened(shop, "kit-eur", cart="c2", browser="br_2")
    stripe.pay(paid, email="nora@work.example")
    builders.deliver(shop, stripe.event("completed", paid))
    assert [job for job in builders.jobs(shop) if job.startswith(f"entitlements:{order_id}")]
    person, gone = person_of(shop, order_id), person_of(shop, other)
    for each in (order_id, other):
        versions.look_at_order(shop, each)
    clock.pass_(minutes=1)
    with shop.transaction() as session:
        address_changes.change(
            session, builders.order(shop, order_id).email, "nora@work.example", how=How.OWNER, keep=True, join=True,
            actor="owner", now=shop.now(),
        )  # fmt: skip
    versions.catch_up(shop)
    told = [orjson.loads(row.body)["data"] for row in builders.rows(shop, WebhookMessage)]
    last = {each["person"]: each for each in sorted(told, key=lambda each: each["version"])}
    assert (last[gone]["version"], last[gone]["products"]) == (2, [])
    assert [each["product"] for each in last[person]["products"]] == ["guide", "kit"]
    assert last[person] | {"computed_at": ""} == of(asks, person) | {"computed_at": ""}


@builders.on_sqlite
def test_a_question_takes_few_statements(asks: TestClient, shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 3), "kit-eur")
    person = person_of(shop, order_id)
    of(asks, person)
    with statements(shop.engine) as heard:
        of(asks, person)
    asked = [each for each in heard if each.split()[0].lower() == "select"]
    assert len(asked) <= 8, "\n".join(asked)
    assert not [each for each in heard if each.split()[0].lower() in ("insert", "update") and "api_keys" not in each]


def test_seats_are_given_and_taken_by_key_and_count_at_once(asks: TestClient, shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 2))
    with shop.transaction() as session:
        seats = api_keys.make(session, "App", [Scope.SEATS], by="terminal", now=shop.now()).key
    bearer = {"Authorization": f"Bearer {seats}"}
    body = {"order": order_id, "email": "Ida@Team.example", "external_id": "user-9"}
    assert asks.post("/seats", json=body).status_code == 403
    given = asks.post("/seats", json=body, headers=bearer)
    said = given.json()
    assert (given.status_code, said["state"], said["seats"], said["free"]) == (201, "accepted", 2, 0)
    assert asks.post("/seats", json=body, headers=bearer).json() == said
    # Whoever has an id keeps it, and nobody gets somebody else's: by which one asks about them is said.
    assert said["external_id"] == "user-9"
    assert asks.post("/seats", json={**body, "external_id": "user-10"}, headers=bearer).json() == said
    assert state_of(asks, "user-9") == (1, [("plan", "active")])
    (plan,) = of(asks, said["person"])["products"]
    assert (plan["quantity"], plan["orders"]) == (1, [order_id])
    full = asks.post("/seats", json={"order": order_id, "email": "ole@team.example"}, headers=bearer)
    assert (full.status_code, full.json()) == (409, {"error": "SeatsTaken", "seats": 2})
    assert asks.post("/seats", json={"order": order_id, "email": "ole"}, headers=bearer).status_code == 400
    assert asks.post("/seats", json={"order": "PL-0", "email": "o@team.example"}, headers=bearer).status_code == 404
    assert asks.post("/seats", json={"order": "PL-\0", "email": "o@team.example"}, headers=bearer).status_code == 400
    for _ in range(2):
        assert asks.delete(f"/seats/{said['id']}", headers=bearer).status_code == 204
    assert asks.delete("/seats/seat_none", headers=bearer).status_code == 404
    assert state_of(asks, "user-9") == (2, [])
    own = asks.post("/seats", json={**body, "email": "nora@lindqvist.example"}, headers=bearer).json()
    assert (own["id"], own["free"], own["external_id"]) == (None, 1, None)


@builders.on_sqlite
def test_of_an_order_with_several_plans_a_seat_is_of_the_one_that_is_named(
    asks: TestClient, shop: Shop, stripe: FakeStripe
) -> None:
    builders.sell_bigger_plan(shop)
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2), "bigger-month")
    stripe.subscriptions[name]["items"]["data"][1]["quantity"] = 3
    questions.ask(shop, name)
    with shop.transaction() as session:
        seats = api_keys.make(session, "App", [Scope.SEATS], by="terminal", now=shop.now()).key
    asks.headers["Authorization"] = f"Bearer {seats}"
    body = {"order": order_id, "email": "ida@team.example"}
    told = [
        asks.post("/seats", json={**body, **more}).json() for more in ({"product": "bigger"}, {"product": "plan"}, {})
    ]
    assert [(each["product"], each["seats"], each["free"]) for each in told] == [
        ("bigger", 3, 1), ("plan", 2, 0), ("plan", 2, 0),
    ]  # fmt: skip
    assert asks.post("/seats", json={**body, "product": "guide"}).status_code == 404


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("held", ["orders", "entitlement_records"])
def test_whose_change_somebody_else_holds_keeps_nobody_else_waiting(
    asks: TestClient, shop: Shop, stripe: FakeStripe, held: str, waiting_for_nobody: Block
) -> None:
    order_ids = [builders.bought(shop, stripe, "guide-eur", cart=cart) for cart in ("a", "b")]
    with shop.transaction() as session:
        address_changes.change_of_order(
            session, order_ids[1], "ole@berg.example", owner=person_of(shop, order_ids[1]), how=How.OWNER, actor="owner",
            now=shop.now(),
        )  # fmt: skip
    people = [person_of(shop, each) for each in order_ids]
    versions.catch_up(shop)
    for mine in (0, 1):  # whichever is looked at first
        with shop.transaction() as session:
            session.exec(update(Order).values(entitlements_due=shop.now()))
            entitlement_records.look(session, people, now=shop.now())
        column, name = {"orders": ("id", order_ids[mine]), "entitlement_records": ("customer_id", people[mine])}[held]
        with shop.engine.begin() as connection:
            connection.execute(text(f"select 1 from {held} where {column} = :name for update"), {"name": name})
            with waiting_for_nobody():
                assert asks.get("/entitlements").status_code == 200
        due = {order.id for order in builders.rows(shop, Order) if order.entitlements_due}
        assert due == {order_ids[mine]}
    assert versions.catch_up(shop) >= 1
