"""The export of everything held about somebody: all of it, nobody else's, and nothing that opens anything."""

from typing import Any

import orjson
import pytest
from sqlalchemy.pool import QueuePool
from sqlmodel import SQLModel

from core import tables
from core.attendance import changes
from core.events.inbox import StripeEvent
from core.foundation import records
from core.foundation.errors import CustomerNotFound, NotPermitted
from core.journeys import checkout
from core.kinds.places import attendees, waiting_list
from core.kinds.places.attendees import Attendee
from core.orders.checkouts import Checkout
from core.people.audit import AuditEntry
from core.people.sign_in import SignIn
from core.people.staff import Role
from core.privacy import erasure, export, persons
from core.seats import invitations
from core.shop import Shop
from tests import builders
from tests.colleagues import deed, signed_in, works_as
from tests.core.privacy import traces
from tests.core.privacy.test_erasure import NORA, OLE, customer_of, leaves_traces, sells
from tests.fakes import FakeStripe


def of(shop: Shop, address: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(b"".join(export.from_terminal(shop, address)))
    return found


def test_all_of_it_is_in_one_object_and_nothing_of_anybody_else(shop: Shop, stripe: FakeStripe) -> None:
    order_id = sells(shop, stripe)
    leaves_traces(shop, stripe, order_id, by="10.1.2.3")
    sells(shop, stripe, email=OLE, cart="cart_2")
    said = of(shop, NORA.upper())
    assert [(row["id"], row["number"], row["email"]) for row in said["orders"]] == [
        (order_id, builders.order(shop, order_id).number, NORA)
    ]
    assert [row["folded"] for row in said["customer_addresses"]] == ["Nora@Lindqvist.example".lower()]
    assert [len(said[name]) for name in ("order_lines", "grants", "license_keys", "downloads", "seats")] == [
        2,
        2,
        1,
        2,
        2,
    ]
    assert [row["text"] for row in (*said["customer_notes"], *said["order_notes"])] == [
        "Nora called.",
        "Lindqvist & Co.",
    ]
    assert said["sign_ins"]
    assert said["stripe_events"][0]["payload"]["data"]["object"]["customer_details"]["email"] == NORA
    text = orjson.dumps(said).decode()
    assert OLE not in text
    told = {each.partition(":")[0].partition(".")[0] for each in traces.of(shop, "nora@")}
    assert told <= set(said) | {"workflow_input", "audit_log"}


def test_nothing_that_opens_anything_is_told(shop: Shop, stripe: FakeStripe) -> None:
    sells(shop, stripe)
    sign_in_id = signed_in(shop, NORA)
    text = orjson.dumps(of(shop, NORA)).decode()
    (attempt,) = builders.rows(shop, Checkout)
    assert attempt.parameters["metadata"]["token"] in traces.of(shop, attempt.parameters["metadata"]["token"])[0]
    assert attempt.parameters["metadata"]["token"] not in text.replace(
        builders.rows(shop, StripeEvent)[0].payload, ""
    ).replace(orjson.dumps(of(shop, NORA)["stripe_events"]).decode(), "")
    assert sign_in_id not in text
    assert builders.rows(shop, SignIn)


def test_it_comes_in_pieces_and_is_written_down(shop: Shop, stripe: FakeStripe) -> None:
    customer_id = customer_of(shop, sells(shop, stripe))
    pieces = list(export.by_staff(shop, customer_id, deed=deed(works_as(shop, Role.SUPPORT))))
    assert len(pieces) > 20
    assert orjson.loads(b"".join(pieces))["customers"][0]["id"] == customer_id
    [entry] = builders.rows(shop, AuditEntry)
    assert (entry.action, entry.subject, entry.detail) == ("export", customer_id, "all about them")


def test_whoever_reads_it_slowly_holds_no_connection_meanwhile(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    sells(shop, stripe)
    signed_in(shop, NORA)
    whole = of(shop, NORA)
    monkeypatch.setattr(export, "_AT_ONCE", 1)  # so that each table has several pages
    pool, pieces = shop.engine.pool, []
    assert isinstance(pool, QueuePool)
    for piece in export.by_buyer(shop, NORA):
        assert pool.checkedout() == 0
        pieces.append(piece)
    assert orjson.loads(b"".join(pieces)) == whole


def test_viewers_get_nothing_and_there_is_nothing_of_whoever_is_not_known(shop: Shop, stripe: FakeStripe) -> None:
    customer_id = customer_of(shop, sells(shop, stripe))
    with pytest.raises(NotPermitted):
        export.by_staff(shop, customer_id, deed=deed(works_as(shop, Role.VIEWER)))
    with pytest.raises(CustomerNotFound):
        export.by_staff(shop, "cus_1", deed=deed(works_as(shop, Role.OWNER)))
    with pytest.raises(CustomerNotFound):
        export.from_terminal(shop, OLE)
    erasure.from_terminal(shop, NORA)
    for look in (lambda: export.from_terminal(shop, NORA), lambda: export.by_staff(
        shop, customer_id, deed=deed(works_as(shop, Role.OWNER))
    )):  # fmt: skip
        with pytest.raises(CustomerNotFound):
            look()
    assert [entry.action for entry in builders.rows(shop, AuditEntry)] == ["erase"]


def test_every_table_that_leads_to_a_customer_or_an_order_is_looked_through(shop: Shop, stripe: FakeStripe) -> None:
    """Also one that is added later: it is found by its foreign keys."""
    sells(shop, stripe)
    with shop.reading() as session:
        places = persons.places(session, persons.of_address(session, NORA))
    known = set(
        records.leading_to({table: table.c.id == "" for table in places if table.name in ("customers", "orders")})
    )
    assert known <= set(places)
    assert {"letters", "setbacks", "license_activations", "refunds", "balance_entries"} <= {
        table.name for table in known
    }
    assert len(SQLModel.metadata.tables) > len(known)
    assert tables.orders is not None


# The same mailbox, as its owner is known and as others typed it.
ALIKE = [
    ("ole@berg.example", "OLE@Berg.example"),
    ("ole@xn--bcher-kva.example", "Ole@bücher.example"),
    ("ole@BÜCHER.example", "OLE@xn--bcher-kva.example"),
    ("jose\u0301@berg.example", "Jos\u00e9@berg.example"),
]
LOCALS = ("ole", "jose\u0301", "jos\u00e9")
DOMAINS = ("berg.example", "bücher.example", "xn--bcher-kva.example")


@pytest.mark.parametrize("bought", [True, False])
@pytest.mark.parametrize(("known", "typed"), ALIKE)
def test_what_others_typed_in_another_way_is_told_and_erased_alike(
    shop: Shop, stripe: FakeStripe, known: str, typed: str, bought: bool
) -> None:
    order_id, _ = builders.subscribed(shop, stripe, ("plan-month", 3), "clinic-eur", cart="cart_of_another")
    grant = next(each for each in builders.deliveries(shop, order_id) if each.kind == "plan").grant_id
    if bought:
        sells(shop, stripe, email=known)
    invitations.invite(shop, builders.BUYER, grant, typed)
    [place] = builders.rows(shop, Attendee)
    token = attendees.token(place, signing_key=shop.signing_key)
    changes.hand_over(shop, token, "Jo", typed, signed_in=builders.BUYER)
    builders.add_date(shop, "clinic/9", in_days=30, capacity=0)
    with shop.transaction() as session:
        waiting_list.join(session, "clinic/9", typed, places=1, now=shop.now())
    said = of(shop, known)
    assert [len(said[table]) for table in ("seats", "attendees", "waiting_entries")] == [1, 1, 1]
    erasure.from_terminal(shop, known)
    # Its domain in both spellings: what stands before the @ may be part of other words.
    assert traces.of(shop, *(f"{local}@{domain}" for local in LOCALS for domain in DOMAINS)) == []
    with pytest.raises(CustomerNotFound):
        of(shop, known)


@pytest.mark.parametrize(("known", "typed"), ALIKE)
def test_an_order_that_was_never_paid_is_told_however_its_address_was_typed(
    shop: Shop, stripe: FakeStripe, known: str, typed: str
) -> None:
    sells(shop, stripe, email=known)
    unpaid = checkout.start(shop, builders.a_basket(cart="unpaid", email=typed))
    stripe.expire(builders.session_id(unpaid))
    builders.deliver(shop, stripe.event("expired", builders.session_id(unpaid)))
    assert unpaid.order_id in [row["id"] for row in of(shop, known)["orders"]]
    erasure.from_terminal(shop, known)
    assert builders.order(shop, unpaid.order_id).email == ""
