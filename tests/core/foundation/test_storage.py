"""Where sold files lie: the address that opens one in a bucket is good for minutes."""

from urllib.parse import parse_qs, urlsplit

import pytest

from core.foundation.storage import Storage


def test_an_address_of_a_bucket_opens_its_file_for_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ACCESS_KEY_ID", "AKIA"), ("SECRET_ACCESS_KEY", "secret"), ("REGION", "eu-north-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    address = urlsplit(Storage("s3://bucket/files").presigned("guide.pdf"))
    assert address.path.endswith("/files/guide.pdf")
    assert parse_qs(address.query)["X-Amz-Expires"] == ["300"]
