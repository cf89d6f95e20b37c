"""The frame around every page: title, top bar with the cart's count, styles. Streamlit runs this for every visit."""

import streamlit as st

from core.catalog import products
from core.journeys import carts
from storefront import frame, links, pictures, process, visitor

shop = process.shop()
with shop.reading() as session:
    in_cart = carts.size(session, visitor.browser_id())
    texts = products.texts(session)

# An icon set before st.navigation stays local: else the icons of its pages are fetched from a font server as favicons.
st.set_page_config(
    layout="wide", initial_sidebar_state="auto", page_icon=pictures.STATIC / "brand" / pictures.favicon()
)
page = st.navigation(
    [
        st.Page(links.SHOP, title="Shop", icon=":material/storefront:", default=True),
        st.Page(links.PURCHASES, title="Your purchases", icon=":material/inventory_2:", url_path="purchases"),
        st.Page(links.CART, title=frame.cart_label(in_cart), icon=":material/shopping_bag:", url_path="cart"),
        st.Page(links.PRODUCT, title="Product", url_path="product", visibility="hidden"),
        st.Page(links.THANKS, title="Thank you", url_path="thanks", visibility="hidden"),
    ],
    position="top",
)
frame.title_bar(page.title.split(" · ")[0])
frame.styles()
st.logo(pictures.wordmark(), size="large")
st.session_state.update(in_cart=in_cart, texts=texts)
page.run()
