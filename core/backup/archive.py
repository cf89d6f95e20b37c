"""The file of a backup: a compressed tar with a manifest at its end, by which each part is known to be whole."""

import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import orjson

from core.backup.workplace import workplace
from core.foundation.errors import BackupHindered, Hindrance

FILES = "files/"
_MANIFEST = "manifest.json"
# As what it is written, until it is whole.
_WRITTEN = "backup"
_FORMAT = 1
_CHUNK = 1024 * 1024
# Most of what is sold is compressed already: trying harder takes long and saves little.
_EFFORT = 1


@dataclass(frozen=True)
class Part:
    """One part of a backup. `name` is its place in the file; a stored file says of which type it is, and as what it is sold."""

    name: str
    size: int
    sha256: str
    media_type: str = ""
    sold_as: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a backup is: of which version of the shop and its schema, which kind of database, and as of when.

    `shop_id` tells which SECRET_KEY it goes with, without telling that. `with_files` if the stored files came along.
    """

    version: str
    schema: str
    database: str
    livemode: bool
    made_at: datetime
    shop_id: str
    with_files: bool
    parts: tuple[Part, ...] = ()
    format: int = _FORMAT

    def of(self, parts: Iterable[Part]) -> "Manifest":
        """The same of these parts."""
        return replace(self, parts=tuple(parts))

    @property
    def files(self) -> tuple[Part, ...]:
        """The stored files."""
        return tuple(part for part in self.parts if part.name.startswith(FILES))


@dataclass
class Writer:
    """A backup that is being written."""

    _tar: tarfile.TarFile
    parts: list[Part] = field(default_factory=list)

    def add(self, name: str, size: int, chunks: Iterable[bytes], *, media_type: str = "", sold_as: str = "") -> None:
        """Write a part of so many bytes from what comes bit by bit. Raises BackupHindered if it is not as long as that."""
        reader = _Reader(iter(chunks))
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        try:
            self._tar.addfile(info, reader)  # type: ignore[arg-type]
        except OSError as error:
            if reader.over:
                raise BackupHindered(Hindrance.SHORT, name) from error
            raise
        self.parts.append(Part(name, size, reader.digest.hexdigest(), media_type, sold_as))

    def add_file(self, name: str, path: Path) -> None:
        """Write a file of this machine as a part."""
        with path.open("rb") as file:
            self.add(name, path.stat().st_size, iter(lambda: file.read(_CHUNK), b""))

    def conclude(self, manifest: Manifest) -> None:
        """Say what is in it. Without that it is no backup."""
        text = orjson.dumps(asdict(manifest.of(self.parts)), option=orjson.OPT_INDENT_2)
        info = tarfile.TarInfo(_MANIFEST)
        info.size, info.mode = len(text), 0o600
        self._tar.addfile(info, BytesIO(text))


@contextmanager
def written(out: Path) -> Iterator[Writer]:
    """A backup, written beside its place and put there when it is whole. Nobody else on the machine may read it."""
    with workplace(out.parent) as folder, open(folder / _WRITTEN, "wb", opener=_for_its_owner_alone) as made:
        with tarfile.open(fileobj=made, mode="w:gz", compresslevel=_EFFORT) as tar:
            yield Writer(tar)
        made.flush()
        os.fsync(made.fileno())
        os.replace(made.name, out)


def _for_its_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def verified(path: Path, keep: Path, *, progress: Callable[[str], object]) -> Manifest:
    """What a backup says of itself, once all of it was read and found to be so; its database is put into the folder `keep`.

    Raises BackupHindered for what is damaged, cut off, no backup at all, or of a form that only newer versions know.
    """
    found: dict[str, tuple[int, str]] = {}
    manifest: Manifest | None = None
    with _telling_damage():
        for name, file in _members(path):
            progress(name)
            if name == _MANIFEST:
                manifest = _read(file.read())
            elif name in found or not _is_a_place(name):
                raise BackupHindered(Hindrance.DAMAGED, f"{name} is in it twice, or nowhere that a file may be")
            else:
                found[name] = _looked_through(file, None if name.startswith(FILES) else keep / Path(name).name)
    if manifest is None:
        raise BackupHindered(Hindrance.DAMAGED, "its end is missing")
    said = {part.name: (part.size, part.sha256) for part in manifest.parts}
    if wrong := sorted(name for name in said.keys() | found.keys() if said.get(name) != found.get(name)):
        raise BackupHindered(Hindrance.DAMAGED, f"{wrong[0]} is not as it was written")
    return manifest


def first_of(path: Path) -> str:
    """The name of what a backup begins with, its database, before all of it is read. Raises BackupHindered."""
    with _telling_damage():
        return next((name for name, _ in _members(path)), "")


def files_of(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The stored files of a backup, each by its key and bit by bit, to be read before the next one is asked for."""
    for name, file in _members(path):
        if name.startswith(FILES):
            yield name.removeprefix(FILES), iter(lambda file=file: file.read(_CHUNK), b"")  # type: ignore[misc]


def _is_a_place(name: str) -> bool:
    """Whether it leads nowhere but into a backup, whoever made the file."""
    return not {"", ".", ".."} & set(name.split("/"))


def _members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path, "r|gz") as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is None:
                raise BackupHindered(Hindrance.DAMAGED, f"{member.name} is no file")
            yield member.name, file


@contextmanager
def _telling_damage() -> Iterator[None]:
    """Whatever is read of what is no backup, or is cut off, or is not as it was compressed, says so."""
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise BackupHindered(Hindrance.DAMAGED, str(error)) from error
    except OSError as error:
        if error.errno is None:  # what gzip says of its file, and no disk
            raise BackupHindered(Hindrance.DAMAGED, str(error)) from error
        raise


def _looked_through(file: IO[bytes], copy: Path | None) -> tuple[int, str]:
    """How long a part is and its digest, and copy it where that is asked for."""
    size, digest = 0, sha256()
    with open(copy or os.devnull, "wb") as out:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            digest.update(chunk)
            out.write(chunk)
    return size, digest.hexdigest()


def _read(text: bytes) -> Manifest:
    try:
        said: dict[str, Any] = orjson.loads(text)
        if said["format"] > _FORMAT:
            raise BackupHindered(Hindrance.NEWER, str(said.get("version")))
        parts = tuple(Part(**each) for each in said.pop("parts"))
        return Manifest(**said | {"parts": parts, "made_at": datetime.fromisoformat(said["made_at"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BackupHindered(Hindrance.DAMAGED, "nobody can read what it says of itself") from error


class _Reader:
    """What a tar reads from: as many bytes as it asks for, from chunks of any length, with their digest."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""
        self.digest, self.over = sha256(), False

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and not self.over:
            chunk = next(self._chunks, None)
            self.over = chunk is None
            self._rest += chunk or b""
        given, self._rest = self._rest[:size], self._rest[size:]
        self.digest.update(given)
        return given
