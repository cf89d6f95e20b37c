"""What handlers ask for in their signatures."""

from typing import Annotated

from fastapi import Depends, Request

from core.shop import Shop


def _shop_of(request: Request) -> Shop:
    shop: Shop = request.app.state.shop
    return shop


# The shop that this app serves.
OpenShop = Annotated[Shop, Depends(_shop_of)]
