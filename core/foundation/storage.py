"""Where the sold files lie: a folder of this machine, or a bucket that several machines share."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import obstore
from obstore.store import LocalStore, from_url

# How long a presigned link to a bucket works: long enough to begin a download, too short to be passed around.
PRESIGNED_SECONDS = 300
# Bytes that are read at once, and parts of a file that are sent at once, each of some megabytes.
_CHUNK = 1024 * 1024
_PARTS_AT_ONCE = 3
# Of a whole key and of each of its parts: what buckets and file systems take.
_LONGEST_KEY, _LONGEST_PART = 1024, 255
# So many bytes say what type a file is of.
_BEGINNING = 16


class Storage:
    """Files by key. `url` is `file://folder` (relative to where the shop runs, or absolute), `s3://…`, `gs://…` or `az://…`."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def local(self) -> bool:
        """Whether the files lie on this machine; where they don't, buyers are sent to a presigned address."""
        return self.url.startswith(("file://", "memory://"))

    @cached_property
    def store(self) -> Any:
        """The obstore store behind it; opened at first use, since a bucket needs credentials."""
        return LocalStore(self._folder, mkdir=True) if self._folder else from_url(self.url)

    def path_of(self, key: str) -> Path | None:
        """Where a file lies on this machine's disk, whether it is there or not; None if files lie elsewhere."""
        if self._folder is None or ".." in key.split("/"):
            return None
        return self._folder / key

    @cached_property
    def _folder(self) -> Path | None:
        return Path(self.url.removeprefix("file://")).absolute() if self.url.startswith("file://") else None

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        """Write a file whole; an older one under the same key is replaced at once or not at all."""
        attributes = None if self.local else {"Content-Type": media_type}
        obstore.put(self.store, key, data, attributes=attributes)

    def put_file(self, key: str, path: Path, *, media_type: str) -> None:
        """Write a file of this machine, a piece at a time: however big it is, little of it is held in memory."""
        attributes = None if self.local else {"Content-Type": media_type}
        obstore.put(self.store, key, path, attributes=attributes)

    def put_stream(self, key: str, chunks: Iterator[bytes], *, media_type: str) -> None:
        """Write a file from what comes bit by bit, of which little is held in memory. It is there once all has come."""
        attributes = None if self.local else {"Content-Type": media_type}
        # Not by `put`, which can't have its chunks read from the store that it writes to.
        writer = obstore.open_writer(self.store, key, attributes=attributes, max_concurrency=_PARTS_AT_ONCE)
        for chunk in chunks:
            writer.write(chunk)
        writer.close()

    def read_in_chunks(self, key: str) -> Iterator[bytes]:
        """A file bit by bit, of which little is held in memory. Raises FileNotFoundError."""
        if not _may_be_a_key(key):
            raise FileNotFoundError(key)
        for chunk in obstore.get(self.store, key).stream(min_chunk_size=_CHUNK):
            yield bytes(chunk)

    def beginning(self, key: str) -> bytes:
        """The first bytes of a file, by which its type is known."""
        return bytes(obstore.get_range(self.store, key, start=0, length=min(_BEGINNING, self.size_of(key) or 0)))

    def move(self, key: str, to: str) -> None:
        """Have a file lie under another key; what lay there is replaced."""
        obstore.rename(self.store, key, to)

    def clear(self, folder: str) -> None:
        """Remove every file below this folder. That there is none is fine."""
        for listed in obstore.list(self.store, f"{folder}/"):
            obstore.delete(self.store, [each["path"] for each in listed])

    def has(self, key: str) -> bool:
        """Whether there is a file under this key."""
        return self.size_of(key) is not None

    def size_of(self, key: str) -> int | None:
        """How many bytes lie under this key, or None if nothing does."""
        try:
            return int(obstore.head(self.store, key)["size"])
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        """Remove the file under this key, if there is one."""
        try:
            obstore.delete(self.store, key)
        except FileNotFoundError:
            return

    def presigned(self, key: str) -> str:
        """An address that opens the file for PRESIGNED_SECONDS to whoever holds it. Only buckets have such addresses."""
        from datetime import timedelta

        return obstore.sign(self.store, "GET", key, timedelta(seconds=PRESIGNED_SECONDS))


def _may_be_a_key(key: str) -> bool:
    """Whether a file may lie under it: what strangers ask for may be anything."""
    parts = key.split("/")
    if not key.isprintable() or {"", ".", ".."} & set(parts):
        return False
    return len(key.encode()) <= _LONGEST_KEY and all(len(part.encode()) <= _LONGEST_PART for part in parts)
