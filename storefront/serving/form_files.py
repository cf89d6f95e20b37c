"""Files in the fields of a page: Streamlit keeps each in memory for as long as its page is open, whoever sends it and whether or
not there is a field for it. They are taken of those alone who see such a field."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.foundation import database, signing
from core.people import staff
from core.people.staff import Action
from core.shop import Shop

_ADDRESS = "/_stcore/upload_file/"
# What the pages that have a field for a file do with it.
_USES = frozenset({Action.IMPORT, Action.SHELVES, Action.LICENSE_TERMS})


class FormFiles:
    """ASGI middleware: a file is refused before any of it is read."""

    def __init__(self, app: ASGIApp, shop: Shop) -> None:
        self._app = app
        self._shop = shop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_ADDRESS) or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        refusal = await run_in_threadpool(self._refusal, HTTPConnection(scope))
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, visitor: HTTPConnection) -> Response | None:
        """Why nothing is taken of whoever this is; None if it is."""
        shop, cookie = self._shop, visitor.cookies.get(signing.SIGN_IN_COOKIE)
        claimed = signing.in_cookie(shop.signing_key, signing.SIGN_IN, cookie)
        try:
            with shop.reading() as session:
                found = staff.of_sign_in(session, claimed, owners=shop.settings.owners, now=shop.now())
        except database.TROUBLE as error:
            if not database.is_away(error):
                raise
            return JSONResponse({"error": "Unavailable"}, 503, {"Retry-After": "5"})
        if found and any(found.may(use) for use in _USES):
            return None
        return JSONResponse({"error": "NotPermitted"}, 403)
