"""Cookies: which browser this is, who is signed in on it, and which orders are open on it. All are signed, and no script can read
them."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from core.foundation import signing
from core.foundation.errors import AccessDenied
from core.foundation.records import new_id
from core.foundation.signing import BROWSER_COOKIE, ORDERS_COOKIE, SIGN_IN_COOKIE
from core.people import sign_in
from core.people.purchases import Viewer
from core.shop import Shop
from webhook.requests import senders
from webhook.requests.dependencies import OpenShop

router = APIRouter()


def browser_of(request: Request, shop: Shop) -> str:
    """The id of the browser that sent this request, or an empty string."""
    return signing.in_cookie(shop.signing_key, signing.BROWSER, request.cookies.get(BROWSER_COOKIE))


def new_browser() -> str:
    """An id for a browser that has none yet."""
    return new_id("br")


def remember_browser(response: Response, shop: Shop, browser: str) -> None:
    """Let the browser keep its id for as long as browsers allow."""
    _set(response, shop, BROWSER_COOKIE, signing.BROWSER, browser)


def sign_in_of(request: Request, shop: Shop) -> str:
    """The sign-in that this browser's cookie names, whether or not it still counts; an empty string without one."""
    return signing.in_cookie(shop.signing_key, signing.SIGN_IN, request.cookies.get(SIGN_IN_COOKIE))


def signed_in(request: Request, shop: Shop) -> str:
    """The address that is signed in on this browser, or an empty string. The database is asked: a cookie proves nothing."""
    claimed = sign_in_of(request, shop)
    if not claimed:
        return ""
    with shop.reading() as session:
        return sign_in.who(session, claimed, now=shop.now()) or ""


def viewer_of(request: Request, shop: Shop) -> Viewer:
    """Who looks at an order, as far as this request tells. It asks the database."""
    return Viewer(browser_of(request, shop), signed_in(request, shop), request.cookies.get(ORDERS_COOKIE))


def remember_sign_in(response: Response, shop: Shop, sign_in_id: str) -> None:
    """Let the browser be signed in."""
    _set(response, shop, SIGN_IN_COOKIE, signing.SIGN_IN, sign_in_id)


def remember_orders(response: Response, shop: Shop, said: str) -> None:
    """Let the browser keep which orders are open on it; what is `said` is signed already."""
    _keep(response, shop, ORDERS_COOKIE, signing.OPENED, said)


@router.get("/sign-in/{ticket}")
async def enter(ticket: str, request: Request, shop: OpenShop, next: str = "/purchases") -> Response:
    """Turn a ticket of the last minutes into the cookie, on the browser that it was made for; one that is no good leads back to
    where one is made."""
    try:
        own = sign_in.taken_from(shop, ticket, browser_of(request, shop))
        signed_in = await run_in_threadpool(_redeem, shop, own, senders.address_of(request))
    except AccessDenied:
        return RedirectResponse(_local("/owner" if next.startswith("/owner") else "/purchases"), 303)
    response = RedirectResponse(_local(next), 303)
    remember_sign_in(response, shop, signed_in)
    return response


@router.get("/sign-out")
async def sign_out(request: Request, shop: OpenShop, next: str = "/") -> Response:
    """End the sign-in on the server and forget the cookie, with that of the orders that are open here."""
    if signed_in := sign_in_of(request, shop):
        await run_in_threadpool(_sign_out, shop, signed_in)
    response = RedirectResponse(_local(next), 303)
    for name in (SIGN_IN_COOKIE, ORDERS_COOKIE):
        response.delete_cookie(name, path="/")
    return response


def _redeem(shop: Shop, ticket: str, ip: str) -> str:
    with shop.transaction() as session:
        return sign_in.redeem(session, ticket, ip=ip, signing_key=shop.signing_key, now=shop.now())


def _sign_out(shop: Shop, sign_in_id: str) -> None:
    with shop.transaction() as session:
        sign_in.sign_out(session, sign_in_id, now=shop.now())


def _local(path: str) -> str:
    """A path of this shop: a link from elsewhere must not send people on to another site.

    Without a host: whoever came by another name for it (127.0.0.1, say) has their cookies under that name.
    """
    safe = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if safe else "/"


def _set(response: Response, shop: Shop, name: str, purpose: str, value: str) -> None:
    _keep(response, shop, name, purpose, signing.sign(shop.signing_key, purpose, value))


def _keep(response: Response, shop: Shop, name: str, purpose: str, said: str) -> None:
    response.set_cookie(
        name,
        said,
        max_age=signing.MAX_AGE[purpose],
        httponly=True,
        samesite="lax",
        secure=shop.settings.public_url.startswith("https://"),
    )
