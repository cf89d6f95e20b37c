import streamlit as st

from core.kinds.offers import Availability
from core.owner.shelves import listing, stripe_prices
from core.owner.shelves.applied import Drift
from core.owner.shelves.listing import ProductRow, Sold
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from storefront import dates, frame, links, pictures, process, words
from storefront.amounts import price
from storefront.back_office import gate, lists
from storefront.goods import tiles
from storefront.product_forms import prices

shop = process.shop()
# So many fields that differ are named in the list; all of them on the product's page.
FEW = 3


def draw_product(row: ProductRow) -> None:
    """One product, with what it costs and what it brought in."""
    offer = row.offer
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"listed-{offer.id}"):
        pictures.show(offer.thumb, f"thumb-{offer.id}", width=48)
        with st.container(width="stretch", gap=None):
            st.page_link(
                links.PRODUCT_SHEET, label=f"**{words.plain(offer.name)}**", query_params={"id": offer.id}, help=""
            )
            words.quiet(words.plain(offer.facts or offer.summary or offer.id))
            words.quiet(" · ".join(brought(each) for each in row.sold) or "Nothing sold yet")
            for line in differing(row):
                st.markdown(line)
        with st.container(width="content", gap="xxsmall", horizontal_alignment="right"):
            st.markdown("  \n".join(prices.said(tag) for tag in offer.prices) or ":gray[No price]", width="content")
            st.markdown(state(row), width="content")


def state(row: ProductRow) -> str:
    """Whether it can be bought, as a badge."""
    if not row.active:
        return ":gray-badge[:material/archive: Archived]"
    if row.offer.availability is Availability.ON_SALE:
        return tiles.badge(row.offer) or ":green-badge[On sale]"
    return tiles.badge(row.offer)


def brought(sold: Sold) -> str:
    """How many were sold, and for how much."""
    return f"{sold.quantity:,} sold, {price(sold.amount)}"


def differing(row: ProductRow) -> list[str]:
    """What differs from the catalogue file and from Stripe, in a line each."""
    found = [f":red[:small[:material/error: {words.plain(each.sentence)}]]" for each in row.at_stripe]
    if row.drift and row.drift.differences:
        found.append(f":orange[:small[:material/difference: {words.plain(drifted(row.drift))}]]")
    return found


def drifted(drift: Drift) -> str:
    """That it differs from the file that was applied, and wherein."""
    fields = list(dict.fromkeys(each.field for each in drift.differences))
    more = f" and {len(fields) - FEW} more" if len(fields) > FEW else ""
    return f"differs from {drift.file} of {dates.day(drift.applied_at)} in {', '.join(fields[:FEW])}{more}"


def draw_actions(me: Staff) -> None:
    """What an owner may begin from here."""
    with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
        if me.may(Action.EXPORT):
            link = '<a href="/api/owner/catalogue.toml" download target="_self">Export as TOML</a>'
            st.html(f'<div class="files plain">{link}</div>', width="content")
        if not me.may(Action.SHELVES):
            return
        st.button("Compare with Stripe", icon=":material/sync:", type="tertiary", key="compare", on_click=compare)
        if st.button("New product", icon=":material/add:", type="primary", key="new-product"):
            st.switch_page(links.PRODUCT_SHEET)


def compare() -> None:
    """Ask Stripe about every price that it knows."""

    def act(deed: Deed) -> str:
        looked = stripe_prices.compare(shop, deed=deed)
        return f"Stripe was asked about {words.count(looked, 'price', 'prices')}." if looked else NONE_AT_STRIPE

    lists.click("compare", act)
    gate.open_token("compare")


NONE_AT_STRIPE = "None of the prices on sale names one of Stripe's: what buyers pay is told to Stripe with each order."
me = gate.me()
with frame.column(1180):
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.title("Products", anchor=False, width="content")
        draw_actions(me)
    lists.draw_said()
    with shop.reading() as session:
        rows = listing.rows(session, livemode=shop.settings.livemode, zone=shop.settings.zone, now=shop.now())
    if not rows:
        lists.draw_nothing("products", "**Nothing is for sale yet.** Write a product, or apply a catalogue file.")
    with st.container(gap="small"):
        for row in rows:
            draw_product(row)
