"""Sentences: what went wrong, in words for buyers. Core knows no wording; this is the one place that has it."""

import streamlit as st
import structlog

from core.foundation import database
from core.foundation.errors import (
    AddressUnfit,
    AddressUnproven,
    AlreadyPaid,
    AmountTooBig,
    AmountTooSmall,
    AmountUnclear,
    BadInput,
    BadQuantity,
    BelowMinimum,
    CodeUnfit,
    DetailsTooLate,
    DetailsUnfit,
    EmptyBasket,
    FactorWrong,
    LicenseNotFound,
    LinkExpired,
    LinkInvalid,
    MachineNotFound,
    MadeUp,
    MixedBasket,
    NeverPaid,
    NothingSaid,
    PlanChanged,
    PlanHeld,
    PlanNotActive,
    PriceChanged,
    ReplacedLately,
    SeatNotFound,
    SeatsTaken,
    ShopError,
    SoldOut,
    StillSettling,
    StripeKeyRefused,
    StripeRefused,
    StripeUnreachable,
    TooManyTries,
    Unfit,
    UnknownDate,
    UnknownPrice,
    Withdrawn,
)
from core.foundation.money import Money
from core.languages.sentences import _
from storefront import frame, links
from storefront.amounts import price
from storefront.dates import day, weekday
from storefront.words import count, plain

log = structlog.get_logger()

NO_COOKIES = (
    "Your browser keeps no cookies for this shop, so it can't hold a cart. Allow cookies here and reload the page."
)


def explain(error: ShopError, *, where: str, button: str = "Go to payment") -> None:
    """Say what went wrong, and where to go on. `where` tells the places apart that say it on one page, `button` is the one that
    may be chosen again."""
    st.warning(of(error, button=button), icon=":material/error:")
    match error:
        case AlreadyPaid(session_id=session_id) | StillSettling(session_id=session_id):
            links.to(links.THANKS, "See this order", where=where, session_id=session_id)
        case PlanHeld():
            links.to(links.PURCHASES, "Your purchases", where=where)


def of(error: ShopError, *, button: str = "Go to payment") -> str:
    """What a member of the family means for a buyer, who may choose this `button` again."""
    match error:
        case SoldOut(left=left, starts_at=starts_at, timezone=timezone):
            return _too_few_places(left, f" on {weekday(starts_at, timezone)}" if starts_at else "")
        case LicenseNotFound():
            return "This licence isn't yours to change, or it has ended. Reload the page to see how it stands."
        case MachineNotFound():
            return "That computer was removed already."
        case ReplacedLately(again=again):
            return f"You replaced this key within the last day. You can again on {day(again)}, {again:%H:%M} UTC."
        case FactorWrong(left=None):
            return "That isn't the code. Look that the clock of your device is right, and type the code it shows now."
        case FactorWrong(left=0):
            return "That isn't the code either. You were signed out: begin with a new code by mail."
        case FactorWrong(left=int(left)):
            tries = count(left, "try", "tries")
            return f"That isn't the code, or it was used before. Wait for the next one. You have {tries} left."
        case SeatsTaken(seats=seats):
            return (
                f"All of the plan's {count(seats, 'seat is', 'seats are')} taken. Remove somebody, or take more seats."
            )
        case PlanNotActive():
            return "This plan is on hold or ends, so nothing of it can be changed now."
        case PlanChanged():
            return "The plan has changed meanwhile. Reload the page to see how it stands."
        case SeatNotFound():
            return "This seat was taken away already. Reload the page to see how it stands."
        case UnknownDate():
            return "That date isn't offered any more. Choose another one to go on."
        case Withdrawn():
            return "This is no longer for sale. If it is in your cart, remove it to go on."
        case AlreadyPaid():
            return "This cart is paid for already. **You don't need to pay again.**"
        case StillSettling():
            return (
                "Your payment for this is still settling at your bank. **You don't need to pay again.** "
                f"To buy it once more all the same, choose {button} again."
            )
        case PlanHeld():
            return (
                "You already have this plan. **You don't need to buy it again.** More seats, another card or its end are in "
                f"Your purchases. To have it twice all the same, choose {button} again."
            )
        case AddressUnfit(why=why):
            return _unfit(why)
        case UnknownPrice():
            return "The price of something in your cart has changed. Remove it and add it again to go on."
        case AddressUnproven():
            return _("It's free, and there are only so many places. Confirm your email first.")
        case CodeUnfit(code=code):
            return f"The code {plain(code)} can't be used for this, or it has ended. Check for typing mistakes, or pay without it."
        case PriceChanged(amount=amount, currency=currency):
            costs = price(Money(amount, currency))
            return _(
                "Its price has changed: it costs {price} now. Nothing was charged. Try again to buy it at that."
            ).format(price=costs)
        case BelowMinimum(least=least, currency=currency):
            return _("{least} is the least that it is had for.").format(least=price(Money(least, currency)))
        case AmountUnclear(currency=currency):
            return _("Type an amount such as {amount}.").format(amount=Money(1250, currency).major)
        case BadQuantity(most=most):
            return f"You can buy up to {most} of this at a time."
        case MixedBasket(field="interval"):
            return "Monthly and yearly plans can't be paid for together. Remove one of them and buy it afterwards."
        case MixedBasket():
            return "Things priced in different currencies can't be paid for together. Remove one and buy it afterwards."
        case AmountTooSmall(least=least, currency=currency):
            return f"Payments start at {price(Money(least, currency))}. Add something else to go on."
        case AmountTooBig(most=most, currency=currency):
            return f"One payment can be up to {price(Money(most, currency))}. Buy some of this separately."
        case EmptyBasket():
            return "There is nothing in your cart to pay for."
        case StripeUnreachable():
            return (
                "We can't reach the payment page right now. Nothing was charged, your cart is safe. "
                "Try again in a minute."
            )
        case StripeKeyRefused():
            return (
                "We can't take payments right now. Nothing was charged, your cart is safe, and we have been told. "
                "Please come back later."
            )
        case StripeRefused():
            return f"The payment page couldn't be opened. Nothing was charged, your cart is safe. {_write_to_us()}"
        case TooManyTries():
            return "That was a lot of tries in a short time. Wait a while, then try again."
        case NothingSaid():
            return "Say what you withdraw from: the number of your order, or a few words."
        case NeverPaid():
            return "Nothing was paid for this order yet, so it has no receipt."
        case MadeUp():
            return "This order is one that was made up to try the shop out. Nothing of it is ever sent."
        case LinkExpired():
            return "This link has done its work or is too old."
        case LinkInvalid():
            return "This link doesn't work."
        case DetailsUnfit(field=field, problem=problem):
            return f"{_FIELDS.get(field, 'That')} {_PROBLEMS.get(problem, 'is not right.')}"
        case DetailsTooLate(days=days):
            return f"Invoices can be corrected for {days} days after a payment. {_write_to_us()}"
        case BadInput():
            return "Something about this isn't right. Check what you typed and try again."
        case _:
            return f"Something went wrong on our side. {_write_to_us()}"


# What the fields of billing details are called, and what can be wrong with one.
_FIELDS = {
    "name": "The company's name", "line1": "The street", "line2": "The second line of the address",
    "postal_code": "The postcode", "city": "The town", "state": "The state", "country": "The country",
    "tax_id": "The VAT or tax id",
}  # fmt: skip
_PROBLEMS = {"empty": "is missing.", "long": "is too long.", "unknown": "isn't one that an invoice can show."}


def _unfit(why: Unfit) -> str:
    """How to type an address right."""
    match why:
        case Unfit.SEVERAL:
            return "Type one email alone, such as name@company.com."
        case Unfit.DOTS:
            return "There is a dot too many in this email. Check it and try again."
        case Unfit.NO_ENDING:
            return "The end of this email is missing, such as .com. Type your full email, such as name@company.com."
        case Unfit.RESERVED:
            return "No mail can reach this address. Type the email that you use."
        case Unfit.TOO_LONG | Unfit.CHARACTERS:
            return "This email can't be right. Type your full email, such as name@company.com."
        case Unfit.EMPTY | Unfit.NO_AT:
            return "Type your full email, such as name@company.com."


def on_script_error(error: Exception) -> bool:
    """Called by Streamlit, which has logged the traceback, when a page fails: buyers get a sentence and no details."""
    if database.is_away(error):
        log.warning("database_away", path="page")
        st.error("We can't get at our records right now. Nothing is lost: reload the page in a minute.")
        return True
    log.error("page_failed", error=type(error).__name__)
    st.error(f"Something went wrong on our side. Reload the page, and if it stays, {_write_to_us(start='write')}")
    return True


def _too_few_places(left: int, on_day: str) -> str:
    if not left:
        return f"No place can be had{on_day} any more. Nothing was charged."
    return f"Only {count(left, 'place is', 'places are')} left{on_day}. Choose fewer to go on. Nothing was charged."


def _write_to_us(start: str = "Write") -> str:
    return f"{start} to {plain(frame.support())} and we'll put it right."
