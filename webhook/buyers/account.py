"""An account over HTTP: what only its holder may have, as a file."""

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from core.foundation.errors import LinkInvalid
from core.privacy import export
from core.shop import Shop
from webhook.requests import cookies
from webhook.requests.dependencies import OpenShop

router = APIRouter()

_HEADERS = {"Content-Disposition": 'attachment; filename="my-data.json"', "Cache-Control": "no-store"}


@router.get("/account/data.json")
async def data(request: Request, shop: OpenShop) -> StreamingResponse:
    """Everything held about whoever is signed in on this browser. Raises LinkInvalid where nobody is, CustomerNotFound."""
    pieces = await run_in_threadpool(_begin, request, shop)
    return StreamingResponse(pieces, media_type="application/json", headers=_HEADERS)


def _begin(request: Request, shop: Shop) -> Iterator[bytes]:
    email = cookies.signed_in(request, shop)
    if not email:
        raise LinkInvalid()
    return export.by_buyer(shop, email)
