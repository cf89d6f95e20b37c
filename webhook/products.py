"""What may be bought, for other programs to read."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter

from core.catalog.products import Kind
from core.catalog.products import texts as texts_of
from core.kinds import offers
from core.kinds.offers import Availability, Offer, PriceTag
from core.kinds.workshops import DateView
from core.rights import clauses
from webhook.requests.dependencies import OpenShop

router = APIRouter()


@router.head("/products", include_in_schema=False)
@router.get("/products")
def products(shop: OpenShop) -> list[dict[str, Any]]:
    """Everything on the shelves; `available` is false for what is sold out. Workshops have `dates`, which may be chosen.

    `consents` are what a buyer is to agree to by a `box`, or to be told, whose versions `POST /checkout` takes.
    """
    with shop.reading() as session:
        texts = texts_of(session)
        return [_product(offer, texts) for offer in offers.shelf(session, now=shop.now())]


def _product(offer: Offer, texts: Mapping[str, str]) -> dict[str, Any]:
    prices = [_price(tag) for tag in offer.prices]
    available = offer.availability is Availability.ON_SALE
    asked = [
        {"version": each.version, "clause": each.clause, "wording": each.wording, "box": each.box}
        for each in clauses.asked([offer], texts)
    ]
    found = {
        "id": offer.id,
        "name": offer.name,
        "kind": offer.kind,
        "available": available,
        "prices": prices,
        "consents": asked,
    }
    return found | {"dates": [_date(date) for date in offer.dates]} if offer.kind is Kind.WORKSHOP else found


def _price(tag: PriceTag) -> dict[str, Any]:
    found = {"id": tag.id, "amount": tag.amount.amount, "currency": tag.amount.currency, "interval": tag.interval}
    sale = {"amount_before": tag.before.amount, "until": tag.until} if tag.before else {}
    return {**found, **sale, **({"minimum": tag.least.amount} if tag.least is not None else {})}


def _date(date: DateView) -> dict[str, Any]:
    return {
        "id": date.id, "starts_at": date.starts_at, "ends_at": date.ends_at, "timezone": date.timezone,
        "left": date.left,
    }  # fmt: skip
