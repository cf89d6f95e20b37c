"""Receipts: a page for each payment, for its buyer and for whoever works here, that prints as it should."""

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from core.foundation.errors import NotPermitted, OrderNotFound
from core.foundation.money import Money
from core.invoicing import receipts
from core.invoicing.receipts import Receipt, TaxRow
from core.languages import formats
from core.languages.sentences import _, marked
from core.people import staff
from core.shop import Shop
from webhook.requests import branding, cookies
from webhook.requests.dependencies import OpenShop

router = APIRouter()

_TEMPLATES = Path(__file__).parents[1] / "templates"
# It shows an address, and loads nothing from anywhere else.
_HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}  # fmt: skip


@router.head("/receipts/{payment_id}", include_in_schema=False)
@router.get("/receipts/{payment_id}")
async def of_buyer(payment_id: str, request: Request, shop: OpenShop) -> Response:
    """The receipt for its buyer. Whoever is not known to be them is led to where one signs in."""
    try:
        found = await run_in_threadpool(_for_buyer, shop, payment_id, request)
    except OrderNotFound:
        return RedirectResponse(f"{shop.settings.public_url}/purchases", 303, headers=_HEADERS)
    return await _page(shop, found)


@router.get("/owner/receipts/{payment_id}")
async def of_staff(payment_id: str, request: Request, shop: OpenShop) -> Response:
    """The same for whoever works here. Raises NotPermitted, or OrderNotFound."""
    return await _page(shop, await run_in_threadpool(_for_staff, shop, payment_id, cookies.sign_in_of(request, shop)))


def _for_buyer(shop: Shop, payment_id: str, request: Request) -> Receipt:
    return receipts.for_buyer(shop, payment_id, cookies.viewer_of(request, shop))


def _for_staff(shop: Shop, payment_id: str, sign_in_id: str) -> Receipt:
    with shop.reading() as session:
        if staff.of_sign_in(session, sign_in_id, owners=shop.settings.owners, now=shop.now()) is None:
            raise NotPermitted(action="receipt")
        return receipts.of_payment(session, shop, payment_id)


async def _page(shop: Shop, found: Receipt) -> HTMLResponse:
    return HTMLResponse(await run_in_threadpool(_drawn, shop, found), headers=_HEADERS)


def _drawn(shop: Shop, found: Receipt) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # here, since hardly any process needs it

    from core.languages import templates

    environment = Environment(loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, autoescape=True)
    environment.filters["money"] = Money.format
    templates.equip(environment)
    environment.filters["day"] = formats.day
    environment.filters["tax_words"] = _tax_words
    zone: ZoneInfo = shop.settings.zone
    brand = branding.of(shop)
    return environment.get_template("receipt.html.j2").render(
        shop=brand.shop, brand=brand, base_url=shop.settings.public_url, receipt=found, zone=zone
    )


_WORDS = {
    "reverse_charge": marked("Reverse charge: the tax is owed by the buyer"),
    "not_collecting": marked("No tax taken in this country"),
    "customer_exempt": marked("The buyer is exempt from tax"),
    "product_exempt": marked("Exempt from tax"),
    "zero_rated": marked("Taxed at nought"),
    "not_subject_to_tax": marked("Not subject to tax"),
}


def _tax_words(row: TaxRow) -> str:
    """What stands before the amount of a tax."""
    if not row.tax.amount and row.reason in _WORDS:
        return _(_WORDS[row.reason])
    if row.rate:
        said = _("Of which tax {rate} on {amount}") if row.included else _("Tax {rate} on {amount}")
        return said.format(rate=formats.percent(Decimal(row.rate)), amount=row.net.format())
    return (_("Of which tax on {amount}") if row.included else _("Tax on {amount}")).format(amount=row.net.format())
