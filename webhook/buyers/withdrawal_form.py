"""Withdrawing from a contract by a form of plain HTML: for browsers that run no script, since it must be open to everybody."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from core.foundation.errors import AddressUnfit, ShopError, TooManyTries
from core.foundation.records import new_id
from core.languages import formats
from core.languages.sentences import _
from core.rights import declarations
from core.rights.declarations import Declaration, Receipt, Visitor
from core.shop import Shop
from webhook.requests import bodies, branding, framed, senders
from webhook.requests.dependencies import OpenShop
from webhook.requests.errors import status_of

router = APIRouter()

# A thousand letters of any alphabet, each written with up to twelve characters, and the few others.
_MOST_BYTES = 20_000


@router.get("/withdraw", include_in_schema=False)
def page(shop: OpenShop, order: str = "") -> HTMLResponse:
    """The form. It is the same for everybody, and nothing is looked up for it; the link of a letter fills in its order's number."""
    return _drawn(shop, Declaration(new_id("do"), reference=order[: declarations.MOST_REFERENCE]))


@router.post("/withdraw", include_in_schema=False)
async def declare(request: Request, shop: OpenShop) -> HTMLResponse:
    """That it was received, or the form once more with what it lacks. Sent twice, it is one declaration."""
    declared = _read(await bodies.within(request, _MOST_BYTES) or b"")
    visitor = Visitor(sender=senders.household_of(request))
    try:
        receipt = await run_in_threadpool(declarations.declare, shop, declared, visitor)
    except (AddressUnfit, TooManyTries) as error:
        return _drawn(shop, declared, trouble=_sentence(shop, error), status=status_of(error))
    return _received(shop, receipt)


def _read(body: bytes) -> Declaration:
    """What was filled in; nothing of what no form of ours sends."""
    try:
        said = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        said = {}
    # A line ends in two characters where a browser sends it, which count twice.
    said = {name: text.replace("\r\n", "\n").replace("\0", "") for name, text in said.items()}
    token = said.get("token", "")
    return Declaration(
        token if token.startswith("do_") and len(token) < 40 else new_id("do"), said.get("email", "")[:254],
        said.get("reference", ""), said.get("name", ""), said.get("words", ""),
    )  # fmt: skip


def _drawn(shop: Shop, declared: Declaration, *, trouble: str = "", status: int = 200) -> HTMLResponse:
    most = {
        "reference": declarations.MOST_REFERENCE, "words": declarations.MOST_WORDS, "name": declarations.MOST_NAME,
    }  # fmt: skip
    return framed.drawn(shop, "withdraw.html.j2", status, said=declared, most=most, trouble=trouble)


def _sentence(shop: Shop, error: ShopError) -> str:
    match error:
        case AddressUnfit():
            return _("Type your full email, such as name@company.com.")
        case _:
            wait = _("That was a lot of tries in a short time. Wait a while, then try again.")
            # Whoever cannot send the form right now must not lose days by it.
            return (
                f"{wait} {_('Or write to {support}: that counts as well.').format(support=branding.of(shop).support)}"
            )


def _received(shop: Shop, receipt: Receipt) -> HTMLResponse:
    at = receipt.at.astimezone(shop.settings.zone)
    when = f"{formats.day(at)}, {at:%H:%M} ({shop.settings.zone.key})"
    told = _(
        "An acknowledgement that says the same is on its way to **{email}**. A person looks at it and answers you there."
    )
    told = told.replace("**", "").format(email=receipt.email)
    return framed.drawn(shop, "withdrawn.html.j2", receipt=receipt, when=when, told=told)
