"""Bodies of JSON as no program means them: refused with a reason by every route, and never taken for something else."""

import time
from typing import Any

import orjson
import pytest
from starlette.testclient import TestClient

from core.events.inbox import StripeEvent
from core.kinds.seats import Seat
from core.orders.orders import Order
from core.owner.shelves import uploads
from core.owner.shelves.attachments import Purpose
from core.owner.shelves.uploads import Upload
from core.people import api_keys
from core.people.api_keys import Scope
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.fakes import FakeStripe, event_about, signed
from tests.webhook.test_uploads import comes_as
from webhook.requests import bodies

DEEP = b"[" * 200_000 + b"]" * 200_000
# What stands for a whole body.
BODIES = [
    b"", b" ", b"null", b"true", b"7", b'"text"', b"[]", b"[{}]", b"{", b"{}", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b"\0", DEEP,
    b"{}{}", "{}".encode("utf-16"), b'{"a":' * 5000 + b"1" + b"}" * 5000,
]  # fmt: skip
# What stands where a text or a number is wanted.
VALUES = [
    b"true", b"false", b"null", b"1.0", b"1e400", b"-1e400", b"1" + b"0" * 30, b"1" * 5000, b"NaN", b"Infinity", b"-Infinity",
    b"[]", b'["guide-eur"]', b"{}", b'{"":""}', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"a\\u0000b"', b'"\xff"',
    b'"\xed\xa0\x80"', b'"\n"', b"'1'", b"0x1", b"01", b"+1", b"1.5", b"-1", b'"1"', b'" 1"', b"1_0", b"[" * 900 + b"]" * 900,
]  # fmt: skip
# A text is what these routes want where it says so.
TEXTS = (b'"1"', b'" 1"')
LISTS = (b"[]", b'["guide-eur"]')


@pytest.fixture
def asks(shop: Shop, client: TestClient) -> TestClient:
    """The sidecar, asked by a seller's program."""
    with shop.transaction() as session:
        made = api_keys.make(session, "App", [*Scope], by="terminal", now=shop.now())
    client.headers["Authorization"] = f"Bearer {made.key}"
    return client


def said_to(shop: Shop, stripe: FakeStripe, client: TestClient) -> dict[str, dict[str, Any]]:
    """What each route is rightly told."""
    order_id = builders.bought(shop, stripe, ("plan-month", 2))
    owner = colleagues.works_as(shop, Role.OWNER)
    comes_as(shop, client, owner)
    ticket = uploads.ticket(shop, "guide", Purpose.FILE, sign_in_id=owner)
    item = {"price": "guide-eur", "quantity": 1, "amount": 2900}
    return {
        "/checkout": {
            "cart_id": "c1", "items": [item], "email": "nora@lindqvist.example", "again": False, "business": False,
            "consents": ["text"], "external_id": "u1",
        },
        "/seats": {"order": order_id, "email": "kim@lindqvist.example", "product": "plan", "external_id": "u1"},
        "/entitlements/lookup": {"email": "nora@lindqvist.example", "product": "plan"},
        "/owner/uploads": {
            "ticket": ticket, "name": "a.zip", "size": 5, "type": "application/zip", "label": "A", "version": "1", "notes": "New",
        },
    }  # fmt: skip


def sent(client: TestClient, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    return answer.status_code, answer.json()


def _with(said: dict[str, Any], field: str, value: bytes) -> bytes:
    """The body in which this stands for what a field says."""
    return orjson.dumps({**said, field: "@"}).replace(b'"@"', value)


def _unfit(field: str, said: Any, value: bytes) -> bool:
    """Whether a value is none that such a field takes. What may be left out may be null, and a cart's id or a number of an order
    is whatever text it is."""
    if value == b"null":
        return field not in ("email", "consents", "external_id", "amount", "date")
    if isinstance(said, bool):
        return value not in (b"true", b"false")
    taken = TEXTS if isinstance(said, str) else LISTS if field == "consents" else ()
    return value not in taken


ROUTES = ["/checkout", "/seats", "/entitlements/lookup", "/owner/uploads"]


@builders.on_sqlite
@pytest.mark.parametrize("path", ROUTES)
def test_what_is_no_object_as_it_is_asked_for_is_answered_400(
    shop: Shop, stripe: FakeStripe, asks: TestClient, path: str
) -> None:
    said = said_to(shop, stripe, asks)[path]
    for body in (*BODIES, b"[" + orjson.dumps(said) + b"]", orjson.dumps(orjson.dumps(said).decode())):
        status, answer = sent(asks, path, body)
        assert (status, answer["error"], bool(answer["problems"])) == (400, "BadInput", True), body[:50]


@pytest.mark.parametrize("path", ROUTES)
def test_a_value_that_is_not_what_a_field_takes_is_answered_400_and_nothing_is_done(
    shop: Shop, stripe: FakeStripe, asks: TestClient, path: str
) -> None:
    said = said_to(shop, stripe, asks)[path]
    before = [len(builders.rows(shop, table)) for table in (Order, Seat, Upload)]
    for field, right in said.items():
        for value in VALUES:
            if _unfit(field, right, value):
                status, answer = sent(asks, path, _with(said, field, value))
                assert status == 400, (field, value[:50], answer)
    assert [len(builders.rows(shop, table)) for table in (Order, Seat, Upload)] == before


@builders.on_sqlite
@pytest.mark.parametrize("field", ["quantity", "amount", "price", "date"])
def test_so_it_is_within_an_item_too(shop: Shop, asks: TestClient, field: str) -> None:
    item = {"price": "guide-eur", "quantity": 1, "amount": 2900}
    for value in VALUES:
        if not (field in ("amount", "date") and value == b"null"):
            body = b'{"cart_id":"c1","items":[' + _with(item, field, value) + b"]}"
            assert sent(asks, "/checkout", body)[0] == 400, value[:50]
    assert builders.rows(shop, Order) == []


@builders.on_sqlite
@pytest.mark.parametrize("path", ROUTES)
def test_a_field_that_is_there_twice_is_answered_400(
    shop: Shop, stripe: FakeStripe, asks: TestClient, path: str
) -> None:
    said = said_to(shop, stripe, asks)[path]
    whole = orjson.dumps(said)
    for field, value in said.items():
        again = orjson.dumps({field: value})[1:-1]
        status, answer = sent(asks, path, whole[:-1] + b"," + again + b"}")
        assert (status, answer["error"]) == (400, "BadInput"), field
        assert field in str(answer["problems"])
    assert (
        sent(asks, "/checkout", b'{"cart_id":"c1","items":[{"price":"guide-eur","quantity":1,"quantity":5}]}')[0] == 400
    )


def test_to_find_the_one_that_is_there_twice_among_many_takes_no_longer_than_to_read_them() -> None:
    many = b",".join(b'"%d":0' % number for number in range(40_000))
    begun = time.process_time()
    with pytest.raises(ValueError, match="names a field twice: 39999"):
        bodies.parsed(b"{" + many + b',"39999":0}')
    assert time.process_time() - begun < 2


@builders.on_sqlite
@pytest.mark.parametrize("path", ROUTES)
def test_what_is_rightly_told_is_taken(shop: Shop, stripe: FakeStripe, asks: TestClient, path: str) -> None:
    status, answer = sent(asks, path, orjson.dumps(said_to(shop, stripe, asks)[path]))
    assert status in (200, 201), answer


@pytest.mark.parametrize("call", ["activate", "validate", "deactivate", "lease", "offline"])
def test_a_question_about_a_licence_is_answered_422_whatever_it_is_made_of(unlimited: TestClient, call: str) -> None:
    right = {
        "key": "k", "product": "kit", "fingerprint": "f", "activation_id": "a", "label": "l", "nonce": "n", "ttl": 3600,
        "meta": {"a": 1},
    }  # fmt: skip
    bodies = [*BODIES]
    for field, said in right.items():
        # What is left empty counts as left out, and what is not about a machine passes for it.
        passed = (b"null", *(TEXTS if isinstance(said, str) else ()), *((b"{}", b'{"":""}') if field == "meta" else ()))
        bodies += [_with(right, field, value) for value in VALUES if value not in passed]
        bodies.append(orjson.dumps(right)[:-1] + b"," + orjson.dumps({field: said})[1:-1] + b"}")
    for body in bodies:
        status, answer = sent(unlimited, f"/licenses/{call}", body)
        assert (status, answer["code"], bool(answer["fields"])) == (422, "INVALID_REQUEST", True), body[:80]


@builders.on_sqlite
def test_a_form_says_numbers_in_letters(unlimited: TestClient) -> None:
    said = {"key": "k", "product": "kit", "fingerprint": "f", "ttl": "3600", "meta": '{"a": 1}'}
    assert unlimited.post("/licenses/offline", data=said).status_code == 404


def _told(shop: Shop, stripe: FakeStripe) -> dict[str, Any]:
    _, session_id = builders.opened(shop)
    stripe.pay(session_id)
    return stripe.event("completed", session_id)


# What an event is never like, whatever its type is.
NO_EVENTS = [
    ("id", [None, "", 7, True, [], {}, "evt_" + "1" * 10_000, "evt_\0", "evt 1", "evt_é", "\n"]),
    ("type", [None, "", 7, True, ["x"], {}, "x" * 10_000, "charge.\0", "a b"]),
    ("created", ["", "soon", "1700000000", 1.5, True, [], {}, -1, 10**12, 10**19, 1e300]),
    ("livemode", [None, "", "false", 0, 1, [], {}]),
    ("object", ["", "charge", 7, [], {}, "v2.core.event"]),
    ("data", [None, "", 7, [], {}, {"object": None}, {"object": []}, {"object": "x"}, {"objects": {}}]),
]


@pytest.mark.parametrize(("field", "values"), NO_EVENTS, ids=[field for field, _ in NO_EVENTS])
def test_a_signed_event_that_is_not_like_any_is_answered_400_and_nothing_of_it_is_kept(
    shop: Shop, stripe: FakeStripe, client: TestClient, field: str, values: list[Any]
) -> None:
    event = _told(shop, stripe)
    changed = [{**event, field: value} for value in values]
    without = [{name: said for name, said in event.items() if name != field}] if None in values else []
    for each in changed + without:
        body, signature = signed(each)
        answer = client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})
        assert (answer.status_code, answer.json()["error"]) == (400, "PayloadInvalid"), each.get(field)
        assert answer.json()["reason"]
    assert builders.rows(shop, StripeEvent) == []


def test_an_event_of_an_unknown_type_is_taken_whatever_its_object_is(client: TestClient) -> None:
    odd = [7, ["ord_1"], {"ord_1": 1}, True, "ord_\0", "ord_" + "1" * 10_000]
    subjects = [
        {},
        *({"metadata": each} for each in odd),
        *({"metadata": {"order_id": each}, "id": each} for each in odd),
    ]
    for number, subject in enumerate(subjects):
        body, signature = signed(event_about(subject, "invented.by_stripe", number=number))
        answer = client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": signature})
        assert (answer.status_code, answer.json()["state"]) == (200, "ignored"), subject
