import streamlit as st

from core import catalog, offers
from storefront import tiles, ui, visitor

shop = visitor.shop()
with shop.reading() as session:
    everything = offers.shelf(session)
    texts = catalog.texts(session)

with ui.frame(1120):
    ui.trim()
    ui.phone_cart()
    st.title(ui.plain(texts.get("headline", shop.settings.shop_name)), anchor=False)
    if intro := texts.get("intro"):
        st.markdown(ui.plain(intro))
    shelves = ["All", *dict.fromkeys(offer.shelf for offer in everything if offer.shelf)]
    chosen = "All"
    if len(shelves) > 2:
        chosen = st.pills(
            "Show", shelves, default="All", required=True, key="show", bind="query-params", label_visibility="collapsed"
        )
        st.space("xsmall")
    if not everything:
        st.markdown("The shelves are empty right now.")
    with st.grid(3, min_column_width=250, gap=(44, 32)):
        for offer in everything:
            if chosen in ("All", offer.shelf):
                tiles.tile(offer)
    ui.footer()
