"""Downloads: a token of the last minutes, the grant as it is now, and the bytes as they were stored."""

import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from urllib.parse import quote

import obstore
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from core.connections import threads
from core.foundation.errors import AccessDenied, DownloadsUsedUp, LinkExpired, StorageUnreachable
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.foundation.storage import disposition
from core.kinds import downloads, file_versions
from core.kinds.downloads import OpenedFile
from core.languages.sentences import _, ngettext
from core.shop import Shop
from webhook.requests import etags, framed, senders
from webhook.requests.dependencies import OpenShop
from webhook.requests.errors import status_of

router = APIRouter()
log = structlog.get_logger()

# Bytes that are read and sent at once, and all that a download keeps in memory. Half of it takes twice the processor's time.
_CHUNK = 1024 * 1024
# No file is of more bytes than eighteen digits say.
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True)
class _Span:
    """Bytes `start` up to and without `end`."""

    start: int
    end: int


@router.head("/downloads/{token}", include_in_schema=False)
@router.get("/downloads/{token}")
async def download(token: str, request: Request, shop: OpenShop) -> Response:
    """The file, or the part of it that was asked for. 410 when the link is too old, 403 when it opens nothing (any more)."""
    try:
        goes_on = "range" in request.headers and "if-range" not in request.headers
        opened, silent = await run_in_threadpool(_open, shop, token, goes_on=goes_on)
        if not await threads.AT_STORAGE.run(_is_there, shop, opened, silent=silent):
            return _gone(shop)
        if opened.limit and _is_guess(request):
            # What counts is given to whoever asks for it, and to no browser that only thinks somebody will.
            return Response(status_code=204, headers={"Cache-Control": "no-store"})
        if _is_ours_to_send(shop) and etags.is_another(request, _etag(opened)):
            return Response(status_code=412, headers={"ETag": _etag(opened)})
        if etags.is_among(_etag(opened), etags.known(request)):
            return Response(status_code=304, headers={"ETag": _etag(opened)})
        asked = _span(request, opened)
        span = asked.span
        if span is None:
            return _outside(shop, opened)
        if request.method == "GET" and not _is_guess(request):
            await run_in_threadpool(_count, shop, opened, senders.address_of(request))
        if not shop.storage.local:
            return await _from_bucket(request, shop, opened)
    except AccessDenied as refusal:
        return _refusal(refusal, shop)
    except StorageUnreachable as trouble:
        log.error("storage_unreachable", said=trouble.said)
        await run_in_threadpool(_note_silent, shop, trouble)
        return _gone(shop)
    return await _send(request, shop, opened, span, part=asked.part)


def _is_ours_to_send(shop: Shop) -> bool:
    """Whether what a client knows of a file is our own tag, and not that of a bucket or of the web server in front."""
    return shop.storage.local and not shop.settings.x_accel_redirect


async def _from_bucket(request: Request, shop: Shop, opened: OpenedFile) -> Response:
    """Whoever asks for the file is sent to the bucket, with their ranges. The link there is good for GET alone."""
    if request.method == "HEAD":
        return Response(headers=_described(opened, opened.size), media_type=opened.media_type)
    found = await threads.AT_STORAGE.run(
        shop.storage.presigned, opened.key, name=opened.name, media_type=opened.media_type
    )
    return RedirectResponse(found, 307, _PRIVATE)


_PRIVATE = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"}


def _described(opened: OpenedFile, length: int) -> dict[str, str]:
    """What is said of a file before so many bytes of it."""
    return {
        **_PRIVATE,
        "Accept-Ranges": "bytes",
        "Content-Length": str(length),
        "Content-Disposition": disposition(opened.name),
        "X-Content-Type-Options": "nosniff",
    }


async def _send(request: Request, shop: Shop, opened: OpenedFile, span: _Span, *, part: bool) -> Response:
    whole = not part
    headers = {**_described(opened, span.end - span.start), "ETag": _etag(opened)}
    if not whole:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{opened.size}"
    status = 200 if whole else 206
    path = shop.storage.path_of(opened.key)
    if path and shop.settings.x_accel_redirect:
        return _left_to_the_web_server(shop, opened, headers)
    if request.method == "HEAD" or span.start == span.end:
        return Response(status_code=status, headers=headers, media_type=opened.media_type)
    if path and whole and _PATHSEND in request.scope.get("extensions", {}):
        return _SentByPath(path, headers, opened.media_type)
    parts = _bytes_of_file(path, span) if path else _bytes(shop, opened, span)
    return StreamingResponse(parts, status, headers, opened.media_type)


# What an application server offers that sends files by itself.
_PATHSEND = "http.response.pathsend"


class _SentByPath(Response):
    """A whole file, of which the application server is told no more than where it lies."""

    def __init__(self, path: Path, headers: dict[str, str], media_type: str) -> None:
        super().__init__(headers=headers, media_type=media_type)
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": _PATHSEND, "path": str(self._path)})


def _left_to_the_web_server(shop: Shop, opened: OpenedFile, headers: dict[str, str]) -> Response:
    """Which file the web server in front sends instead of this answer. It sees by itself to ranges and to what has changed."""
    left = ("Accept-Ranges", "Content-Length", "Content-Range", "ETag")
    kept = {name: value for name, value in headers.items() if name not in left}
    where = f"{shop.settings.x_accel_redirect}/{quote(opened.key)}"
    return Response(headers={**kept, "X-Accel-Redirect": where}, media_type=opened.media_type)


async def _bytes_of_file(path: Path, span: _Span) -> AsyncIterator[bytes]:
    with await threads.AT_STORAGE.run(_open_unbuffered, path) as file:
        place = span.start
        while place < span.end:
            # Off the loop, since a disk may take its time.
            chunk = await threads.AT_STORAGE.run(os.pread, file.fileno(), min(_CHUNK, span.end - place), place)
            if not chunk:
                raise EOFError(f"{path.name} is shorter than it was when it was put there")
            place += len(chunk)
            yield chunk


def _open_unbuffered(path: Path) -> BinaryIO:
    return path.open("rb", buffering=0)


async def _bytes(shop: Shop, opened: OpenedFile, span: _Span) -> AsyncIterator[bytes]:
    found = await obstore.get_async(shop.storage.store, opened.key, options={"range": (span.start, span.end)})
    async for chunk in found.stream(min_chunk_size=_CHUNK):
        yield bytes(chunk)


def _open(shop: Shop, token: str, *, goes_on: bool) -> tuple[OpenedFile, bool]:
    """What is asked for, and whether the storage did not answer whoever asked last."""
    with shop.reading() as session:
        opened = file_versions.open_file(
            session, token, livemode=shop.settings.livemode, signing_key=shop.signing_key, goes_on=goes_on
        )
        return opened, milestones.last(session, Name.STORAGE_SILENT) is not None


def _count(shop: Shop, opened: OpenedFile, ip: str) -> None:
    with shop.transaction() as session:
        if downloads.count(session, opened, ip=ip, now=shop.now()):
            file_versions.note_taken(session, opened)


def _is_there(shop: Shop, opened: OpenedFile, *, silent: bool) -> bool:
    """Whether the file lies where it was put, as long as it was; the owner is told when it does not, or does again."""
    there = shop.storage.is_whole(opened.key, opened.size)
    if there is opened.was_missing or silent:
        with shop.transaction() as session:
            milestones.forget(session, Name.STORAGE_SILENT)
            if there:
                file_versions.note_found(session, opened)
            else:
                file_versions.note_missing(session, opened, now=shop.now())
    return there


def _note_silent(shop: Shop, trouble: StorageUnreachable) -> None:
    """Tell the owner, and since when."""
    with shop.transaction() as session:
        if not milestones.last(session, Name.STORAGE_SILENT):
            milestones.record(session, Name.STORAGE_SILENT, at=shop.now(), detail=trouble.said)


def _is_guess(request: Request) -> bool:
    """Whether a browser asks before anybody has clicked."""
    return "prefetch" in request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")


@dataclass(frozen=True)
class _Asked:
    """The bytes that are asked for, None if they lie outside; `part` if they were asked for as a part."""

    span: _Span | None
    part: bool


def _span(request: Request, opened: OpenedFile) -> _Asked:
    """What is asked for: all of it without a (single, still valid) range."""
    whole = _Asked(_Span(0, opened.size), part=False)
    asked = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if not asked or not any(asked.groups()) or request.headers.get("if-range", _etag(opened)) != _etag(opened):
        return whole
    first, last = asked.groups()
    start, end = int(first or 0), min(int(last) + 1 if last else opened.size, opened.size)
    if not first:  # so many of the last
        start, end = max(0, opened.size - int(last)), opened.size
    return _Asked(_Span(start, end) if start < end else None, part=True)


def _etag(opened: OpenedFile) -> str:
    return f'"{opened.sha256}"'


def _refusal(refusal: AccessDenied, shop: Shop) -> Response:
    """People follow these links, so they get a page that leads on."""
    match refusal:
        case LinkExpired():
            text = _("This download link has run out. It works for a few minutes only, so that nobody else can use it.")
        case DownloadsUsedUp():
            text = ngettext(
                "This file was downloaded {number} time already, which is as often as this purchase allows.",
                "This file was downloaded {number} times already, which is as often as this purchase allows.",
                refusal.limit,
            ).format(number=refusal.limit)
        case _:
            text = _(
                "This download link does not open anything. It may have been copied incompletely, or access has ended."
            )
    return _page(shop, _("No download here"), text, status_of(refusal))


def _gone(shop: Shop) -> Response:
    """The file is paid for and not there: that is nothing of the buyer's, and passes."""
    text = _(
        "This file is not there at the moment, which is our fault and not yours. We have been told. Your purchase stands, "
        "and nothing was counted: please try again later."
    )
    return _page(shop, _("Not there at the moment"), text, 503)


def _outside(shop: Shop, opened: OpenedFile) -> Response:
    """Programs that go on with a download read the head of this; the rest is for whoever sees it in a browser."""
    text = _("The part of the file that was asked for does not exist. Please begin the download anew.")
    return _page(shop, _("No such part"), text, 416, {"Content-Range": f"bytes */{opened.size}"})


def _page(shop: Shop, title: str, text: str, status: int, more: Mapping[str, str] = MappingProxyType({})) -> Response:
    again = framed.Way(f"{shop.settings.public_url}/purchases", _("Get a fresh link from your purchases"))
    headers = {**_PRIVATE, **({"Retry-After": "600"} if status == 503 else {}), **more}
    return framed.plain(shop, title, text, status=status, headers=headers, ways=[again, framed.withdrawal(shop)])
