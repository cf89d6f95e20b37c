"""Waiting: the page of an entry on a waiting list. Opening it changes nothing: a click takes the offer, or leaves the list."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from core.attendance import waiting
from core.connections import threads
from core.foundation.errors import BadInput, ShopError
from webhook.attendance import pages

router = APIRouter()


@router.head("/waiting/{token}", include_in_schema=False)
@router.get("/waiting/{token}")
async def show(token: str, request: Request, done: str = "") -> Response:
    """Where somebody stands on the list, and what is offered to them."""
    try:
        view = await run_in_threadpool(waiting.view, pages.shop_of(request), token)
    except ShopError as error:
        return pages.refused(request, error)
    return pages.drawn(request, "waiting.html.j2", view=view, total=view.total.format() if view.total else "")


@router.post("/waiting/{token}")
async def decide(token: str, request: Request) -> Response:
    """Go to payment with what is offered, or leave the list: `do` says which. 303, or a page that says why not."""
    shop, form = pages.shop_of(request), await pages.fields(request)
    try:
        match (form or {}).get("do"):
            case "accept":
                browser = pages.browser_of(request)
                link = await threads.AT_PAYMENT.run(waiting.accept, shop, token, browser_id=browser)
                return pages.away(link.url)
            case "leave":
                await run_in_threadpool(waiting.leave, shop, token)
                return pages.back(request, "left")
        raise BadInput()
    except ShopError as error:
        return pages.refused(request, error)
