"""Headers of what the storefront answers: security headers on everything, and a signed cookie for each new browser."""

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.foundation import signing
from core.foundation.records import new_id
from core.shop import Shop

# What machines ask for: no page, so no cookie either.
_NO_PAGE = ("/_stcore/", "/app/static/", "/static/", "/media/", "/component/", "/api/")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'self'",
}


class PageHeaders:
    """ASGI middleware. A page's script can read cookies and never set one, so it happens here."""

    def __init__(self, app: ASGIApp, shop: Shop) -> None:
        self._app = app
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        new = asks_for_page(scope) and not self._knows(HTTPConnection(scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if "vary" in headers:
                    headers["Vary"] = _each_once(headers.getlist("vary"))
                if new and _is_page(message["status"], headers):
                    headers.append("Set-Cookie", self._new_cookie())
                    # Kept by a cache on the way, one browser's cookie would become everybody's.
                    headers["Cache-Control"] = "private, no-store"
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _knows(self, visitor: HTTPConnection) -> bool:
        cookie = visitor.cookies.get(signing.BROWSER_COOKIE)
        return bool(signing.in_cookie(self._shop.signing_key, signing.BROWSER, cookie))

    def _new_cookie(self) -> str:
        value = signing.sign(self._shop.signing_key, signing.BROWSER, new_id("br"))
        secure = "; Secure" if self._shop.settings.public_url.startswith("https://") else ""
        age = signing.MAX_AGE[signing.BROWSER]
        return f"{signing.BROWSER_COOKIE}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _each_once(values: list[str]) -> str:
    """Streamlit's packing adds what an answer of ours has said already."""
    names = [name.strip() for value in values for name in value.split(",")]
    return ", ".join({name.lower(): name for name in names}.values())


def asks_for_page(scope: Scope) -> bool:
    """Whether it is a page that is asked for, and nothing that a page or a machine fetches."""
    return scope["method"] == "GET" and not scope["path"].startswith(_NO_PAGE)


def _is_page(status: int, headers: MutableHeaders) -> bool:
    # 304: the browser has the page already, and may have lost the cookie since.
    return status == 304 or headers.get("content-type", "").startswith("text/html")
