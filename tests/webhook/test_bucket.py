"""Sold files in a bucket: a real server that speaks S3, files and covers put there, links to it, and what is wrong with it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import obstore
import pytest

from core.catalog.products import Product
from core.foundation.storage import Storage
from core.journeys import refund
from core.kinds.downloads import Download, DownloadFile
from core.owner import publishing
from core.owner.needs import attention
from core.owner.shelves.attachments import Purpose
from core.people.staff import Role
from core.shop import Shop
from tests import bucket, builders, colleagues
from tests.conftest import CATALOGUE
from tests.fakes import FakeStripe
from tests.machine import free_port
from tests.webhook.conftest import TestClient
from tests.webhook.test_downloads import BYTES, NAME
from tests.webhook.test_uploads import PNG, begun, comes_as, sent
from webhook.app import create_app

pytestmark = builders.on_sqlite


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with bucket.served(tmp_path_factory.mktemp("bucket")) as found:
        yield found


@pytest.fixture
def stored(shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Shop:
    """The shop with its files in the bucket, in a folder of this test's own."""
    for name, value in bucket.settings_of(address).items():
        monkeypatch.setenv(name, value)
    found = replace(shop, storage=Storage(f"s3://{bucket.BUCKET}/{request.node.originalname}"))
    publishing.apply(found, CATALOGUE)
    return found


@pytest.fixture
def client(stored: Shop) -> TestClient:
    return TestClient(create_app(stored), raise_server_exceptions=False, follow_redirects=False)


def token_of(shop: Shop, order_id: str, name: str = NAME) -> str:
    (delivery,) = builders.deliveries(shop, order_id)
    return next(file.token for file in delivery.files if file.name == name)


def test_a_download_is_sent_to_the_bucket_under_its_name_and_ends_with_access(
    stored: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id = builders.bought(stored, stripe)
    token = token_of(stored, order_id)
    head = client.head(f"/downloads/{token}")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(BYTES)))
    assert builders.rows(stored, Download) == []
    sent_on = client.get(f"/downloads/{token}", headers={"Range": "bytes=0-9"})
    assert sent_on.status_code == 307
    assert "no-cache" in sent_on.headers["cache-control"]
    link = sent_on.headers["location"]
    got = httpx.get(link)
    assert (got.status_code, got.content) == (200, BYTES)
    assert got.headers["content-type"] == "application/toml"
    assert got.headers["content-disposition"].endswith(f"filename*=UTF-8''{quote(NAME)}")
    part = httpx.get(link, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, BYTES[5:10])
    assert len(builders.rows(stored, Download)) == 1
    outside = client.get(f"/downloads/{token}", headers={"Range": "bytes=999999999-"})
    assert outside.status_code == 416
    refund.request(stored, order_id, actor="owner")
    assert client.get(f"/downloads/{token}").status_code == 403


def test_what_a_bucket_says_of_a_file_by_itself_is_its_name_and_type_too(stored: Shop) -> None:
    (file,) = [row for row in builders.rows(stored, DownloadFile) if row.name == NAME]
    plain = str(obstore.sign(stored.storage.store, "GET", file.key, timedelta(seconds=60)))
    assert "response-content" not in plain
    got = httpx.get(plain)
    assert got.headers["content-type"] == "application/toml"
    assert "filename*" in got.headers["content-disposition"]


def test_an_owners_files_and_covers_come_in_pieces_and_lie_in_the_bucket(
    stored: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    owner = colleagues.works_as(stored, Role.OWNER)
    comes_as(stored, client, owner)
    data = os.urandom(6_000_000)
    upload = begun(stored, client, owner, len(data), version="2", notes="Bigger.").json()["id"]
    sent(client, upload, data[:5_500_000], 0)
    sent(client, upload, data[5_500_000:], 5_500_000)
    assert client.post(f"/owner/uploads/{upload}/finish").json()["done"] is True
    cover = begun(stored, client, owner, len(PNG), purpose=Purpose.COVER, name="c.png", type="image/png").json()["id"]
    sent(client, cover, PNG, 0)
    assert client.post(f"/owner/uploads/{cover}/finish").json()["done"] is True
    order_id = builders.bought(stored, stripe)
    link = client.get(f"/downloads/{token_of(stored, order_id, 'big.bin')}").headers["location"]
    got = httpx.get(link)
    assert got.content == data
    assert got.headers["content-disposition"].startswith('attachment; filename="big.bin"')
    assert got.headers["content-type"] == "application/zip"
    image = next(row.image for row in builders.rows(stored, Product) if row.id == "guide")
    shown = client.get(f"/{image}")
    assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
    assert not stored.storage.has(f"uploads/{upload}")


def test_what_is_missing_in_the_bucket_is_said_and_the_owner_told(
    stored: Shop, stripe: FakeStripe, client: TestClient
) -> None:
    order_id = builders.bought(stored, stripe)
    (file,) = [row for row in builders.rows(stored, DownloadFile) if row.name == NAME]
    stored.storage.remove(file.key)
    answer = client.get(f"/downloads/{token_of(stored, order_id)}")
    assert answer.status_code == 503
    assert "our fault and not yours" in answer.text
    assert builders.rows(stored, Download) == []
    assert [item.topic for item in attention.items(stored)] == ["file_missing"]
    publishing.apply(stored, CATALOGUE)
    assert client.get(f"/downloads/{token_of(stored, order_id)}").status_code == 307
    assert attention.items(stored) == []


def test_a_bucket_that_does_not_answer_is_no_missing_file(
    stored: Shop, stripe: FakeStripe, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = f"/downloads/{token_of(stored, builders.bought(stored, stripe))}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("core.foundation.storage._RETRIES", {"max_retries": 0})
    dead = replace(stored, storage=Storage(stored.storage.url))
    answer = TestClient(create_app(dead)).get(link)
    assert answer.status_code == 503
    assert [row.missing_since for row in builders.rows(dead, DownloadFile) if row.name == NAME] == [None]
    assert builders.rows(dead, Download) == []
    assert [(item.topic, item.subject) for item in attention.items(dead)] == [("storage_unreachable", "STORAGE_URL")]
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    healed = replace(stored, storage=Storage(stored.storage.url))
    assert TestClient(create_app(healed), follow_redirects=False).get(link).status_code == 307
    assert attention.items(healed) == []


def test_a_picture_beside_the_catalogue_file_is_a_cover_and_what_is_none_is_named(
    stored: Shop, client: TestClient, tmp_path: Path
) -> None:
    (tmp_path / "guide.txt").write_text("words", encoding="utf-8")
    (tmp_path / "cover.png").write_bytes(PNG)
    text = builders.GUIDE.replace('kind = "download"', 'kind = "download"\nimage = "cover.png"')
    (tmp_path / "one.toml").write_text(text, encoding="utf-8")
    publishing.preview(stored, tmp_path / "one.toml")
    publishing.apply(stored, tmp_path / "one.toml")
    image = next(row.image for row in builders.rows(stored, Product) if row.id == "guide")
    assert image.startswith("pictures/")
    assert client.get(f"/{image}").content == PNG
    assert publishing.preview(stored, tmp_path / "one.toml") == []
    (tmp_path / "cover.png").write_bytes(b"<svg onload=alert(1)>")
    with pytest.raises(publishing.CatalogInvalid, match="no cover"):
        publishing.preview(stored, tmp_path / "one.toml")
