"""Sold files by HTTP: the right bytes to whoever holds a link, honestly counted, and to nobody once access has ended."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from starlette.testclient import TestClient

from core.catalog.products import Product
from core.foundation import signing
from core.kinds.downloads import Download
from core.kinds.grants import Grant
from core.orders.status import GrantState
from core.shop import Shop
from tests import builders
from tests.fakes import FakeStripe

BYTES = (Path(__file__).parents[1] / "catalogue.toml").read_bytes()
NAME = "guide für alle.toml"


@pytest.fixture
def link(shop: Shop, stripe: FakeStripe) -> Callable[[], str]:
    """Makes links to the file of one bought guide, each as the library shows it anew."""
    order_id = builders.bought(shop, stripe, "guide-eur")
    return lambda: f"/downloads/{builders.deliveries(shop, order_id)[0].files[0].token}"


def limit_downloads(shop: Shop, limit: int) -> None:
    with shop.transaction() as session:
        session.get_one(Product, "guide").terms = {"downloads": limit}


def change_grant(shop: Shop, state: GrantState) -> None:
    with shop.transaction() as session:
        (grant,) = session.exec(builders.select(Grant)).all()
        grant.state = state


def counted(shop: Shop) -> int:
    return len(builders.rows(shop, Download))


def test_a_link_gives_the_very_bytes_under_their_name(shop: Shop, client: TestClient, link: Callable[[], str]) -> None:
    answer = client.get(link())
    assert (answer.status_code, answer.content) == (200, BYTES)
    assert answer.headers["content-type"] == "application/toml"
    assert answer.headers["content-length"] == str(len(BYTES))
    disposition = f"attachment; filename=\"guide f_r alle.toml\"; filename*=UTF-8''{quote(NAME)}"
    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["accept-ranges"] == "bytes"
    assert "private" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert counted(shop) == 1


def test_a_look_at_the_head_says_the_same_without_bytes_and_does_not_count(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    url = link()
    head = client.head(url)
    assert (head.status_code, head.content, counted(shop)) == (200, b"", 0)
    got = client.get(url)
    for name in ("content-type", "content-length", "content-disposition", "etag", "accept-ranges"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("headers", [{"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}])
@builders.on_sqlite
def test_a_browsers_guess_does_not_count(
    shop: Shop, client: TestClient, link: Callable[[], str], headers: dict[str, str]
) -> None:
    assert client.get(link(), headers=headers).status_code == 200
    assert counted(shop) == 0


def test_an_interrupted_download_is_resumed_and_counts_once(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    url = link()
    first = client.get(url, headers={"Range": "bytes=0-99"})
    assert (first.status_code, first.content) == (206, BYTES[:100])
    assert first.headers["content-range"] == f"bytes 0-99/{len(BYTES)}"
    rest = client.get(url, headers={"Range": "bytes=100-", "If-Range": first.headers["etag"]})
    assert (rest.status_code, first.content + rest.content) == (206, BYTES)
    assert counted(shop) == 1


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=-10", slice(-10, None)),
        ("bytes=5-5", slice(5, 6)),
        ("bytes=10-999999", slice(10, None)),
        ("bytes=-999999", slice(0, None)),
        ("bytes=0-4,10-14", slice(0, None)),
        ("rows=1-2", slice(0, None)),
        ("bytes=-", slice(0, None)),
    ],
)
@builders.on_sqlite
def test_parts_are_the_parts_that_were_asked_for(
    client: TestClient, link: Callable[[], str], asked: str, part: slice
) -> None:
    answer = client.get(link(), headers={"Range": asked})
    assert answer.content == BYTES[part]
    assert answer.status_code == (200 if answer.content == BYTES else 206)


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0", "bytes=20-10"])
@builders.on_sqlite
def test_a_part_that_is_not_there_is_416_and_does_not_count(
    shop: Shop, client: TestClient, link: Callable[[], str], asked: str
) -> None:
    answer = client.get(link(), headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(BYTES)}")
    assert counted(shop) == 0


@builders.on_sqlite
def test_a_part_of_another_version_gets_the_whole_file(client: TestClient, link: Callable[[], str]) -> None:
    answer = client.get(link(), headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (answer.status_code, answer.content) == (200, BYTES)


@builders.on_sqlite
def test_a_browser_that_has_the_file_is_told_so_and_nothing_counts(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    etag = client.head(link()).headers["etag"]
    answer = client.get(link(), headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content, counted(shop)) == (304, b"", 0)


def test_the_last_download_left_is_given_to_one_of_two_at_once(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    limit_downloads(shop, 3)
    for _ in range(2):
        client.get(link())
    urls = [link(), link()]
    answers = builders.at_once(*[lambda url=url: client.get(url).status_code for url in urls])
    assert sorted(answers) == [200, 403]
    assert counted(shop) == 3


def test_a_link_that_was_counted_goes_on_when_the_limit_is_reached(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    limit_downloads(shop, 1)
    url = link()
    assert [client.get(url).status_code for _ in range(3)] == [200, 200, 200]
    refusal = client.get(link())
    assert (refusal.status_code, counted(shop)) == (403, 1)
    assert "1 times already" in refusal.text


@pytest.mark.parametrize("state", [GrantState.SUSPENDED, GrantState.REVOKED, GrantState.BLOCKED])
def test_a_link_handed_out_before_stops_with_its_grant(
    shop: Shop, client: TestClient, link: Callable[[], str], state: GrantState
) -> None:
    url = link()
    assert client.get(url).status_code == 200
    change_grant(shop, state)
    for answer in (client.get(url), client.get(url, headers={"Range": "bytes=5-"}), client.head(url)):
        assert answer.status_code == 403
        assert b"in_days" not in answer.content
    change_grant(shop, GrantState.ACTIVE)
    assert client.get(url).status_code == 200


@builders.on_sqlite
def test_a_link_works_for_minutes(shop: Shop, client: TestClient, link: Callable[[], str]) -> None:
    value = signing.read(shop.signing_key, signing.DOWNLOAD, link().rpartition("/")[2])
    assert client.get(f"/downloads/{_signed_minutes_ago(shop, value, 14)}").status_code == 200
    late = client.get(f"/downloads/{_signed_minutes_ago(shop, value, 16)}")
    assert late.status_code == 410
    assert "http://localhost:8501/purchases" in late.text
    assert counted(shop) == 1


def _signed_minutes_ago(shop: Shop, value: object, minutes: int) -> str:
    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return super().get_timestamp() - minutes * 60

    signer = URLSafeTimedSerializer(shop.signing_key, salt=f"pushcart.{signing.DOWNLOAD}", signer=Earlier)
    return str(signer.dumps(value))


@builders.on_sqlite
def test_forged_and_foreign_links_open_nothing(shop: Shop, client: TestClient, link: Callable[[], str]) -> None:
    token = link().rpartition("/")[2]
    value = signing.read(shop.signing_key, signing.DOWNLOAD, token)
    forged = [
        token[:-2],
        token + "x",
        "nonsense",
        signing.sign("another secret of sixteen", signing.DOWNLOAD, value),
        signing.sign(shop.signing_key, signing.LETTER, value),
        signing.sign(shop.signing_key, signing.DOWNLOAD, "one word"),
        signing.sign(shop.signing_key, signing.DOWNLOAD, [value[0], value[1], "kit/kit.toml"]),
    ]
    assert {client.get(f"/downloads/{each}").status_code for each in forged} == {403}
