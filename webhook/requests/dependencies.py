"""What handlers ask for in their signatures."""

from collections.abc import Callable
from typing import Annotated

from fastapi import BackgroundTasks, Depends, Request

from core.people import api_keys
from core.people.api_keys import Caller, Scope
from core.shop import Shop


# Not a plain function: FastAPI would run it in a thread of its own at each request.
async def _shop_of(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


# The shop that this app serves.
OpenShop = Annotated[Shop, Depends(_shop_of)]


def caller_for(scope: Scope) -> Callable[..., Caller]:
    """Asks for an API key for this: `Annotated[Caller, Depends(caller_for(Scope.SEATS))]`. Raises ApiKeyInvalid, ScopeMissing.

    That the key is in use is noted once the answer is on its way.
    """

    def check(request: Request, shop: OpenShop, later: BackgroundTasks) -> Caller:
        with shop.reading() as session:
            caller = api_keys.check(session, bearer(request), scope)
        note_use(shop, caller, later)
        return caller

    return check


def bearer(request: Request) -> str:
    """The key that the request came with, or nothing."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def note_use(shop: Shop, caller: Caller, later: BackgroundTasks) -> None:
    """Have it noted, once the answer is on its way, that the key is in use."""
    if api_keys.is_to_be_noted(caller, now=shop.now()):
        later.add_task(api_keys.note_use, shop, caller)
