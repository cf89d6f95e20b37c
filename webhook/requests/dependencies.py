"""What handlers ask for in their signatures."""

from collections.abc import Callable
from typing import Annotated

from fastapi import BackgroundTasks, Depends, Request

from core.people import api_keys
from core.people.api_keys import Caller, Scope
from core.shop import Shop


def _shop_of(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


# The shop that this app serves.
OpenShop = Annotated[Shop, Depends(_shop_of)]


def caller_for(scope: Scope) -> Callable[..., Caller]:
    """Asks for an API key for this: `Annotated[Caller, Depends(caller_for(Scope.SEATS))]`. Raises ApiKeyInvalid, ScopeMissing.

    That the key is in use is noted once the answer is on its way.
    """

    def check(request: Request, shop: OpenShop, later: BackgroundTasks) -> Caller:
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        with shop.reading() as session:
            caller = api_keys.check(session, bearer.strip() if kind.lower() == "bearer" else "", scope)
        later.add_task(api_keys.note_use, shop, caller)
        return caller

    return check
