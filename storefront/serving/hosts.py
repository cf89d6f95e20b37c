"""One host: a page that is asked for under another name is found at APP_URL's, and whoever comes is seen behind the proxies.

Cookies, and with them carts and sign-ins, are a host name's own: under two names a buyer would have two carts.
"""

from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.foundation.settings import Settings
from core.traffic import senders
from storefront.serving.headers import asks_for_page

# Streamlit's own figures; the shop's are at /api/metrics, for whoever may.
_MEASURES = "/_stcore/metrics"
_CHECKS = ("/healthz", "/readyz", "/script-health-check")


class OneHost:
    """ASGI middleware. Machines are sent nowhere: health checks, the interface and Stripe may use any name."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._trusted = settings.trusted_proxies
        # Without APP_URL it is a demo, under whatever name it is looked at.
        self._home = urlsplit(settings.app_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        by_proxy = senders.is_one_of((scope.get("client") or ("", 0))[0], self._trusted)
        senders.look_through(scope, self._trusted)
        if scope["type"] == "websocket":
            self._let_own_pages_in(scope)
        elif scope["path"] == _MEASURES:
            await JSONResponse({"error": "NotFound"}, 404)(scope, receive, send)
            return
        elif _is_page(scope) and self._is_another(_host(scope, by_proxy=by_proxy)):
            await RedirectResponse(self._here(scope), 307)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_another(self, host: str) -> bool:
        """Whether it is another name than the shop's. Numbers and names without a dot may be what a proxy in front calls this
        process by: sent on, its visitors would come here again and again."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        is_name = "." in name and not name.replace(".", "").isdigit() and not name.startswith("[")
        return bool(self._home.netloc) and is_name and name.casefold() != (self._home.hostname or "")

    def _here(self, scope: Scope) -> str:
        query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
        return f"{self._home.scheme}://{self._home.netloc}{quote(scope['path'])}{query}"

    def _let_own_pages_in(self, scope: Scope) -> None:
        """Streamlit lets a page connect that has the host it is asked for: behind a proxy that gives another one, none would."""
        headers = MutableHeaders(scope=scope)
        origin = urlsplit(headers.get("origin", ""))
        if self._home.netloc and (origin.scheme, origin.netloc) == (self._home.scheme, self._home.netloc):
            headers["host"] = self._home.netloc


def _is_page(scope: Scope) -> bool:
    return asks_for_page(scope) and scope["path"] not in _CHECKS


def _host(scope: Scope, *, by_proxy: bool) -> str:
    """The name that the visitor used: a proxy may ask here for another, and say which it was."""
    headers = HTTPConnection(scope).headers
    said = headers.get("x-forwarded-host", "").rpartition(",")[2].strip() if by_proxy else ""
    return said or headers.get("host", "")
