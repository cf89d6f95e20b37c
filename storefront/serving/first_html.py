"""The first HTML: what each page begins with, before any script has run.

It is Streamlit's own, with the shop's head and, until Streamlit has drawn the page, the page in plain HTML: without scripts
that is what it stays. It says where the server is (else a page other than the first asks at two wrong addresses), and
fetches early what every page needs: the parts of Streamlit that would otherwise be asked for only when the page is being
drawn.

Who comes to the shop or a product while all sessions are taken gets that page in plain HTML alone.
"""

import gzip
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from streamlit.file_util import get_static_dir

from core.catalog import products
from core.foundation import signing
from core.kinds.offers import Availability
from core.languages import sentences
from core.languages.sentences import _, marked
from storefront import frame, links, pictures, stylesheets
from storefront.serving import plain_html
from storefront.serving.buy_form import Link
from storefront.serving.crowd import Crowd
from storefront.serving.plain_html import PlainPage, PlainPages
from storefront.serving.while_away import WhileAway

_PAGES = pictures.STATIC.parent / "buyer_pages"
# What pages without a plain side are called until they are drawn.
_CALLED = {
    "cart": marked("Cart"), "purchases": marked("Your purchases"), "thanks": marked("Thank you"),
    "withdraw": marked("Withdraw from contract"), "account": marked("Your account"), "seat": marked("Your seat"),
    "order": marked("Your order"),
}  # fmt: skip
_BACK_OFFICE = "Back office"
_PARTS = (
    "Button", "ButtonGroup", "Html", "ImageList", "PageLink", "WidgetLabel", "WidgetLabelHelpIconInline", "purify.es",
    "styled-components", "useBasicWidgetState", "withFullScreenWrapper",
)  # fmt: skip
# As low as it goes: a style sheet for printers, until it is there. Nothing waits for it, and fonts come after scripts.
_FONTS = (
    '<link rel="stylesheet" href="{0}" media="print" onload="this.media=\'all\'">'
    '<noscript><link rel="stylesheet" href="{0}"></noscript>'
).format(stylesheets.address("first-fonts.css"))
SCRIPTS = ("first.js", "focus.js", "unsaved.js")
_AWAY = '<div id="away" role="status"></div>'

Endpoint = Callable[[Request], Awaitable[Response]]


class Documents:
    """Plain pages as whole documents: with Streamlit behind them, or alone."""

    def __init__(self) -> None:
        style = f"<style>{_minified(pictures.STATIC / 'first.css')}</style>"
        self._alone = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">{style}{_FONTS}'
        )
        scripts = "".join(f"<script>{_minified(pictures.STATIC / name)}</script>" for name in SCRIPTS)
        self._before, self._between, self._after = _of_streamlit(f"{scripts}{style}{_early()}{_FONTS}")

    def alone(self, request: HTTPConnection, page: PlainPage, status: int = 200, *, again: int = 0) -> Response:
        """The plain page, and no script. Whoever asks is told to ask `again` after so many seconds."""
        html = f'{self._alone}{page.head}</head><body><div id="first">{page.content}</div></body></html>'
        answer = _answer(request, html, status, "no-store")
        if again:
            answer.headers["Retry-After"] = str(again)
        return answer

    def first(self, request: HTTPConnection, page: PlainPage, status: int = 200) -> Response:
        """The plain page, until Streamlit has drawn it."""
        content = f'<div id="first">{page.content}</div>{_AWAY}'
        html = "".join((self._before, page.head, self._between, content, self._after))
        return _answer(request, html, status, "no-cache")


def _answer(request: HTTPConnection, html: str, status: int, cache: str) -> Response:
    """Packed here: Streamlit packs no first page."""
    headers = {
        "Cache-Control": cache, "Vary": "Accept-Encoding, Accept-Language", "Content-Language": sentences.tag(),
    }  # fmt: skip
    html = html.replace('<html lang="en"', f'<html lang="{sentences.tag()}"', 1)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return HTMLResponse(html, status, headers)
    return HTMLResponse(_packed(html), status, {**headers, "Content-Encoding": "gzip"})


@lru_cache(maxsize=64)
def _packed(html: str) -> bytes:
    return gzip.compress(html.encode(), 6, mtime=0)


def routes(plain: PlainPages, crowd: Crowd, closed: WhileAway) -> list[Route]:
    """A route for every page's address; `closed` stands in for it while the database is away."""
    documents = Documents()

    def first(request: Request, page: PlainPage) -> Response:
        crowd.expect()
        return documents.first(request, page)

    async def open_shop(request: Request) -> Response:
        asked = request.query_params
        number = asked.get("page", "")
        page = await plain.shop(
            int(number) if re.fullmatch("[0-9]{1,6}", number) else 1, asked.get("q", "").strip()[:100]
        )
        return documents.alone(request, page) if crowd.is_full else first(request, page)

    async def open_product(request: Request) -> Response:
        page = await plain.product(request.path_params.get("product") or products.asked_for(request.query_params))
        if page is None:
            missing = plain.missing()
            # Who works here may be about to see a draft: the page itself finds that out, once it is drawn.
            signed_in = signing.SIGN_IN_COOKIE in request.cookies and not crowd.is_full
            return documents.first(request, missing, 404) if signed_in else documents.alone(request, missing, 404)
        return documents.alone(request, page) if crowd.is_full else first(request, page)

    async def open_buying(request: Request) -> Response:
        """A page in plain HTML with a button: whoever only looks where a link leads, as programs do, has ordered nothing."""
        product = request.path_params["product"]
        offer = await plain.offer(product)
        if offer is None:
            return documents.alone(request, plain.missing(), 404)
        if offer.availability is not Availability.ON_SALE:
            return RedirectResponse(products.page_path(product), 303)
        address = request.client.host if request.client else ""
        return documents.alone(request, await plain.buying(offer, Link.read(request.query_params), address))

    def opens_document(name: str) -> Endpoint:
        async def open_document(request: Request) -> Response:
            return first(request, await plain.document(name))

        return open_document

    def opens(title: str) -> Endpoint:
        async def open_page(request: Request) -> Response:
            return first(request, await plain.other(_(title) if title else ""))

        return open_page

    async def open_withdrawing(request: Request) -> Response:
        number = request.query_params.get("order", "")[:80]
        return first(request, await plain.withdrawing(_(_CALLED["withdraw"]), number))

    found: dict[str, Endpoint] = {
        f"/{file.stem}": opens(_CALLED.get(file.stem, "")) for file in _PAGES.glob("[!_]*.py")
    }
    found |= {f"/{path}": opens(_BACK_OFFICE) for path in links.OWNER_PATHS.values()}
    found |= {f"/{name}": opens_document(name) for name in frame.DOCUMENTS}
    found |= {"/": open_shop, "/shop": open_shop, "/product": open_product, "/p/{product}": open_product}
    found["/buy/{product}"] = open_buying
    found["/withdraw"] = open_withdrawing

    def page_away(request: Request) -> Response:
        return documents.alone(request, plain.away(), 503, again=plain_html.AGAIN)

    opened = [Route(path, closed.unless_away(endpoint, page_away)) for path, endpoint in found.items()]
    return [*opened, Route("/owner/{page:str}", _leave_slash)]


async def _leave_slash(request: Request) -> RedirectResponse:
    """`/owner/orders` is what people link to, `/owner-orders` what Streamlit can have."""
    page = request.path_params["page"]
    known = f"owner-{page}" in links.OWNER_PATHS.values()
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/owner-{page}{query}" if known else "/owner", 307)


def _of_streamlit(head: str) -> tuple[str, str, str]:
    """Streamlit's index page in three: up to where a page's own head belongs, then up to its content, and the rest. What a later
    Streamlit words differently stays as it is."""
    found = Path(get_static_dir(), "index.html").read_text(encoding="utf-8")
    for unwanted in (r"<noscript>.*?</noscript>", r"<!--.*?-->", r"<title>.*?</title>", r'<link[^>]*rel="service-desc"[^>]*>',
                     r'<link\s+rel="preload"[^>]*SourceSans[^>]*>', r'<link rel="shortcut icon"[^>]*>'):  # fmt: skip
        found = re.sub(unwanted, "", found, count=0, flags=re.DOTALL)
    found = re.sub(r'(href|src)="\./', r'\1="/', found)
    found = re.sub(r"\n\s*", "\n", found).strip()
    before, charset, rest = re.split(r'(<meta charset="[^"]*"\s*/?>)', found, maxsplit=1, flags=re.IGNORECASE)
    between, root, after = rest.partition('<div id="root"></div>')
    return f"{before}{charset}", f"{head}{between}", f"{root}{after}"


def _minified(path: Path) -> str:
    """Without what only its readers need."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return re.sub(r"/\*.*?\*/", "", "\n".join(line for line in lines if not line.startswith("//")), flags=re.DOTALL)


def _early() -> str:
    """What is fetched before it is asked for: scripts first, then what only makes a page look as it should."""
    files = [file.name for part in _PARTS for file in Path(get_static_dir(), "static", "js").glob(f"{part}.*.js")]
    scripts = [f'<link rel="modulepreload" crossorigin href="/static/js/{file}">' for file in files]
    styles = [f'<link rel="preload" href="{address}" as="style">' for address in stylesheets.ADDRESSES]
    return "".join((*scripts, *styles))
