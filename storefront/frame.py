"""The frame that pages share: styles, the tab's title, columns and cards, the cart on phones, the footer."""

from pathlib import Path
from typing import Any

import streamlit as st

from core.catalog import products
from storefront import links, pictures, process
from storefront.words import plain, quiet

_OWN = ("links.css", "office.css")
_STYLES = (pictures.STATIC / "pushcart.css").read_text() + "".join(
    Path(__file__).with_name(name).read_text() for name in _OWN
)


def styles() -> None:
    """The little that the theme cannot say."""
    st.html(f"<style>{_STYLES}</style>")


def title_bar(title: str) -> None:
    """Name the browser's tab."""
    st.set_page_config(page_title=f"{title} · {process.shop().settings.shop_name}")


def column(width: int = 1080) -> Any:
    """A centred column with a maximum width."""
    return st.container(horizontal_alignment="center").container(width=width)


def card(key: str, **options: Any) -> Any:
    """A card."""
    return st.container(border=True, key=f"box-{key}", **options)


def cart_label(lines: int) -> str:
    """What the cart is called in the top bar."""
    return f"Cart · {lines}" if lines else "Cart"


def phone_cart() -> None:
    """The way to the cart on phones, where the top bar folds away."""
    with st.container(key="phone-cart", horizontal=True, horizontal_alignment="right"):
        st.page_link(links.CART, label=cart_label(st.session_state.get("in_cart", 0)), icon=":material/shopping_bag:")


def footer() -> None:
    """Who sells here, and how to reach them."""
    shop = process.shop()
    with shop.reading() as session:
        seller = products.texts(session).get("seller", shop.settings.shop_name)
    st.space("large")
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="xxsmall"):
        quiet(plain(seller), width="content")
        quiet(f"[Contact](mailto:{shop.settings.support_email}) · Runs on Pushcart", width="content")
