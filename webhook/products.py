"""What may be bought, for other programs to read."""

from typing import Any

from fastapi import APIRouter

from core.catalog.products import Kind
from core.kinds import offers
from core.kinds.offers import Availability, Offer
from core.kinds.workshops import DateView
from webhook.dependencies import OpenShop

router = APIRouter()


@router.get("/products")
def products(shop: OpenShop) -> list[dict[str, Any]]:
    """Everything on the shelves; `available` is false for what is sold out. Workshops have `dates`, which may be chosen."""
    with shop.reading() as session:
        return [_product(offer) for offer in offers.shelf(session, now=shop.now())]


def _product(offer: Offer) -> dict[str, Any]:
    prices = [
        {"id": tag.id, "amount": tag.amount.amount, "currency": tag.amount.currency, "interval": tag.interval}
        for tag in offer.prices
    ]
    available = offer.availability is Availability.ON_SALE
    found = {"id": offer.id, "name": offer.name, "kind": offer.kind, "available": available, "prices": prices}
    return found | {"dates": [_date(date) for date in offer.dates]} if offer.kind is Kind.WORKSHOP else found


def _date(date: DateView) -> dict[str, Any]:
    return {
        "id": date.id, "starts_at": date.starts_at, "ends_at": date.ends_at, "timezone": date.timezone,
        "left": date.left,
    }  # fmt: skip
