"""Where sold files lie: links to a bucket open one file for minutes."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from core.foundation.storage import Storage


def test_a_link_to_a_bucket_opens_one_file_for_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "eu-north-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    link = urlsplit(Storage("s3://sold-files").presigned("guide/guide.pdf"))
    assert link.path.endswith("/guide/guide.pdf")
    assert parse_qs(link.query)["X-Amz-Expires"] == ["300"]


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
