"""Why a form of plain HTML bought nothing, with the form itself: what is refused stands there once more, to be mended."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse

from core.catalog import products
from core.foundation.errors import (
    AddressUnfit,
    AddressUnproven,
    AlreadyPaid,
    AmountUnclear,
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
    TrialUsed,
    UnknownDate,
    Withdrawn,
)
from core.foundation.money import Money
from core.kinds import offers
from core.kinds.workshops import DateView
from core.languages import formats
from core.languages.sentences import _, ngettext
from core.shop import Shop
from webhook.buyers.form_fields import SEVERAL, Form
from webhook.requests import framed
from webhook.requests.errors import status_of


class _Mended(NamedTuple):
    """A field of the form that is to be said once more, and how it is drawn."""

    name: str
    field: str


def of(shop: Shop, error: ShopError, form: Form, path: str) -> HTMLResponse:
    """The page that says why not, and where to go on. Who is only warned may go on all the same."""
    back = f'<p><a href="{escape(products.page_path(form.product))}">{escape(_("Back to the product"))}</a></p>'
    response = page(shop, sentence(error), status_of(error), _ways_on(shop, error, form, path) + back)
    if response.status_code in (429, 503):
        response.headers["Retry-After"] = "30"
    return response


def _ways_on(shop: Shop, error: ShopError, form: Form, path: str) -> str:
    button = _("Add to cart") if form.then else _("Go to payment")
    match error:
        case StillSettling() | PlanHeld():
            return _sent_again(form, path, _("Buy it once more"), again="true")
        case TrialUsed():
            return _sent_again(form, path, button, again="true")
        case CodeUnfit():
            code = _typed("code", _("Promotion code"), form.code, "maxlength=100")
            return _sent_again(form, path, button, code) + _sent_again(
                form, path, _("Buy it without the code"), code=""
            )
        case BelowMinimum(currency=currency) | AmountUnclear(currency=currency):
            label = _("What you pay, in {currency}").format(currency=currency.upper())
            return _sent_again(
                form, path, button, _typed("amount", label, form.amount, 'maxlength="20" inputmode="decimal"')
            )
        case AddressUnfit():
            email = _typed("email", _("Your email"), form.email, 'maxlength="1000"')
            return _sent_again(form, path, _("Get it free"), email)
        case AddressUnproven():
            return f'<p><a href="/purchases">{escape(_("Your purchases"))}</a></p>'
        case BadQuantity(most=most):
            return _sent_again(form, path, button, _number(form, most))
        case SoldOut() | UnknownDate():
            found, most = _dates_left(shop, error, form)
            return _sent_again(form, path, button, _dates(form, found), _number(form, most)) if found else ""
        case PriceChanged(price=price, amount=amount):
            # What it costs now has been read by then.
            label = _("Add to cart") if form.then else _("Buy it at this price")
            return _sent_again(form.model_copy(update={"shown": (f"{price}:{amount}",)}), path, label)
        case _:
            return ""


def _sent_again(form: Form, path: str, button: str, *mended: _Mended, look: str = "", **changed: str) -> str:
    """The same form once more, but for what is changed in it, and for the fields that are to be mended."""
    said = form.model_dump(exclude={*SEVERAL, "website", *(each.name for each in mended)}) | changed
    fields = [*said.items(), *((name, each) for several, name in SEVERAL.items() for each in getattr(form, several))]
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(str(value))}">' for name, value in fields)
    drawn = "".join(each.field for each in mended)
    send = f'<p><button class="button{look}">{escape(button)}</button></p>'
    return f'<form method="post" action="{escape(path)}">{hidden}{drawn}{send}</form>'


def _typed(name: str, label: str, said: str, more: str, kind: str = "text") -> _Mended:
    """A field with what was typed into it."""
    field = f'<input type="{kind}" name="{name}" value="{escape(said)}" {more} required>'
    return _Mended(name, f"<label>{escape(label)} {field}</label>")


def _number(form: Form, most: int) -> _Mended:
    return _typed("quantity", _("How many"), str(form.quantity), f'min="1" max="{most}"', "number")


def _dates(form: Form, found: Sequence[DateView]) -> _Mended:
    """The dates that are left, the one that was asked for being chosen already."""
    chosen = next((date.id for date in found if date.id == form.date), found[0].id)
    radios = "".join(
        f'<label class="radio"><input type="radio" name="date" value="{escape(date.id)}" required'
        f'{" checked" if date.id == chosen else ""}> {escape(_when(date))}<br><span class="quiet">{escape(_left(date))}'
        "</span></label>"
        for date in found
    )
    return _Mended("date", f"<fieldset><legend>{escape(_('Date'))}</legend>{radios}</fieldset>")


def _when(date: DateView) -> str:
    day = formats.weekday(date.starts_at.astimezone(ZoneInfo(date.timezone)))
    return f"{day}, {formats.hours(date.starts_at, date.ends_at, date.timezone)}"


def _left(date: DateView) -> str:
    return ngettext("{number} place left", "{number} places left", date.left).format(number=date.left)


def _dates_left(shop: Shop, error: SoldOut | UnknownDate, form: Form) -> tuple[tuple[DateView, ...], int]:
    """The product's dates that have room, and how many may be had at a time of any of them."""
    with shop.reading() as session:
        offer = offers.of_product(session, form.product, now=shop.now())
    if offer is None:
        return (), 0
    # Places that the browser holds already are free to it.
    own = {error.date: error.left} if isinstance(error, SoldOut) else {}
    dates = (replace(date, left=own.get(date.id, date.left)) for date in offer.dates)
    found = tuple(date for date in dates if date.left)
    return found, min(offer.max_quantity, max((date.left for date in found), default=0))


def sentence(error: ShopError) -> str:
    """What a member of the family means for whoever sent the form."""
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
        case TrialUsed():
            return _("You have had your free trial of this plan, so this time it is charged from the first day.")
        case TooManyTries():
            return _("That was a lot of tries in a short time. Nothing was charged. Wait a while, then try again.")
        case StripeTrouble():
            return _("We can't open the payment page right now. Nothing was charged. Try again in a minute.")
        case _:
            return _("Something about this isn't right any more. Look at the product again and choose anew.")


def page(shop: Shop, why: str, status: int, more: str = "") -> HTMLResponse:
    """That nothing was bought, and why; `more` is HTML of our own."""
    ways = [framed.Way("/", _("See everything in the shop")), framed.withdrawal(shop)]
    headers = {"Cache-Control": "no-store"}
    return framed.plain(shop, _("Not bought"), why, status=status, headers=headers, more=more, ways=ways, alert=True)
