import streamlit as st

from core.kinds import offers
from storefront import frame, pictures, process, tiles, words
from storefront.sign_in import sign_in_form

shop = process.shop()
with shop.reading() as session:
    everything = offers.shelf(session, now=shop.now())
texts = frame.texts()

with frame.column(1120):
    pictures.trim()
    frame.phone_links()
    st.title(words.plain(texts.get("headline") or frame.brand().name), anchor=False)
    if intro := texts.get("intro"):
        st.markdown(words.plain(intro))
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
    if shop.settings.demo:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="demo"):
            words.quiet("This is a demo: nothing costs real money.", width="content")
            sign_in_form.draw_demo_button()
    frame.footer()
