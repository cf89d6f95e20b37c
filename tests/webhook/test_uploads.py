"""Uploads: a file in pieces, broken off and gone on with, put to its product by an owner and by nobody else, in flat memory."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from core.catalog.products import Product
from core.foundation import signing
from core.foundation.signing import SIGN_IN_COOKIE
from core.kinds.downloads import DownloadFile
from core.owner.shelves import uploads
from core.owner.shelves.attachments import Purpose
from core.owner.shelves.uploads import PIECE, Upload
from core.people import staff
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.webhook.conftest import TestClient
from webhook.app import create_app

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture" * 1000


@pytest.fixture
def owner(shop: Shop, client: TestClient) -> str:
    """An owner at this browser; their sign-in."""
    sign_in = colleagues.works_as(shop, Role.OWNER)
    comes_as(shop, client, sign_in)
    return sign_in


def comes_as(shop: Shop, client: TestClient, sign_in_id: str) -> None:
    client.cookies.set(SIGN_IN_COOKIE, signing.sign(shop.signing_key, signing.SIGN_IN, sign_in_id))


def begun(shop: Shop, client: TestClient, owner: str, size: int, **more: Any) -> Any:
    ticket = uploads.ticket(shop, "guide", more.pop("purpose", Purpose.FILE), sign_in_id=owner)
    said = {"ticket": ticket, "name": "big.bin", "size": size, "type": "application/zip", "label": "ZIP", **more}
    return client.post("/owner/uploads", json=said)


def sent(client: TestClient, upload: str, data: bytes, offset: int) -> Any:
    return client.patch(f"/owner/uploads/{upload}", content=data, headers={"Upload-Offset": str(offset)})


def offset_of(client: TestClient, upload: str) -> int:
    return int(client.head(f"/owner/uploads/{upload}").headers["upload-offset"])


def files(shop: Shop) -> dict[str, DownloadFile]:
    return {row.name: row for row in builders.rows(shop, DownloadFile) if row.product_id == "guide" and row.active}


def put_away(shop: Shop) -> list[Path]:
    folder = shop.storage.path_of("uploads")
    assert folder
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_comes_in_pieces_is_broken_off_gone_on_with_and_reaches_who_bought_before(
    shop: Shop, client: TestClient, owner: str, stripe: FakeStripe
) -> None:
    order_id = builders.bought(shop, stripe)
    data = os.urandom(3_000_000)
    upload = begun(shop, client, owner, len(data)).json()["id"]
    assert sent(client, upload, data[:1_000_000], 0).headers["upload-offset"] == "1000000"
    # The connection broke, and nobody knows how far it came.
    assert offset_of(client, upload) == 1_000_000
    again = sent(client, upload, data[:1_000_000], 0)
    assert (again.status_code, again.json()["received"]) == (409, 1_000_000)
    early = client.post(f"/owner/uploads/{upload}/finish")
    assert (early.status_code, early.json()["error"]) == (409, "PieceMisplaced")
    assert "big.bin" not in files(shop)
    assert sent(client, upload, data[1_000_000:], 1_000_000).status_code == 204
    for _ in range(2):
        assert client.post(f"/owner/uploads/{upload}/finish").json()["done"] is True
    file = files(shop)["big.bin"]
    assert (file.size, file.sha256, file.label) == (len(data), sha256(data).hexdigest(), "ZIP")
    (delivery,) = builders.deliveries(shop, order_id)
    token = next(each.token for each in delivery.files if each.name == "big.bin")
    assert client.get(f"/downloads/{token}").content == data
    assert put_away(shop) == []
    assert {entry.detail.partition(",")[0] for entry in builders.rows(shop, AuditEntry)} == {
        "upload of big.bin", "uploaded big.bin",
    }  # fmt: skip


def test_a_file_of_the_same_name_is_a_new_version_in_the_same_place(shop: Shop, client: TestClient, owner: str) -> None:
    before = files(shop)["guide für alle.toml"]
    upload = begun(shop, client, owner, 5, name="guide für alle.toml").json()["id"]
    sent(client, upload, b"words", 0)
    assert client.post(f"/owner/uploads/{upload}/finish").status_code == 200
    after = files(shop)["guide für alle.toml"]
    assert (after.id, after.position, after.size) == (before.id, before.position, 5)
    assert after.key != before.key
    assert shop.storage.has(before.key)


def test_what_was_sent_of_a_request_that_broke_off_is_kept(shop: Shop, client: TestClient, owner: str) -> None:
    data = os.urandom(PIECE + 200_000)
    upload = begun(shop, client, owner, len(data) + 1).json()["id"]
    breaks_off = asyncio.run(asked(shop, owner, upload, [data[:PIECE], data[PIECE:]], then="http.disconnect"))
    assert breaks_off == []
    assert offset_of(client, upload) == len(data)


def test_a_cover_is_shown_to_everybody_and_nothing_but_a_picture_becomes_one(
    shop: Shop, client: TestClient, owner: str
) -> None:
    upload = begun(shop, client, owner, len(PNG), purpose=Purpose.COVER, name="c o.png", type="image/png").json()["id"]
    sent(client, upload, PNG, 0)
    assert client.post(f"/owner/uploads/{upload}/finish").status_code == 200
    image = next(row.image for row in builders.rows(shop, Product) if row.id == "guide")
    assert image == f"pictures/{sha256(PNG).hexdigest()}/c o.png"
    client.cookies.clear()
    answer = client.get(f"/{image}")
    assert (answer.content, answer.headers["content-type"]) == (PNG, "image/png")
    assert "immutable" in answer.headers["cache-control"]
    comes_as(shop, client, owner)
    script = b"<svg onload='alert(1)'/>"
    upload = begun(shop, client, owner, len(script), purpose=Purpose.COVER, name="x.png", type="image/png").json()["id"]
    sent(client, upload, script, 0)
    refused = client.post(f"/owner/uploads/{upload}/finish")
    assert (refused.status_code, refused.json()["why"]) == (400, "type")
    assert next(row.image for row in builders.rows(shop, Product) if row.id == "guide") == image


def test_no_sold_file_is_had_as_a_picture(shop: Shop, client: TestClient) -> None:
    file = files(shop)["guide für alle.toml"]
    for path in (f"/pictures/{file.sha256}/{file.name}", f"/pictures/..%2F{file.key}/x", "/pictures/../../shop.db/x"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"size": 2 * 1024**3 + 1}, "too_big"),
        ({"size": 0}, "empty"),
        ({"name": "../x"}, "name"),
        ({"name": ""}, "name"),
        ({"type": "not a type"}, "type"),
        ({"purpose": Purpose.COVER, "type": "image/svg+xml"}, "type"),
        ({"purpose": Purpose.COVER, "type": "image/png", "size": 11 * 1024**2}, "too_big"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_before_anything_is_sent_and_the_page_can_be_used_again(
    shop: Shop, client: TestClient, owner: str, said: dict[str, Any], why: str
) -> None:
    ticket = uploads.ticket(shop, "guide", said.get("purpose", Purpose.FILE), sign_in_id=owner)
    announced = {"ticket": ticket, "name": "a.png", "size": 10, "type": "image/png", **said}
    answer = client.post("/owner/uploads", json=announced)
    assert (answer.status_code, answer.json()["error"], answer.json()["why"]) == (400, "FileUnfit", why)
    assert builders.rows(shop, Upload) == []
    fitting = client.post("/owner/uploads", json={**announced, "name": "a.png", "size": 10, "type": "image/png"})
    assert fitting.status_code == 201


def test_more_than_was_announced_is_not_taken(shop: Shop, client: TestClient, owner: str) -> None:
    upload = begun(shop, client, owner, 5).json()["id"]
    assert sent(client, upload, b"too many", 0).status_code == 409
    assert offset_of(client, upload) == 0


def test_a_ticket_is_good_for_one_upload_of_one_person_within_the_hour(
    shop: Shop, client: TestClient, owner: str, clock: Clock
) -> None:
    ticket = uploads.ticket(shop, "guide", Purpose.FILE, sign_in_id=owner)
    said = {"ticket": ticket, "name": "a.zip", "size": 5}
    assert [client.post("/owner/uploads", json=said).status_code for _ in range(2)] == [201, 409]
    comes_as(shop, client, colleagues.works_as(shop, Role.OWNER))
    assert client.post("/owner/uploads", json=said).json()["error"] == "LinkInvalid"
    assert client.post("/owner/uploads", json={**said, "ticket": "forged"}).json()["error"] == "LinkInvalid"
    clinic = uploads.ticket(shop, "clinic", Purpose.FILE, sign_in_id=owner)
    comes_as(shop, client, owner)
    assert client.post("/owner/uploads", json={**said, "ticket": clinic}).json()["error"] == "ProductUnfit"


@builders.on_sqlite
def test_a_disk_that_is_full_keeps_what_came_and_asks_to_come_again(shop: Shop, client: TestClient, owner: str) -> None:
    upload = begun(shop, client, owner, 2_000_000).json()["id"]
    assert sent(client, upload, bytes(100_000), 0).status_code == 204
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        refused = sent(client, upload, bytes(1_000_000), 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (refused.status_code, refused.json()["error"]) == (503, "StorageUnreachable")
    assert offset_of(client, upload) == 100_000
    assert sent(client, upload, bytes(1_900_000), 100_000).status_code == 204


@pytest.mark.parametrize("stranger", ["nobody", "buyer", "viewer", "support", "removed"])
def test_nobody_but_an_owner_uploads_or_goes_on_with_an_upload(
    shop: Shop, client: TestClient, owner: str, stranger: str
) -> None:
    upload = begun(shop, client, owner, 5).json()["id"]
    ticket = uploads.ticket(shop, "guide", Purpose.FILE, sign_in_id=owner)
    client.cookies.clear()
    match stranger:
        case "buyer":
            comes_as(shop, client, colleagues.signed_in(shop, "nora@lindqvist.example"))
        case "viewer" | "support":
            comes_as(shop, client, colleagues.works_as(shop, Role(stranger)))
        case "removed":
            comes_as(shop, client, colleagues.works_as(shop, Role.SUPPORT))
            with shop.transaction() as session:
                for member in staff.listed(session, owners=()):
                    staff.remove(session, member.id, now=shop.now())
    before = files(shop)
    answers = [
        client.get("/owner/upload?product=guide"),
        client.post("/owner/uploads", json={"ticket": ticket, "name": "a.zip", "size": 5}),
        client.head(f"/owner/uploads/{upload}"),
        sent(client, upload, b"words", 0),
        client.post(f"/owner/uploads/{upload}/finish"),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert ticket not in answers[0].text
    assert files(shop) == before
    assert put_away(shop) == []


def test_the_page_has_a_ticket_of_its_own_each_time(shop: Shop, client: TestClient, owner: str) -> None:
    pages = [client.get("/owner/upload?product=guide&purpose=cover") for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    assert pages[0].text != pages[1].text
    assert "up to 10 MB" in pages[0].text
    assert "const PIECE" in pages[0].text
    assert pages[0].headers["cache-control"] == "no-store"
    assert client.get("/owner/upload?product=nothing").status_code == 404
    assert builders.rows(shop, AuditEntry) == []


def test_what_rests_for_a_day_is_thrown_away_and_what_goes_on_is_not(
    shop: Shop, client: TestClient, owner: str, clock: Clock
) -> None:
    resting, going_on = (begun(shop, client, owner, 10, name=name).json()["id"] for name in ("a.zip", "b.zip"))
    for upload in (resting, going_on):
        sent(client, upload, b"words", 0)
    clock.pass_(hours=20)
    comes_as(shop, client, sign_in := colleagues.works_as(shop, Role.OWNER))
    sent(client, going_on, b"wor", 5)
    clock.pass_(hours=5)
    assert uploads.clean(shop) == 1
    assert [upload.id for upload in builders.rows(shop, Upload)] == [going_on]
    assert len(put_away(shop)) == 2
    assert sign_in
    comes_as(shop, client, colleagues.works_as(shop, Role.OWNER))
    assert client.head(f"/owner/uploads/{resting}").status_code == 404
    assert offset_of(client, going_on) == 8


async def asked(
    shop: Shop, owner: str, upload: str, body: list[bytes] | AsyncIterator[bytes], *, then: str = ""
) -> list[int]:
    """Send a body as a server would hand it on, bit by bit; the statuses of the answer."""
    chunks = body if isinstance(body, list) else [chunk async for chunk in body]
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    return await answered(shop, owner, "PATCH", f"/owner/uploads/{upload}", waiting, then=then)


async def answered(
    shop: Shop, owner: str, method: str, path: str, waiting: Any, *, then: str = "", taken: Any = None
) -> list[int]:
    cookie = f"{SIGN_IN_COOKIE}={signing.sign(shop.signing_key, signing.SIGN_IN, owner)}"
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"cookie", cookie.encode()), (b"upload-offset", b"0")], "scheme": "http",
        "server": ("localhost", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    ends = {"type": then} if then else {"type": "http.request", "body": b"", "more_body": False}
    each, statuses = chain(waiting, [ends]), []

    async def receive() -> dict[str, Any]:
        found = next(each, None)
        if found is None:
            await asyncio.Event().wait()  # the browser is there, and has nothing more to say
        return found

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        elif taken:
            taken(message["body"])

    app = create_app(shop)
    try:
        await app(scope, receive, send)
    except Exception:
        if not then:
            raise
    return [] if then else statuses


def highest_memory() -> int:
    """The most memory that this process has held since it was told to count anew, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


@builders.on_sqlite
def test_memory_stays_flat_both_ways(shop: Shop, client: TestClient, owner: str, stripe: FakeStripe) -> None:
    """300 MB up in one request, put together, and down again: a file of 2 GB takes no more, since no part of this knows
    how long the file is."""
    order_id = builders.bought(shop, stripe)
    chunk, count = os.urandom(256 * 1024), 1200
    upload = begun(shop, client, owner, len(chunk) * count).json()["id"]
    digest = sha256()
    for _ in range(count):
        digest.update(chunk)
    Path("/proc/self/clear_refs").write_text("5")
    before = highest_memory()
    body = ({"type": "http.request", "body": chunk, "more_body": True} for _ in range(count))
    assert asyncio.run(answered(shop, owner, "PATCH", f"/owner/uploads/{upload}", body)) == [204]
    uploads.finish(shop, upload, sign_in_id=owner)
    assert files(shop)["big.bin"].sha256 == digest.hexdigest()
    (delivery,) = builders.deliveries(shop, order_id)
    token = next(each.token for each in delivery.files if each.name == "big.bin")
    down = sha256()
    assert asyncio.run(answered(shop, owner, "GET", f"/downloads/{token}", iter(()), taken=down.update)) == [200]
    assert down.hexdigest() == digest.hexdigest()
    grown = (highest_memory() - before) / 1024**2
    assert grown < 100, f"{grown:.0f} MB"
