"""Shared pieces of the pages: frame, words, money, pictures, and the one place where errors become sentences."""

import json
import re
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import streamlit as st
import structlog
from babel import Locale, UnknownLocaleError

from core import catalog
from core.errors import (
    AlreadyPaid,
    AmountTooSmall,
    BadInput,
    BadQuantity,
    EmptyBasket,
    LinkExpired,
    LinkInvalid,
    MixedBasket,
    ShopError,
    SoldOut,
    StillSettling,
    StripeKeyRefused,
    StripeRefused,
    StripeUnreachable,
    TooManyTries,
    UnknownPrice,
    Withdrawn,
)
from core.money import Money
from storefront import counter

log = structlog.get_logger()

SHOP, PRODUCT, CART = "app_pages/shop.py", "app_pages/product.py", "app_pages/cart.py"
THANKS, PURCHASES = "app_pages/thanks.py", "app_pages/purchases.py"

STATIC = Path(__file__).parent / "static"
_STYLES = (STATIC / "pushcart.css").read_text() + Path(__file__).with_name("links.css").read_text()

NO_COOKIES = (
    "Your browser keeps no cookies for this shop, so it can't hold a cart. Allow cookies here and reload the page."
)

# ------------------------------------------------------------------ the frame of a page


def styles() -> None:
    """The little that the theme cannot say."""
    st.html(f"<style>{_STYLES}</style>")


def title_bar(title: str) -> None:
    """Name the browser's tab."""
    st.set_page_config(page_title=f"{title} · {counter.shop().settings.shop_name}")


def favicon() -> str:
    """The file of the icon in the browser's tab."""
    return "favicon.svg" if _is_demo_brand() else "pushcart-favicon.svg"


def wordmark() -> Any:
    """The seller's name for the top bar: the drawn one of the demo's seller, else the name set in type."""
    if _is_demo_brand():
        return STATIC / "brand" / "plainwork.svg"
    name = counter.shop().settings.shop_name
    width = 18 * len(name)  # set to this very width: no one knows which font a browser takes
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 40" width="{width}" height="40">'
        "<style>text{font:700 29px system-ui,sans-serif;fill:#161B2E}"
        "@media (prefers-color-scheme:dark){text{fill:#E8EBF5}}</style>"
        f'<text y="30" textLength="{width}" lengthAdjust="spacingAndGlyphs">{escape(name)}</text></svg>'
    )


def frame(width: int = 1080) -> Any:
    """A centred column with a maximum width."""
    return st.container(horizontal_alignment="center").container(width=width)


def cart_label(lines: int) -> str:
    """What the cart is called in the top bar."""
    return f"Cart · {lines}" if lines else "Cart"


def phone_cart() -> None:
    """The way to the cart on phones, where the top bar folds away."""
    with st.container(key="phone-cart", horizontal=True, horizontal_alignment="right"):
        st.page_link(CART, label=cart_label(st.session_state.get("in_cart", 0)), icon=":material/shopping_bag:")


def way(page: str, label: str, icon: str = "arrow_forward", *, where: str = "page", **query: str) -> None:
    """A link that stands alone, its icon flush with the text above and below."""
    with st.container(key=f"flush-{where}-{icon}", width="content"):
        st.page_link(page, label=label, icon=f":material/{icon}:", query_params=query, help="")


def forward(page: str, label: str, **query: str) -> None:
    """The way on, at the end of a row."""
    st.page_link(page, label=label, icon=":material/arrow_forward:", icon_position="right", query_params=query, help="")


def trim() -> None:
    """The painted edge of the cart."""
    pic("brand/trim.svg", "trim")


def footer() -> None:
    """Who sells here, and how to reach them."""
    shop = counter.shop()
    with shop.reading() as session:
        seller = catalog.texts(session).get("seller", shop.settings.shop_name)
    st.space("large")
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="xxsmall"):
        quiet(plain(seller), width="content")
        quiet(f"[Contact](mailto:{shop.settings.support_email}) · Runs on Pushcart", width="content")


# ------------------------------------------------------------------ words and pictures


def plain(text: str) -> str:
    """Text as it is written: nothing in it is Markdown, and an address does not become a link."""
    escaped = re.sub(r"([\\`*_\[\]<>~$:|])", r"\\\1", text)
    return escaped.replace("@", ":color[@]{}")  # a directive without effect, which splits the word


def quiet(text: str, **options: Any) -> None:
    """Secondary text. st.caption would fade its links too far."""
    st.markdown(f":gray[:small[{text}]]", **options)


def pic(image: str, key: str, alt: str = "", width: int | Literal["stretch"] = "stretch") -> None:
    """A picture of the static folder by its address, so that browsers keep it; nothing where there is none."""
    if image:
        with st.container(key=f"pic-{key}", width=width):
            st.image(f"/app/static/{image}", width="stretch", alt=alt)


def box(key: str, **options: Any) -> Any:
    """A card."""
    return st.container(border=True, key=f"box-{key}", **options)


def pair(label: str, value: str, *, strong: bool = False) -> None:
    """A label on the left, its amount on the right."""
    mark = "**" if strong else ""
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
        st.markdown(f"{mark}{label}{mark}", width="content")
        st.markdown(f"{mark}{value}{mark}", width="content")


def price(amount: Money, *, short: bool = False) -> str:
    """An amount as readers of this browser's language write it."""
    return amount.format(_locale(), short=short).replace("$", r"\$")  # two dollar signs would begin a formula


def size(octets: int) -> str:
    """A file's size as people say it: 8.4 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets >= factor:
            amount = octets / factor
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{octets} bytes"


def day(moment: datetime) -> str:
    """A date such as 23 November 2026."""
    return f"{moment.day} {moment:%B %Y}"


def hours(starts_at: datetime, ends_at: datetime, timezone: str) -> tuple[str, str]:
    """The day and the hours of something that takes place, by the clock of where it does."""
    zone = ZoneInfo(timezone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    place = timezone.rpartition("/")[2].replace("_", " ")
    return f"{start:%A} {day(start)}", f"{start:%H:%M} to {end:%H:%M}, {place} time"


def count(number: int, one: str, many: str) -> str:
    """`1 seat`, `5 seats`."""
    return f"{number} {one if number == 1 else many}"


def leave(url: str, label: str) -> None:
    """Go elsewhere in this same tab; `label` is the link for browsers that do not move by themselves."""
    target = json.dumps(url).replace("<", "\\u003c")
    st.html(f"<script>window.location.assign({target})</script>", unsafe_allow_javascript=True)
    st.html(f'<p class="leaving">Not moving? <a href="{escape(url)}" target="_self">{escape(label)}</a></p>')


# ------------------------------------------------------------------ what went wrong


def explain(error: ShopError, *, where: str) -> None:
    """Say what went wrong, and where to go on. `where` tells the places apart that say it on one page."""
    st.warning(sentence(error), icon=":material/error:")
    match error:
        case AlreadyPaid(session_id=session_id) | StillSettling(session_id=session_id):
            way(THANKS, "See this order", where=where, session_id=session_id)


def sentence(error: ShopError) -> str:
    """What a member of the family means for a buyer."""
    match error:
        case SoldOut(left=0):
            return "The last place has just gone. Nothing was charged."
        case SoldOut(left=left):
            return f"Only {count(left, 'place is', 'places are')} left. Choose fewer to go on. Nothing was charged."
        case Withdrawn():
            return "This is no longer for sale. Remove it from your cart to go on."
        case AlreadyPaid():
            return "This cart is paid for already. **You don't need to pay again.**"
        case StillSettling():
            return (
                "Your payment for this is still settling at your bank. **You don't need to pay again.** "
                "To buy it once more all the same, choose Go to payment again."
            )
        case UnknownPrice():
            return "The price of something in your cart has changed. Remove it and add it again to go on."
        case BadQuantity(most=most):
            return f"You can buy up to {most} of this at a time."
        case MixedBasket(field="interval"):
            return "Monthly and yearly plans can't be paid for together. Remove one of them and buy it afterwards."
        case MixedBasket():
            return "Things priced in different currencies can't be paid for together. Remove one and buy it afterwards."
        case AmountTooSmall(least=least, currency=currency):
            return f"Payments start at {price(Money(least, currency))}. Add something else to go on."
        case EmptyBasket():
            return "There is nothing in your cart to pay for."
        case StripeUnreachable():
            return (
                "We can't reach the payment page right now. Nothing was charged, your cart is safe. "
                "Try again in a minute."
            )
        case StripeKeyRefused():
            return (
                "We can't take payments right now. Nothing was charged, your cart is safe, and we have been told. "
                "Please come back later."
            )
        case StripeRefused():
            return f"The payment page couldn't be opened. Nothing was charged, your cart is safe. {_write_to_us()}"
        case TooManyTries():
            return "That was a lot of tries in a short time. Wait a while, then try again."
        case LinkExpired():
            return "This link has done its work or is too old."
        case LinkInvalid():
            return "This link doesn't work."
        case BadInput():
            return "Something about this isn't right. Check what you typed and try again."
        case _:
            return f"Something went wrong on our side. {_write_to_us()}"


def own_up(error: Exception) -> bool:
    """Called by Streamlit, which has logged the traceback, when a page fails: buyers get a sentence and no details."""
    log.error("page_failed", error=type(error).__name__)
    st.error(f"Something went wrong on our side. Reload the page, and if it stays, {_write_to_us(start='write')}")
    return True


def _write_to_us(start: str = "Write") -> str:
    return f"{start} to {plain(counter.shop().settings.support_email)} and we'll put it right."


def _is_demo_brand() -> bool:
    return counter.shop().settings.shop_name == "Plainwork"


def _locale() -> str:
    asked = (st.context.locale or "en").replace("-", "_")
    try:
        return str(Locale.parse(asked))
    except (ValueError, UnknownLocaleError):
        return "en"
