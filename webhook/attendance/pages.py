"""What these pages have in common: how they are drawn, who asks for them, and which forms are our own."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from core.foundation import signing
from core.foundation.errors import (
    AddressUnfit,
    Fixed,
    LinkInvalid,
    NameMissing,
    NotPermitted,
    OfferOver,
    PlaceFixed,
    ShopError,
    SoldOut,
    StripeTrouble,
    TooManyTries,
    UnknownDate,
)
from core.foundation.signing import BROWSER_COOKIE, SIGN_IN_COOKIE
from core.languages.sentences import _, marked
from core.messages import place_wording
from core.people import sign_in
from core.shop import Shop
from core.traffic.counting import Sender
from webhook.requests import bodies, framed, senders

# Far more than a form's few fields take.
_MOST_BYTES = 4096


def shop_of(request: Request) -> Shop:
    """The shop that this app serves."""
    shop: Shop = request.app.state.shop
    return shop


def drawn(request: Request, template: str, status: int = 200, **words: Any) -> HTMLResponse:
    """A page of this template. Whoever has its address has the place: it is told to nobody and kept nowhere."""
    environment = framed.environment()
    environment.filters.setdefault("when", place_wording.when_of)
    environment.filters.setdefault("moment", place_wording.moment_of)
    return framed.drawn(shop_of(request), template, status, **words)


def back(request: Request, done: str) -> RedirectResponse:
    """To the page that the form stands on, which says what was done."""
    return RedirectResponse(f"{request.url.path}?done={done}", 303, framed.PRIVATE)


def away(address: str) -> RedirectResponse:
    """To somewhere else, which is not told from where."""
    return RedirectResponse(address, 303, framed.PRIVATE)


def refused(request: Request, error: ShopError) -> HTMLResponse:
    """Why something was not done, and where to go on."""
    missing, shop = isinstance(error, LinkInvalid), shop_of(request)
    title = _("This link opens nothing") if missing else _("That was not done")
    home = framed.Way(shop.settings.public_url or "/", _("To the shop"))
    way = home if missing else framed.Way(request.url.path, _("Back"))
    return framed.plain(shop, title, sentence(error), status=status_of(error), ways=[way], alert=True)


def status_of(error: ShopError) -> int:
    """The HTTP status of a refusal."""
    match error:
        case LinkInvalid():
            return 404
        case NotPermitted():
            return 403
        case TooManyTries():
            return 429
        case StripeTrouble():
            return 503
        case PlaceFixed(why=Fixed.HOLDER):
            return 403
        case PlaceFixed() | OfferOver() | SoldOut():
            return 409
        case _:
            return 400


def sentence(error: ShopError) -> str:
    """What a member of the family means for whoever holds a ticket, or waits for one."""
    match error:
        case LinkInvalid():
            return _("It may have been copied incompletely, or the place belongs to somebody else by now.")
        case PlaceFixed(why=why):
            return _(FIXED[why])
        case OfferOver(taken=True):
            return _("You have bought what was offered: the places are yours, and nothing was charged again.")
        case OfferOver():
            return _("What was offered is not held for you any more: it went to the next on the list.")
        case SoldOut():
            return _("No place is free on that date any more. Nothing was changed.")
        case UnknownDate():
            return _("That date isn't offered any more.")
        case NameMissing():
            return _("Type the name of whoever comes.")
        case TooManyTries():
            return _("That was a lot of tries in a short time. Wait a while, then try again.")
        case AddressUnfit():
            return _("This email can't be right. Type their full email, such as name@company.com.")
        case StripeTrouble():
            return _(
                "We can't open the payment page right now. Nothing was charged, and your places are held. Try again in a minute."
            )
        case _:
            return _("Something about this isn't right any more. Open your ticket again and look at it.")


FIXED = {
    Fixed.BEGUN: marked("It has begun, so nothing can be changed any more."),
    Fixed.CANCELED: marked("This place is canceled."),
    Fixed.CLOSED: marked("This place is closed: its payment went back, or a bank is asking about it."),
    Fixed.TRIED: marked("This place was bought with test money, which opens nothing here."),
    Fixed.RULES: marked(
        "It is too late to cancel this place, or it can't be canceled here. Write to us if something came up."
    ),
    Fixed.HOLDER: marked("Only whoever has this place can do that. Open the ticket and have a code sent."),
    Fixed.BUYER: marked("Only whoever bought this place can cancel it."),
}


def browser_of(request: Request) -> str:
    """The id of the browser that sent this request, or an empty string."""
    return signing.in_cookie(shop_of(request).signing_key, signing.BROWSER, request.cookies.get(BROWSER_COOKIE))


def sign_in_of(request: Request) -> str:
    """The sign-in that this browser's cookie names, whether or not it still counts."""
    return signing.in_cookie(shop_of(request).signing_key, signing.SIGN_IN, request.cookies.get(SIGN_IN_COOKIE))


async def signed_in(request: Request) -> str:
    """The address that is signed in on this browser, or an empty string."""
    claimed, shop = sign_in_of(request), shop_of(request)
    return await run_in_threadpool(_who, shop, claimed) if claimed else ""


def sender_of(request: Request) -> Sender:
    """Where this request comes from, for limits."""
    return Sender(senders.household_of(request), browser_of(request))


def is_guess(request: Request) -> bool:
    """Whether a browser asks before anybody has clicked, or a program looks whether something is there."""
    said = request.headers.get("sec-purpose", "") + request.headers.get("purpose", "")
    return request.method == "HEAD" or "prefetch" in said


async def fields(request: Request) -> dict[str, str] | None:
    """What a form of ours says; None for one of another site, or that is longer than any of ours, or holds a character that no
    text has."""
    origin = request.headers.get("origin")
    ours = (request.headers.get("host", ""), urlsplit(shop_of(request).settings.public_url).netloc)
    # Without a referrer browsers name no origin either: what counts is whether they name another one.
    if origin not in (None, "null") and origin.partition("://")[2] not in ours:
        return None
    if request.headers.get("sec-fetch-site") == "cross-site":
        return None
    found = await bodies.within(request, _MOST_BYTES)
    if found is None:
        return None
    try:
        said = dict(parse_qsl(found.decode("ascii"), keep_blank_values=True, max_num_fields=10))
    except ValueError:
        return None
    return None if any("\0" in text for text in said.values()) else said


def _who(shop: Shop, claimed: str) -> str:
    with shop.reading() as session:
        return sign_in.who(session, claimed, now=shop.now()) or ""
