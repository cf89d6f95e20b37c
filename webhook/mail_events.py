"""What mail providers tell of letters after they took them, and the page under letters that nobody need have."""

import html

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from core.foundation.errors import LinkInvalid
from core.languages.sentences import _, marked
from core.mailboxes import confirmations, reports, unsubscribing
from core.mailboxes.marks import Kind
from core.messages import returned
from core.shop import Shop
from webhook.requests import bodies, branding, framed
from webhook.requests.dependencies import OpenShop

router = APIRouter()
log = structlog.get_logger()

# More than a provider reports at once.
_MOST_BYTES = 1024 * 1024
_PRIVATE = {
    "Cache-Control": "private, no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'",
}  # fmt: skip
_WOULD_END = {
    Kind.NO_NEWS: marked("You would get no more news of what you bought. Receipts still come."),
    Kind.NO_MESSAGES: marked("You would get no more messages to all who attend a workshop. Receipts still come."),
}
_ENDED = {
    Kind.NO_NEWS: marked(
        "You get no more news of what you bought. Receipts, and what else your purchases need, still come."
    ),
    Kind.NO_MESSAGES: marked(
        "You get no more messages to all who attend a workshop. Receipts, and what else your purchases need, still come."
    ),
}


@router.post("/mail-events")
async def take(request: Request, shop: OpenShop) -> Response:
    """Take reports of bounces, complaints and unsubscriptions. 404 as long as MAIL_EVENTS_SECRET is not set, 401 for whoever does
    not know it, 400 for what is in no known form."""
    secret = shop.settings.mail_events_secret.get_secret_value()
    if not secret:
        return JSONResponse({"error": "NotFound"}, 404)
    body = await bodies.within(request, _MOST_BYTES)
    if body is None:
        return JSONResponse({"error": "TooLarge", "most_bytes": _MOST_BYTES}, 413)
    if not reports.is_authentic(secret, request.headers, body, now=shop.now()):
        return JSONResponse({"error": "SignatureInvalid"}, 401, {"WWW-Authenticate": "Basic"})
    try:
        found, confirming = reports.read(body), reports.subscription_to_confirm(body)
    except (ValueError, KeyError, TypeError, AttributeError):
        return JSONResponse({"error": "BadInput"}, 400)
    if confirming:
        confirmed = await run_in_threadpool(confirmations.confirm, confirming)
        return JSONResponse({"confirmed": confirmed}, 200 if confirmed else 400)
    marked = await run_in_threadpool(returned.take, shop, found)
    log.info("mail_events_taken", reports=len(found), marked=marked)
    return JSONResponse({"reports": len(found), "marked": marked})


@router.head("/unsubscribe/{token}", include_in_schema=False)
@router.get("/unsubscribe/{token}")
async def ask(token: str, shop: OpenShop) -> HTMLResponse:
    """Where somebody says that they want no more of these letters. Opening it changes nothing: mail programs open links too."""
    try:
        stream = unsubscribing.stream_of(shop, token)
    except LinkInvalid:
        return _invalid(shop)
    label = html.escape(_("Send me none of these"))
    form = f'<form method="post"><p><button class="button">{label}</button></p></form>'
    return _page(shop, _("No more of these letters?"), _(_WOULD_END[stream]), form)


@router.post("/unsubscribe/{token}")
async def unsubscribe(token: str, shop: OpenShop) -> HTMLResponse:
    """End these letters: a click on that page, or the one click of a mail program (RFC 8058), which has no cookies."""
    try:
        stream = await run_in_threadpool(unsubscribing.unsubscribe, shop, token)
    except LinkInvalid:
        return _invalid(shop)
    return _page(shop, _("Done"), _(_ENDED[stream]))


def _invalid(shop: Shop) -> HTMLResponse:
    text = _("This link is not complete. Write to {support}, and we see to it.").format(
        support=branding.of(shop).support
    )
    return _page(shop, _("That link does not work"), text, status=404)


def _page(shop: Shop, title: str, text: str, form: str = "", *, status: int = 200) -> HTMLResponse:
    home = framed.Way(shop.settings.public_url or "/", _("To the shop"))
    return framed.plain(shop, title, text, status=status, headers=_PRIVATE, more=form, ways=[home])
