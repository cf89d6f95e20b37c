"""Buying by HTTP: the same journey as the storefront's button."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from webhook import cookies
from webhook.dependencies import OpenShop

router = APIRouter()

# PostgreSQL keeps no text with a NUL in it, and no address has one.
_ADDRESS = r"^[^@\s<>,;\x00]+@[^@\s<>,;\x00]+\.[^@\s<>,;\x00]+$"


class ItemBody(BaseModel):
    """So many of one price."""

    model_config = ConfigDict(extra="forbid")

    price: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]+$")]
    quantity: Annotated[int, Field(ge=1, le=9999)] = 1


class BasketBody(BaseModel):
    """What to buy. `cart_id` is the caller's own, hard to guess: the same one is the same purchase."""

    model_config = ConfigDict(extra="forbid")

    cart_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")]
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=100)]
    email: Annotated[str, Field(max_length=254, pattern=_ADDRESS)] | None = None


@router.post("/checkout")
async def start(body: BasketBody, request: Request, response: Response, shop: OpenShop) -> dict[str, Any]:
    """Where to pay, and for which order. 400 for bad input, 409 when sold out or no longer open, 503 to try again."""
    browser = cookies.browser_of(request, shop) or cookies.new_browser()
    items = tuple(Item(item.price, item.quantity) for item in body.items)
    basket = Basket(body.cart_id, items, email=body.email or "", browser_id=browser)
    link = await run_in_threadpool(checkout.start, shop, basket)
    cookies.remember_browser(response, shop, browser)
    return {"url": link.url, "order_id": link.order_id}
