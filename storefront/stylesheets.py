"""Style sheets: what the theme cannot say, fetched once by each browser and kept there until it changes; and the theme's colours,
which Streamlit keeps for the whole process."""

from hashlib import sha256
from typing import ClassVar

from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session

from core.catalog import products
from core.catalog.looks import brand_html
from core.catalog.looks.accent import DEFAULT, Accent
from core.catalog.looks.brand import Brand
from storefront.pictures import STATIC


def address(name: str) -> str:
    """Where browsers find a style sheet of ours."""
    # Named by what is in it: a browser asks anew for one that has changed, and for no other.
    return f"/app/static/{name}?{sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


ADDRESSES = tuple(address(name) for name in ("pushcart.css", "links.css", "office.css"))
_LOGO = ':is([data-testid="stHeaderLogo"],[data-testid="stSidebarLogo"],[data-testid="stLogo"])'
IMPORTS = "".join(f'@import url("{address}");' for address in ADDRESSES)


def of_brand(brand: Brand, *, office: bool = False) -> str:
    """What the theme cannot say of a brand: its logo on dark pages, and its colour on buttons and as text. The `office` has a
    logo of its own, whatever the page began with."""
    logo = f"{_LOGO}{{content:normal}}" if office else _logo_on_dark(brand)
    return logo + (_buttons(brand.accent) if brand.accent != DEFAULT else "")


def _logo_on_dark(brand: Brand) -> str:
    if not brand.logo_dark or not brand.logo:
        return ""
    address = products.picture_path(brand.logo_dark)
    return f'@media(prefers-color-scheme:dark){{{_LOGO}{{content:url("{address}")}}}}'


def _buttons(accent: Accent) -> str:
    # The theme's labels are always white, and so is what its colour is made dark enough for: a seller's yellow would be brown.
    button = (
        ':is([data-testid="stBaseButton-primary"],[data-testid="stBaseButton-primaryFormSubmit"],'
        ".files:not(.plain) a:first-child):not(:disabled)"
    )
    look = "background:var(--button);border-color:var(--edge);color:var(--on-button)"
    return (
        f"{brand_html.colors(accent)}{button}{{{look}}}{button}:hover{{{look};filter:brightness(0.94)}}"
        f"{button}:focus-visible{{outline:2px solid var(--link);outline-offset:2px}}"
        f".files a:hover,.leaving a{{border-color:var(--link);color:var(--link)}}"
    )


def bring(accent: Accent) -> bool:
    """Have every page that begins to be drawn from now on in these colours; whether others stood until now.

    Streamlit tells a browser the theme when a run begins: whoever is drawing a page runs once more.
    """
    chosen = {
        "light.primaryColor": accent.ink, "light.linkColor": accent.ink, "dark.primaryColor": accent.ground_on_dark,
        "dark.linkColor": accent.ink_on_dark,
    }  # fmt: skip
    changed = {f"theme.{name}": color.upper() for name, color in chosen.items()}
    if all(config.get_option(name) == color for name, color in changed.items()):
        return False
    for name, color in changed.items():
        config.set_option(name, color)
    _Theme.parts = {}  # another one: who is just putting a part of the former together keeps it there
    return True


class _Theme:
    """The theme as Streamlit tells it to browsers, by its sections, as far as they were put together already."""

    parts: ClassVar[dict[str, CustomThemeConfig]] = {}


def tell_kept_theme() -> None:
    """Have Streamlit keep its theme put together until `bring` changes it. By itself it looks through all of its settings six
    times whenever a script runs, which is a tenth of what a click costs."""
    put_together = app_session._populate_theme_msg

    def kept(msg: CustomThemeConfig, section: str = "theme") -> None:
        parts = _Theme.parts
        if (part := parts.get(section)) is None:
            part = CustomThemeConfig()
            put_together(part, section)
            parts[section] = part
        if part.ByteSize():  # what says nothing is not there
            msg.MergeFrom(part)

    app_session._populate_theme_msg = kept
