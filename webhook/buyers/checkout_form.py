"""Buying by a form of plain HTML: for browsers that run no script, and for a crowd larger than the storefront carries."""

from html import escape
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from core.catalog import products
from core.foundation.errors import (
    AlreadyPaid,
    BadInput,
    BadQuantity,
    CodeUnfit,
    PlanHeld,
    ShopError,
    SoldOut,
    StillSettling,
    StripeTrouble,
    TooManyTries,
    UnknownDate,
    Withdrawn,
)
from core.journeys import carts, checkout, checkout_limits
from core.journeys.checkout import Basket, Item
from core.shop import Shop
from core.traffic import challenges
from core.traffic.counting import Sender
from core.traffic.senders import household_of
from webhook.requests import cookies, senders
from webhook.requests.dependencies import OpenShop
from webhook.requests.errors import status_of

log = structlog.get_logger()
router = APIRouter()

# Far more than the form's few fields take.
_MOST_BYTES = 4096
# The field of each clause that is agreed to or shown.
CONSENT = "consent"


class Form(BaseModel):
    """One product. `consents` are the versions of the clauses that were ticked or shown. `again` is for who was told that they
    have it already, or that its money is on its way. `then` is where to go on, if it is only put in the cart. `code` is a promotion
    code to take off."""

    model_config = ConfigDict(extra="forbid")

    product: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]+$")]
    price: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9-]+$")]
    quantity: Annotated[int, Field(ge=1, le=9999), BeforeValidator(lambda text: text or 1)] = 1
    date: Annotated[str, Field(max_length=161, pattern=r"^([a-z0-9-]+/[a-z0-9-]+)?$")] = ""
    again: bool = False
    then: Literal["", "cart"] = ""
    code: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9-]*$")] = ""
    consents: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=8)] = ()
    # What nobody sees and machines fill in.
    website: Annotated[str, Field(max_length=0)] = ""


@router.post("/checkout/form")
async def start(request: Request, shop: OpenShop) -> Response:
    """303 to Stripe's payment page, beside whatever is in the browser's cart, or to the cart where it is put there; a page that
    says why not. Who comes back without having paid is led to the product."""
    if not _is_ours(request, shop):
        # Another site's form comes without our cookie: the answer would give its visitor a new one in place of theirs.
        return _page("This form was sent from another site.", 403, "")
    form = _form(await _body(request))
    if form is None:
        return _page(_sentence(BadInput()), 400, "")
    browser = cookies.browser_of(request, shop) or cookies.new_browser()
    try:
        signed_in = await run_in_threadpool(cookies.signed_in, request, shop)
        sender = Sender(household_of(senders.address_of(request)), cookies.browser_of(request, shop))
        url = await run_in_threadpool(_buy, shop, form, browser, signed_in, sender)
    except ShopError as error:
        if isinstance(error, StripeTrouble):
            log.error("stripe_trouble", path=request.url.path, error=str(error))
        response: Response = _refusal(error, form, request.url.path)
    else:
        response = RedirectResponse(url, 303)
    cookies.remember_browser(response, shop, browser)
    return response


def _is_ours(request: Request, shop: Shop) -> bool:
    """Whether the form stands on a page of this shop. Browsers say so with each form; who is none says nothing."""
    origin = request.headers.get("origin")
    ours = (request.headers.get("host", ""), urlsplit(shop.settings.public_url).netloc)
    return origin is None or origin.partition("://")[2] in ours


async def _body(request: Request) -> bytes:
    """The body, or none of it if it is longer than any form can be."""
    found = b""
    async for chunk in request.stream():
        found += chunk
        if len(found) > _MOST_BYTES:
            return b""
    return found


def _form(body: bytes) -> Form | None:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=16)
        agreed = [value for name, value in pairs if name == CONSENT]
        return Form.model_validate({**{name: value for name, value in pairs if name != CONSENT}, "consents": agreed})
    except (ValidationError, ValueError):
        return None


def _buy(shop: Shop, form: Form, browser: str, signed_in: str, sender: Sender) -> str:
    """Where the browser goes on."""
    with shop.transaction() as session:
        if form.then:
            carts.put(session, browser, form.price, form.quantity, date_id=form.date, now=shop.now())
            return "/cart"
        cart_id = carts.beside(session, browser, form.product, now=shop.now())
    items = (Item(form.price, form.quantity, form.date),)
    basket = Basket(
        cart_id, items, browser_id=browser, signed_in=signed_in, again=form.again, consents=form.consents, code=form.code,
        back=products.page_path(form.product),
    )  # fmt: skip
    checkout_limits.admit(shop, basket, sender)
    return challenges.way_to(shop, checkout.start(shop, basket).url)


def _refusal(error: ShopError, form: Form, path: str) -> HTMLResponse:
    """Why not, and where to go on. Who is only warned may go on all the same."""
    more = ""
    match error:
        case StillSettling() | PlanHeld():
            more = _sent_again(form, path, "Buy it once more", again="true")
        case CodeUnfit():
            more = _sent_again(form, path, "Buy it without the code", code="")
    more += f'<p><a href="/product?p={escape(form.product)}">Back to the product</a></p>'
    response = _page(_sentence(error), status_of(error), more)
    if response.status_code in (429, 503):
        response.headers["Retry-After"] = "30"
    return response


def _sent_again(form: Form, path: str, button: str, **changed: str) -> str:
    """The same form once more, but for what is changed in it."""
    fields = [*(form.model_dump(exclude={"consents", "website"}) | changed).items()]
    fields += [(CONSENT, version) for version in form.consents]
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(str(value))}">' for name, value in fields)
    return f'<form method="post" action="{escape(path)}">{hidden}<button>{button}</button></form>'


def _sentence(error: ShopError) -> str:
    match error:
        case SoldOut(left=left):
            return f"Only {left} left on this date." if left else "No place can be had on this date any more."
        case Withdrawn():
            return "This is no longer for sale."
        case UnknownDate():
            return "That date isn't offered any more. Choose another one."
        case BadQuantity(most=most):
            return f"You can buy up to {most} of this at a time."
        case CodeUnfit(code=code):
            return f"The code {code} can't be used for this, or it has ended."
        case AlreadyPaid():
            return "This is paid for already. You don't need to pay again."
        case StillSettling():
            return "Your payment for this is still settling at your bank. You don't need to pay again."
        case PlanHeld():
            return "You already have this plan. You don't need to buy it again."
        case TooManyTries():
            return "That was a lot of tries in a short time. Nothing was charged. Wait a while, then try again."
        case StripeTrouble():
            return "We can't open the payment page right now. Nothing was charged. Try again in a minute."
        case _:
            return "Something about this isn't right any more. Look at the product again and choose anew."


def _page(sentence: str, status: int, more: str) -> HTMLResponse:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not bought</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><style>:root { color-scheme: light dark; } '
        "body { margin: 4rem auto; max-width: 36rem; padding: 0 1.5rem; font: 1.125rem/1.6 system-ui, sans-serif; } "
        "button { min-height: 2.5rem; font: inherit; }</style></head><body>"
        f'<h1>Not bought</h1><p role="alert">{escape(sentence)}</p>{more}<p><a href="/">See everything in the shop</a></p>'
        '<p><small><a href="/withdraw">Withdraw from contract here</a></small></p>'
        "</body></html>"
    )
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
