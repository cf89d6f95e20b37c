"""Exports: lists of the owner's side as files, streamed, for whoever may take them."""

from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from core.foundation.database import new_id
from core.owner.order_book import export, filters
from core.owner.order_book.filters import Filters
from core.people.deeds import Deed
from core.registers import disputes
from core.shop import Shop
from webhook import cookies
from webhook.dependencies import OpenShop

router = APIRouter()


@router.get("/owner/orders.csv")
async def orders(request: Request, shop: OpenShop) -> StreamingResponse:
    """The orders that the query asks for, in the words of the list's own address. Raises NotPermitted."""
    wanted = filters.read(request.query_params)
    pieces = await run_in_threadpool(_begin, shop, wanted, cookies.sign_in_of(request, shop))
    name = f"orders-{shop.now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/owner/evidence.html")
async def evidence(order: str, request: Request, shop: OpenShop) -> HTMLResponse:
    """All that is known of an order, for answering a dispute. Raises NotPermitted or OrderNotFound."""
    page = await run_in_threadpool(_evidence, shop, order, cookies.sign_in_of(request, shop))
    headers = {"Content-Disposition": 'attachment; filename="evidence.html"', "Cache-Control": "no-store"}
    return HTMLResponse(page, headers=headers)


def _evidence(shop: Shop, order_id: str, sign_in_id: str) -> str:
    return disputes.evidence_page(shop, order_id, deed=Deed(sign_in_id, new_id("do")))


def _begin(shop: Shop, wanted: Filters, sign_in_id: str) -> Iterator[str]:
    return export.begin(shop, wanted, deed=Deed(sign_in_id, new_id("do")))
