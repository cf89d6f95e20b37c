"""Refusals: why something was not done, in words for those who run the shop."""

import streamlit as st

from core.foundation.errors import (
    AddressTaken,
    AddressUnfit,
    AlreadyPaid,
    AmountTooSmall,
    AmountUnclear,
    AmountUneven,
    ApiKeyNotFound,
    BadQuantity,
    CustomerNotFound,
    DateCanceled,
    DateChanged,
    DoneAlready,
    EmptyBasket,
    EventNotFound,
    EventReduced,
    FileTrouble,
    FileUnfit,
    FileUnreadable,
    Fixed,
    Hold,
    HookNotFound,
    HookUnfit,
    LicenseNotFound,
    LinkInvalid,
    MachineNotFound,
    MadeUp,
    Misfit,
    MixedBasket,
    NameMissing,
    NeverPaid,
    NoLicenseProduct,
    NoSeason,
    NotErasable,
    NothingLeft,
    NothingSaid,
    NothingToRefund,
    NotPermitted,
    NotTheDemo,
    OfferOver,
    OrderNotFound,
    OtherMode,
    OverLimit,
    PlaceFixed,
    PlacesTaken,
    PlanChanged,
    PlanChangeUnsure,
    PlanNotActive,
    PlanNotGiven,
    Problem,
    ProductChanged,
    ProductNotFound,
    ProductUnfit,
    PromotionNotFound,
    PromotionUnfit,
    RefundChanged,
    RefundTooBig,
    RevocationChanged,
    SeasonThere,
    SeasonUnderWay,
    SeatHeld,
    SeatNotFound,
    SeatsTaken,
    ShopError,
    SoldOut,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
    UnknownDate,
    UnknownFile,
    UnknownPrice,
    UnknownScope,
    WithdrawalDecided,
    WithdrawalNotFound,
)
from core.foundation.money import Money
from storefront import sentences, words
from storefront.amounts import price

_HOLDS = {
    Hold.ORDER: "{} is not paid or not delivered yet: wait for it, or refund it.",
    Hold.DISPUTE: "{} is disputed: wait for what the bank decides.",
    Hold.PLAN: "{} has a plan that bills on: end it first.",
    Hold.WITHDRAWAL: "{} has a withdrawal that nobody has decided about: accept it, or decline it.",
    Hold.WORKSHOP: "{} has a place in a workshop that is still to come: refund it, or wait.",
}


def held(why: Hold, number: str) -> str:
    """Why somebody cannot be erased yet, and what can be done about it."""
    return _HOLDS[why].format(f"**{number}**")


# Why nothing can go back of a payment or an order, or no more than that.
KEPT = {
    NothingLeft.HELD: "a bank has yet to decide whose the money is",
    NothingLeft.LOST: "a bank took the money in a dispute",
    NothingLeft.ASKED: "it is asked for already, and Stripe has yet to answer",
    NothingLeft.ON_ITS_WAY: "it is on its way back",
    NothingLeft.BACK: "it went back",
    NothingLeft.CREDIT: "it was paid by credit that Stripe held for the buyer, and no money came in",
    NothingLeft.FREE: "it cost nothing, or nothing was charged yet",
    NothingLeft.GIVEN: "nothing was paid for it here, since it was given or bought elsewhere",
    NothingLeft.SETTLING: "a bank is still settling the payment",
    NothingLeft.NOT_PAID: "nobody has paid for it",
    NothingLeft.LINES: "what these lines cost went back",
    NothingLeft.COIN: "what is left is less than Stripe moves of this currency",
}
_FIXED = {
    Fixed.BEGUN: "It has begun, so nothing can be changed any more.",
    Fixed.CANCELED: "This place is canceled.",
    Fixed.CLOSED: "This place is closed: its payment went back, or a bank is asking about it.",
    Fixed.TRIED: "This place was bought with test money, which opens nothing here.",
    Fixed.RULES: "The workshop's terms don't allow it any more.",
    Fixed.HOLDER: "Only whoever has this place can do that.",
    Fixed.BUYER: "Only whoever bought this place can do that.",
}


def draw(error: ShopError) -> None:
    """Say why it was not done."""
    st.warning(of(error), icon=":material/error:")


def of(error: ShopError) -> str:
    """What a member of the family means for somebody of the staff."""
    match error:
        case NotPermitted():
            return "Nothing was done: your role doesn't allow this, or your sign-in has ended. Reload the page."
        case DoneAlready():
            return "This was done by an earlier click. Close this and look at the order."
        case OverLimit(most=most, currency=currency):
            return f"Nothing was sent: your role may send back {price(Money(most, currency))} more of this order. Ask an owner."
        case RefundTooBig(left=left, currency=currency):
            return f"That is more than there is: {price(Money(left, currency))} can still go back."
        case AmountTooSmall(least=least, currency=currency):
            return f"That is too little: the least is {price(Money(least, currency))}."
        case AmountUneven(near=near, currency=currency):
            said = " or ".join(price(Money(amount, currency)) for amount in near)
            return f"Stripe doesn't move so small a part of this currency. Say {said}."
        case AmountUnclear(currency=currency):
            written = Money.parse("27", currency).typed()
            return f"That is not clearly an amount. Write it like {'' if written == '27' else '27 or '}{written}."
        case NothingToRefund(why=why, left=left, currency=currency):
            rest = f" Of the rest of the order {price(Money(left, currency))} can still go back." if left else ""
            return f"Nothing is left to send back: {KEPT[why]}.{rest}"
        case RefundChanged() | RevocationChanged():
            return "Something happened to the order meanwhile, so nothing was done. Look again before you decide."
        case NeverPaid():
            return "Nothing was ever paid for this order."
        case AlreadyPaid():
            return "It is paid already, so there is no page to pay it on."
        case OtherMode(livemode=livemode):
            paid, key = ("real", "test") if livemode else ("test", "live")
            return f"It was placed with {paid} money, which can't be moved with a {key} key."
        case OrderNotFound():
            return "There is no such order, or nobody has paid for it yet."
        case WithdrawalNotFound():
            return "There is no such withdrawal, or nobody has said which order it is about."
        case WithdrawalDecided():
            return "Somebody has decided about it before. Look at how it stands now."
        case NothingSaid():
            return "Say why: they get to read it."
        case CustomerNotFound():
            return "The customer isn't there any more, or the address is not theirs. Look again before you decide."
        case AddressTaken(orders=orders):
            has = f"another customer with {words.count(orders, 'order', 'orders')}"
            return f"That address belongs to {has}, so nothing was changed. If they are one person, say so."
        case MadeUp():
            return "This order is of the demo's season of sales. Nobody has placed it, so no money of it moves."
        case NotTheDemo():
            return "Nothing was done: this is for the demo alone."
        case SeasonThere():
            return "A season of sales is in the shop already."
        case SeasonUnderWay(done=done, of=most):
            return f"Somebody is at it right now: {done} of {most} orders are made. If not, wait a minute."
        case NoSeason():
            return "The season of sales is not there any more."
        case UnknownPrice(price=missing):
            return f"{missing} isn't on sale (any more)."
        case LicenseNotFound():
            return "This licence isn't there any more."
        case MachineNotFound():
            return "The computer was removed already."
        case NoLicenseProduct():
            return "That product has no licence keys."
        case ProductUnfit(problems=problems) | PromotionUnfit(problems=problems):
            return "  \n".join(_problem(each) for each in problems)
        case FileUnfit(why=why, most=most):
            return _MISFITS[why].format(most=most // 1024**2)
        case ProductChanged():
            return "Somebody has changed this product since you opened it, so nothing was kept. Look at what it is now."
        case ProductNotFound():
            return "There is no such product."
        case PromotionNotFound():
            return "There is no such code any more."
        case PlacesTaken(taken=taken):
            return f"{words.count(taken, 'place is', 'places are')} taken, or held by somebody who is paying. Nothing was done."
        case UnknownFile():
            return "Buyers don't get this file any more."
        case UnknownDate():
            return "This date isn't offered any more."
        case DateCanceled():
            return "This date is canceled already."
        case DateChanged():
            return "Somebody has bought or left a place meanwhile, so nothing was done. Look again before you decide."
        case PlaceFixed(why=why):
            return _FIXED[why]
        case OfferOver():
            return "They don't wait any more, or have an offer already."
        case LinkInvalid():
            return "There is no such place any more."
        case FileUnreadable(why=why, detail=detail):
            return f"This file can't be imported: {_FILE[why].format(detail=detail)}."
        case NotErasable(holds=holds):
            return "Nobody was erased. " + " ".join(held(why, number) for why, number in holds)
        case NameMissing():
            return "Give it a name, by which you will know it among others."
        case UnknownScope():
            return "Choose what it is to be for."
        case ApiKeyNotFound():
            return "There is no such key any more: somebody has ended it."
        case HookUnfit(why=why):
            return _HOOK[why]
        case HookNotFound():
            return "This endpoint or message isn't there any more."
        case EventNotFound():
            return "This event isn't remembered any more."
        case EventReduced():
            return "This event is so old that only its ids are kept, so it can't be applied again."
        case PlanNotGiven():
            return "A plan isn't given by hand: Stripe bills each of its seats. Make a promotion code for it instead."
        case SeatsTaken(seats=number):
            return f"All {number} seats of the plan are taken."
        case SeatHeld():
            return "They have a seat of this plan already, or wait for one."
        case SeatNotFound():
            return "Nobody has that seat any more. Open the order again."
        case PlanChanged():
            return "The plan has other seats by now. Open the dialog again and look at it anew."
        case PlanChangeUnsure():
            return "Stripe didn't answer, so it isn't certain that the plan has changed. Look at it in a minute."
        case PlanNotActive():
            return "The plan ends, is on hold or isn't paid, so it can't be changed."
        case EmptyBasket() | BadQuantity() | MixedBasket() | SoldOut():
            return sentences.of(error)
        case StripeUnreachable():
            return f"Stripe didn't answer. {_and_now(error, 'and the worker asks again by itself')}"
        case StripeKeyRefused():
            return f"Stripe turned the shop's key away. {_and_now(error, 'until a key works')}"
        case StripeRefused(message=message, code=code):
            return f"Stripe refused: {message or code}"
        case AddressUnfit():
            return sentences.of(error)
        case _:
            return f"Nothing was done: {type(error).__name__}."


_MISFITS = {
    Misfit.NAME: "That is no name that a file may have.", Misfit.EMPTY: "There is nothing in that file.",
    Misfit.TOO_BIG: "That file is too big: no more than {most} MB, please.",
    Misfit.TYPE: "That is no picture that can be shown. A drawing must have a size, and may not link to anything outside itself.",
}  # fmt: skip
_HOOK = {
    "address": "That is no address that messages can be sent to. Write it like https://app.example.com/hooks.",
    "credentials": "Leave passwords and # out of the address: messages are signed instead.",
    "plain": "With a live key messages go only to addresses that begin with https://.",
    "topic": "There is no such topic.",
    "setting": "It comes from the environment: change its variable there and restart.",
}

# What the fields of a product are called on its page.
_FIELDS = {
    "id": "Address", "name": "Name", "max_quantity": "The most in one order", "prices": "The price",
    "prices.amount": "The amount", "prices.currency": "The currency", "prices.interval": "How often it is billed",
    "license.machines": "Computers for each key", "download.downloads": "Downloads of each file",
    "dates.capacity": "The places", "dates.starts_at": "The day", "dates.timezone": "The time zone", "dates": "Dates",
    "dates.hours": "The number of hours",
    "files": "The files", "code": "The code", "takes": "What it takes off", "percent": "The percentage",
    "amount": "The amount", "limit": "The number of uses", "until": "The last day", "files.name": "The name of the file",
    "subject": "The subject", "text": "The text",
}  # fmt: skip


def _and_now(trouble: StripeTrouble, remembered: str) -> str:
    """What becomes of what Stripe has not done."""
    if trouble.remembered:
        joint = "," if remembered.startswith("and") else ""
        return f"What you asked for is remembered{joint} {remembered}."
    return "Nothing of it waits for an answer: try again in a minute."


def _problem(problem: Problem) -> str:
    """What is wrong with which field, in words."""
    field = _FIELDS.get(problem.field, problem.field.replace("_", " ").capitalize())
    number = f" (number {problem.place})" if problem.place else ""
    sentence = words.plain(problem.sentence)
    return f"**{field}**{number} {sentence}." if field else f"{sentence[0].upper()}{sentence[1:]}."


_FILE = {
    FileTrouble.EMPTY: "there is nothing in it",
    FileTrouble.TOO_BIG: "it is larger than 5 MB, so import it in parts",
    FileTrouble.TOO_LONG: "it has more than 20,000 lines, so import it in parts",
    FileTrouble.NOT_UTF8: "it is not in UTF-8, so save it as “CSV UTF-8”",
    FileTrouble.NOT_CSV: "it is no CSV file",
    FileTrouble.COLUMNS_MISSING: "its first line must name these columns, which are missing: {detail}",
}
