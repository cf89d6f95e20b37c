"""Pictures: those of the products, and the shop's own name and icon."""

from html import escape
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from storefront import process

STATIC = Path(__file__).parent / "static"


def show(image: str, key: str, alt: str = "", width: int | Literal["stretch"] = "stretch") -> None:
    """A picture of the static folder by its address, so that browsers keep it; nothing where there is none."""
    if image:
        with st.container(key=f"pic-{key}", width=width):
            st.image(f"/app/static/{image}", width="stretch", alt=alt)


def trim() -> None:
    """The painted edge of the cart."""
    show("brand/trim.svg", "trim")


def favicon() -> str:
    """The file of the icon in the browser's tab."""
    return "favicon.svg" if _is_demo_brand() else "pushcart-favicon.svg"


def wordmark() -> Any:
    """The seller's name for the top bar: the drawn one of the demo's seller, else the name set in type."""
    if _is_demo_brand():
        return STATIC / "brand" / "plainwork.svg"
    name = process.shop().settings.shop_name
    width = 18 * len(name)  # set to this very width: no one knows which font a browser takes
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 40" width="{width}" height="40">'
        "<style>text{font:700 29px system-ui,sans-serif;fill:#161B2E}"
        "@media (prefers-color-scheme:dark){text{fill:#E8EBF5}}</style>"
        f'<text y="30" textLength="{width}" lengthAdjust="spacingAndGlyphs">{escape(name)}</text></svg>'
    )


def _is_demo_brand() -> bool:
    return process.shop().settings.shop_name == "Plainwork"
