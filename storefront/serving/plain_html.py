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
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool

from core.catalog import products, seller
from core.catalog.looks import brand as brands
from core.catalog.looks import brand_html
from core.catalog.looks.brand import Brand
from core.catalog.prices import introductions
from core.catalog.prices.introductions import Introduction
from core.foundation.errors import TooManyTries
from core.kinds import offers, shelf_pages
from core.kinds.offers import Offer
from core.kinds.shelf_pages import ShelfPage
from core.languages import sentences
from core.languages.sentences import _, ngettext
from core.shop import Shop
from core.traffic import counting
from core.traffic.counting import Count
from core.traffic.rate_limits import Limit
from core.traffic.senders import household_of
from storefront import frame, pictures, stylesheets
from storefront.goods import tiles
from storefront.serving import buy_form, sharing
from storefront.serving.buy_form import Link, tag_of
from storefront.serving.sharing import About

_CODES = Limit("codes by address", 20)
# So many seconds a page is given to others as it is.
_FRESH = 1.0
# After so many seconds.
AGAIN = 5


@dataclass(frozen=True)
class PlainPage:
    """What is told of a page in its head, and what stands on it."""

    head: str
    content: str


@dataclass(frozen=True)
class _Look:
    """What the pages were when they were last looked for, and those that were drawn from it, by their language too."""

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

    async def shop(self, number: int = 1, sought: str = "") -> PlainPage:
        """What is for sale, or what of it is `sought`: the page of this number."""
        look = await self._look()
        everything = tuple(look.offers.values())
        page = shelf_pages.page_of(shelf_pages.searched(everything, sought), number)
        if sought:
            return self._shelf(look, page, sought)
        return self._drawn(look, _shelf_path(page.number), lambda: self._shelf(look, page))

    async def product(self, product_id: str) -> PlainPage | None:
        """One product with its form, or None where there is none."""
        look = await self._look()
        if offer := look.offers.get(product_id):
            return self._drawn(look, f"/p/{product_id}", lambda: self._product(look, offer))
        found = await self.offer(product_id)
        return self._product(look, found) if found else None

    async def buying(self, offer: Offer, link: Link, address: str) -> PlainPage:
        """What leads from a link to the payment page of a product that can be bought, for somebody at this address."""
        code = await run_in_threadpool(self._code, offer, link.code, address)
        texts = await self.texts()
        return self._page(About(offer.name), buy_form.page(offer, texts, link, code), texts)

    async def document(self, name: str) -> PlainPage:
        """The seller's terms, privacy notice or imprint."""
        look = await self._look()
        return self._drawn(look, f"/{name}", lambda: self._document(look, name))

    async def other(self, title: str) -> PlainPage:
        """A page of which there is nothing to be seen without a script."""
        text = _(
            "This page needs JavaScript, which is switched off in this browser. What is for sale can be bought without."
        )
        more = f'{tag_of("p", text)}<p><a href="/">{escape(_("See everything in the shop"))}</a></p>'
        return self._page(About(title), f"<noscript>{more}</noscript>", (await self._look()).texts)

    async def withdrawing(self, title: str, number: str) -> PlainPage:
        """The page by which a contract is withdrawn from. Without a script it is a form of its own, open to everybody as well."""
        address = f"/api/withdraw?{urlencode({'order': number})}" if number else "/api/withdraw"
        way = f'<p><a href="{escape(address)}">{escape(_(frame.WITHDRAW))}</a></p>'
        content = f"<noscript>{tag_of('h1', title)}{way}</noscript>"
        return self._page(About(title), content, (await self._look()).texts)

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
        text = f"{tag_of('h1', about.title)}{tag_of('p', lost)}{tag_of('p', _('This page tries again by itself.'))}"
        page = self._page(about, text, self._kept.texts if self._kept else {})
        return replace(page, head=f'{page.head}<meta http-equiv="refresh" content="{AGAIN}">')

    async def offers(self) -> Mapping[str, Offer]:
        """What is for sale, by its ids."""
        return (await self._look()).offers

    async def offer(self, product_id: str) -> Offer | None:
        """One of these, or what is off the shelves: that still has a page, to which carts and purchases lead."""
        found = (await self._look()).offers.get(product_id)
        found = found or (await run_in_threadpool(self._one, product_id) if product_id else None)
        # Who works here sees drafts once the page is drawn; nobody else learns of them.
        return None if found is None or found.draft else found

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

    def _code(self, offer: Offer, code: str, address: str) -> Introduction | None:
        """What a code takes off, or the one that a plan is begun with where none is named that may be used. Nobody is told of
        many of them."""
        livemode, now = self._shop.settings.livemode, self._shop.now()
        if code:
            try:
                counting.admit(self._shop, [Count(_CODES, household_of(address))])
            except TooManyTries:
                return None
        with self._shop.reading() as session:
            named = introductions.by_code(session, code, livemode=livemode, now=now) if code else None
            return named or introductions.of(session, offer.terms, livemode=livemode, now=now)

    def _drawn(self, look: _Look, path: str, draw: Callable[[], PlainPage]) -> PlainPage:
        told = (path, sentences.language())
        if told not in look.pages:
            look.pages[told] = draw()
        return look.pages[told]

    def _shelf(self, look: _Look, page: ShelfPage, sought: str = "") -> PlainPage:
        name = self._brand(look.texts).name
        headline, intro = look.texts.get("headline") or name, look.texts.get("intro", "")
        tiles = "".join(map(_tile, page.offers))
        # Nobody is led here by a search engine to look for what somebody else looked for.
        url = "" if sought else self._address(_shelf_path(page.number))
        about = About(name, intro or headline, url, self._address("/share.png"), name)
        search = _search(sought, page) if shelf_pages.is_searchable(len(look.offers)) else ""
        leaves = _leaves(page, sought)
        drawn = self._page(
            about,
            f"{tag_of('h1', headline)}{tag_of('p', intro)}{search}"
            f'<div class="shelf">{tiles}</div>{_leaf_links(leaves, page) if leaves else ""}',
            look.texts,
        )
        links = "".join(f'<link rel="{rel}" href="{escape(self._address(path))}">' for rel, path in leaves.items())
        return replace(drawn, head=drawn.head + links)

    def _product(self, look: _Look, offer: Offer) -> PlainPage:
        url, image = self._address(f"/p/{offer.id}"), self._address(f"/share/{offer.id}.png")
        who = seller.of(look.texts, self._shop.settings).name
        data = sharing.data_of(offer, url=url, image=image, seller=who)
        about = About(offer.name, offer.summary or offer.name, url, image, offer.image_alt, data)
        return self._page(about, _product(offer, look.texts), look.texts)

    def _document(self, look: _Look, name: str) -> PlainPage:
        text = seller.of(look.texts, self._shop.settings).document(name)
        title = _(frame.DOCUMENTS[name])
        heading = tag_of("h1", title)
        if not text:
            return self._page(About(title), f"{heading}{tag_of('p', _('There is nothing here yet.'))}", look.texts)
        if seller.is_link(text):
            text = _("It stands [on a page of its own]({address}).").format(address=text)
        called = _("{document} of {shop}").format(document=title, shop=self._brand(look.texts).name)
        about = About(title, called, self._address(f"/{name}"))
        return self._page(about, f'<div class="text">{heading}{_rendered(text)}</div>', look.texts)

    def _dead_end(self, about: About, text: str) -> PlainPage:
        more = f'<p><a href="/">{escape(_("See everything in the shop"))}</a></p>'
        # The database is not asked for it: whoever tries addresses at random would have it asked each time.
        texts = self._kept.texts if self._kept else {}
        return self._page(about, f"{tag_of('h1', about.title)}{tag_of('p', text)}{more}", texts)

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


def _shelf_path(number: int, sought: str = "") -> str:
    asked = {"q": sought, "page": "" if number == 1 else str(number)}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/?{query}" if query else "/"


def _leaves(page: ShelfPage, sought: str) -> dict[str, str]:
    """The pages before and after this one, as far as there are such."""
    around = {"prev": page.number - 1, "next": page.number + 1}
    return {rel: _shelf_path(number, sought) for rel, number in around.items() if 1 <= number <= page.pages}


def _leaf_links(leaves: Mapping[str, str], page: ShelfPage) -> str:
    named = {"prev": _("Previous page"), "next": _("Next page")}
    links = " · ".join(f'<a rel="{rel}" href="{escape(path)}">{escape(named[rel])}</a>' for rel, path in leaves.items())
    where = _("Page {number} of {pages}").format(number=page.number, pages=page.pages)
    return f'<p class="leaves">{escape(where)} · {links}</p>'


def _search(sought: str, page: ShelfPage) -> str:
    """The field that looks for products, and what was found by it."""
    found = ""
    if sought:
        number = ngettext("{number} product matches.", "{number} products match.", page.found).format(number=page.found)
        everything = f'<a href="/">{escape(_("Show everything"))}</a>'
        found = f'<p role="status" class="quiet">{escape(number)} {everything}</p>'
    if not page.found:
        found += tag_of("p", _("Nothing here is called so. Look for fewer letters, or for another word."))
    return (
        f'<form method="get" action="/" role="search" class="search"><input type="search" name="q" maxlength="100" '
        f'value="{escape(sought)}" aria-label="{escape(_("Search the shop"))}" placeholder="{escape(_("Search the shop"))}">'
        f"<button>{escape(_('Search'))}</button></form>{found}"
    )


def _tile(offer: Offer) -> str:
    tag = min(offer.prices, key=lambda each: each.amount.amount, default=None)
    cost = f"<strong>{buy_form.priced(tag)}</strong> " if tag else ""
    link = f'<a href="{products.page_path(offer.id)}">{escape(tiles.link_words(offer))}</a>'
    return (
        f"<section>{_picture(offer)}{tag_of('h2', offer.name)}{tag_of('p', offer.summary)}"
        f'<p class="quiet">{escape(offer.facts)}</p><p>{cost}{link}</p></section>'
    )


def _product(offer: Offer, texts: Mapping[str, str]) -> str:
    gets = "".join(tag_of("li", f"{part.name}. {part.summary}") for part in offer.parts)
    gets += "".join(tag_of("li", text) for _icon, text in offer.gets)
    about = f"{_rendered(offer.description)}{f'<ul>{gets}</ul>' if gets else ''}"
    faq = "".join(f"<details>{tag_of('summary', q)}{tag_of('p', a)}</details>" for q, a in offer.faq)
    return (
        f'<div class="product"><div>{_picture(offer)}</div><div>{tag_of("h1", offer.name)}{tag_of("p", offer.summary)}'
        f"{buy_form.drawn(offer, texts)}</div>"
        f"<div>{tag_of('h2', _('What you get')) if about else ''}{about}</div>"
        f"<div>{tag_of('h2', _('Before you buy')) if faq else ''}{faq}</div></div>"
    )


def _picture(offer: Offer) -> str:
    image = pictures.of_date(offer.picture, next(iter(offer.open_dates or offer.dates), None))
    if not image:
        return ""
    if image.startswith("<svg"):
        return f'<div role="img" aria-label="{escape(offer.image_alt)}">{image}</div>'
    return f'<img src="{escape(products.picture_path(image))}" alt="{escape(offer.image_alt)}">'
