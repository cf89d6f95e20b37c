"""The first HTML: what each page begins with, before any script has run.

It is Streamlit's own, told where its server is: else a page other than the first asks at two wrong addresses, and
fills the browser's console with errors. It also bears the shop's name and icon, shows that name until the page itself is
there, and fetches early what every page needs: our fonts, and the parts of Streamlit that would otherwise be asked for
only when the page is being drawn.

Who comes to the shop or a product while all sessions are taken gets that page in plain HTML instead.
"""

import re
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from streamlit.file_util import get_static_dir

from core.foundation.settings import Settings
from core.shop import Shop
from storefront import links, pictures, stylesheets
from storefront.serving.crowd import Crowd
from storefront.serving.plain_html import PlainPages
from storefront.serving.while_away import WhileAway

_PAGES = pictures.STATIC.parent / "buyer_pages"
_FONTS = ("hanken-latin", "bricolage-latin")
_PARTS = (
    "ButtonGroup", "Html", "ImageList", "PageLink", "WidgetLabel", "WidgetLabelHelpIconInline", "purify.es",
    "styled-components", "useBasicWidgetState", "withFullScreenWrapper",
)  # fmt: skip
_WHERE = "<script>window.__streamlit={BACKEND_BASE_URL:location.origin,MAIN_PAGE_BASE_URL:location.origin}</script>"


# Where the top bar will bear the same name a second later; React puts the page in its place.
_NAME = """<style>
#sign { box-sizing: border-box; padding: 14px 24px; font: 700 22px/32px Bricolage, system-ui, sans-serif; color: #161b2e; }
@media (prefers-color-scheme: dark) { html:has(#sign) { background: #0f1322; } #sign { color: #e8ebf5; } }
</style><div id="sign">%s</div>"""


def routes(shop: Shop, crowd: Crowd) -> list[Route]:
    """A route for every page's address. Only of the shop and its products is there a plain page."""
    page = html(shop.settings)
    plain = PlainPages(shop)
    closed = WhileAway(shop)

    async def open_page(_request: Request) -> Response:
        crowd.expect()
        return HTMLResponse(page, headers={"Cache-Control": "no-cache"})

    async def open_shop(request: Request) -> Response:
        return await plain.shop() if crowd.is_full else await open_page(request)

    async def open_product(request: Request) -> Response:
        if crowd.is_full:
            return await plain.product(request.query_params.get("p", ""))
        return await open_page(request)

    pages = {f"/{file.stem}": open_page for file in sorted(_PAGES.glob("[!_]*.py"))}
    found = {**pages, "/": open_shop, "/shop": open_shop, "/product": open_product}
    found |= {f"/{path}": open_page for path in links.OWNER_PATHS.values()}
    opened = [Route(path, closed.unless_away(endpoint)) for path, endpoint in found.items()]
    return [*opened, Route("/owner/{page:str}", _leave_slash)]


async def _leave_slash(request: Request) -> RedirectResponse:
    """`/owner/orders` is what people link to, `/owner-orders` what Streamlit can have."""
    page = request.path_params["page"]
    known = f"owner-{page}" in links.OWNER_PATHS.values()
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/owner-{page}{query}" if known else "/owner", 307)


def html(settings: Settings) -> str:
    """Streamlit's index page with the shop's own head. What a later Streamlit words differently stays as it is."""
    found = Path(get_static_dir(), "index.html").read_text(encoding="utf-8")
    name = escape(settings.shop_name)
    found = found.replace("<title>Streamlit</title>", f"<title>{name}</title>{_WHERE}{_parts()}{_styles()}", 1)
    found = found.replace('<div id="root"></div>', f'<div id="root">{_NAME % name}</div>', 1)
    found = found.replace('href="./favicon.png"', f'href="/app/static/brand/{pictures.favicon()}"', 1)
    return re.sub(r'<link\s+rel="preload"[^>]*SourceSans[^>]*/>', _fonts(), found, count=1)


def _styles() -> str:
    return "".join(f'<link rel="preload" href="{address}" as="style" />' for address in stylesheets.ADDRESSES)


def _fonts() -> str:
    return "".join(
        f'<link rel="preload" href="/app/static/fonts/{font}.woff2" as="font" type="font/woff2" crossorigin />'
        for font in _FONTS
    )


def _parts() -> str:
    files = [file.name for part in _PARTS for file in Path(get_static_dir(), "static", "js").glob(f"{part}.*.js")]
    return "".join(f'<link rel="modulepreload" crossorigin href="/static/js/{file}" />' for file in files)
