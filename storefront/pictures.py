"""Pictures: those of the products, and the shop's own name and icon."""

import re
import textwrap
from base64 import b64encode
from functools import cache
from html import escape
from itertools import chain, repeat
from pathlib import Path
from typing import Literal

import streamlit as st

from core.catalog import products
from core.catalog.looks.brand import Brand
from core.kinds.workshops import DateView
from storefront import process

STATIC = Path(__file__).parent / "static"


def show(image: str, key: str, alt: str = "", width: int | Literal["stretch"] = "stretch") -> None:
    """A picture by its address, so that browsers keep it, or a drawn one; nothing where there is none."""
    if image:
        with st.container(key=f"pic-{key}", width=width):
            st.image(image if image.startswith("<svg") else _address(image), width="stretch", alt=alt)


def _address(image: str) -> str:
    """Where browsers find it. Streamlit knows the static folder by its path, and anything else by a whole address alone."""
    path = products.picture_path(image)
    return f"{process.shop().settings.public_url}{path}" if image.startswith(products.UPLOADED) else path


def of_date(image: str, date: DateView | None) -> str:
    """The picture with this date's places in it, drawn anew; the picture as it is where it has no dot for each place.

    A picture's dots are circles of the class `taken` or `free`, in the order in which they fill.
    """
    drawn = _drawing(image) if date and image.endswith(".svg") else ""
    if date is None or len(_DOT.findall(drawn)) != date.capacity:
        return image
    dots = chain(repeat(_TAKEN, date.capacity - date.left), repeat(_FREE))
    return _DOT.sub(lambda _: next(dots), drawn)


# A free place is a ring, whose line lies half outside its radius: both look the same size.
_TAKEN, _FREE = 'class="taken" r="32.0"', 'class="free" r="27.0"'
_DOT = re.compile(f"{_TAKEN}|{_FREE}")


@cache
def _drawing(image: str) -> str:
    path = STATIC / image
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def trim() -> None:
    """The painted edge of the cart."""
    show("brand/trim.svg", "trim")


@cache
def inline(name: str) -> str:
    """A drawing of ours as an address that holds all of it. By its path Streamlit would read it at every click."""
    return _inline((STATIC / "brand" / name).read_text(encoding="utf-8"))


def _inline(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def favicon(brand: Brand) -> str:
    """The icon in the browser's tab, for whoever opens the shop."""
    return _address(brand.icon) if brand.icon else inline("shop-favicon.svg")


def wordmark(brand: Brand) -> str:
    """The seller's logo for the top bar, else the name set in type. On dark pages the style sheet puts the other logo there."""
    logo = brand.logo or brand.logo_dark
    return _address(logo) if logo else _in_type(brand.name)


# So many letters of a name stand beside each other before it is set in two lines; what does not fit into these is cut.
_IN_A_LINE = 18
_CUT = "…"


def _two_lines(name: str) -> list[str]:
    """The name in two lines, as short as they can be; what does not fit into two that are twice as long is cut."""
    for width in range(max(_IN_A_LINE, len(name) // 2), 2 * _IN_A_LINE):
        lines = textwrap.wrap(name, width)
        if len(lines) <= 2:
            return lines
    return textwrap.wrap(name, 2 * _IN_A_LINE, max_lines=2, placeholder=_CUT)


@cache
def _in_type(name: str) -> str:
    lines = _two_lines(name) if len(name) > _IN_A_LINE else [name]
    size, rows = (29, (30,)) if len(lines) == 1 else (16, (16, 36))
    widths = [round(size * 0.62 * len(line)) for line in lines]
    # Set to this very width: no one knows which font a browser takes.
    set_lines = "".join(
        f'<text y="{y}" textLength="{width}" lengthAdjust="spacingAndGlyphs">{escape(line)}</text>'
        for line, y, width in zip(lines, rows, widths, strict=True)
    )
    return _inline(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(widths)} 40" width="{max(widths)}" height="40">'
        f"<style>text{{font:700 {size}px system-ui,sans-serif;fill:#161B2E}}"
        f"@media (prefers-color-scheme:dark){{text{{fill:#E8EBF5}}}}</style>{set_lines}</svg>"
    )
