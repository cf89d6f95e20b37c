"""Which status each error of the shop has here. Core knows no HTTP; this is the one place that translates."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from core.foundation import database
from core.foundation.errors import (
    AccessDenied,
    ApiKeyInvalid,
    BadInput,
    EventRefused,
    LinkExpired,
    NotFound,
    NotOpen,
    ShopError,
    StorageUnreachable,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
    TooManyTries,
)
from core.languages.sentences import _
from core.shop import Shop
from webhook.requests import framed

log = structlog.get_logger()

_STATUS: tuple[tuple[type[ShopError], int], ...] = (
    (BadInput, 400),
    (EventRefused, 400),
    (NotFound, 404),
    (NotOpen, 409),
    (LinkExpired, 410),
    (ApiKeyInvalid, 401),
    (AccessDenied, 403),
    (TooManyTries, 429),
    (StripeRefused, 502),
    (StripeKeyRefused, 503),
    (StripeUnreachable, 503),
    (StorageUnreachable, 503),
)

_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "30"}, 503: {"Retry-After": "30"}}


def status_of(error: ShopError) -> int:
    """The HTTP status of a member of the family."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def register(app: FastAPI) -> None:
    """Answer every error in JSON: `{"error": "SoldOut", "product": "…", "left": 0}`; people who follow a link get a page."""
    app.add_exception_handler(ShopError, _refuse)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _as_all_others)
    app.add_exception_handler(ClientDisconnect, _to_nobody)
    for kind in database.TROUBLE:
        app.add_exception_handler(kind, _without_database)
    app.add_exception_handler(Exception, _broken)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, ShopError)
    status = status_of(error)
    if status >= 500:
        log.error("stripe_trouble", path=request.url.path, error=str(error))
    headers = _HEADERS.get(status)
    # What Stripe says to us is for our log: it may name keys and ids that are nobody else's business.
    fields = {} if isinstance(error, StripeTrouble) else jsonable_encoder(vars(error))
    if _is_followed(request, status):
        return await run_in_threadpool(_page, request, status)
    return JSONResponse({"error": type(error).__name__, **fields}, status, headers)


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if _is_followed(request, 400):
        return await run_in_threadpool(_page, request, 400)
    problems = [
        {"field": ".".join(str(part) for part in each["loc"][1:]), "problem": each["msg"]} for each in error.errors()
    ]
    return JSONResponse({"error": "BadInput", "problems": problems}, 400)


async def _as_all_others(request: Request, error: Exception) -> Response:
    """What Starlette refuses by itself: addresses and methods that there are not, and forms that cannot be read."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if _is_followed(request, status):
        return await run_in_threadpool(_page, request, status)
    name = "BadInput" if status is HTTPStatus.BAD_REQUEST else status.phrase.title().replace(" ", "")
    return JSONResponse({"error": name}, status, error.headers)


def _is_followed(request: Request, status: int) -> bool:
    """Whether somebody sees this refusal in a browser, who has followed a link that leads nowhere, or is no longer theirs."""
    return request.method == "GET" and status in (400, 403, 404) and "text/html" in request.headers.get("accept", "")


def _page(request: Request, status: int) -> Response:
    shop = request.app.state.shop
    ways = [_way_on(shop, request, status)]
    if status == HTTPStatus.FORBIDDEN:
        text = _("You may have been signed out since the page with this link was opened. Sign in, and follow it again.")
        return framed.plain(shop, _("This doesn't open here"), text, status=status, ways=ways)
    text = _("The address may have been copied incompletely, or what was there is gone.")
    return framed.plain(shop, _("There is nothing here"), text, status=status, ways=ways)


def _way_on(shop: Shop, request: Request, status: int) -> framed.Way:
    base = shop.settings.public_url
    if "/owner/" in request.url.path:
        return framed.Way(f"{base}/owner", _("Open the back office"))
    if status == HTTPStatus.FORBIDDEN:
        return framed.Way(f"{base}/purchases", _("Your purchases"))
    return framed.Way(base or "/", _("To the shop"))


async def _to_nobody(_request: Request, _error: Exception) -> Response:
    """Whoever went away in the middle of what they sent hears nothing any more, and nothing is the matter here."""
    return Response(status_code=400)


def without_database(path: str, error: Exception) -> tuple[int, dict[str, str], dict[str, str]]:
    """What is answered while the database is away or has no connection to spare: status, body and headers. Whoever asks is to
    come back, and nothing is broken."""
    log.warning("database_away", path=path, error=str(getattr(error, "orig", error)))
    return 503, {"error": "Unavailable"}, {"retry-after": "5"}


async def _without_database(request: Request, error: Exception) -> JSONResponse:
    if not database.is_away(error):
        raise error
    status, said, headers = without_database(request.url.path, error)
    return JSONResponse(said, status, headers)


async def _broken(request: Request, error: Exception) -> JSONResponse:
    # The traceback follows: the server logs whatever leaves the app.
    log.error("unexpected", path=request.url.path, error=type(error).__name__)
    return JSONResponse({"error": "Unexpected"}, 500)
