"""Sold files by HTTP: the right bytes to whoever holds a link, honestly counted, and to nobody once access has ended."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from sqlalchemy import update
from starlette.testclient import TestClient

from core.catalog.products import Product
from core.correspondence import drafts
from core.foundation import signing
from core.foundation.records import new_id
from core.foundation.storage import Storage
from core.kinds import downloads, file_versions
from core.kinds.downloads import Download, DownloadFile
from core.kinds.file_versions import NewFile
from core.kinds.grants import Grant
from core.orders.status import GrantState
from core.owner.doctor import house
from core.owner.doctor.findings import Level
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.conftest import Block
from tests.fakes import FakeStripe
from webhook.app import create_app

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


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch", "Range": "bytes=1-"}, {"Purpose": "preview, prefetch"}],
)
def test_what_may_be_taken_so_often_is_not_given_to_a_guess(
    shop: Shop, client: TestClient, link: Callable[[], str], headers: dict[str, str]
) -> None:
    limit_downloads(shop, 1)
    guessed = client.get(link(), headers=headers)
    assert (guessed.status_code, guessed.content, counted(shop)) == (204, b"", 0)
    assert guessed.headers["cache-control"] == "no-store"
    assert client.get(link()).content == BYTES


@pytest.mark.parametrize("asked", ["bytes=1-", "bytes=1-999", "bytes=-5", "bytes=5-5", "bytes=0-0"])
def test_a_part_counts_as_what_it_is_a_part_of(
    shop: Shop, client: TestClient, link: Callable[[], str], asked: str
) -> None:
    limit_downloads(shop, 1)
    url = link()
    for _ in range(2):
        assert client.get(url, headers={"Range": asked}).status_code == 206
    assert counted(shop) == 1
    assert client.get(link(), headers={"Range": asked}).status_code == 403


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


def put_up(shop: Shop, data: bytes) -> None:
    """Have buyers of the guide get this, in place of what they got."""
    digest = sha256(data).hexdigest()
    key = downloads.key_of(digest, NAME)
    shop.storage.put(key, data, media_type="application/toml")
    new = NewFile(NAME, "TOML", "application/toml", key, len(data), digest, version="2")
    with shop.transaction() as session:
        file_versions.put_up(session, "guide", new, position=0, now=shop.now())


def test_who_goes_on_after_a_newer_version_was_put_up_gets_the_rest_of_what_they_began(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    """Else the file that they end up with would be of two versions: not every program says which it has begun."""
    limit_downloads(shop, 1)
    url, newer = link(), BYTES[::-1]
    first = client.get(url, headers={"Range": "bytes=0-99"})
    put_up(shop, newer)
    rest = client.get(url, headers={"Range": "bytes=100-"})
    assert (rest.status_code, first.content + rest.content) == (206, BYTES)
    assert rest.headers["etag"] == first.headers["etag"]
    # Who says which version they have begun is told that there is another, and gets all of that.
    whole = client.get(url, headers={"Range": "bytes=100-", "If-Range": first.headers["etag"]})
    assert (whole.status_code, whole.content) == (200, newer)
    rest = client.get(url, headers={"Range": "bytes=100-"})
    assert (rest.status_code, rest.content) == (206, newer[100:])
    assert [client.get(url).content for _ in range(2)] == [newer, newer]
    assert sorted(row.number for row in builders.rows(shop, Download)) == [1, 2]
    assert client.get(link()).status_code == 403


def test_what_was_found_missing_when_a_newer_one_took_its_place_is_not_said_of_that(
    shop: Shop, link: Callable[[], str]
) -> None:
    """Whoever asked for the older one may have looked for it before, and says so afterwards."""
    token = link().rpartition("/")[2]
    with shop.reading() as session:
        older = file_versions.open_file(session, token, livemode=False, signing_key=shop.signing_key)
    put_up(shop, b"newer")
    with shop.transaction() as session:
        file_versions.note_missing(session, older, now=shop.now())
    assert [each.topic for each in attention.items(shop)] == ["older_file_missing"]
    with shop.transaction() as session:
        newer = file_versions.open_file(session, token, livemode=False, signing_key=shop.signing_key)
        file_versions.note_missing(session, newer, now=shop.now())
        file_versions.note_found(session, older)
    assert [each.topic for each in attention.items(shop)] == ["file_missing"]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_takes_a_file_waits_for_nobody_who_puts_up_another(
    shop: Shop, client: TestClient, link: Callable[[], str], waiting_for_nobody: Block
) -> None:
    url, new = link(), NewFile(NAME, "TOML", "application/toml", "ab/ab/ab", 2, "ab")
    with shop.transaction() as session:
        file_versions.put_up(session, "guide", new, position=0, now=shop.now())
        with waiting_for_nobody():
            assert client.get(url).content == BYTES
    assert counted(shop) == 1


@builders.on_sqlite
def test_a_link_handed_out_before_stops_with_its_file(shop: Shop, client: TestClient, link: Callable[[], str]) -> None:
    """A seller who has put up the wrong one takes it away at once."""
    url = link()
    with shop.transaction() as session:
        session.exec(update(DownloadFile).values(active=False))
    assert (client.get(url).status_code, counted(shop)) == (403, 0)


# What is no range, or several, or not one of this world, is not understood: all of it is the answer.
_NO_PART = {
    "bytes=0-4,10-14", "rows=1-2", "bytes=-",
    *("bytes=0-" + "9" * 5000, "bytes=" + "9" * 5000 + "-", "bytes=-" + "9" * 5000),
}  # fmt: skip


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
        ("bytes=0-", slice(0, None)),
        ("bytes=0-" + "9" * 5000, slice(0, None)),
        ("bytes=" + "9" * 5000 + "-", slice(0, None)),
        ("bytes=-" + "9" * 5000, slice(0, None)),
    ],
)
@builders.on_sqlite
def test_parts_are_the_parts_that_were_asked_for(
    client: TestClient, link: Callable[[], str], asked: str, part: slice
) -> None:
    answer = client.get(link(), headers={"Range": asked})
    assert answer.content == BYTES[part]
    assert answer.status_code == (200 if asked in _NO_PART else 206)


@pytest.mark.parametrize("asked", ["bytes=999999-", "bytes=-0", "bytes=20-10"])
@builders.on_sqlite
def test_a_part_that_is_not_there_is_416_and_does_not_count(
    shop: Shop, client: TestClient, link: Callable[[], str], asked: str
) -> None:
    answer = client.get(link(), headers={"Range": asked})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(BYTES)}")
    assert "begin the download anew" in answer.text
    assert counted(shop) == 0


@builders.on_sqlite
def test_a_part_of_another_version_gets_the_whole_file(client: TestClient, link: Callable[[], str]) -> None:
    answer = client.get(link(), headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (answer.status_code, answer.content) == (200, BYTES)


@pytest.mark.parametrize("said", ["{etag}", "W/{etag}", '"another", {etag}', "*"])
@pytest.mark.parametrize("more", [{}, {"Range": "bytes=999999-"}])
@builders.on_sqlite
def test_a_browser_that_has_the_file_is_told_so_and_nothing_counts(
    shop: Shop, client: TestClient, link: Callable[[], str], said: str, more: dict
) -> None:
    etag = client.head(link()).headers["etag"]
    answer = client.get(link(), headers={"If-None-Match": said.format(etag=etag), **more})
    assert (answer.status_code, answer.content, counted(shop)) == (304, b"", 0)


@pytest.mark.parametrize(("said", "status"), [('"another"', 412), ("W/{etag}", 412), ("{etag}", 206), ("*", 206)])
@builders.on_sqlite
def test_who_wants_no_other_version_gets_no_part_of_one(
    shop: Shop, client: TestClient, link: Callable[[], str], said: str, status: int
) -> None:
    etag = client.head(link()).headers["etag"]
    answer = client.get(link(), headers={"Range": "bytes=100-", "If-Match": said.format(etag=etag)})
    assert (answer.status_code, counted(shop)) == (status, int(status == 206))


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
    assert "1 time already" in refusal.text


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


def reveal(shop: Shop) -> Path:
    """Where the file of the guide lies."""
    (file,) = [each for each in builders.rows(shop, DownloadFile) if each.product_id == "guide"]
    path = shop.storage.path_of(file.key)
    assert path
    return path


@builders.on_sqlite
def test_a_large_file_comes_in_parts_that_make_up_the_whole(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    large = random.Random(1).randbytes(3 * 2**20 + 17)
    reveal(shop).write_bytes(large)
    with shop.transaction() as session:
        session.exec(update(DownloadFile).values(size=len(large)))
    url = link()
    assert client.get(url).content == large
    assert client.get(url, headers={"Range": "bytes=1048570-2097200"}).content == large[1048570:2097201]


def sent_by(client: TestClient, url: str, **headers: str) -> list[dict[str, Any]]:
    """What the sidecar tells an application server that sends files by itself."""
    told = []

    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(asked, None) or await asyncio.Future()  # and then it stays connected

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": url, "raw_path": url.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 1),
        "server": ("testserver", 80), "headers": [(name.lower().encode(), each.encode()) for name, each in headers.items()],
        "extensions": {"http.response.pathsend": {}},
    }  # fmt: skip
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    return told


@builders.on_sqlite
def test_of_a_file_that_is_cut_short_on_its_way_nobody_gets_an_end(
    shop: Shop, client: TestClient, link: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reveal(shop).write_bytes(BYTES[:50])
    monkeypatch.setattr(Storage, "size_of", lambda *_: len(BYTES))
    with pytest.raises(EOFError):
        sent_by(client, link(), Range=f"bytes=0-{len(BYTES) - 2}")


@pytest.mark.parametrize("left", [None, b"", BYTES[:50], BYTES + b"more"])
@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}])
def test_of_a_file_that_is_gone_or_not_as_long_as_it_was_a_page_tells_and_the_owner_is_told(
    shop: Shop, client: TestClient, link: Callable[[], str], left: bytes | None, asked: dict[str, str]
) -> None:
    limit_downloads(shop, 1)
    path = reveal(shop)
    path.unlink() if left is None else path.write_bytes(left)
    head, got = client.head(link(), headers=asked), client.get(link(), headers=asked)
    assert (head.status_code, got.status_code, counted(shop)) == (503, 503, 0)
    assert "is not there at the moment" in got.text
    assert "public" not in got.headers["cache-control"]
    (item,) = [each for each in attention.items(shop) if each.topic == "file_missing"]
    assert item.subject == NAME
    path.write_bytes(BYTES)
    assert client.get(link()).content == BYTES
    assert [each for each in attention.items(shop) if each.topic == "file_missing"] == []


def test_owners_get_a_letter_about_a_file_that_is_gone_once_a_day_until_it_is_there(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    path = reveal(shop)
    path.unlink()

    def told() -> list[str]:
        found = [job for job in builders.jobs(shop) if job.startswith("shop_notice:file_missing:")]
        drafted = [draft for job in found if (draft := drafts.of_id(job))]
        assert len(drafted) == len(found) == 1
        return [written.text for draft in drafted if (written := drafts.write(shop, draft))]

    for _ in range(2):
        assert client.get(link()).status_code == 503
        [text] = told()
        assert NAME in text
        assert "Apply the catalogue again" in text
        path.write_bytes(BYTES)
        assert client.get(link()).content == BYTES
        assert told() == []
        path.unlink()


def test_of_an_older_version_that_is_gone_the_owner_is_told_apart_from_what_is_sold_now(
    shop: Shop, client: TestClient, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur")
    older = reveal(shop)
    newer = older.with_name("newer")
    newer.write_bytes(b"more")
    digest = sha256(b"more").hexdigest()
    with shop.transaction() as session:
        file = session.exec(builders.select(DownloadFile).where(DownloadFile.product_id == "guide")).one()
        key = file.key.replace(file.key.rpartition("/")[2], "newer")
        new = NewFile(file.name, file.label, file.media_type, key, 4, digest, version="2")
        file_versions.put_up(session, "guide", new, position=0, now=shop.now())
        file_id, (grant,) = file.id, session.exec(builders.select(Grant.id)).all()

    def asked(number: int) -> int:
        named = [new_id("dl"), grant, file_id, number]
        return client.get(f"/downloads/{signing.sign(shop.signing_key, signing.DOWNLOAD, named)}").status_code

    def told() -> list[tuple[str, str]]:
        found = [(each.topic, each.subject) for each in attention.items(shop) if "missing" in each.topic]
        return found + [("doctor", each.what) for each in house.storage(shop) if each.level is Level.WRONG]

    assert builders.deliveries(shop, order_id)[0].files[0].version == "2"
    older.unlink()
    assert (asked(2), told()) == (200, [])
    assert asked(1) == 503
    assert told() == [
        ("older_file_missing", NAME),
        ("doctor", f"Version 1 of {NAME}, which guide sold once, is not there."),
    ]
    assert (asked(2), len(told())) == (200, 2), "what is sold now says nothing of it"
    newer.unlink()
    assert asked(2) == 503
    assert sorted(topic for topic, _ in told()) == ["doctor", "doctor", "file_missing", "older_file_missing"]
    older.write_bytes(BYTES)
    newer.write_bytes(b"more")
    assert (asked(1), asked(2), told()) == (200, 200, [])


@builders.on_sqlite
def test_a_file_that_the_shop_may_not_read_is_not_there(
    shop: Shop, client: TestClient, link: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reveal(shop)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        # As who runs the tests may read everything.
        patched.setattr(Path, "open", refuse)
        head, got = client.head(link()), client.get(link(), headers={"Range": "bytes=1-"})
        assert [each.what for each in house.storage(shop) if each.level is Level.WRONG] != []
    assert (head.status_code, got.status_code, counted(shop)) == (503, 503, 0)
    assert [each.subject for each in attention.items(shop) if each.topic == "file_missing"] == [NAME]
    assert client.get(link()).content == BYTES
    assert [each for each in attention.items(shop) if each.topic == "file_missing"] == []


@builders.on_sqlite
def test_a_server_that_sends_files_by_itself_is_told_where_a_whole_one_lies(
    shop: Shop, client: TestClient, link: Callable[[], str]
) -> None:
    usual = client.get(link())
    began, sent = sent_by(client, link())
    assert (began["status"], sent) == (200, {"type": "http.response.pathsend", "path": str(reveal(shop))})
    told = {name.decode(): value.decode() for name, value in began["headers"]}
    assert told | {"x-request-id": ""} == dict(usual.headers) | {"x-request-id": ""}
    assert counted(shop) == 2
    _, *parts = sent_by(client, link(), Range="bytes=5-9")
    assert b"".join(part["body"] for part in parts) == BYTES[5:10]


@pytest.fixture
def behind_nginx(shop: Shop) -> TestClient:
    chosen = shop.settings.model_copy(update={"x_accel_redirect": "/sold-files"})
    return TestClient(create_app(replace(shop, settings=chosen)), follow_redirects=False)


@pytest.mark.parametrize("asked", [{}, {"Range": "bytes=0-9"}])
@builders.on_sqlite
def test_a_web_server_in_front_is_told_which_file_to_send(
    shop: Shop, behind_nginx: TestClient, link: Callable[[], str], asked: dict[str, str]
) -> None:
    answer = behind_nginx.get(link(), headers=asked)
    digest = reveal(shop).parent.name
    where = f"/sold-files/{digest[:2]}/{digest}/{quote(NAME)}"
    assert (answer.status_code, answer.content, answer.headers["x-accel-redirect"]) == (200, b"", where)
    # It knows both better: those of the file that it sends.
    assert "etag" not in answer.headers
    assert "content-range" not in answer.headers
    assert answer.headers["content-type"] == "application/toml"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "private" in answer.headers["cache-control"]
    assert counted(shop) == 1


@builders.on_sqlite
def test_a_web_server_in_front_is_told_nothing_of_what_may_not_be_had(
    shop: Shop, behind_nginx: TestClient, link: Callable[[], str]
) -> None:
    url = link()
    change_grant(shop, GrantState.REVOKED)
    for answer in (behind_nginx.get(url), behind_nginx.head(url)):
        assert answer.status_code == 403
        assert "x-accel-redirect" not in answer.headers


@builders.on_sqlite
def test_the_tags_of_a_web_server_in_front_are_its_own_to_judge(
    behind_nginx: TestClient, link: Callable[[], str]
) -> None:
    assert behind_nginx.get(link(), headers={"If-Match": '"of nginx"'}).status_code == 200
