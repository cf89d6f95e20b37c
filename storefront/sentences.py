"""Sentences: what went wrong, in words for buyers. Core knows no wording; this is the one place that has it."""

import streamlit as st

from core.foundation.errors import (
    AddressUnfit,
    AddressUnproven,
    AlreadyPaid,
    AmountTooBig,
    AmountTooSmall,
    AmountUnclear,
    AmountUneven,
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
    SeatHeld,
    SeatNotFound,
    SeatsTaken,
    ShopError,
    SoldOut,
    StillSettling,
    StripeKeyRefused,
    StripeRefused,
    StripeUnreachable,
    TooManyTries,
    TrialUsed,
    Unfit,
    UnknownDate,
    UnknownPrice,
    Withdrawn,
)
from core.foundation.money import Money
from core.languages.sentences import _, marked, ngettext
from storefront import frame, links
from storefront.amounts import price
from storefront.dates import day, weekday
from storefront.words import plain

SIGNED_OUT = marked("You were signed out. What you clicked just now was not done: sign in again to go on.")
NO_COOKIES = marked(
    "Your browser keeps no cookies for this shop, so it can't hold a cart. Allow cookies here and reload the page."
)


def explain(error: ShopError, *, where: str, button: str = "") -> None:
    """Say what went wrong, and where to go on. `where` tells the places apart that say it on one page, `button` is the one that
    may be chosen again."""
    st.warning(of(error, button=button), icon=":material/error:")
    match error:
        case AlreadyPaid(session_id=session_id) | StillSettling(session_id=session_id):
            links.to(links.THANKS, _("See this order"), where=where, session_id=session_id)
        case PlanHeld() | TrialUsed():
            links.to(links.PURCHASES, _("See all you bought"), where=where)


def of(error: ShopError, *, button: str = "") -> str:
    """What a member of the family means for a buyer, who may choose this `button` again."""
    match error:
        case SoldOut(left=left, starts_at=starts_at, timezone=timezone):
            return _too_few_places(left, weekday(starts_at, timezone) if starts_at else "")
        case LicenseNotFound():
            return _("This licence isn't yours to change, or it has ended. Reload the page to see how it stands.")
        case MachineNotFound():
            return _("That computer was removed already.")
        case ReplacedLately(again=again):
            return _("You replaced this key within the last day. You can again on {day}, {time} UTC.").format(
                day=day(again), time=f"{again:%H:%M}"
            )
        case FactorWrong(left=None):
            return _(
                "That isn't the code. Look that the clock of your device is right, and type the code it shows now."
            )
        case FactorWrong(left=0):
            return _("That isn't the code either. You were signed out: begin with a new code by mail.")
        case FactorWrong(left=int(left)):
            said = ngettext(
                "That isn't the code, or it was used before. Wait for the next one. You have {number} try left.",
                "That isn't the code, or it was used before. Wait for the next one. You have {number} tries left.",
                left,
            )
            return said.format(number=left)
        case SeatsTaken(seats=seats):
            said = ngettext(
                "All of the plan's {number} seat is taken. Remove somebody, or take more seats.",
                "All of the plan's {number} seats are taken. Remove somebody, or take more seats.",
                seats,
            )
            return said.format(number=seats)
        case SeatHeld():
            return _("They have a seat of this plan already, or wait for one. Nothing was changed.")
        case PlanNotActive():
            return _("This plan is on hold or ends, so nothing of it can be changed now.")
        case PlanChanged():
            return _(
                "The plan, or what it costs to change it, isn't as it was shown any more. Nothing was changed: look at it again."
            )
        case SeatNotFound():
            return _("This seat was taken away already. Reload the page to see how it stands.")
        case UnknownDate():
            return _("That date isn't offered any more. Choose another one to go on.")
        case Withdrawn():
            return _("This is no longer for sale. If it is in your cart, remove it to go on.")
        case AlreadyPaid():
            return _("This cart is paid for already. **You don't need to pay again.**")
        case StillSettling():
            return _(
                "Your payment for this is still settling at your bank. **You don't need to pay again.** To "
                "buy it once more all the same, choose “{button}” again."
            ).format(button=button or _("Go to payment"))
        case PlanHeld():
            return _(
                "You already have this plan. **You don't need to buy it again.** More seats, another card or "
                "its end are in Your purchases. To have it twice all the same, choose “{button}” again."
            ).format(button=button or _("Go to payment"))
        case TrialUsed():
            return _(
                "You have had your free trial of this plan, so this time it is **charged from the first day**. If you still have "
                "it, you don't need to buy it again. To buy it all the same, choose “{button}” again."
            ).format(button=button or _("Go to payment"))
        case AddressUnfit(why=why):
            return _unfit(why)
        case UnknownPrice():
            return _("The price of something in your cart has changed. Remove it and add it again to go on.")
        case AddressUnproven():
            return _("It's free, and there are only so many places. Confirm your email first.")
        case CodeUnfit(code=code):
            return _(
                "The code {code} can't be used for this, or it has ended. Check for typing mistakes, or pay without it."
            ).format(code=plain(code))
        case PriceChanged(amount=amount, currency=currency):
            costs = price(Money(amount, currency))
            return _(
                "Its price has changed: it costs {price} now. Nothing was charged. Try again to buy it at that."
            ).format(price=costs)
        case BelowMinimum(least=least, currency=currency):
            return _("{least} is the least that it is had for.").format(least=price(Money(least, currency)))
        case AmountUnclear(currency=currency):
            return _("Type an amount such as {amount}.").format(amount=Money(1250, currency).typed())
        case BadQuantity(most=most):
            return _("You can buy up to {most} of this at a time.").format(most=most)
        case MixedBasket(field="interval"):
            return _("Monthly and yearly plans can't be paid for together. Remove one of them and buy it afterwards.")
        case MixedBasket():
            return _(
                "Things priced in different currencies can't be paid for together. Remove one and buy it afterwards."
            )
        case AmountTooSmall(least=least, currency=currency):
            return _("Payments start at {least}. Add something else to go on.").format(
                least=price(Money(least, currency))
            )
        case AmountTooBig(most=most, currency=currency):
            return _("One payment can be up to {most}. Buy some of this separately.").format(
                most=price(Money(most, currency))
            )
        case AmountUneven(near=near, currency=currency):
            below, above = (price(Money(amount, currency)) for amount in near)
            return _("That can't be charged to the last digit. Make it {below} or {above}.").format(
                below=below, above=above
            )
        case EmptyBasket():
            return _("There is nothing in your cart to pay for.")
        case StripeUnreachable():
            return _(
                "We can't reach the payment page right now. Nothing was charged, your cart is safe. "
                "Try again in a minute."
            )
        case StripeKeyRefused():
            return _(
                "We can't take payments right now. Nothing was charged, your cart is safe, and we have been told. "
                "Please come back later."
            )
        case StripeRefused():
            return " ".join(
                [_("The payment page couldn't be opened. Nothing was charged, your cart is safe."), write_to_us()]
            )
        case TooManyTries():
            return _("That was a lot of tries in a short time. Wait a while, then try again.")
        case NothingSaid():
            return _("Say what you withdraw from: the number of your order, or a few words.")
        case NeverPaid():
            return _("Nothing was paid for this order yet, so it has no receipt.")
        case MadeUp():
            return _("This order is one that was made up to try the shop out. Nothing of it is ever sent.")
        case LinkExpired():
            return _("This link has done its work or is too old.")
        case LinkInvalid():
            return _("This link doesn't work.")
        case DetailsUnfit(field=field, problem=problem):
            return _(_PROBLEMS.get(problem, _NOT_RIGHT)).format(field=_(_FIELDS.get(field, marked("That"))))
        case DetailsTooLate(days=days):
            return " ".join(
                [_("Invoices can be corrected for {days} days after a payment.").format(days=days), write_to_us()]
            )
        case BadInput():
            return _("Something about this isn't right. Check what you typed and try again.")
        case _:
            return " ".join([_("Something went wrong on our side."), write_to_us()])


# What the fields of billing details are called, and what can be wrong with one.
_FIELDS = {
    "name": marked("The company's name"), "line1": marked("The street"), "line2": marked("The second line of the address"),
    "postal_code": marked("The postcode"), "city": marked("The town"), "state": marked("The state"),
    "country": marked("The country"), "tax_id": marked("The VAT or tax id"),
}  # fmt: skip
_PROBLEMS = {
    "empty": marked("{field} is missing."),
    "long": marked("{field} is too long."),
    "unknown": marked("{field} isn't one that an invoice can show."),
}
_NOT_RIGHT = marked("{field} is not right.")


def _unfit(why: Unfit) -> str:
    """How to type an address right."""
    match why:
        case Unfit.SEVERAL:
            return _("Type one email alone, such as name@company.com.")
        case Unfit.DOTS:
            return _("There is a dot too many in this email. Check it and try again.")
        case Unfit.NO_ENDING:
            return _("The end of this email is missing, such as .com. Type your full email, such as name@company.com.")
        case Unfit.RESERVED:
            return _("No mail can reach this address. Type the email that you use.")
        case Unfit.TOO_LONG | Unfit.CHARACTERS:
            return _("This email can't be right. Type your full email, such as name@company.com.")
        case Unfit.EMPTY | Unfit.NO_AT:
            return _("Type your full email, such as name@company.com.")


def _too_few_places(left: int, day: str) -> str:
    if not left:
        said = (
            _("No place can be had on {day} any more. Nothing was charged.")
            if day
            else _("No place can be had any more. Nothing was charged.")
        )
        return said.format(day=day)
    if not day:
        said = ngettext(
            "Only {number} place is left. Choose fewer to go on. Nothing was charged.",
            "Only {number} places are left. Choose fewer to go on. Nothing was charged.",
            left,
        )
    else:
        said = ngettext(
            "Only {number} place is left on {day}. Choose fewer to go on. Nothing was charged.",
            "Only {number} places are left on {day}. Choose fewer to go on. Nothing was charged.",
            left,
        )
    return said.format(number=left, day=day)


def write_to_us() -> str:
    """Whom to write to where nothing else helps."""
    return _("Write to {address} and we'll put it right.").format(address=plain(frame.support()))
