"""What may be bought, for other programs to read."""

from typing import Any

from fastapi import APIRouter

from core.kinds import offers
from core.kinds.offers import Availability, Offer
from webhook.dependencies import OpenShop

router = APIRouter()


@router.get("/products")
def products(shop: OpenShop) -> list[dict[str, Any]]:
    """Everything on the shelves; `available` is false for what is sold out."""
    with shop.reading() as session:
        return [_product(offer) for offer in offers.shelf(session)]


def _product(offer: Offer) -> dict[str, Any]:
    prices = [
        {"id": tag.id, "amount": tag.amount.amount, "currency": tag.amount.currency, "interval": tag.interval}
        for tag in offer.prices
    ]
    available = offer.availability is Availability.ON_SALE
    return {"id": offer.id, "name": offer.name, "kind": offer.kind, "available": available, "prices": prices}
