"""The shop and its products in plain HTML, with a form that buys: for newcomers when all sessions are taken.

It needs no script, holds nothing open, and looks its offers up once a second at most, however many ask: what is paid is
checked when the form is sent, as for every other page.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse

from core.catalog import products
from core.catalog.products import Kind
from core.kinds import offers
from core.kinds.offers import Availability, Offer, PriceTag
from core.rights import clauses
from core.shop import Shop
from storefront import dates, frame, pictures, words

# Where the form goes: the sidecar, which this process serves as well.
_BUY = "/api/checkout/form"
# So many seconds a page is given to others as it is.
_FRESH = 1.0
# A field that nobody sees: what fills it in is no person.
_TRAP = (
    '<p class="trap" aria-hidden="true"><label>Website '
    '<input type="text" name="website" value="" tabindex="-1" autocomplete="off"></label></p>'
)
_MISSING = "We can't find that product"

_STYLE = """
@font-face { font-family: Hanken; src: url(/app/static/fonts/hanken-latin.woff2); font-weight: 100 900; }
@font-face { font-family: Bricolage; src: url(/app/static/fonts/bricolage-latin.woff2); font-weight: 200 800; }
:root { color-scheme: light dark; --ink: #161b2e; --quiet: #4e556b; --line: #dce0ea; --paper: #fff; --link: #2443c8;
  --button: #2443c8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf5; --quiet: #b4bacd; --line: #2c334a; --paper: #0f1322;
  --link: #a9baff; --button: #4460e8; } }
body { margin: 0 auto; max-width: 70rem; padding: 1rem 1.5rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 Hanken, system-ui, sans-serif; }
h1, h2 { font-family: Bricolage, Hanken, system-ui, sans-serif; line-height: 1.2; margin: 0 0 0.5rem; }
h1 { font-size: 2.25rem; } h2 { font-size: 1.3125rem; margin-top: 1rem; }
a { color: var(--link); } img, svg { display: block; width: 100%; height: auto; border-radius: 0.5rem; }
.trap { position: absolute; left: -9999px; }
nav { display: flex; gap: 1.5rem; margin-bottom: 2rem; font-weight: 600; } nav :first-child { margin-right: auto; }
.shelf { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 2.75rem 2rem; }
.product { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 2rem; }
.quiet, footer { color: var(--quiet); font-size: 0.875rem; } footer { margin-top: 3rem; }
fieldset { border: 1px solid var(--line); border-radius: 0.5rem; margin: 0 0 1rem; }
input[type=number] { width: 6rem; font: inherit; padding: 0.25rem 0.5rem; }
button { width: 100%; min-height: 2.5rem; border: 0; border-radius: 0.5rem; background: var(--button); color: #fff;
  font: 600 1rem Hanken, system-ui, sans-serif; cursor: pointer; }
button:focus-visible, a:focus-visible, input:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
"""


class PlainPages:
    """The pages of one shop, each kept for a moment."""

    def __init__(self, shop: Shop, clock: Callable[[], float] = time.monotonic) -> None:
        self._shop = shop
        self._clock = clock
        self._kept: dict[str | None, str] = {}
        self._until = 0.0
        self._looking = asyncio.Lock()

    async def shop(self) -> HTMLResponse:
        """Everything that is for sale."""
        return _answer((await self._pages())[None])

    async def product(self, product_id: str) -> HTMLResponse:
        """One product with its form, or that there is none."""
        pages = await self._pages()
        return _answer(pages[product_id]) if product_id in pages else _answer(self._missing(), 404)

    async def _pages(self) -> dict[str | None, str]:
        async with self._looking:
            if self._clock() >= self._until:
                self._kept = await run_in_threadpool(self._draw)
                self._until = self._clock() + _FRESH
            return self._kept

    def _draw(self) -> dict[str | None, str]:
        """The products' pages by their ids, and the shop's own under None."""
        with self._shop.reading() as session:
            everything = offers.shelf(session, now=self._shop.now())
            texts = products.texts(session)
        found: dict[str | None, str] = {
            offer.id: self._page(offer.name, _product(offer, texts), texts) for offer in everything
        }
        return found | {None: self._page("Shop", self._shelf(everything, texts), texts)}

    def _shelf(self, everything: tuple[Offer, ...], texts: dict[str, str]) -> str:
        head = _tag("h1", texts.get("headline", self._shop.settings.shop_name)) + _tag("p", texts.get("intro", ""))
        return f'{head}<div class="shelf">{"".join(map(_tile, everything))}</div>'

    def _missing(self) -> str:
        text = _tag("h1", _MISSING) + _tag("p", "It may have been renamed or taken off the shelf.")
        return self._page(_MISSING, f'{text}<p><a href="/">See everything in the shop</a></p>', {})

    def _page(self, title: str, content: str, texts: dict[str, str]) -> str:
        settings = self._shop.settings
        name, mail = escape(settings.shop_name), escape(settings.support_email)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)} · {name}</title>"
            f'<link rel="icon" href="/app/static/brand/{pictures.favicon()}"><style>{_STYLE}</style></head><body>'
            f'<nav><a href="/">{name}</a><a href="/cart">Cart</a><a href="/purchases">Your purchases</a></nav>'
            f"<main>{content}</main><footer>{escape(texts.get('seller', settings.shop_name))} "
            f'<a href="/withdraw">{frame.WITHDRAW}</a> · <a href="mailto:{mail}">Contact</a></footer></body></html>'
        )


def _tile(offer: Offer) -> str:
    tag = min(offer.prices, key=lambda each: each.amount.amount, default=None)
    cost = f"<strong>{_price(tag)}</strong> " if tag else ""
    link = f'<a href="/product?p={escape(offer.id)}">{escape(offer.call_to_action or "See more")}</a>'
    return (
        f"<section>{_picture(offer)}{_tag('h2', offer.name)}{_tag('p', offer.summary)}"
        f'<p class="quiet">{escape(offer.facts)}</p><p>{cost}{link}</p></section>'
    )


def _product(offer: Offer, texts: Mapping[str, str]) -> str:
    from markdown_it import MarkdownIt  # not before somebody needs it

    gets = "".join(_tag("li", text) for _icon, text in offer.gets)
    faq = "".join(f"<details>{_tag('summary', q)}{_tag('p', a)}</details>" for q, a in offer.faq)
    # "js-default" takes no HTML of the text's own.
    about = MarkdownIt("js-default").render(offer.description)
    return (
        f'<div class="product"><div>{_picture(offer)}</div><div>{_tag("h1", offer.name)}{_tag("p", offer.summary)}'
        f"{_form(offer, texts)}</div><div>{_tag('h2', 'What you get')}{about}<ul>{gets}</ul></div>"
        f"<div>{_tag('h2', 'Before you buy') if faq else ''}{faq}</div></div>"
    )


def _form(offer: Offer, texts: Mapping[str, str]) -> str:
    match offer.availability:
        case Availability.WITHDRAWN:
            return _tag("p", "This is no longer for sale.")
        case Availability.SOLD_OUT:
            return _tag("p", "Every place is taken." if offer.dates else "There is no date for this yet.")
    return (
        f'<form method="post" action="{_BUY}"><input type="hidden" name="product" value="{escape(offer.id)}">'
        f"{_dates(offer)}{_prices(offer)}{_quantity(offer)}{_consents(offer, texts)}{_TRAP}<p><button>Buy now</button></p>"
        '<p class="quiet">You pay on Stripe\'s page, not here.</p></form>'
    )


def _dates(offer: Offer) -> str:
    found = [(date.id, ", ".join(dates.of(date))) for date in offer.open_dates]
    return _choice("Date", "date", found) if offer.kind is Kind.WORKSHOP else ""


def _prices(offer: Offer) -> str:
    return _choice("Price", "price", [(tag.id, _price(tag)) for tag in offer.prices])


def _quantity(offer: Offer) -> str:
    most = min(offer.max_quantity, max((date.left for date in offer.open_dates), default=offer.max_quantity))
    label = words.unit(offer.kind)[1].capitalize()
    number = f'<input type="number" name="quantity" value="1" min="1" max="{most}">'
    return f"<p><label>{label} {number}</label></p>" if most > 1 else ""


def _consents(offer: Offer, texts: Mapping[str, str]) -> str:
    """A box for what is to be agreed to, not ticked; what is told, with a field that says so."""
    return "".join(
        f'<p><label><input type="checkbox" name="consent" value="{each.version}"{" required" if each.required else ""}> '
        f"{escape(each.wording)}</label></p>"
        if each.box
        else f'<input type="hidden" name="consent" value="{each.version}"><p class="quiet">{escape(each.wording)}</p>'
        for each in clauses.asked([offer], texts)
    )


def _choice(title: str, name: str, found: list[tuple[str, str]]) -> str:
    """One of these, the first unless another is chosen."""
    options = "".join(
        f'<div><label><input type="radio" name="{name}" value="{escape(value)}"{"" if index else " checked"}> '
        f"{escape(text)}</label></div>"
        for index, (value, text) in enumerate(found)
    )
    return f"<fieldset><legend>{title}</legend>{options}</fieldset>"


def _price(tag: PriceTag) -> str:
    each = f" {words.EACH[tag.interval]}" if tag.interval else ""
    return tag.amount.format("en", short=True) + each


def _picture(offer: Offer) -> str:
    image = pictures.of_date(offer.image, next(iter(offer.open_dates or offer.dates), None))
    if not image:
        return ""
    if image.startswith("<svg"):
        return f'<div role="img" aria-label="{escape(offer.image_alt)}">{image}</div>'
    return f'<img src="{escape(products.picture_path(image))}" alt="{escape(offer.image_alt)}">'


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""


def _answer(html: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
