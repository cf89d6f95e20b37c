"""Orders that letters lead to: a page with a button, and only the click opens the order on this browser.

Mail scanners follow every link, and some run what they find: nothing is opened or used up by that.
"""

import re

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from core.foundation.errors import AccessDenied
from core.foundation.signing import ORDERS_COOKIE
from core.invoicing import receipts
from core.people import purchases
from core.people.receipts import order_links
from core.people.receipts.order_links import OrderLink
from core.shop import Shop
from webhook.requests import cookies, framed
from webhook.requests.dependencies import OpenShop

router = APIRouter()

RECEIPT = "receipt"
_A_THING = re.compile(r"gr_\w{1,60}", re.ASCII)


@router.head("/order/{token}", include_in_schema=False)
@router.get("/order/{token}")
async def ask(token: str, request: Request, shop: OpenShop, to: str = "") -> Response:
    """A page with the button that opens the order; the order at once on a browser on which it is open already."""
    try:
        found, known = await run_in_threadpool(_look, shop, token, request)
    except AccessDenied:
        return _to_code(shop, token)
    if known:
        return _to_order(found, to)
    return await run_in_threadpool(_drawn, shop, found, to)


@router.post("/order/{token}")
async def open_order(token: str, request: Request, shop: OpenShop, to: str = "") -> Response:
    """303 to the order, which is open on this browser from now on; to where a code is sent if the link is good no more."""
    try:
        cookie = request.cookies.get(ORDERS_COOKIE)
        found, said = await run_in_threadpool(order_links.click, shop, token, cookie)
    except AccessDenied:
        return _to_code(shop, token)
    response = _to_order(found, to)
    cookies.remember_orders(response, shop, said)
    return response


def _look(shop: Shop, token: str, request: Request) -> tuple[OrderLink, bool]:
    found, viewer = order_links.read(shop, token), cookies.viewer_of(request, shop)
    with shop.reading() as session:
        seen = purchases.seen(session, found.order_id, viewer, signing_key=shop.signing_key, now=shop.now())
    return found, bool(seen and seen.mine)


def _to_order(found: OrderLink, to: str) -> RedirectResponse:
    """To what the letter's button named: the receipt, or one of the things that were bought."""
    way = f"/order?id={found.order_id}"
    if paid := _of_receipt(found, to):
        way = receipts.path(paid)
    elif _A_THING.fullmatch(to):
        way += f"&to={to}"
    # Without a host: whoever came by another name for the shop has their cookies under that name.
    return RedirectResponse(way, 303, framed.PRIVATE)


def _of_receipt(found: OrderLink, to: str) -> str:
    """The payment whose receipt the letter's button named: the first one, or that of this id."""
    return next((paid for paid in found.payments if to in (RECEIPT, paid)), "")


def _to_code(shop: Shop, token: str) -> RedirectResponse:
    return RedirectResponse(f"/purchases?letter={token}", 303, framed.PRIVATE)


def _drawn(shop: Shop, found: OrderLink, to: str) -> HTMLResponse:
    return framed.drawn(shop, "order_link.html.j2", number=found.number, receipt=bool(_of_receipt(found, to)))
