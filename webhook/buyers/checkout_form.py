"""Buying by a form of plain HTML: for browsers that run no script, and for a crowd larger than the storefront carries."""

from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from core.catalog import products
from core.catalog.products import Price
from core.connections import threads
from core.foundation.errors import BadInput, ShopError, StripeTrouble
from core.foundation.money import Money
from core.journeys import carts, checkout_limits
from core.journeys.checkout import Basket, Item
from core.languages.sentences import _
from core.shop import Shop
from core.traffic import challenges
from core.traffic.counting import Sender
from webhook.buyers import form_fields, form_refusals
from webhook.buyers.form_fields import Form
from webhook.requests import bodies, cookies, senders
from webhook.requests.dependencies import OpenShop

log = structlog.get_logger()
router = APIRouter()

# Far more than the form's few fields take.
_MOST_BYTES = 4096


@router.post("/checkout/form")
async def start(request: Request, shop: OpenShop) -> Response:
    """303 to Stripe's payment page, beside whatever is in the browser's cart, or to the cart where it is put there; a page that
    says why not. Who comes back without having paid is led to the product."""
    if not _is_ours(request, shop):
        # Another site's form comes without our cookie: the answer would give its visitor a new one in place of theirs.
        return form_refusals.page(shop, _("This form was sent from another site."), 403)
    form = form_fields.read(await bodies.within(request, _MOST_BYTES) or b"")
    if form is None:
        return form_refusals.page(shop, form_refusals.sentence(BadInput()), 400)
    known = cookies.browser_of(request, shop)
    browser = known or cookies.new_browser()
    try:
        # All that asks the database is one thing to do in a thread, as at `/checkout`.
        url = await threads.AT_PAYMENT.run(_buy, request, shop, form, browser, known)
    except ShopError as error:
        if isinstance(error, StripeTrouble):
            log.error("stripe_trouble", path=request.url.path, error=str(error))
        response: Response = await run_in_threadpool(form_refusals.of, shop, error, form, request.url.path)
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
    link = checkout_limits.start(shop, basket, Sender(senders.household_of(request), known))
    return link.url if link.is_paid else challenges.way_to(shop, link.url)


def _amount(price: Price | None, form: Form) -> int | None:
    """What one is to cost, in minor units: as its buyer says where they may, else as it was shown. Raises AmountUnclear."""
    if price and price.minimum is not None and form.amount:
        return Money.parse(form.amount.strip(), price.currency).amount
    shown = dict(each.split(":") for each in form.shown)
    return int(shown[form.price]) if form.price in shown else None
