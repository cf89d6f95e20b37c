"""The brand in plain HTML: what pages that no script draws begin with, and the colours of their styles."""

from html import escape

from core.catalog import products
from core.catalog.looks.accent import DEFAULT, Accent
from core.catalog.looks.brand import Brand


def colors(accent: Accent, of: str = ":root") -> str:
    """The style that gives these colours to whatever `of` selects; none for the colours that every style begins with."""
    if accent == DEFAULT:
        return ""
    return (
        f"{of}{{--link:{accent.ink};--accent:{accent.ink};--button:{accent.button};--on-button:{accent.on_button};"
        f"--edge:{accent.ink}}}@media(prefers-color-scheme:dark){{{of}{{--link:{accent.ink_on_dark};"
        f"--accent:{accent.ink_on_dark};--edge:{accent.ink_on_dark}}}}}"
    )


def mark(brand: Brand, base: str = "") -> str:
    """The logo for light and dark pages, or the name where there is none; `base` is where its address begins."""
    if not brand.logo_on_dark:
        return escape(brand.name)
    light, dark = (
        escape(base + products.picture_path(key)) for key in (brand.logo or brand.logo_dark, brand.logo_on_dark)
    )
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img class="logo" src="{light}" alt="{escape(brand.name)}"></picture>'
    )


def icon(brand: Brand, base: str = "") -> str:
    """The links to its icon, for tabs and home screens."""
    path = escape(base + (products.picture_path(brand.icon) if brand.icon else "/favicon.ico"))
    touch = path if brand.icon else escape(f"{base}/apple-touch-icon.png")
    return f'<link rel="icon" href="{path}"><link rel="apple-touch-icon" href="{touch}">'
