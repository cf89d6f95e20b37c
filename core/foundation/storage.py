"""Where the sold files lie: a folder of this machine, or a bucket that several machines share."""

import hmac
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from core.foundation.errors import StorageUnreachable

# How long a presigned link to a bucket works: long enough to begin a download, too short to be passed around, and so long at
# most a file still comes after access has ended.
PRESIGNED_SECONDS = 60
# A bucket that doesn't answer is asked again for so long where buyers wait; obstore itself would for three minutes.
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=15)}
# A bucket puts gigabytes together, and copies them, in minutes. Nobody but the owner who uploaded them waits for it.
_AT_WORK = timedelta(minutes=15)
# Bytes that are read at once, and parts of a file that are sent at once, each of some megabytes.
_CHUNK = 1024 * 1024
_PARTS_AT_ONCE = 3
# Of a whole key and of each of its parts: what buckets and file systems take.
_LONGEST_KEY, _LONGEST_PART = 1024, 255
# So many bytes say what type a file is of.
_BEGINNING = 16
_SIGNATURE = "X-Amz-Signature"
# How obstore ends what a disk answered.
_SYSTEMS_NUMBER = re.compile(r"\(os error (\d+)\)")


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
        """The obstore store behind it; opened at first use, since a bucket needs credentials. Raises StorageUnreachable."""
        if self._folder:
            try:
                return LocalStore(self._folder, mkdir=True)
            except OSError as error:
                raise StorageUnreachable(said=str(error)) from error
        return from_url(self.url) if self.local else from_url(self.url, retry_config=_RETRIES)

    @cached_property
    def _patient(self) -> Any:
        """The same for what takes a bucket its time."""
        if self.local:
            return self.store
        # Whatever is said to the client, obstore reads nothing else for it from the environment.
        plain = os.environ.get("AWS_ALLOW_HTTP", "").casefold() in ("true", "1")
        options: Any = {"timeout": _AT_WORK, "allow_http": plain}
        return from_url(self.url, client_options=options)

    def path_of(self, key: str) -> Path | None:
        """Where a file lies on this machine's disk, whether it is there or not; None if files lie elsewhere."""
        if self._folder is None or ".." in key.split("/"):
            return None
        return self._folder / key

    @cached_property
    def _folder(self) -> Path | None:
        return Path(self.url.removeprefix("file://")).absolute() if self.url.startswith("file://") else None

    def put(self, key: str, data: bytes, *, media_type: str, name: str = "") -> None:
        """Write a file whole; an older one under the same key is replaced at once or not at all. With `name`, a bucket says of it
        that it is a file of this name, to be kept. Raises StorageUnreachable, as all do that write."""
        with _taking():
            obstore.put(self.store, key, data, attributes=self._attributes(media_type, name))

    def put_file(self, key: str, path: Path, *, media_type: str, name: str = "") -> None:
        """Write a file of this machine, a piece at a time: however big it is, little of it is held in memory."""
        with _taking():
            obstore.put(
                self._patient, key, path, attributes=self._attributes(media_type, name), max_concurrency=_PARTS_AT_ONCE
            )  # fmt: skip

    def put_stream(self, key: str, chunks: Iterator[bytes], *, media_type: str, name: str = "") -> None:
        """Write a file from what comes bit by bit, of which little is held in memory. It is there once all has come."""
        # Not by `put`, which can't have its chunks read from the store that it writes to.
        writer = obstore.open_writer(
            self._patient, key, attributes=self._attributes(media_type, name), max_concurrency=_PARTS_AT_ONCE
        )  # fmt: skip
        for chunk in chunks:
            with _taking():
                writer.write(chunk)
        with _taking():
            writer.close()

    def _attributes(self, media_type: str, name: str) -> Any:
        """What a bucket says of a file to whoever fetches it there. A disk keeps nothing of the kind."""
        if self.local:
            return None
        return {"Content-Type": media_type, **({"Content-Disposition": disposition(name)} if name else {})}

    def read_in_chunks(self, key: str) -> Iterator[bytes]:
        """A file bit by bit, of which little is held in memory. Raises FileNotFoundError, or StorageUnreachable."""
        if not _may_be_a_key(key):
            raise FileNotFoundError(key)
        with _answering():
            for chunk in obstore.get(self._patient, key).stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

    def read(self, key: str) -> bytes:
        """A file of which little is to be read, such as a picture, for whoever waits for it at a screen. Raises
        FileNotFoundError, or StorageUnreachable."""
        if not _may_be_a_key(key):
            raise FileNotFoundError(key)
        with _answering():
            return bytes(obstore.get(self.store, key).bytes())

    def beginning(self, key: str) -> bytes:
        """The first bytes of a file, by which its type is known."""
        return bytes(obstore.get_range(self.store, key, start=0, length=min(_BEGINNING, self.size_of(key) or 0)))

    def move(self, key: str, to: str) -> None:
        """Have a file lie under another key; what lay there is replaced."""
        with _taking():
            obstore.rename(self._patient, key, to)

    def clear(self, folder: str) -> None:
        """Remove every file below this folder. That there is none is fine."""
        for listed in obstore.list(self.store, f"{folder}/"):
            obstore.delete(self.store, [each["path"] for each in listed])

    def everything(self) -> Iterator[tuple[str, int]]:
        """The key of every file, and how many bytes it has, in no order. Raises StorageUnreachable."""
        with _answering():
            for listed in obstore.list(self.store):
                yield from ((str(each["path"]), int(each["size"])) for each in listed)

    def has(self, key: str) -> bool:
        """Whether there is a file under this key."""
        return self.size_of(key) is not None

    def size_of(self, key: str) -> int | None:
        """How many bytes lie under this key, or None if nothing does. Raises StorageUnreachable."""
        try:
            with _answering():
                return int(obstore.head(self.store, key)["size"])
        except FileNotFoundError:
            return None

    def is_whole(self, key: str, size: int) -> bool:
        """Whether a file of so many bytes can be had under this key. Raises StorageUnreachable.

        On a disk one is opened for that: what was copied there as somebody else's has its size, and can't be read.
        """
        if self.size_of(key) != size:
            return False
        try:
            if path := self.path_of(key):
                path.open("rb").close()
        except OSError:
            return False
        return True

    def remove(self, key: str) -> None:
        """Remove the file under this key, if there is one."""
        try:
            obstore.delete(self.store, key)
        except FileNotFoundError:
            return

    def presigned(self, key: str, *, name: str, media_type: str) -> str:
        """An address that opens the file for PRESIGNED_SECONDS to whoever holds it, as one of this name and type. Only buckets
        have such addresses. Raises StorageUnreachable where it can't be asked who the shop is."""
        with _answering():
            signed = str(obstore.sign(self.store, "GET", key, timedelta(seconds=PRESIGNED_SECONDS)))
        secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
        # Any other key, as of a machine's role, is known to obstore alone: then the name and type count with which it was put.
        if not secret or _key_id_of(signed) != os.environ.get("AWS_ACCESS_KEY_ID"):
            return signed
        return signed_anew(
            signed, secret, response_content_disposition=disposition(name), response_content_type=media_type
        )


def disposition(name: str) -> str:
    """The header that has a browser keep a file under this name, in both forms: plain for old clients, RFC 5987 for the rest."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("\\", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def signed_anew(signed: str, secret: str, **more: str) -> str:
    """A link to a bucket of Amazon's kind with these parameters as well, such as `response_content_type`, which obstore signs none
    with: by Signature Version 4, with the secret of the key that it was signed with. All else of it stays."""
    parts = urlsplit(signed)
    query = {name: value for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != _SIGNATURE}
    query |= {name.replace("_", "-"): value for name, value in more.items()}
    written = "&".join(f"{_quoted(name)}={_quoted(query[name])}" for name in sorted(query))
    asked = "\n".join(("GET", parts.path, written, f"host:{parts.netloc}\n", "host", "UNSIGNED-PAYLOAD"))
    scope = query["X-Amz-Credential"].partition("/")[2]
    said = "\n".join(("AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, sha256(asked.encode()).hexdigest()))
    signature = hmac.new(_derived(secret, scope), said.encode(), sha256).hexdigest()
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{written}&{_SIGNATURE}={signature}"


def _key_id_of(signed: str) -> str:
    """Which key a link was signed with."""
    return dict(parse_qsl(urlsplit(signed).query)).get("X-Amz-Credential", "").partition("/")[0]


def _derived(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


@contextmanager
def _answering() -> Iterator[None]:
    """Tells a storage that does not answer, or refuses, from one that has no such file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, PermissionError) as error:
        raise StorageUnreachable(said=type(error).__name__) from error


@contextmanager
def _taking() -> Iterator[None]:
    """The same of one that takes no file: a disk that is full, or a folder that nobody may write into, is told by the system's
    number alone."""
    try:
        with _answering():
            yield
    except FileNotFoundError:
        raise
    except OSError as error:
        number = _SYSTEMS_NUMBER.search(str(error))
        raise StorageUnreachable(said=os.strerror(int(number[1])) if number else str(error)) from error


def _may_be_a_key(key: str) -> bool:
    """Whether a file may lie under it: what strangers ask for may be anything."""
    parts = key.split("/")
    if not key.isprintable() or {"", ".", ".."} & set(parts):
        return False
    return len(key.encode()) <= _LONGEST_KEY and all(len(part.encode()) <= _LONGEST_PART for part in parts)
