"""The question whether somebody is a person, on the way from a checkout to its payment page."""

from html import escape
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from core.connections import threads
from core.languages.sentences import _, marked
from core.shop import Shop
from core.traffic import challenges
from webhook.requests import bodies, framed, senders
from webhook.requests.dependencies import OpenShop

router = APIRouter()

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex"}
# Answers of providers are some thousand letters long.
_MOST_BYTES = 16 * 1024
_AGAIN = marked("That was not taken for an answer. Nothing was charged. Try once more.")


@router.get("/checkout/person/{sealed}")
async def ask(sealed: str, shop: OpenShop) -> Response:
    """The question, or the payment page at once where none is asked (any more). 403 for a link that is none of ours."""
    payment_page = challenges.leads_to(shop, sealed)
    return _page(shop) if challenges.asked(shop) else RedirectResponse(payment_page, 303, _HEADERS)


@router.post("/checkout/person/{sealed}")
async def answer(sealed: str, request: Request, shop: OpenShop) -> Response:
    """303 to the payment page, or the question once more."""
    payment_page = challenges.leads_to(shop, sealed)
    provider = challenges.asked(shop)
    said = await _field(request, provider.field) if provider else ""
    address = senders.address_of(request)
    if not await threads.AT_PAYMENT.run(challenges.is_person, shop, said, address=address):
        return _page(shop, f'<p role="alert">{escape(_(_AGAIN))}</p>', status=403)
    return RedirectResponse(payment_page, 303, _HEADERS)


async def _field(request: Request, name: str) -> str:
    found = await bodies.within(request, _MOST_BYTES) or b""
    return parse_qs(found.decode("ascii", "replace"), max_num_fields=16).get(name, [""])[-1]


def _page(shop: Shop, said: str = "", status: int = 200) -> HTMLResponse:
    provider = challenges.asked(shop)
    assert provider
    widget = f'<div class="{provider.css_class}" data-sitekey="{escape(shop.settings.challenge_site_key)}"></div>'
    why = _("Before you pay we ask whether you are a person: machines try out stolen cards. Your order is kept.")
    more = (
        f'<script src="{provider.script}" async defer></script>'
        f'{said}<form method="post">{widget}<p><button class="button">{escape(_("Go on to payment"))}</button></p></form>'
        f"<noscript><p>{escape(_('This question needs JavaScript. Allow it for this page, or write to us.'))}</p></noscript>"
    )
    ways = [framed.Way("/cart", _("Back to the cart"), quiet=True), framed.withdrawal(shop)]
    return framed.plain(shop, _("One moment"), why, status=status, headers=_HEADERS, more=more, ways=ways)
