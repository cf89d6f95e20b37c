"""Tiles: an offer as it is drawn among others, with what it costs and whether it is to be had."""

import streamlit as st

from core.catalog.products import Interval
from core.kinds.offers import Availability, Offer, PriceTag
from core.languages.sentences import _, ngettext
from storefront import amounts, links, pictures, words

# From so few free places on, the number is worth knowing.
_FEW = 10


def tile(offer: Offer, *, link: bool = True) -> None:
    """One cell of the grid. Its only link stretches over all of it (see pushcart.css); without one it is only looked at."""
    with st.container(key=f"tile-{offer.id}", height="stretch", gap="xsmall"):
        next_date = next(iter(offer.open_dates or offer.dates), None)
        pictures.show(pictures.of_date(offer.picture, next_date), offer.id, offer.image_alt)
        st.header(words.plain(offer.name), anchor=False)
        st.markdown(words.plain(offer.summary))
        words.quiet(words.plain(offer.facts))
        st.space("stretch")
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(_price_line(offer), width="content")
            if link:
                links.trailing(links.PRODUCT, words.plain(link_words(offer)), id=offer.id)
            else:
                st.markdown(words.plain(link_words(offer)), width="content")


def link_words(offer: Offer) -> str:
    """What the link to it is called: the seller's own words or, so that no two on a page are called alike, by its name."""
    own = offer.call_to_action
    return own if own and own != "See more" else _("See {name}").format(name=offer.name)


def badge(offer: Offer) -> str:
    """What is special about getting it right now, or an empty string."""
    match offer.availability:
        case Availability.SOLD_OUT:
            return f":gray-badge[{_('Sold out') if offer.dates else _('No date yet')}]"
        case Availability.WITHDRAWN if offer.draft:
            return f":violet-badge[:material/edit_note: {_('Draft')}]"
        case Availability.WITHDRAWN:
            return f":gray-badge[{_('No longer for sale')}]"
        case Availability.ON_SALE:
            few = offer.left is not None and offer.left <= _FEW
            left = offer.left or 0
            said = ngettext("{number} place left", "{number} places left", left).format(number=left)
            return f":orange-badge[{said}]" if few else ""


def cheapest(tags: tuple[PriceTag, ...]) -> PriceTag:
    """The price to begin with: of a plan's, the one for the shorter time."""
    return min(tags, key=lambda tag: tag.amount.amount)


def _price_line(offer: Offer) -> str:
    if not offer.prices:
        return badge(offer)
    tag = cheapest(offer.prices)
    each = f" {_often(offer, tag.interval)}" if tag.interval else ""
    cost = amounts.price(tag.amount, short=True) if tag.amount or tag.interval else _("Free")
    if tag.before:
        cost = f"{cost}** ~~{amounts.price(tag.before, short=True)}~~**"
    if tag.least is not None:
        cost = _("From {price}").format(price=amounts.price(tag.least, short=True))
    return f"**{cost}**{each} {badge(offer)}".rstrip().replace("****", "")


def _often(offer: Offer, interval: Interval) -> str:
    """How often a plan is billed, and for what."""
    if offer.max_quantity == 1:
        return words.each(interval)
    return _("per {unit}, {often}").format(unit=words.unit(offer.kind)[0], often=words.each(interval))
