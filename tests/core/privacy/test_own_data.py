"""What buyers do about their own data: take it along, and be forgotten by a code that reached them."""

import orjson
import pytest

from core.foundation.errors import CustomerNotFound, Hold, LinkExpired, LinkInvalid, NotErasable
from core.messages import contents, wording
from core.people import codes
from core.people.codes import SignInCode
from core.privacy import erasure, export
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.people.test_library import NORA, OLE, paid_by_two
from tests.core.privacy import traces
from tests.core.privacy.test_erasure import sells
from tests.fakes import FakeStripe


def asked(shop: Shop) -> str:
    """The digits that were mailed."""
    erasure.request(shop, NORA)
    newest = [row for row in builders.rows(shop, SignInCode) if row.about == codes.ERASURE and not row.used_at]
    [code] = newest
    letter = contents.with_code(shop, code.id)
    assert letter
    assert "wants Shop to forget them" in wording.sign_in_code(shop.settings, letter).text.replace("\n", " ")
    return letter.digits


def test_a_buyer_is_forgotten_by_the_code_that_reached_them(shop: Shop, stripe: FakeStripe) -> None:
    order_id = sells(shop, stripe, "guide-eur", email=NORA)
    digits = asked(shop)
    wrong = f"{(int(digits) + 1) % 1_000_000:06d}"
    with pytest.raises(LinkInvalid):
        erasure.by_buyer(shop, NORA, wrong)
    assert builders.seen(shop, NORA) == [order_id]
    assert erasure.by_buyer(shop, NORA, digits).orders == 1
    assert traces.of(shop, "lindqvist") == []
    log = builders.detail(shop, order_id)["log"]
    assert [entry["actor"] for entry in log if entry["event"] == "erased"] == ["buyer"]
    assert builders.detail(shop, order_id)["amount_total"] == 2900
    with pytest.raises(CustomerNotFound):
        export.by_buyer(shop, NORA)


@builders.on_sqlite
def test_no_other_code_erases_and_this_one_signs_nobody_in(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    sells(shop, stripe, email=NORA)
    with shop.transaction() as session:
        code = codes.make(session, NORA, now=shop.now())
    with pytest.raises(LinkExpired):
        erasure.by_buyer(shop, NORA, codes.digits_of(code.id, signing_key=shop.signing_key))
    digits = asked(shop)
    with shop.transaction() as session:
        proof = codes.Proof(NORA, digits)
        assert codes.judge(session, [proof], signing_key=shop.signing_key, now=shop.now())
    clock.pass_(minutes=11)
    with pytest.raises(LinkExpired):
        erasure.by_buyer(shop, NORA, digits)


def test_what_is_still_open_keeps_it_and_uses_up_no_code(shop: Shop, stripe: FakeStripe) -> None:
    sells(shop, stripe, "plan-month", email=NORA)
    builders.subscribed(shop, stripe, cart="cart_2")
    digits = asked(shop)
    with pytest.raises(NotErasable) as refusal:
        erasure.by_buyer(shop, NORA, digits)
    assert {why for why, _ in refusal.value.holds} == {Hold.PLAN}
    assert [row.used_at for row in builders.rows(shop, SignInCode) if row.about == codes.ERASURE] == [None]


def test_who_else_paid_an_order_is_in_nobody_elses_export(shop: Shop, stripe: FakeStripe) -> None:
    order_id = paid_by_two(shop, stripe)
    said = b"".join(export.by_buyer(shop, NORA)).decode()
    assert OLE not in said
    told = orjson.loads(said)
    assert [row["id"] for row in told["orders"]] == [order_id]
    assert [row["email"] for row in told["checkouts"]] == [NORA]
    assert told["stripe_events"]
    other = orjson.loads(b"".join(export.by_buyer(shop, OLE)))
    assert NORA not in orjson.dumps(other).decode()
    assert [row["email"] for row in other["checkouts"]] == [OLE]
    assert not other["orders"]
