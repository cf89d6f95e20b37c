"""Where sold files lie: links to a bucket open one file for a minute, under its name and as its type."""

import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import obstore
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from core.foundation import storage
from core.foundation.errors import StorageUnreachable
from core.foundation.storage import Storage


@pytest.fixture
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "eu-north-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)


@pytest.mark.usefixtures("_credentials")
def test_a_link_to_a_bucket_opens_one_file_for_a_minute_under_its_name() -> None:
    link = urlsplit(Storage("s3://sold-files").presigned("guide/guide.pdf", name="ü.pdf", media_type="application/pdf"))
    assert link.path.endswith("/guide/guide.pdf")
    said = parse_qs(link.query)
    assert said["X-Amz-Expires"] == ["60"]
    assert said["response-content-type"] == ["application/pdf"]
    assert said["response-content-disposition"] == ["attachment; filename=\"_.pdf\"; filename*=UTF-8''%C3%BC.pdf"]


@pytest.mark.usefixtures("_credentials")
def test_a_key_that_the_shop_does_not_know_signs_a_link_without_more(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Storage("s3://sold-files")
    assert bucket.store
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "response-content" not in bucket.presigned("guide.pdf", name="g.pdf", media_type="application/pdf")


@pytest.mark.usefixtures("_credentials")
def test_signed_anew_with_nothing_more_a_link_is_the_same() -> None:
    signed = str(obstore.sign(Storage("s3://sold-files/a b").store, "GET", "ü/1 & 2.pdf", timedelta(seconds=60)))
    assert storage.signed_anew(signed, "secret") == signed


@pytest.mark.usefixtures("_credentials")
def test_a_link_is_signed_as_amazons_own_library_signs_it() -> None:
    signed = Storage("s3://sold-files").presigned("ab/ü 1.pdf", name="ü 1.pdf", media_type="application/pdf")
    query = dict(parse_qsl(urlsplit(signed).query))
    auth = S3SigV4QueryAuth(Credentials("key", "secret"), "s3", "eu-north-1", 60)
    told = {name: value for name, value in query.items() if name != "X-Amz-Signature"}
    request = AWSRequest("GET", signed.partition("?")[0], params=told, headers={"host": urlsplit(signed).netloc})
    request.context["timestamp"] = query["X-Amz-Date"]
    asked = auth.canonical_request(
        AWSRequest("GET", f"{signed.partition('?')[0]}?{_written(told)}", headers=request.headers)
    )
    assert auth.signature(auth.string_to_sign(request, asked), request) == query["X-Amz-Signature"]


def _written(told: dict[str, str]) -> str:
    return "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in told.items())


@pytest.mark.parametrize("name", ["guide.pdf", "guide für alle.toml", "100 % #1 & more?.txt", "a%20b+c~.zip"])
def test_a_file_lies_on_the_disk_where_it_was_put(tmp_path: Path, name: str) -> None:
    storage = Storage(f"file://{tmp_path}")
    storage.put(f"ab/abcd/{name}", b"bytes", media_type="text/plain")
    path = storage.path_of(f"ab/abcd/{name}")
    assert path
    assert path.read_bytes() == b"bytes"


def test_no_key_leads_out_of_the_folder_and_none_of_a_bucket_to_the_disk(tmp_path: Path) -> None:
    assert Storage(f"file://{tmp_path}").path_of("ab/../../secret_key") is None
    assert Storage("s3://sold-files").path_of("guide.pdf") is None
    assert Storage("memory://").path_of("guide.pdf") is None


@pytest.mark.usefixtures("_credentials")
def test_a_bucket_that_says_nothing_keeps_who_waits_for_a_picture_waiting_for_seconds_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_TIMEOUT", "100ms")  # in place of the library's half a minute
        monkeypatch.setattr(storage, "_RETRIES", {"max_retries": 0})
        asked = pool.submit(Storage("s3://sold-files").read, "images/a/cover.png")
        with pytest.raises(StorageUnreachable):
            asked.result(10)
