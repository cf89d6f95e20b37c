"""Withdrawing without a script: declared, acknowledged and kept as by the page, and nothing is told of any order."""

import re

from core.rights.withdrawals import Proof, Withdrawal
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe
from tests.webhook.conftest import TestClient

pytestmark = builders.on_sqlite
NORA = "nora@lindqvist.example"


def token_of(html: str) -> str:
    found = re.search(r'name="token" value="(do_[^"]+)"', html)
    assert found
    return found[1]


def letters(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if job.startswith("withdrawal:")]


def test_a_buyer_whose_browser_runs_no_script_withdraws_and_is_acknowledged(
    shop: Shop, client: TestClient, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe)
    number = builders.order(shop, order_id).number
    html = client.get("/withdraw", params={"order": number}).text
    assert f'value="{number}"' in html
    filled = {"token": token_of(html), "email": NORA, "reference": number, "words": "All\r\nof it", "name": "Nora"}
    for _ in range(2):  # a form that is sent twice
        answer = client.post("/withdraw", data=filled)
        assert answer.status_code == 200
        assert "We have received your withdrawal." in answer.text
        assert NORA in answer.text
    (row,) = builders.rows(shop, Withdrawal)
    assert (row.order_id, row.proof, row.words, row.name) == (order_id, Proof.MATCHED, "All\nof it", "Nora")
    assert letters(shop) == [f"withdrawal:{row.id}:received"]


def test_a_stranger_is_answered_as_a_buyer_is(shop: Shop, client: TestClient, stripe: FakeStripe) -> None:
    number = builders.order(shop, builders.bought(shop, stripe)).number
    answers = [
        client.post("/withdraw", data={"email": "eve@example.com", "reference": each, "words": "x"}).text.replace(
            each, ""
        )
        for each in (number, "XX-77")
    ]
    assert answers[0] == answers[1]


def test_an_email_alone_is_received_whoevers_it_is(shop: Shop, client: TestClient, stripe: FakeStripe) -> None:
    builders.bought(shop, stripe)
    answers = [client.post("/withdraw", data={"email": email}) for email in (NORA, "eve@example.com")]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].text.replace(NORA, "eve@example.com") == answers[1].text
    assert len(builders.rows(shop, Withdrawal)) == 2


def test_what_is_lacking_is_said_in_the_buyers_language_and_what_was_typed_stands_there(
    shop: Shop, client: TestClient
) -> None:
    german = {"Accept-Language": "de"}
    answer = client.post("/withdraw", data={"email": "nora", "reference": '"><b>', "words": "Alles"}, headers=german)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "&#34;&gt;&lt;b&gt;" in answer.text
    assert ">Alles</textarea>" in answer.text
    assert "Widerruf" in answer.text
    assert client.post("/withdraw", content=b"\xff" * 30_000).status_code == 400
    assert builders.rows(shop, Withdrawal) == []


def test_nobody_is_sent_many_letters_and_is_told_what_counts_as_well(shop: Shop, client: TestClient) -> None:
    said = [client.post("/withdraw", data={"email": NORA, "words": str(number)}) for number in range(6)]
    assert [answer.status_code for answer in said] == [200] * 5 + [429]
    assert "that counts as well" in said[-1].text
    assert len(builders.rows(shop, Withdrawal)) == 5
