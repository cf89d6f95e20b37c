"""Uploads over HTTP: a page that sends a file, and the requests by which it does, as tus has them.

`POST /owner/uploads` begins one, `PATCH` at `Upload-Offset` sends more of it, `HEAD` says how much has come, and
`POST …/finish` puts the whole to its product. Whatever breaks off is gone on with from the last offset.
"""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from core.foundation.errors import AccessDenied, PieceMisplaced, ProductNotFound
from core.owner.shelves import attachments, uploads
from core.owner.shelves.attachments import Purpose
from core.owner.shelves.uploads import PIECE, Progress
from core.shop import Shop
from webhook.requests import branding, cookies
from webhook.requests.bodies import JsonBody, JsonRoute
from webhook.requests.dependencies import OpenShop
from webhook.requests.errors import status_of

router = APIRouter(route_class=JsonRoute)

_TEMPLATES = Path(__file__).parent / "templates"
_PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "same-origin"}
# What was sent of a request that broke off is kept, unless it is hardly anything.
_WORTH_KEEPING = 64 * 1024


class Announced(JsonBody):
    """A file that is to be uploaded: `size` in bytes, `ticket` as the page has it. What it says besides is passed over."""

    model_config = ConfigDict(extra="ignore")

    ticket: str
    name: str
    size: int
    type: str = ""
    label: str = ""
    version: Annotated[str, Field(max_length=50)] = ""
    notes: Annotated[str, Field(max_length=2000)] = ""


@router.get("/owner/upload")
async def page(request: Request, shop: OpenShop, product: str, purpose: Purpose = Purpose.FILE) -> HTMLResponse:
    """The page that uploads a file for this product. Each time it is opened it has a ticket of its own."""
    sign_in = cookies.sign_in_of(request, shop)
    try:
        ticket = await run_in_threadpool(uploads.ticket, shop, product, purpose, sign_in_id=sign_in)
    except (AccessDenied, ProductNotFound) as refusal:
        return HTMLResponse(_drawn("no_upload.html.j2", shop), status_of(refusal), _PRIVATE)
    asked = {"ticket": ticket, "product": product, "purpose": purpose, "most": attachments.MOST[purpose]}
    return HTMLResponse(_drawn("upload.html.j2", shop, **asked), headers=_PRIVATE)


@router.post("/owner/uploads", status_code=201)
async def begin(announced: Announced, request: Request, shop: OpenShop) -> JSONResponse:
    """Begin an upload, once for each ticket. Raises what `uploads.begin` raises."""
    progress = await run_in_threadpool(
        uploads.begin, shop, announced.ticket, name=announced.name, size=announced.size, media_type=announced.type,
        label=announced.label, version=announced.version, notes=announced.notes, sign_in_id=cookies.sign_in_of(request, shop),
    )  # fmt: skip
    return JSONResponse({"id": progress.id, **_told(progress)}, 201, _headers(progress))


@router.head("/owner/uploads/{upload_id}")
async def look(upload_id: str, request: Request, shop: OpenShop) -> Response:
    """How much has come, in `Upload-Offset`."""
    return Response(headers=_headers(await _progress(upload_id, request, shop)))


@router.patch("/owner/uploads/{upload_id}")
async def send(
    upload_id: str, request: Request, shop: OpenShop, upload_offset: Annotated[int, Header(ge=0)]
) -> Response:  # fmt: skip
    """More of it, from this offset on; 409 with the right one where that is another. However long the body is, it is put away
    piece by piece, and what came of it before it broke off stays."""
    progress = await _progress(upload_id, request, shop)
    received, waiting = upload_offset, bytearray()
    if progress.done or progress.received != upload_offset:
        raise PieceMisplaced(received=progress.received, size=progress.size)
    try:
        async for chunk in request.stream():
            waiting += chunk
            if received + len(waiting) > progress.size:
                raise PieceMisplaced(received=received, size=progress.size)
            if len(waiting) >= PIECE:
                received = await _put(shop, upload_id, waiting, received)
    except ClientDisconnect:
        if len(waiting) >= _WORTH_KEEPING:
            await _put(shop, upload_id, waiting, received)
        raise
    if waiting:
        received = await _put(shop, upload_id, waiting, received)
    return Response(status_code=204, headers={"Upload-Offset": str(received), "Cache-Control": "no-store"})


@router.post("/owner/uploads/{upload_id}/finish")
async def finish(upload_id: str, request: Request, shop: OpenShop) -> JSONResponse:
    """Put the whole file to its product. May be asked again."""
    sign_in = cookies.sign_in_of(request, shop)
    return JSONResponse(_told(await run_in_threadpool(uploads.finish, shop, upload_id, sign_in_id=sign_in)))


async def _put(shop: Shop, upload_id: str, waiting: bytearray, offset: int) -> int:
    """Put away what waits, and wait for nothing any more."""
    piece = bytes(waiting)
    waiting.clear()
    return await run_in_threadpool(uploads.put, shop, upload_id, piece, offset=offset)


async def _progress(upload_id: str, request: Request, shop: Shop) -> Progress:
    sign_in = cookies.sign_in_of(request, shop)
    return await run_in_threadpool(uploads.progress, shop, upload_id, sign_in_id=sign_in)


def _told(progress: Progress) -> dict[str, object]:
    return {"product": progress.product_id, "received": progress.received, "size": progress.size, "done": progress.done}


def _headers(progress: Progress) -> dict[str, str]:
    offset = {"Upload-Offset": str(progress.received), "Upload-Length": str(progress.size)}
    return {**offset, "Cache-Control": "no-store"}


def _drawn(template: str, shop: Shop, **words: object) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # here, since hardly any process needs it

    brand = branding.of(shop)
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, autoescape=True)
    return environment.get_template(template).render(shop=brand.shop, brand=brand, **words)
