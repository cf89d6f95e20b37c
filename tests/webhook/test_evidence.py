"""The evidence for a dispute: everything that is known of an order, and a page that shows names as they are."""

import re
from pathlib import Path

import orjson
import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from core.catalog.products import Kind
from core.foundation import signing
from core.foundation.errors import OrderNotFound
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseActivation, LicenseKey
from core.kinds.places.attendees import Attendee
from core.messages.letters import Letter, LetterState
from core.owner import evidence, publishing
from core.people import sign_in
from core.seats import claims
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import CATALOGUE, Clock
from tests.fakes import FakeStripe

NORA = "nora@lindqvist.example"
WICKED = "<script>alert('&')</script>"
# What a template leaves where it has no value; an empty table says "None."
UNFILLED = re.compile(r"\{\{|\}\}|\{%|%\}|\bNone\b(?!\.</p>)|Undefined|object at 0x")
FILE = "<script>alert('&').toml"


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe, client: TestClient, tmp_path: Path) -> str:
    """A disputed order whose buyer used all of it, and where everything has a name that means mischief."""
    catalogue = CATALOGUE.read_text(encoding="utf-8").replace('name = "kit.toml"', f'name = "{FILE}"')
    (tmp_path / "catalogue.toml").write_text(catalogue, encoding="utf-8")
    publishing.apply(shop, tmp_path / "catalogue.toml")
    order_id, session_id = builders.opened(shop, "kit-eur")
    payment = stripe.pay(session_id, email=NORA)["payment_intent"]
    deliver(shop, stripe.event("completed", session_id))
    use(shop, client, order_id)
    for name, status in (("dp_1", "won"), ("dp_2", "needs_response")):
        deliver(shop, stripe.tell("charge.dispute.created", {**stripe.dispute(payment, status=status), "id": name}))
    return order_id


def use(shop: Shop, client: TestClient, order_id: str) -> None:
    """Download the file, sign in, put the key on a machine."""
    token = next(file.token for file in builders.deliveries(shop, order_id)[0].files if file.name == FILE)
    assert client.get(f"/downloads/{token}").status_code == 200
    with shop.transaction() as session:
        ticket = sign_in.begin(session, shop, builders.order(shop, order_id).email)
    client.cookies.set(signing.BROWSER_COOKIE, signing.sign(shop.signing_key, signing.BROWSER, "br_1"))
    client.get(f"/sign-in/{sign_in.handed_to(shop, ticket, 'br_1')}")
    (key,) = builders.rows(shop, LicenseKey)
    now = shop.now()
    with shop.transaction() as session:
        session.add(
            LicenseActivation(
                id="act_1", license_key_id=key.id, fingerprint="fp", label=WICKED, created_at=now, last_seen_at=now
            )
        )
        letter = Letter(id=f"receipt:{order_id}", order_id=order_id, state=LetterState.SENT, attempts=1, created_at=now)
        session.add(letter)


def test_the_pack_holds_all_that_was_done_and_used(shop: Shop, order_id: str) -> None:
    pack = evidence.pack(shop, order_id)
    assert orjson.loads(orjson.dumps(pack)) == pack
    assert (pack["order"]["email"], pack["order"]["status"]) == (NORA, "disputed")
    assert [dispute["status"] for dispute in pack["disputes"]] == ["won", "needs_response"]
    assert pack["disputes"][0]["due_by"]
    assert [letter["letter"] for letter in pack["letters"]] == [f"receipt:{order_id}"]
    assert [(download["file"], download["ip"]) for download in pack["downloads"]] == [(FILE, "testclient")]
    assert [activation["machine"] for activation in pack["activations"]] == [WICKED]
    assert [signed_in["ip"] for signed_in in pack["sign_ins"]] == ["testclient"]
    assert {"paid", "granted:1", "fulfilled"} <= {entry["event"] for entry in pack["timeline"]}
    assert evidence.pack(shop, pack["order"]["number"])["order"] == pack["order"]


def test_the_page_shows_names_as_words_and_leaves_none_unfilled(shop: Shop, order_id: str) -> None:
    page = evidence.page(evidence.pack(shop, order_id))
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(&#39;&amp;&#39;)") == 2
    assert not UNFILLED.search(page)
    for shown in (NORA, order_id, "dispute_won:dp_1", "needs_response", "Licence activations", "testclient"):
        assert shown in page


def test_an_order_of_which_nothing_is_known_has_a_page_too(shop: Shop) -> None:
    order_id, _ = builders.opened(shop)
    page = evidence.page(evidence.pack(shop, order_id))
    assert not UNFILLED.search(page)
    with pytest.raises(OrderNotFound):
        evidence.pack(shop, "ord_nobody")


def test_of_a_plan_and_a_workshop_it_says_who_used_them_and_by_which_payment_each_is_disputed(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    order_id, name = builders.subscribed(shop, stripe, ("plan-month", 2), "clinic-eur")
    [grant] = [each for each in builders.rows(shop, Grant) if each.kind is Kind.PLAN]
    claims.claim(shop, order_id, "ole@berg.example")
    with shop.transaction() as session:
        [place] = session.exec(select(Attendee)).all()
        place.name, place.checked_in_at, place.checked_in_by = WICKED, shop.now(), "owner@example.com"
    clock.pass_(days=30)
    invoice = stripe.renew(name)
    deliver(shop, stripe.tell("invoice.paid", invoice))
    payment = stripe.payment_of(name)
    assert payment
    deliver(shop, stripe.tell("charge.dispute.created", stripe.dispute(payment, status="needs_response")))
    builders.ask_stripe(shop)
    pack = evidence.pack(shop, order_id)
    assert orjson.loads(orjson.dumps(pack)) == pack
    first, renewal = pack["payments"]
    assert (renewal["payment"], renewal["amount"], renewal["for"]) == (invoice["id"], 1800, "subscription_cycle")
    assert [each["payment"] for each in pack["disputes"]] == [renewal["payment"]]
    assert first["amount"] > 1800
    [place_said] = pack["places"]
    assert (place_said["attendee"], place_said["workshop"]) == (WICKED, "Clinic")
    assert place_said["came_at"]
    assert place_said["canceled_at"] is None
    assert [(each["plan"], each["who"], each["state"]) for each in pack["seats"]] == [
        (grant.product_id, "the buyer", "accepted"), (grant.product_id, "somebody they gave it to", "accepted"),
    ]  # fmt: skip
    page = evidence.page(pack)
    assert "ole@berg.example" not in page
    assert "<script" not in page
    assert not UNFILLED.search(page)
    for shown in ("Places in workshops", "Seats of plans", "Payments", invoice["id"]):
        assert shown in page


def test_it_says_when_a_licence_was_last_used(shop: Shop, order_id: str) -> None:
    [activation] = evidence.pack(shop, order_id)["activations"]
    assert activation["last_seen_at"] == shop.now().isoformat()
    assert activation["ended_at"] is None
