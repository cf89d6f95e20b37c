"""What an owner does at a terminal after the payment: see what needs them, send money back, put the proof together."""

from pathlib import Path

import orjson
import pytest

from core import cli
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.fakes import FakeStripe

pytestmark = builders.on_sqlite


@pytest.fixture
def order_id(shop: Shop, stripe: FakeStripe) -> str:
    """A file and a key, paid, delivered and disputed."""
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    dispute = stripe.dispute(builders.payment_of(shop, order_id))
    builders.deliver(shop, stripe.tell("charge.dispute.created", dispute))
    return order_id


def test_what_needs_a_person_is_listed_for_people_and_for_scripts(pushcart: Run, order_id: str) -> None:
    said = pushcart("attention", "--json")
    assert said.status == 0, said.errors
    (item,) = said.json  # type: ignore[misc]
    assert list(item) == ["topic", "subject", "order_id", "since", "due_by", "detail", "advice"]
    assert (item["topic"], item["order_id"], item["detail"]) == ("dispute", order_id, "fraudulent")
    assert item["due_by"].endswith("+00:00")
    assert pushcart("attention").output.startswith(f"dispute {item['subject']}: fraudulent\n  Answer it")


def test_with_nothing_to_do_it_says_so(pushcart: Run, shop: Shop) -> None:
    assert (pushcart("attention").output, pushcart("attention", "--json").json) == ("Nothing needs you.\n", [])


def test_a_refund_that_cannot_be_is_refused_in_one_line(pushcart: Run, shop: Shop, order_id: str) -> None:
    number = builders.detail(shop, order_id)["number"]
    unpaid, _ = builders.opened(shop, cart="unpaid")
    for words, complaint in (
        (("ord_none",), "There is no order ord_none."),
        ((unpaid,), f"There is nothing left to refund of {unpaid}."),
        ((number, "--amount", "99999"), "Only €108.00 is left to refund."),
    ):
        said = pushcart("refund", *words, "--json")
        assert (said.status, said.output, said.complaints) == (1, "", [complaint])
    assert builders.detail(shop, order_id)["refunds"] == []


def test_a_refund_that_stripe_does_not_answer_stays_requested_and_the_worker_goes_on(
    pushcart: Run, shop: Shop, order_id: str
) -> None:
    said = pushcart("refund", order_id, "--line", "2", "--reason", "duplicate", "--json")
    waiting = "Stripe did not answer. What was asked for is remembered, and the worker asks again."
    assert (said.status, said.output, said.complaints) == (1, "", [waiting])
    (refund,) = builders.detail(shop, order_id)["refunds"]
    assert (refund["amount"], refund["status"]) == (7900, "requested")


def test_a_refund_prints_what_went_back(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    monkeypatch.setattr(cli, "open_shop", lambda: shop)  # in this process, whose Stripe answers
    cli.app(["refund", order_id, "--line", "2", "--json"], standalone_mode=False)
    said = orjson.loads(capsys.readouterr().out)
    assert {**said, "id": "rf"} == {"id": "rf", "order_id": order_id, "amount": 7900, "status": "succeeded"}
    cli.app(["refund", order_id, "--amount", "900", "--take-back"], standalone_mode=False)
    assert capsys.readouterr().out == f"€9.00 of {order_id}: the refund is succeeded.\n"
    assert builders.grants(shop, order_id) == [("guide", "revoked"), ("kit", "revoked")]


def test_the_proof_is_printed_or_written_as_a_page(pushcart: Run, order_id: str, folder: Path) -> None:
    pack = pushcart("evidence", order_id, "--json").json
    assert isinstance(pack, dict)
    assert list(pack) == [
        "shop", "made_at", "order", "disputes", "timeline", "letters", "downloads", "activations", "sign_ins",
    ]  # fmt: skip
    said = pushcart("evidence", pack["order"]["number"], "--html", "proof.html", "--json")
    assert said.json == {"written": "proof.html"}
    page = (folder / "proof.html").read_text(encoding="utf-8")
    assert pack["order"]["number"] in page
    assert pack["disputes"][0]["id"] in page
