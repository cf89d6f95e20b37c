"""The preview of a brand: the top of the shop as it will look, on a light and on a dark page."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape

import streamlit as st

from core.catalog import products
from core.catalog.looks import accent
from core.catalog.looks.brand import Brand
from storefront import process, words


def draw(brand: Brand, shown: Mapping[str, bytes]) -> None:
    """This brand, with pictures that are not kept yet in place of its own; those that are empty go."""
    with st.container(border=True, key="box-brand"):
        words.quiet("As buyers see it")
        light, dark = _logo("logo", brand.logo, shown), _logo("logo_dark", brand.logo_dark, shown)
        color = brand.accent
        st.html(_page(brand, light or dark, accent.LIGHT_PAGE, "#161b2e", color.ink))
        st.html(_page(brand, dark or light, accent.DARK_PAGE, "#e8ebf5", color.ink_on_dark))


def _logo(name: str, key: str, shown: Mapping[str, bytes]) -> str:
    """Where browsers find it."""
    if name in shown:
        return f"data:image/png;base64,{b64encode(shown[name]).decode()}" if shown[name] else ""
    return f"{process.shop().settings.public_url}{products.picture_path(key)}" if key else ""


def _page(brand: Brand, logo: str, page: str, ink: str, link: str) -> str:
    name = escape(brand.name)
    mark = (
        f'<img src="{escape(logo)}" alt="{name}" style="height:32px;max-width:100%;object-fit:contain;object-position:left">'
        if logo
        else f'<b style="font-size:1.375rem;overflow-wrap:anywhere">{name}</b>'
    )
    button = (
        f"display:inline-block;padding:0.5rem 1rem;border-radius:0.5rem;border:1px solid {link};"
        f"background:{brand.accent.button};color:{brand.accent.on_button};font-weight:600"
    )
    return (
        f'<div style="background:{page};color:{ink};padding:1rem;border:1px solid #8c94ae;border-radius:0.5rem">{mark}'
        f'<p style="margin:1rem 0">What you buy is yours. <u style="color:{link}">Terms</u></p>'
        f'<span style="{button}">Add to cart</span></div>'
    )
