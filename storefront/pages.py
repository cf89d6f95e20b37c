"""The frame around every page: title, top bar with the cart's count, styles. Streamlit runs this for every visit."""

import streamlit as st

from core import carts
from storefront import ui, visitor

shop = visitor.shop()
with shop.reading() as session:
    in_cart = carts.size(session, visitor.browser_id())

# An icon set before st.navigation stays local: else the icons of its pages are fetched from a font server as favicons.
st.set_page_config(layout="wide", initial_sidebar_state="auto", page_icon=ui.STATIC / "brand" / ui.favicon())
page = st.navigation(
    [
        st.Page(ui.SHOP, title="Shop", icon=":material/storefront:", default=True),
        st.Page(ui.PURCHASES, title="Your purchases", icon=":material/inventory_2:", url_path="purchases"),
        st.Page(ui.CART, title=ui.cart_label(in_cart), icon=":material/shopping_bag:", url_path="cart"),
        st.Page(ui.PRODUCT, title="Product", url_path="product", visibility="hidden"),
        st.Page(ui.THANKS, title="Thank you", url_path="thanks", visibility="hidden"),
    ],
    position="top",
)
ui.title_bar(page.title.split(" · ")[0])
ui.styles()
st.logo(ui.wordmark(), size="large")
st.session_state["in_cart"] = in_cart
page.run()
