"""Buying by HTTP: the same journey as the storefront's button."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from core.connections import threads
from core.journeys import checkout_limits
from core.journeys.checkout import Basket, Item, PaymentLink
from core.shop import Shop
from core.traffic import challenges
from core.traffic.counting import Sender
from webhook.requests import cookies, senders
from webhook.requests.bodies import JsonBody, JsonRoute
from webhook.requests.dependencies import OpenShop

router = APIRouter(route_class=JsonRoute)


class ItemBody(JsonBody):
    """So many of one price, of a workshop on this date of `GET /products`; without one on the next with room. `amount` is what the
    buyer was shown that one costs, or pays where the price has a `minimum`, in minor units."""

    price: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]+$")]
    quantity: Annotated[int, Field(ge=1, le=9999)] = 1
    date: Annotated[str, Field(max_length=161, pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")] | None = None
    amount: Annotated[int, Field(ge=0, le=99_999_999)] | None = None


class BasketBody(JsonBody):
    """What to buy. `cart_id` is the caller's own, hard to guess: the same one is the same purchase.

    `consents` are the versions of the clauses of `GET /products` that the buyer agreed to or was shown. Without any what they
    agreed to before stays, and what nobody agreed to is kept as such: then the right of withdrawal stays.
    `again` is for who was told that they have this already (PlanHeld), have had its trial (TrialUsed), or that its money is on
    its way (StillSettling), and `business` for who buys for one. `external_id` is the id that the buyer has in the seller's own
    programs.
    """

    cart_id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")]
    items: Annotated[list[ItemBody], Field(min_length=1, max_length=100)]
    email: Annotated[str, Field(max_length=1000)] | None = None
    again: bool = False
    consents: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=100)] | None = None
    business: bool = False
    external_id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")] | None = None


@router.post("/checkout")
async def start(body: BasketBody, request: Request, response: Response, shop: OpenShop) -> dict[str, Any]:
    """Where to pay, for which order, and of workshops on which dates.

    400 for bad input, 409 when sold out or no longer open, 503 to try again.
    """
    known = cookies.browser_of(request, shop)
    browser = known or cookies.new_browser()
    items = tuple(Item(item.price, item.quantity, item.date or "", item.amount) for item in body.items)
    basket = Basket(
        body.cart_id,
        items,
        email=body.email or "",
        browser_id=browser,
        again=body.again,
        consents=None if body.consents is None else tuple(body.consents),
        business=body.business,
        person=body.external_id or "",
    )
    # All that asks the database is one thing to do in a thread: with each, threads wake each other.
    link = await threads.AT_PAYMENT.run(_start, request, shop, basket, known)
    cookies.remember_browser(response, shop, browser)
    answer: dict[str, Any] = {"url": challenges.way_to(shop, link.url), "order_id": link.order_id}
    if link.dates:
        answer["dates"] = [{"id": date.date_id, "starts_at": date.starts_at} for date in link.dates]
    return answer


def _start(request: Request, shop: Shop, basket: Basket, browser: str) -> PaymentLink:
    basket = replace(basket, signed_in=cookies.signed_in(request, shop))
    return checkout_limits.start(shop, basket, Sender(senders.household_of(request), browser))
