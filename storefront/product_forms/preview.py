"""The preview: a product as buyers will see it, drawn by what draws it for them, with buttons that do nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from core.catalog.products import Kind
from core.kinds.offers import Availability, Offer, PriceTag
from storefront import words
from storefront.goods import product_view, tiles
from storefront.paying import prices

_TEXTS = ("name", "summary", "facts", "description", "image", "image_alt", "call_to_action", "max_quantity")


def offer_of(said: Mapping[str, Any], standing: Offer | None, *, prices: tuple[PriceTag, ...] = ()) -> Offer:
    """The product that the fields say, with the prices and dates that it has, or with these prices where it is new."""
    texts = {name: said[name] for name in _TEXTS if name in said}
    told = {
        "shelf": said["group"], "gets": tuple((icon, text) for icon, text in said["gets"]),
        "faq": tuple((question, answer) for question, answer in said["faq"]),
    }  # fmt: skip
    return replace(standing or _new(Kind(said["kind"]), prices), **texts, **told)


def draw(offer: Offer) -> None:
    """The product's page, and below it its tile in the shop."""
    offer = replace(offer, name=offer.name or "Your product")  # a heading is never empty
    with st.container(border=True, key="box-preview"):
        words.quiet("As buyers see it")
        date = next(iter(offer.open_dates or offer.dates), None)
        product_view.draw_cover(offer, date)
        product_view.draw_head(offer)
        date = product_view.choose_date(offer)
        if offer.prices:
            tag = product_view.choose_price(offer)
            tag = prices.choose_amount(offer, tag, None) or tag
            product_view.draw_price(offer, tag, product_view.choose_quantity(offer, date))
            prices.draw_sale(tag)
        label = "Add to cart" if offer.prices and _is_to_be_had(offer) else "Not on sale yet"
        st.button(
            label, type="primary", width="stretch", icon=":material/shopping_bag:", key="preview-add", disabled=True
        )
        product_view.draw_promises(offer)
        st.space("small")
        product_view.draw_details(offer, narrow=True)
    with st.container(border=True, key="box-preview-tile"):
        words.quiet("In the shop")
        tiles.tile(replace(offer, id=f"preview-{offer.id}"), link=False)


def _is_to_be_had(offer: Offer) -> bool:
    return offer.kind is not Kind.WORKSHOP or bool(offer.open_dates)


def _new(kind: Kind, prices: tuple[PriceTag, ...]) -> Offer:
    return Offer(
        id="new", name="", kind=kind, shelf="", summary="", facts="", description="", image="", image_alt="",
        call_to_action="", gets=(), faq=(), prices=prices, availability=Availability.ON_SALE, max_quantity=1,
    )  # fmt: skip
