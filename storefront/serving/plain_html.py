"""The buyers' pages in plain HTML, with a form that buys: what a page begins with, what it stays without scripts, and all there
is of it for newcomers when all sessions are taken.

It needs no script, holds nothing open, and looks its offers up once a second at most, however many ask: what is paid is
checked when the form is sent, as for every other page.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape

from starlette.concurrency import run_in_threadpool

from core.catalog import products, seller
from core.catalog.looks import brand as brands
from core.catalog.looks import brand_html
from core.catalog.looks.brand import Brand
from core.catalog.products import Kind
from core.kinds import offers
from core.kinds.offers import Availability, Offer, PriceTag
from core.languages.sentences import _, language
from core.rights import clauses
from core.shop import Shop
from storefront import dates, frame, pictures, stylesheets, words
from storefront.serving import sharing
from storefront.serving.sharing import About

# Where the form goes: the sidecar, which this process serves as well.
_BUY = "/api/checkout/form"
# So many seconds a page is given to others as it is.
_FRESH = 1.0
# A field that nobody sees: what fills it in is no person.
_TRAP = (
    '<p class="trap" aria-hidden="true"><label>Website '
    '<input type="text" name="website" value="" tabindex="-1" autocomplete="off"></label></p>'
)
# After so many seconds.
AGAIN = 5


@dataclass(frozen=True)
class PlainPage:
    """What is told of a page in its head, and what stands on it."""

    head: str
    content: str


@dataclass(frozen=True)
class _Look:
    """What the pages were when they were last looked for, and those that were drawn from it."""

    offers: Mapping[str, Offer]
    texts: Mapping[str, str]
    pages: dict[tuple[str, str], PlainPage] = field(default_factory=dict)


class PlainPages:
    """The pages of one shop, each kept for a moment."""

    def __init__(self, shop: Shop, clock: Callable[[], float] = time.monotonic) -> None:
        self._shop = shop
        self._clock = clock
        self._kept: _Look | None = None
        self._until = 0.0
        self._looking = asyncio.Lock()

    async def shop(self) -> PlainPage:
        """Everything that is for sale."""
        look = await self._look()
        return self._drawn(look, "/", lambda: self._shelf(look))

    async def product(self, product_id: str) -> PlainPage | None:
        """One product with its form, or None where there is none."""
        look = await self._look()
        if offer := look.offers.get(product_id):
            return self._drawn(look, f"/p/{product_id}", lambda: self._product(look, offer))
        found = await self.offer(product_id)
        return self._product(look, found) if found else None

    async def document(self, name: str) -> PlainPage:
        """The seller's terms, privacy notice or imprint."""
        look = await self._look()
        return self._drawn(look, f"/{name}", lambda: self._document(look, name))

    async def other(self, title: str) -> PlainPage:
        """A page of which there is nothing to be seen without a script."""
        text = _(
            "This page needs JavaScript, which is switched off in this browser. What is for sale can be bought without."
        )
        more = f'{_tag("p", text)}<p><a href="/">{escape(_("See everything in the shop"))}</a></p>'
        return self._page(About(title), f"<noscript>{more}</noscript>", (await self._look()).texts)

    def missing(self) -> PlainPage:
        """That there is no such product."""
        about = About(_("We can't find that product"))
        return self._dead_end(about, _("It may have been renamed or taken off the shelf."))

    def nowhere(self) -> PlainPage:
        """That there is no such page."""
        about = About(_("There is nothing at this address"))
        return self._dead_end(about, _("The link may be an old one, or there is a slip in the address."))

    def away(self) -> PlainPage:
        """That nothing can be told for a moment. The page asks again by itself."""
        about = About(_("We'll be right back"))
        lost = _("We can't get at our records right now. Nothing is lost, and what you paid for stays yours.")
        text = f"{_tag('h1', about.title)}{_tag('p', lost)}{_tag('p', _('This page tries again by itself.'))}"
        page = self._page(about, text, self._kept.texts if self._kept else {})
        return replace(page, head=f'{page.head}<meta http-equiv="refresh" content="{AGAIN}">')

    async def offers(self) -> Mapping[str, Offer]:
        """What is for sale, by its ids."""
        return (await self._look()).offers

    async def offer(self, product_id: str) -> Offer | None:
        """One of these, or what is off the shelves: that still has a page, to which carts and purchases lead."""
        found = (await self._look()).offers.get(product_id)
        return found or (await run_in_threadpool(self._one, product_id) if product_id else None)

    async def texts(self) -> Mapping[str, str]:
        """The seller's own words."""
        return (await self._look()).texts

    async def _look(self) -> _Look:
        async with self._looking:
            if self._kept is None or self._clock() >= self._until:
                self._kept = await run_in_threadpool(self._ask)
                self._until = self._clock() + _FRESH
            return self._kept

    def _ask(self) -> _Look:
        with self._shop.reading() as session:
            everything = offers.shelf(session, now=self._shop.now())
            texts = products.texts(session)
        # A page that is opened from now on is told the colours when it connects.
        stylesheets.bring(brands.of(texts, self._shop.settings).accent)
        return _Look({offer.id: offer for offer in everything}, texts)

    def _one(self, product_id: str) -> Offer | None:
        with self._shop.reading() as session:
            return offers.of_product(session, product_id, now=self._shop.now())

    def _drawn(self, look: _Look, path: str, draw: Callable[[], PlainPage]) -> PlainPage:
        spoken = (path, language())
        if spoken not in look.pages:
            look.pages[spoken] = draw()
        return look.pages[spoken]

    def _shelf(self, look: _Look) -> PlainPage:
        name = self._brand(look.texts).name
        headline, intro = look.texts.get("headline") or name, look.texts.get("intro", "")
        tiles = "".join(map(_tile, look.offers.values()))
        about = About(name, intro or headline, self._address("/"), self._address("/share.png"), name)
        return self._page(
            about, f'{_tag("h1", headline)}{_tag("p", intro)}<div class="shelf">{tiles}</div>', look.texts
        )

    def _product(self, look: _Look, offer: Offer) -> PlainPage:
        url, image = self._address(f"/p/{offer.id}"), self._address(f"/share/{offer.id}.png")
        who = seller.of(look.texts, self._shop.settings).name
        data = sharing.data_of(offer, url=url, image=image, seller=who)
        about = About(offer.name, offer.summary or offer.name, url, image, offer.image_alt, data)
        return self._page(about, _product(offer, look.texts), look.texts)

    def _document(self, look: _Look, name: str) -> PlainPage:
        text = seller.of(look.texts, self._shop.settings).document(name)
        title = _(frame.DOCUMENTS[name])
        heading = _tag("h1", title)
        if not text:
            return self._page(About(title), f"{heading}{_tag('p', _('There is nothing here yet.'))}", look.texts)
        if seller.is_link(text):
            text = _("It stands [on a page of its own]({address}).").format(address=text)
        called = _("{document} of {shop}").format(document=title, shop=self._brand(look.texts).name)
        about = About(title, called, self._address(f"/{name}"))
        return self._page(about, f'<div class="text">{heading}{_rendered(text)}</div>', look.texts)

    def _dead_end(self, about: About, text: str) -> PlainPage:
        more = f'<p><a href="/">{escape(_("See everything in the shop"))}</a></p>'
        # The database is not asked for it: whoever tries addresses at random would have it asked each time.
        texts = self._kept.texts if self._kept else {}
        return self._page(about, f"{_tag('h1', about.title)}{_tag('p', text)}{more}", texts)

    def _brand(self, texts: Mapping[str, str]) -> Brand:
        return brands.of(texts, self._shop.settings)

    def _address(self, path: str) -> str:
        return f"{self._shop.settings.public_url}{path}"

    def _page(self, about: About, content: str, texts: Mapping[str, str]) -> PlainPage:
        who = seller.of(texts, self._shop.settings)
        brand = self._brand(texts)
        written = "".join(
            f' · <a href="{escape(address if seller.is_link(address) else f"/{each}")}">{escape(_(title))}</a>'
            for each, title in frame.DOCUMENTS.items()
            if (address := who.document(each))
        )
        return PlainPage(
            f"{sharing.tags(about, brand.name)}{brand_html.icon(brand)}{_colors(brand)}",
            f'<nav><a href="/">{brand_html.mark(brand)}</a><a href="/purchases">{escape(_("Your purchases"))}</a>'
            f'<a href="/cart">{escape(_("Cart"))}</a></nav>'
            f"<main>{content}</main><footer>{escape(texts.get('seller', who.name))} "
            f'<a href="/withdraw">{escape(_(frame.WITHDRAW))}</a>{written} · '
            f'<a href="mailto:{escape(who.support)}">{escape(_("Contact"))}</a></footer>',
        )


def _colors(brand: Brand) -> str:
    # The page that is drawn over it begins with its look, so that nothing changes before one's eyes.
    found = f"{stylesheets.of_brand(brand)}{brand_html.colors(brand.accent, '#first')}"
    return f"<style>{found}</style>" if found else ""


@lru_cache(maxsize=256)
def _rendered(text: str) -> str:
    from markdown_it import MarkdownIt  # not before somebody needs it

    # "js-default" takes no HTML of the text's own.
    return str(MarkdownIt("js-default").render(text))


def _tile(offer: Offer) -> str:
    tag = min(offer.prices, key=lambda each: each.amount.amount, default=None)
    cost = f"<strong>{_price(tag)}</strong> " if tag else ""
    link = f'<a href="/product?p={escape(offer.id)}">{escape(offer.call_to_action or _("See more"))}</a>'
    return (
        f"<section>{_picture(offer)}{_tag('h2', offer.name)}{_tag('p', offer.summary)}"
        f'<p class="quiet">{escape(offer.facts)}</p><p>{cost}{link}</p></section>'
    )


def _product(offer: Offer, texts: Mapping[str, str]) -> str:
    gets = "".join(_tag("li", text) for _icon, text in offer.gets)
    faq = "".join(f"<details>{_tag('summary', q)}{_tag('p', a)}</details>" for q, a in offer.faq)
    return (
        f'<div class="product"><div>{_picture(offer)}</div><div>{_tag("h1", offer.name)}{_tag("p", offer.summary)}'
        f"{_form(offer, texts)}</div><div>{_tag('h2', _('What you get'))}{_rendered(offer.description)}<ul>{gets}</ul></div>"
        f"<div>{_tag('h2', _('Before you buy')) if faq else ''}{faq}</div></div>"
    )


def _form(offer: Offer, texts: Mapping[str, str]) -> str:
    match offer.availability:
        case Availability.WITHDRAWN:
            return _tag("p", _("This is no longer for sale."))
        case Availability.SOLD_OUT:
            return _tag("p", _("Every place is taken.") if offer.dates else _("There is no date for this yet."))
    on_stripe = _("You pay on Stripe's page, not here.")
    return (
        f'<form method="post" action="{_BUY}"><input type="hidden" name="product" value="{escape(offer.id)}">'
        f"{_dates(offer)}{_prices(offer)}{_quantity(offer)}{_consents(offer, texts)}{_TRAP}<p>"
        f"<button>{escape(_('Buy now'))}</button>"
        f'<button name="then" value="cart" formnovalidate>{escape(_("Add to cart"))}</button></p>'
        f'<p class="quiet">{escape(on_stripe)}</p></form>'
    )


def _dates(offer: Offer) -> str:
    found = [(date.id, ", ".join(dates.of(date))) for date in offer.open_dates]
    return _choice(_("Date"), "date", found) if offer.kind is Kind.WORKSHOP else ""


def _prices(offer: Offer) -> str:
    if len(offer.prices) > 1:
        return _choice(_("Price"), "price", [(tag.id, _price(tag)) for tag in offer.prices])
    (tag,) = offer.prices
    return f'<input type="hidden" name="price" value="{escape(tag.id)}"><p class="sum">{escape(_price(tag))}</p>'


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
    return f"<fieldset><legend>{escape(title)}</legend>{options}</fieldset>"


def _price(tag: PriceTag) -> str:
    each = f" {words.EACH[tag.interval]}" if tag.interval else ""
    return tag.amount.format("en", short=True) + each


def _picture(offer: Offer) -> str:
    image = pictures.of_date(offer.picture, next(iter(offer.open_dates or offer.dates), None))
    if not image:
        return ""
    if image.startswith("<svg"):
        return f'<div role="img" aria-label="{escape(offer.image_alt)}">{image}</div>'
    return f'<img src="{escape(products.picture_path(image))}" alt="{escape(offer.image_alt)}">'


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""
