"""Offers as they are drawn: what one costs, whether it is to be had, and its tile on the shelf."""

import streamlit as st

from core.catalog import Interval, Kind
from core.offers import Availability, Offer, PriceTag
from storefront import ui

# From so few free places on, the number is worth knowing.
_FEW = 10

EACH = {Interval.MONTH: "monthly", Interval.YEAR: "yearly"}


def tile(offer: Offer) -> None:
    """One cell of the grid. Its only link stretches over all of it (see pushcart.css)."""
    with st.container(key=f"tile-{offer.id}", height="stretch", gap="xsmall"):
        ui.pic(offer.image, offer.id, offer.image_alt)
        st.header(ui.plain(offer.name), anchor=False)
        st.markdown(ui.plain(offer.summary))
        ui.quiet(ui.plain(offer.facts))
        st.space("stretch")
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(_price_line(offer), width="content")
            ui.forward(ui.PRODUCT, ui.plain(offer.call_to_action or "See more"), p=offer.id)


def badge(offer: Offer) -> str:
    """What is special about getting it right now, or an empty string."""
    match offer.availability:
        case Availability.SOLD_OUT:
            return ":gray-badge[Sold out]"
        case Availability.WITHDRAWN:
            return ":gray-badge[No longer for sale]"
        case Availability.ON_SALE:
            few = offer.left is not None and offer.left <= _FEW
            return f":orange-badge[{ui.count(offer.left or 0, 'place', 'places')} left]" if few else ""


def unit(kind: Kind) -> tuple[str, str]:
    """What one of it is called, and several of it."""
    match kind:
        case Kind.PLAN:
            return "seat", "seats"
        case Kind.WORKSHOP:
            return "place", "places"
        case Kind.LICENSE:
            return "licence", "licences"
        case Kind.DOWNLOAD:
            return "copy", "copies"


def amount_of(kind: Kind, quantity: int) -> str:
    """So many of it: `5 seats`."""
    return ui.count(quantity, *unit(kind))


def cheapest(tags: tuple[PriceTag, ...]) -> PriceTag:
    """The price to begin with: of a plan's, the one for the shorter time."""
    return min(tags, key=lambda tag: tag.amount.amount)


def _price_line(offer: Offer) -> str:
    if not offer.prices:
        return badge(offer)
    tag = cheapest(offer.prices)
    each = (
        f"{f' per {unit(offer.kind)[0]},' if offer.max_quantity > 1 else ''} {EACH[tag.interval]}"
        if tag.interval
        else ""
    )
    return f"**{ui.price(tag.amount, short=True)}**{each} {badge(offer)}".rstrip()
