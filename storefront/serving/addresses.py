"""Addresses that are no pages: what search engines ask for first, icons, pictures to share; and what leads nowhere."""

from collections.abc import Callable, Mapping
from html import escape
from typing import ParamSpec

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.path_security import is_unsafe_path_pattern as is_unsafe

from core.catalog import seller
from core.catalog.looks import brand
from core.connections import threads
from core.foundation.errors import StorageUnreachable
from core.shop import Shop
from storefront import frame
from storefront.serving.first_html import Documents
from storefront.serving.plain_html import AGAIN, PlainPages
from storefront.serving.share_pictures import SharePictures
from storefront.serving.while_away import WhileAway

P = ParamSpec("P")

# Streamlit's own that a page needs, which no route of ours matches. Its static files are served before this is asked.
_CORE = "/_stcore/"
_NEEDED = ("health", "script-health-check", "host-config", "stream", "upload_file/", "bidi-components/")
_INTERFACE = "/api/"
_STREAMLIT = (
    *(_CORE + each for each in _NEEDED),
    "/app/static/",
    "/media/",
    "/component/",
    "/auth/",
    "/oauth2callback",
)
# The address stays when the icon changes.
_SOON = {"Cache-Control": "public, max-age=600"}
_A_DAY = {"Cache-Control": "public, max-age=86400"}
# Behind these is nothing that is the same for everybody.
_NOT_FOR_SEARCHING = (
    "/api/", "/owner", "/buy/", "/cart", "/thanks", "/purchases", "/account", "/seat", "/order", "/ticket/", "/join/",
    "/waiting/",
)  # fmt: skip


def routes(shop: Shop, plain: PlainPages, closed: WhileAway) -> list[Route]:
    """A route for each of them; `closed` stands in for what asks the database while that is away."""
    made = SharePictures(shop)

    async def robots(_request: Request) -> Response:
        shut = (f"Disallow: {path}" for path in _NOT_FOR_SEARCHING)
        lines = ["User-agent: *", "Allow: /api/pictures/", *shut]
        return PlainTextResponse(
            "\n".join([*lines, "", f"Sitemap: {shop.settings.public_url}/sitemap.xml", ""]), headers=_A_DAY
        )

    async def sitemap(_request: Request) -> Response:
        who = seller.of(await plain.texts(), shop.settings)
        written = [
            f"/{name}" for name in frame.DOCUMENTS if who.document(name) and not seller.is_link(who.document(name))
        ]
        paths = ["/", *(f"/p/{product}" for product in await plain.offers()), *written]
        places = "".join(f"<url><loc>{escape(shop.settings.public_url + path)}</loc></url>" for path in paths)
        xml = '<?xml version="1.0" encoding="UTF-8"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        return Response(f"{xml}{places}</urlset>", media_type="application/xml")

    async def favicon(_request: Request) -> Response:
        found = brand.of(await plain.texts(), shop.settings)
        return await _drawn(_SOON, "image/x-icon", made.icon, found, "ICO")

    async def touch_icon(_request: Request) -> Response:
        found = brand.of(await plain.texts(), shop.settings)
        return await _drawn(_SOON, "image/png", made.icon, found, "PNG")

    async def share(request: Request) -> Response:
        product = request.path_params.get("product")
        offer = await plain.offer(product) if product else next(iter((await plain.offers()).values()), None)
        if product and offer is None:
            return Response(status_code=404)
        about = brand.of(await plain.texts(), shop.settings)
        image, name = (offer.picture, offer.name) if offer else ("", about.name)
        if not product and about.cover:
            image, name = about.cover, about.name
        return await _drawn(_A_DAY, "image/png", made.of, image, name)

    def later(_request: Request) -> Response:
        return Response(status_code=503, headers={"Retry-After": str(AGAIN)})

    found = {
        "/sitemap.xml": sitemap, "/favicon.ico": favicon, "/favicon.png": favicon, "/apple-touch-icon.png": touch_icon,
        "/share.png": share, "/share/{product}.png": share,
    }  # fmt: skip
    asking = [Route(path, closed.unless_away(endpoint, later)) for path, endpoint in found.items()]
    return [Route("/robots.txt", robots), *asking]


def of_letters(sidecar: ASGIApp) -> list[Route]:
    """Addresses that stand in letters and calendars have no /api in them: the same sidecar answers."""
    pages = ("/order/{token}", "/ticket/{token}", "/ticket/{token}/workshop.ics", "/join/{token}", "/waiting/{token}")
    return [Route(page, sidecar) for page in pages]


async def _drawn(
    headers: Mapping[str, str], media_type: str, draw: Callable[P, bytes], *given: P.args, **named: P.kwargs
) -> Response:
    """What this draws; 503 while what it is drawn from cannot be had."""
    try:
        found = await threads.AT_STORAGE.run(draw, *given, **named)
    except StorageUnreachable:
        return Response(status_code=503, headers={"Retry-After": "30"})
    return Response(found, headers=headers, media_type=media_type)


class DeadEnds:
    """ASGI middleware: the shop's own 404 where Streamlit would answer any address with its index page, or refuse it with two
    words. What it would refuse of the interface is refused as there."""

    def __init__(self, app: ASGIApp, known: list[BaseRoute], plain: PlainPages) -> None:
        self._app, self._known, self._plain = app, known, plain
        self._documents = Documents()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_INTERFACE) and is_unsafe(scope["path"].lstrip("/")):
            await JSONResponse({"error": "BadInput"}, 400)(scope, receive, send)
        elif scope["type"] == "http" and f"{scope['path']}/" == _INTERFACE:  # a mount takes what is below it alone
            await JSONResponse({"error": "NotFound"}, 404)(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and not self._leads_somewhere(scope):
            response: Response = self._documents.alone(HTTPConnection(scope), self._plain.nowhere(), 404)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _leads_somewhere(self, scope: Scope) -> bool:
        if scope["path"].startswith(_STREAMLIT):
            return True
        if scope["path"].startswith("//") or is_unsafe(scope["path"].lstrip("/")):
            return False
        # Streamlit sends whoever asks with a slash at the end to the address without it.
        bare = {**scope, "path": scope["path"].rstrip("/") or "/"}
        return any(route.matches(each)[0] is not Match.NONE for route in self._known for each in (scope, bare))
