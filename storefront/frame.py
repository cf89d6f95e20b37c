"""The frame that pages share: styles, the tab's title, columns and cards, the cart on phones, the footer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import streamlit as st

from core.catalog import seller
from core.catalog.looks import brand as brands
from core.catalog.looks.brand import Brand
from core.languages.sentences import _, marked
from storefront import links, process, stylesheets
from storefront.words import plain, quiet

T = TypeVar("T")

# So many of a list are drawn at once: each costs the server and the browser some milliseconds, with every click.
PORTION = 24

_KEPT, _FOLLOWED, _HELD, _CLICKED, _TOLD = "kept-fields", "followed", "held-fields", "clicked", "told"
# The second click of a double click comes within this. By then the page may have been drawn anew by the first one.
_TWICE = timedelta(seconds=1)

# The law's own words for what leads to the page on which one withdraws.
WITHDRAW = marked("Withdraw from contract here")
# What the seller's texts are called.
DOCUMENTS = {"terms": marked("Terms"), "privacy": marked("Privacy"), "imprint": marked("Imprint")}


def styles(*, office: bool) -> None:
    """The little that the theme cannot say, by its address: nothing of it is sent again with every click."""
    st.html(f"<style>{stylesheets.IMPORTS}{stylesheets.of_brand(brand(), office=office)}</style>")


def texts() -> dict[str, str]:
    """The seller's own words, as they were read when this page began to be drawn."""
    found: dict[str, str] = st.session_state.get("texts", {})
    return found


def brand() -> Brand:
    """How the shop looks, and what it is called."""
    return brands.of(texts(), process.shop().settings)


def support() -> str:
    """The mail address that buyers write to."""
    return seller.of(texts(), process.shop().settings).support


def title_bar(title: str) -> None:
    """Name the browser's tab."""
    st.set_page_config(page_title=f"{title} · {brand().name}")


def column(width: int = 1080) -> Any:
    """A centred column with a maximum width."""
    return st.container(horizontal_alignment="center").container(width=width)


def card(key: str, **options: Any) -> Any:
    """A card."""
    return st.container(border=True, key=f"box-{key}", **options)


@contextmanager
def portion(items: Sequence[T], key: str) -> Iterator[Sequence[T]]:
    """Those of a long list that are looked at now, to be drawn within, and the way to the others below; all of a short one."""
    pages = -(-len(items) // PORTION)
    if pages <= 1:
        yield items
        return
    place = st.container()
    with st.container(horizontal_alignment="center"):
        number = min(st.pagination(pages, key=f"portion-{key}"), pages)
    with place:
        yield items[(number - 1) * PORTION : number * PORTION]


def follow(key: str, said: object) -> None:
    """Have the field of this key hold what is so by the address or the database: when it is drawn first, and when that has become
    something else by anything but the field, such as the browser's Back, a saved view or another tab."""
    state = st.session_state
    followed: dict[str, object] = state.setdefault(_FOLLOWED, {})
    # What a field said itself is left alone: somebody may be typing on in it.
    if key not in state or (followed.get(key) != said and state[key] != said):
        state[key] = said
    followed[key] = said


def kept(*fields: str) -> None:
    """What stood in the fields of these keys is kept: they are drawn empty from the next run on. A form that emptied itself when it
    is sent would lose what was refused as well."""
    st.session_state[_KEPT] = fields
    st.session_state[_HELD] = process.shop().now(), {key: st.session_state.get(key) for key in fields}


def is_kept(*fields: str) -> bool:
    """Whether what stands in these fields was kept a moment ago, or nothing does since then: whoever sends it does so by the second
    of two clicks, and means nothing by it."""
    found: tuple[datetime, dict[str, object]] | None = st.session_state.get(_HELD)
    if found is None or process.shop().now() - found[0] > _TWICE:
        return False
    held = found[1]
    return all(key in held and st.session_state.get(key) in (held[key], "", []) for key in fields)


def is_second(key: str) -> bool:
    """Whether this click on the button of this key is the second of two: where a button does one thing and then its opposite, that
    would take back the first. Remembers the click."""
    clicked: dict[str, datetime] = st.session_state.setdefault(_CLICKED, {})
    before, now = clicked.get(key), process.shop().now()
    if before is not None and now - before < _TWICE:
        return True
    clicked[key] = now
    return False


def told(key: str) -> Any:
    """What was kept under this key for the page to say, once; and again on what is drawn within a moment, as by the second of two
    clicks: nobody has read it by then. None if there is nothing to say."""
    state, now = st.session_state, process.shop().now()
    heard: dict[str, tuple[datetime, object]] = state.setdefault(_TOLD, {})
    if said := state.pop(key, None):
        heard[key] = now, said
    when, said = heard.get(key, (now, None))
    return said if now - when <= _TWICE else None


def tell_no_more() -> None:
    """Say nothing of it again: another page is looked at."""
    st.session_state.pop(_TOLD, None)


def empty_kept() -> None:
    """Empty those fields. For the beginning of a run, before they are drawn."""
    state = st.session_state
    for key in state.pop(_KEPT, ()):
        state[key] = [] if isinstance(state.get(key), list) else ""


def cart_label(lines: int) -> str:
    """What the cart is called in the top bar."""
    return f"{_('Cart')} · {lines}" if lines else _("Cart")


def phone_links() -> None:
    """The way to one's purchases and to the cart on phones, where the top bar folds away."""
    with st.container(key="phone-links", horizontal=True, horizontal_alignment="right", gap="small"):
        links.open_by(links.PURCHASES, _("Your purchases"), "inventory_2")
        links.open_by(links.CART, cart_label(st.session_state.get("in_cart", 0)), "shopping_bag")


def footer() -> None:
    """Who sells here, under which terms, and how to reach them."""
    said = texts()
    who = seller.of(said, process.shop().settings)
    written = [
        f"[{_(title)}]({who.document(name) if seller.is_link(who.document(name)) else f'/{name}'})"
        for name, title in DOCUMENTS.items()
        if who.document(name)
    ]
    st.space("large")
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="xxsmall"):
        with st.container(gap=None, width="content"):
            quiet(plain(said.get("seller", who.name)), width="content")
            if who.address:
                quiet(plain(", ".join(who.lines[1:])), width="content")
        with st.container(horizontal=True, gap="small", vertical_alignment="center", width="content", key="foot-links"):
            with st.container(key="flush-withdraw", width="content"):
                links.open_by(links.WITHDRAW, _(WITHDRAW))
            quiet(
                " · ".join([*written, f"[{_('Contact')}](mailto:{who.support})", _("Runs on Pushcart")]),
                width="content",
            )
