"""Where sold files lie: links to a bucket open one file for minutes."""

from urllib.parse import parse_qs, urlsplit

import pytest

from core.foundation.storage import Storage


def test_a_link_to_a_bucket_opens_one_file_for_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "eu-north-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    link = urlsplit(Storage("s3://sold-files").presigned("guide/guide.pdf"))
    assert link.path.endswith("/guide/guide.pdf")
    assert parse_qs(link.query)["X-Amz-Expires"] == ["300"]
