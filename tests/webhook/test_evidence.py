"""The evidence for a dispute: everything that is known of an order, and a page that shows names as they are."""

import re
from pathlib import Path

import orjson
import pytest
from starlette.testclient import TestClient

from core.foundation import signing
from core.foundation.errors import OrderNotFound
from core.kinds.licenses import LicenseActivation, LicenseKey
from core.messages.letters import Letter, LetterState
from core.owner import evidence, publishing
from core.people import sign_in
from core.shop import Shop
from tests import builders
from tests.builders import deliver
from tests.conftest import CATALOGUE
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
