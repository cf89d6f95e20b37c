"""Scripts, styles, fonts and pictures: packed once, kept by browsers for as long as their names stand for what is in them.

The first to ask for a file is given it packed quickly; thoroughly packed, it is there for all who come later. What was
packed stays in the user's cache folder, named by what it was packed from, so that the next start finds it.
"""

import gzip
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.file_util import get_static_dir

from storefront.pictures import STATIC

_FOLDERS = {"/static/": Path(get_static_dir(), "static"), "/app/static/": STATIC}
_TYPES = {
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json",
    ".svg": "image/svg+xml", ".woff2": "font/woff2", ".woff": "font/woff", ".ttf": "font/ttf", ".png": "image/png",
    ".gif": "image/gif", ".mp3": "audio/mpeg", ".wasm": "application/wasm", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
_PACKS_WELL = (".css", ".js", ".json", ".svg", ".txt")
# Smaller ones fit in one packet as they are.
_LEAST = 1024
# A name such as `index.DormvYxC.js` stands for what is in the file.
_NAMED_BY_CONTENT = re.compile(r"\.[\w-]{8}\.\w+$")
# Streamlit's own font, which is seen for a moment before it knows the theme: ours looks as the page will, and is a fifth of it.
_INSTEAD = {"SourceSansVF-Upright.": "hanken-latin.woff2", "SourceSansVF-Italic.": "hanken-latin-italic.woff2"}
_FOR_EVER, _FOR_A_DAY = "public, max-age=31536000, immutable", "public, max-age=86400"


@dataclass
class _File:
    """A file as it goes out: by the name of each packing, the bytes."""

    body: bytes
    digest: str
    packed: dict[str, bytes] = field(default_factory=dict)


class PackedFiles:
    """ASGI middleware in front of Streamlit's own serving of files, which packs none of them."""

    def __init__(self, app: ASGIApp, kept_in: Path | None = None) -> None:
        self._app = app
        self._kept_in = kept_in or _cache_folder()
        self._files: dict[Path, _File] = {}
        # One thread: packing is nothing that anybody waits for.
        self._packing = ThreadPoolExecutor(1, thread_name_prefix="packing")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked_for = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if asked_for and (instead := _instead(scope["path"])):
            await RedirectResponse(instead, 307, {"Cache-Control": _FOR_A_DAY})(scope, receive, send)
            return
        path = _path(scope["path"]) if asked_for else None
        if not path:
            await self._app(scope, receive, send)
            return
        file = self._files.get(path)
        if file is None:
            file = await run_in_threadpool(self._read, path)
        await _answer(file, path, Headers(scope=scope), scope["query_string"].decode("latin-1"))(scope, receive, send)

    def _read(self, path: Path) -> _File:
        body = path.read_bytes()
        file = _File(body, sha256(body).hexdigest())
        if path.suffix in _PACKS_WELL and len(body) >= _LEAST:
            if kept := self._kept(file):
                file.packed["br"] = kept
            else:
                file.packed["gzip"] = gzip.compress(body, 6, mtime=0)
                self._packing.submit(self._pack, file)
        return self._files.setdefault(path, file)

    def _pack(self, file: _File) -> None:
        import brotli  # type: ignore[import-untyped]

        packed: bytes = brotli.compress(file.body, quality=11)
        file.packed["br"] = packed
        try:
            self._kept_in.mkdir(parents=True, exist_ok=True)
            half = self._kept_in / f"{file.digest}.{os.getpid()}"
            half.write_bytes(packed)
            half.replace(self._kept_in / f"{file.digest}.br")
        except OSError:
            pass  # a disk that takes nothing: the next start packs it anew

    def _kept(self, file: _File) -> bytes | None:
        try:
            return (self._kept_in / f"{file.digest}.br").read_bytes()
        except OSError:
            return None


class AsTheyAre:
    """ASGI middleware: answers of the sidecar go out as it made them.

    Streamlit would pack a sold file of gigabytes on its way, with all of a core and at a fiftieth of the speed, and its length
    would not be known to the browser any more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            said = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
            scope = {**scope, "headers": said}
        await self._app(scope, receive, send)


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pushcart", "packed")


def _instead(asked: str) -> str | None:
    """The font of ours that a browser has already, for one of Streamlit's."""
    name = asked.rpartition("/")[2]
    return next((f"/app/static/fonts/{font}" for start, font in _INSTEAD.items() if name.startswith(start)), None)


def _path(asked: str) -> Path | None:
    """The file at this address, None where there is none of ours."""
    for beginning, folder in _FOLDERS.items():
        if asked.startswith(beginning) and "\0" not in asked:
            path = Path(os.path.normpath(folder / asked.removeprefix(beginning)))
            known = path.is_relative_to(folder) and path.suffix in _TYPES
            return path if known and path.is_file() else None
    return None


def _answer(file: _File, path: Path, asked: Headers, query: str) -> Response:
    named = query == file.digest[:12] or _NAMED_BY_CONTENT.search(path.name)
    etag = f'"{file.digest[:24]}"'
    headers = {"Cache-Control": _FOR_EVER if named else _FOR_A_DAY, "ETag": etag}
    if path.suffix in _PACKS_WELL:
        headers["Vary"] = "Accept-Encoding"
    if etag in asked.get("if-none-match", "").replace("W/", "").split(", "):
        return Response(status_code=304, headers=headers)
    takes = {each.partition(";")[0].strip() for each in asked.get("accept-encoding", "").split(",")}
    for packing in ("br", "gzip"):
        if packing in takes and packing in file.packed:
            return Response(
                file.packed[packing], headers={**headers, "Content-Encoding": packing}, media_type=_type(path)
            )
    return Response(file.body, headers=headers, media_type=_type(path))


def _type(path: Path) -> str:
    return _TYPES[path.suffix]
