"""Pictures: those that owners have uploaded, and covers that are drawn, for everybody. Their address names what is in them, so
that it never changes."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from core.catalog import products
from core.catalog.looks import drawn_covers
from core.connections import threads
from core.shop import Shop
from webhook.requests.dependencies import OpenShop

router = APIRouter()

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
_TYPES = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"RIFF", "image/webp"))


@router.head("/pictures/{digest}/{name}", include_in_schema=False)
@router.get("/pictures/{digest}/{name}")
async def picture(digest: str, name: str, shop: OpenShop) -> Response:
    """A picture as it was uploaded, as the type that it is, or as it is drawn. 404 where there is none."""
    found = await threads.AT_STORAGE.run(_read, shop, f"{products.UPLOADED}{digest}/{name}")
    media_type = next((each for beginning, each in _TYPES if found and found.startswith(beginning)), None)
    if found is None or media_type is None:
        return JSONResponse({"error": "NotFound"}, 404)
    return Response(found, headers=_FOR_EVER, media_type=media_type)


def _read(shop: Shop, key: str) -> bytes | None:
    if drawing := drawn_covers.drawn(key):
        return drawing
    try:
        return shop.storage.read(key)
    except FileNotFoundError:
        return None
