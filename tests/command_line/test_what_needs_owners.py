"""What an owner does at a terminal after the payment: see what needs them, and put the proof together."""

from pathlib import Path

import pytest

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


def test_the_proof_is_printed_or_written_as_a_page(pushcart: Run, order_id: str, folder: Path) -> None:
    pack = pushcart("evidence", order_id, "--json").json
    assert isinstance(pack, dict)
    assert list(pack) == [
        "shop", "made_at", "order", "payments", "disputes", "timeline", "letters", "downloads", "activations", "places", "seats",
        "sign_ins", "consents", "withdrawals",
    ]  # fmt: skip
    said = pushcart("evidence", pack["order"]["number"], "--html", "proof.html", "--json")
    assert said.json == {"written": "proof.html"}
    page = (folder / "proof.html").read_text(encoding="utf-8")
    assert pack["order"]["number"] in page
    assert pack["disputes"][0]["id"] in page


def test_a_worker_that_is_gone_is_told_to_scripts_with_its_age(pushcart: Run, shop: Shop) -> None:
    builders.pause_worker(shop, days=20)
    (item,) = pushcart("attention", "--json").json  # type: ignore[misc]
    assert (item["topic"], item["detail"]) == ("worker_absent", "last seen 20 days ago")
