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
from core.catalog.products import Price
from core.foundation.errors import (
    AddressUnfit,
    AddressUnproven,
    AlreadyPaid,
    AmountUnclear,
    BadInput,
    BadQuantity,
    BelowMinimum,
    CodeUnfit,
    PlanHeld,
    PriceChanged,
    ShopError,
    SoldOut,
    StillSettling,
    StripeTrouble,
    TooManyTries,
    UnknownDate,
    Withdrawn,
)
from core.foundation.money import Money
from core.journeys import carts, checkout, checkout_limits
from core.journeys.checkout import Basket, Item
from core.languages.sentences import _, ngettext
from core.shop import Shop
from core.traffic import challenges
from core.traffic.counting import Sender
from core.traffic.senders import household_of
from webhook.requests import cookies, framed, senders
from webhook.requests.dependencies import OpenShop
from webhook.requests.errors import status_of

log = structlog.get_logger()
router = APIRouter()

# Far more than the form's few fields take.
_MOST_BYTES = 4096
# Fields that a form may have several of: each clause that is agreed to or shown, and each price that is.
_SEVERAL = {"consents": "consent", "shown": "shown"}


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
    # What its buyer says that they pay, in major units, and what each price was shown as, `PRICE:AMOUNT` in minor units.
    amount: Annotated[str, Field(max_length=20)] = ""
    shown: Annotated[
        tuple[Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9-]+:[0-9]{1,12}$")], ...], Field(max_length=20)
    ] = ()
    # Where what costs nothing goes.
    email: Annotated[str, Field(max_length=1000)] = ""
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
        return _page(shop, _("This form was sent from another site."), 403)
    form = _form(await _body(request))
    if form is None:
        return _page(shop, _sentence(BadInput()), 400)
    known = cookies.browser_of(request, shop)
    browser = known or cookies.new_browser()
    try:
        # All that asks the database is one thing to do in a thread, as at `/checkout`.
        url = await run_in_threadpool(_buy, request, shop, form, browser, known)
    except ShopError as error:
        if isinstance(error, StripeTrouble):
            log.error("stripe_trouble", path=request.url.path, error=str(error))
        response: Response = _refusal(shop, error, form, request.url.path)
    else:
        response = RedirectResponse(url, 303)
    cookies.remember_browser(response, shop, browser)
    return response


@router.head("/checkout/form", include_in_schema=False)
@router.get("/checkout/form", include_in_schema=False)
def turn_back(shop: OpenShop) -> Response:
    """303 to the shop: a tab that is opened once more asks for the address of a page that said why nothing was bought."""
    return RedirectResponse(shop.settings.public_url or "/", 303, {"Cache-Control": "no-store"})


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
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=40)
        several = {field: [value for name, value in pairs if name == said] for field, said in _SEVERAL.items()}
        return Form.model_validate({name: value for name, value in pairs if name not in _SEVERAL.values()} | several)
    except (ValidationError, ValueError):
        return None


def _buy(request: Request, shop: Shop, form: Form, browser: str, known: str) -> str:
    """Where the browser goes on, which is `known` by its cookie if it came with one."""
    with shop.transaction() as session:
        if form.then:
            amount = _amount(session.get(Price, form.price), form)
            carts.put(session, browser, form.price, form.quantity, date_id=form.date, amount=amount, now=shop.now())
            return "/cart"
        amount = _amount(session.get(Price, form.price), form)
        cart_id = carts.beside(session, browser, form.product, now=shop.now())
    items = (Item(form.price, form.quantity, form.date, amount),)
    basket = Basket(
        cart_id, items, browser_id=browser, signed_in=cookies.signed_in(request, shop), again=form.again,
        consents=form.consents, code=form.code,
        back=products.page_path(form.product), email=form.email, pageless=True,
    )  # fmt: skip
    checkout_limits.admit(shop, basket, Sender(household_of(senders.address_of(request)), known))
    link = checkout.start(shop, basket)
    return link.url if link.is_paid else challenges.way_to(shop, link.url)


def _amount(price: Price | None, form: Form) -> int | None:
    """What one is to cost, in minor units: as its buyer says where they may, else as it was shown. Raises AmountUnclear."""
    if price and price.minimum is not None and form.amount:
        return Money.parse(form.amount.strip(), price.currency).amount
    shown = dict(each.split(":") for each in form.shown)
    return int(shown[form.price]) if form.price in shown else None


def _refusal(shop: Shop, error: ShopError, form: Form, path: str) -> HTMLResponse:
    """Why not, and where to go on. Who is only warned may go on all the same."""
    more = ""
    match error:
        case StillSettling() | PlanHeld():
            more = _sent_again(form, path, _("Buy it once more"), again="true")
        case CodeUnfit():
            more = _sent_again(form, path, _("Buy it without the code"), code="")
        case BelowMinimum(currency=currency) | AmountUnclear(currency=currency):
            label = _("What you pay, in {currency}").format(currency=currency.upper())
            button = _("Add to cart") if form.then else _("Go to payment")
            more = _sent_again(form, path, button, typed=_typed("amount", label, form.amount, 'inputmode="decimal"'))
        case AddressUnfit():
            more = _sent_again(form, path, _("Get it free"), typed=_typed("email", _("Your email"), form.email))
        case AddressUnproven():
            more = f'<p><a href="/purchases">{escape(_("Your purchases"))}</a></p>'
    more += f'<p><a href="{escape(products.page_path(form.product))}">{escape(_("Back to the product"))}</a></p>'
    response = _page(shop, _sentence(error), status_of(error), more)
    if response.status_code in (429, 503):
        response.headers["Retry-After"] = "30"
    return response


def _sent_again(form: Form, path: str, button: str, *, typed: tuple[str, str] = ("", ""), **changed: str) -> str:
    """The same form once more, but for what is changed in it, and for the field that is to be `typed` again, by its name."""
    name_of, field = typed
    fields = [*(form.model_dump(exclude={*_SEVERAL, "website", name_of}) | changed).items()]
    fields += [(name, each) for said, name in _SEVERAL.items() for each in getattr(form, said)]
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(str(value))}">' for name, value in fields)
    send = f'<p><button class="button">{escape(button)}</button></p>'
    return f'<form method="post" action="{escape(path)}">{hidden}{field}{send}</form>'


def _typed(name: str, label: str, said: str, more: str = "") -> tuple[str, str]:
    """A field with what was typed into it, to be mended, and its name."""
    most = 1000 if name == "email" else 20
    field = f'<input type="text" name="{name}" value="{escape(said)}" maxlength="{most}" {more} required>'
    return name, f"<label>{escape(label)} {field}</label>"


def _sentence(error: ShopError) -> str:
    match error:
        case SoldOut(left=left):
            return (
                ngettext("Only {number} left on this date.", "Only {number} left on this date.", left).format(
                    number=left
                )
                if left
                else _("No place can be had on this date any more.")
            )
        case Withdrawn():
            return _("This is no longer for sale.")
        case UnknownDate():
            return _("That date isn't offered any more. Choose another one.")
        case BadQuantity(most=most):
            return _("You can buy up to {number} of this at a time.").format(number=most)
        case PriceChanged(amount=amount, currency=currency):
            costs = Money(amount, currency).format()
            return _("Its price has changed: it costs {price} now. Nothing was charged.").format(price=costs)
        case BelowMinimum(least=least, currency=currency):
            return _("{least} is the least that it is had for.").format(least=Money(least, currency).format(short=True))
        case AmountUnclear(currency=currency):
            return _("Type an amount such as {amount}.").format(amount=Money(1250, currency).typed())
        case AddressUnfit():
            return _("Type your full email, such as name@company.com.")
        case AddressUnproven():
            return _(
                "It's free, and there are only so many places. Confirm your email first: sign in at Your purchases."
            )
        case CodeUnfit(code=code):
            return _("The code {code} can't be used for this, or it has ended.").format(code=code)
        case AlreadyPaid():
            return _("This is paid for already. You don't need to pay again.")
        case StillSettling():
            return _("Your payment for this is still settling at your bank. You don't need to pay again.")
        case PlanHeld():
            return _("You already have this plan. You don't need to buy it again.")
        case TooManyTries():
            return _("That was a lot of tries in a short time. Nothing was charged. Wait a while, then try again.")
        case StripeTrouble():
            return _("We can't open the payment page right now. Nothing was charged. Try again in a minute.")
        case _:
            return _("Something about this isn't right any more. Look at the product again and choose anew.")


def _page(shop: Shop, sentence: str, status: int, more: str = "") -> HTMLResponse:
    ways = [framed.Way("/", _("See everything in the shop")), framed.withdrawal(shop)]
    headers = {"Cache-Control": "no-store"}
    return framed.plain(
        shop, _("Not bought"), sentence, status=status, headers=headers, more=more, ways=ways, alert=True
    )
