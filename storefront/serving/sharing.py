"""What a page's head tells those who never see the page: search engines, and whoever shows a link to it as a card."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from core.catalog.products import Kind
from core.kinds.offers import Availability, Offer, PriceTag
from core.kinds.workshops import DateView
from storefront.serving.share_pictures import SIZE


@dataclass(frozen=True)
class About:
    """A page: its title, a sentence, its whole address, that of its picture, and what is sold on it. Without an address it is
    not to be found by searching."""

    title: str
    description: str = ""
    url: str = ""
    image: str = ""
    alt: str = ""
    data: tuple[Mapping[str, Any], ...] = ()


def tags(about: About, shop_name: str) -> str:
    """The tags in HTML."""
    title = f"{about.title} · {shop_name}" if about.title != shop_name else shop_name
    found = f"<title>{escape(title)}</title>"
    if not about.url:
        return f'{found}<meta name="robots" content="noindex">'
    if about.description:
        found += f'<meta name="description" content="{escape(about.description)}">'
    found += f'<link rel="canonical" href="{escape(about.url)}">'
    kind = "product" if about.data else "website"
    graph = {
        "type": kind,
        "site_name": shop_name,
        "title": about.title,
        "description": about.description,
        "url": about.url,
    }
    found += "".join(_meta("property", f"og:{name}", text) for name, text in graph.items() if text)
    if about.image:
        picture = {"image": about.image, "image:type": "image/png", "image:width": SIZE[0], "image:height": SIZE[1]}
        found += "".join(_meta("property", f"og:{name}", str(text)) for name, text in picture.items())
        found += _meta("property", "og:image:alt", about.alt or about.title)
    card = {"card": "summary_large_image", "title": about.title, "description": about.description, "image": about.image}
    found += "".join(_meta("name", f"twitter:{name}", text) for name, text in card.items() if text)
    return found + "".join(map(_script, about.data))


def _meta(attribute: str, name: str, text: str) -> str:
    return f'<meta {attribute}="{name}" content="{escape(text)}">'


def _script(data: Mapping[str, Any]) -> str:
    # Nothing that a seller writes ends the script.
    written = json.dumps(data).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{written}</script>'


def data_of(offer: Offer, *, url: str, image: str, seller: str) -> tuple[Mapping[str, Any], ...]:
    """The product with its offers, and for each date of a workshop an event, as schema.org has them."""
    product = {
        "@context": "https://schema.org", "@type": "Product", "name": offer.name, "description": offer.summary,
        "url": url, "image": image, "sku": offer.id, "brand": {"@type": "Brand", "name": seller},
        "offers": [_offer(offer, tag, url, available=offer.availability is Availability.ON_SALE) for tag in offer.prices],
    }  # fmt: skip
    events = [_event(offer, date, url, image, seller) for date in offer.dates if offer.kind is Kind.WORKSHOP]
    return (product, *events)


def _offer(offer: Offer, tag: PriceTag, url: str, *, available: bool) -> Mapping[str, Any]:
    return {
        "@type": "Offer", "url": url, "price": str(tag.amount.major), "priceCurrency": tag.amount.currency.upper(),
        "availability": f"https://schema.org/{'InStock' if available else 'SoldOut'}",
        **({"name": f"{offer.name}, each {tag.interval}"} if tag.interval else {}),
        **({"priceValidUntil": tag.until.isoformat()} if tag.until else {}),
    }  # fmt: skip


def _event(offer: Offer, date: DateView, url: str, image: str, seller: str) -> Mapping[str, Any]:
    prices: Sequence[PriceTag] = offer.prices
    return {
        "@context": "https://schema.org", "@type": "Event", "name": offer.name, "description": offer.summary, "url": url,
        "image": image, "startDate": date.starts_at.isoformat(), "endDate": date.ends_at.isoformat(),
        "eventStatus": "https://schema.org/EventScheduled",
        "organizer": {"@type": "Organization", "name": seller},
        "maximumAttendeeCapacity": date.capacity, "remainingAttendeeCapacity": date.left,
        "offers": [_offer(offer, tag, url, available=date.left > 0) for tag in prices],
    }  # fmt: skip
