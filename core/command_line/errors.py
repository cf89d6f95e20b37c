"""What the command line says of an error: a sentence or a few, for the person who typed the command."""

import re
from collections.abc import Iterable
from typing import assert_never

import typer

from core.command_line.answers import count
from core.foundation import database
from core.foundation.currencies import exponent
from core.foundation.errors import (
    AddressTaken,
    AddressUnfit,
    AmountTooSmall,
    AmountUnclear,
    AmountUneven,
    ApiKeyNotFound,
    BackupHindered,
    CatalogInvalid,
    CustomerNotFound,
    EndpointUnfit,
    EventNotFound,
    EventReduced,
    FileTrouble,
    FileUnreadable,
    Hindrance,
    Hold,
    HookNotFound,
    HookUnfit,
    LicenseNotFound,
    MachineNotFound,
    MadeUp,
    NameMissing,
    NeverPaid,
    NoSeason,
    NoSuchLine,
    NoSuchPayment,
    NotErasable,
    NothingLeft,
    NothingSaid,
    NothingToRefund,
    NotTheDemo,
    OrderNotFound,
    OtherMode,
    PermissionMissing,
    RealMoney,
    RefundChanged,
    RefundTooBig,
    RevocationChanged,
    SeasonThere,
    SeasonUnderWay,
    ShopError,
    StorageUnreachable,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
    Unclear,
    Unfit,
    UnknownPrice,
    UnknownScope,
    WithdrawalDecided,
    WithdrawalNotFound,
)
from core.foundation.money import Money


def of_words(error: typer.TyperException) -> str:
    """What Typer says of words that it does not understand, in one line, and where there is more about the command."""
    said = " ".join(error.format_message().split()).removesuffix(".") + "."
    context = getattr(error, "ctx", None)
    return f"{said} `{context.command_path} --help` says what it takes." if context else said


def of_this_machine(error: Exception) -> list[str]:
    """The lines to print of what is no fault of the shop's: the database does not answer or is damaged, a file can't be read or
    written. None for anything else."""
    if database.is_damaged(error):
        return [f"The database is damaged: {database.why(error)}. {_DAMAGED}"]
    if isinstance(error, database.TROUBLE) and database.is_away(error):
        return [f"The database does not answer: {database.why(error)}"]
    if isinstance(error, OSError) and error.strerror:
        return [f"{error.strerror}: {error.filename}" if error.filename else f"{error.strerror}."]
    return []


def unread(words: Iterable[str]) -> str:
    """What to say of words of which no letters could be made, as a terminal of another alphabet sends them; empty if there are
    none. A file may be named so, and nothing that the shop holds."""
    found = [word for word in words if any("\udc80" <= letter <= "\udcff" for letter in word)]
    return f"{found[0]!r} is no text in UTF-8: set the terminal to that, and type it again." if found else ""


def lines(error: ShopError) -> list[str]:
    """The lines to print. An error that has no words of its own is named with its fields."""
    match error:
        case CatalogInvalid():
            return ["The catalogue was not applied:", *error.problems]
        case FileUnreadable():
            return [f"The file can't be imported: {_FILE[error.why].format(detail=error.detail)}."]
        case OrderNotFound():
            return [f"There is no order {error.order}."]
        case LicenseNotFound():
            return ["There is no licence with this key, id or end of a key; or more than one key ends like that."]
        case MachineNotFound():
            return [
                "The licence is in use on no machine of this id, fingerprint or name. `pushcart license KEY` lists them."
            ]
        case WithdrawalNotFound():
            return [f"There is no withdrawal {error.withdrawal}, or it is not known which order it is about."]
        case WithdrawalDecided():
            return [f"{error.withdrawal} was decided before. `pushcart withdrawals --all` says how."]
        case NothingSaid():
            return [f"Say the {error.field}."]
        case EventNotFound():
            return [f"There is no event {error.event}."]
        case EventReduced():
            return [f"{error.event} is so old that only its ids are kept. Stripe's dashboard has it still."]
        case CustomerNotFound():
            return ["Nobody has bought under this address."]
        case AddressUnfit():
            return [f"This is no address that mail can be sent to: {_UNFIT[error.why]}."]
        case AddressTaken():
            return [
                f"The new address is another customer's, who has {count(error.orders, 'order')}."
                " --join makes one customer of the two."
            ]
        case NotErasable():
            return [
                "Nobody was erased, since something is still open:",
                *(_HOLDS[why].format(number) for why, number in error.holds),
            ]
        case UnknownScope():
            return [f"{_none_such(error)} A key may be for {', '.join(error.known)}."]
        case NameMissing():
            return ["Give it a name, by which you will know it among others."]
        case ApiKeyNotFound():
            return [f"There is no API key {error.key} that works. `pushcart api-key list` has their ids."]
        case EndpointUnfit():
            return [f"No endpoint was made at {error.url}: {_NO_ENDPOINT[error.why]}."]
        case StorageUnreachable():
            return [f"Where files are kept (STORAGE_URL) does not answer, or refuses: {error.said}"]
        case HookUnfit():
            return [_HOOK[error.why]]
        case HookNotFound():
            return [
                f"There is no endpoint or message {error.endpoint}. `pushcart hooks list` and `hooks log` have their ids."
            ]
        case StripeUnreachable():
            return [f"Stripe did not answer. {_and_now(error)}"]
        case PermissionMissing():
            return [
                f"The key of Stripe may not do this: {error.message or error.code}",
                f"Give it the permission in Stripe's dashboard. {_and_now(error)}",
            ]
        case StripeKeyRefused():
            return [
                f"Stripe turned the key away: {error.message or error.code}",
                f"Set STRIPE_SECRET_KEY to one that works and start again. {_and_now(error)}",
            ]
        case StripeRefused():
            return [f"Stripe did not do it: {error.message or error.code}"]
        case RealMoney():
            return [
                "The key is a live one: a rehearsal buys with test money only. Set STRIPE_SECRET_KEY to a test key."
            ]
        case BackupHindered():
            return [_HINDERED[error.why].format(detail=error.detail)]
        case NotTheDemo() | NoSeason() | SeasonThere() | SeasonUnderWay() | UnknownPrice():
            return [_of_the_season(error)]
        case _:
            return [_of_a_refund(error)]


_NO_ENDPOINT = {
    "address": "the shop listens where an address ends with /webhooks/stripe",
    "plain": "Stripe tells live events only to addresses that begin with https://",
    "there": "there is one already, and `pushcart doctor --fix` completes it",
}
_HOOK = {
    "address": "An endpoint is an address that begins with https://, or http:// in a test.",
    "credentials": "An address with a password or a # in it is refused: messages are signed instead.",
    "plain": "With a live key messages go only to addresses that begin with https://.",
    "topic": "There is no such topic. They are order.paid, order.refunded, license.changed, seat.changed, entitlement.changed"
    " and attendee.changed.",
    "setting": "It comes from the environment: change its variable there and restart.",
}
_DAMAGED = (
    "End the shop's processes, move the file away with what lies beside it under its name, put back the newest backup by `pushcart"
    " restore FILE`, and have `pushcart reconcile` ask Stripe for what happened since."
)
_HINDERED = {
    Hindrance.NO_DATABASE: "There is no shop in the database at DATABASE_URL, or one that `pushcart migrate` has not finished.",
    Hindrance.DATABASE_DAMAGED: "The database is damaged: {detail}. No backup was made of it, and those of before are as they were."
    f" {_DAMAGED}",
    Hindrance.SHORT: "{detail} is shorter than the storage says, or was changed while it was read: no backup was made. Try again.",
    Hindrance.DAMAGED: "This is no backup that could be put back: {detail}. Nothing was changed.",
    Hindrance.NEWER: "The backup was made by Pushcart {detail}, whose database this version does not know. Install that version"
    " or a newer one. Nothing was changed.",
    Hindrance.OTHER_DATABASE: "The backup is of a {detail} database, and DATABASE_URL names a SQLite one: there is a way from"
    " SQLite to PostgreSQL, and none back. Name a PostgreSQL database. Nothing was changed.",
    Hindrance.OTHER_KEY: "The backup was made under another SECRET_KEY: under this one nobody could read its licence keys, and no"
    " link in an older letter would open. Set SECRET_KEY to what it was, or say --another-key. Nothing was changed.",
    Hindrance.NOT_EMPTY: "The database at DATABASE_URL is not empty, and a backup is put into an empty one only. End the shop's"
    " processes, which fill one when they are started; make a new one, or name another file, in DATABASE_URL. Nothing was changed.",
    Hindrance.IN_THE_WAY: "At DATABASE_URL lies {detail}, which is no database, or one of which nothing can be read. End the shop's"
    " processes, move it away with what lies beside it under its name, and try again. Nothing was changed.",
    Hindrance.LEFT_BESIDE: "Where the database is to be lies {detail}, of one that was there or is still open: it has what that one"
    " took last, and would be read into this one. End the shop's processes, and move it to where that database is. Nothing was"
    " changed.",
    Hindrance.NO_TOOL: "{detail} is not on the PATH. Install PostgreSQL's client programs (Debian: `apt install"
    " postgresql-client`), or say in which folder they are with --tools.",
    Hindrance.OLD_TOOL: "{detail}: pg_dump must not be older than its server. Install the newer client programs, and say in which"
    " folder they are with --tools.",
    Hindrance.TOOL_FAILED: "PostgreSQL's program did not do it: {detail}",
    Hindrance.NOT_TRANSFERRED: "PostgreSQL does not take what is in the SQLite database: {detail}. The database at DATABASE_URL is"
    " as empty as it was; the shop is where it was.",
    Hindrance.NOT_PUT_BACK: "The backup was not put back: {detail}. The database at DATABASE_URL is as it was; look whether there"
    " is room where it is to be, and, on the way into PostgreSQL, for all of it in the folder for temporary files (TMPDIR).",
    Hindrance.NOT_WRITTEN: "No backup was made: {detail}. Nothing of it is left; look whether there is room where it is to be, and"
    " whether you may write there.",
}
_HOLDS = {
    Hold.ORDER: "{} is not paid or not delivered yet. Wait for it, or refund it.",
    Hold.DISPUTE: "{} is disputed. Wait for what the bank decides.",
    Hold.PLAN: "{} has a plan that bills on. End it first.",
    Hold.WORKSHOP: "{} has a place in a workshop that is still to come. Refund it, or wait.",
    Hold.WITHDRAWAL: "{} has a withdrawal that nobody has decided about. Accept it, or decline it.",
}


def _and_now(trouble: StripeTrouble) -> str:
    """What becomes of what Stripe has not done."""
    if trouble.remembered:
        return "What was asked for is remembered, and the worker asks again."
    return "Nothing of it waits for an answer: say the same again later."


def _none_such(error: UnknownScope) -> str:
    if not error.unknown:
        return "A key must be for something."
    return f"There is no scope {' or '.join(error.unknown)}."


_UNFIT = {
    Unfit.EMPTY: "it is empty",
    Unfit.NO_AT: "it has no @",
    Unfit.SEVERAL: "it is more than one, or more than an address",
    Unfit.NO_ENDING: "its end is missing, such as .com",
    Unfit.DOTS: "it has a dot too many",
    Unfit.TOO_LONG: "it is too long",
    Unfit.RESERVED: "its domain is reserved for examples and tests",
    Unfit.CHARACTERS: "it has characters or a domain that no address has",
}


def _of_the_season(error: NotTheDemo | NoSeason | SeasonThere | SeasonUnderWay | UnknownPrice) -> str:
    match error:
        case NotTheDemo():
            return "Only the demo has a season of sales: this shop has a key of Stripe's."
        case NoSeason():
            return "There is no season of sales in this shop."
        case SeasonThere():
            return "A season of sales is in this shop already. `pushcart demo season --remove` takes it out."
        case SeasonUnderWay():
            return f"Somebody is at it right now: {error.done} of {error.of} orders are made. If not, wait a minute."
        case UnknownPrice():
            return f"{error.price} is not on sale: the season is of the demo's own goods."
        case other:
            assert_never(other)


_NOTHING_LEFT = {
    NothingLeft.HELD: "a bank has yet to decide whose the money is",
    NothingLeft.LOST: "a bank took the money in a dispute",
    NothingLeft.ASKED: "all of it is asked for already, and Stripe has yet to answer",
    NothingLeft.ON_ITS_WAY: "all of it is on its way back",
    NothingLeft.BACK: "all of it went back",
    NothingLeft.CREDIT: "it was paid by credit that Stripe held for its buyer, and no money came in",
    NothingLeft.FREE: "it cost nothing, or nothing was charged yet",
    NothingLeft.GIVEN: "nothing was paid for it here, since it was given or bought elsewhere",
    NothingLeft.SETTLING: "a bank is still settling the payment",
    NothingLeft.NOT_PAID: "nobody has paid for it",
    NothingLeft.LINES: "what these lines cost went back",
    NothingLeft.COIN: "what is left is less than Stripe moves of this currency",
}


def _of_a_refund(error: ShopError) -> str:
    match error:
        case AmountUnclear():
            return _unclear(error)
        case AmountTooSmall():
            return f"{_money(error.amount, error.currency)} is too little: the least is {_money(error.least, error.currency)}."
        case AmountUneven():
            near = (Money(amount, error.currency).format() for amount in error.near)
            return f"{_money(error.amount, error.currency)} is no amount that Stripe moves: say {' or '.join(near)}."
        case RefundTooBig():
            asked, left = _money(error.amount, error.currency), _money(error.left, error.currency)
            return f"{asked} is more than there is: only {left} is left to refund."
        case NothingToRefund():
            rest = f" Of the rest of it there is {_money(error.left, error.currency)}." if error.left else ""
            return f"There is nothing left to refund of {error.order_id}: {_NOTHING_LEFT[error.why]}.{rest}"
        case NoSuchLine():
            return f"There is no line {error.line}: the lines of this order are 1 to {error.lines}."
        case NoSuchPayment():
            return f"This order has received no payment {error.payment}. `pushcart order` lists them."
        case MadeUp():
            return f"{error.order_id} is of the demo's season of sales: nobody paid it, so no money goes back and no letter out."
        case NeverPaid():
            return f"{error.order_id} was never paid."
        case RevocationChanged():
            return f"Something has happened to {error.order_id} meanwhile, so nothing was done. Ask again to see how it stands."
        case RefundChanged():
            return f"Something has happened to {error.order_id} meanwhile, so nothing was sent. Ask again to see how it stands."
        case OtherMode():
            paid, key = ("real", "test") if error.livemode else ("test", "live")
            return f"{error.order_id} was placed with {paid} money, which cannot be moved with a {key} key."
        case _:
            return by_name(error)


def by_name(error: ShopError) -> str:
    """An error in the words of its own name, with what it tells."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).capitalize()
    told = ", ".join(
        f"{field.replace('_', ' ')} {value}" for field, value in error.told.items() if value not in ("", None)
    )
    return f"{name}: {told}." if told else f"{name}."


def _unclear(error: AmountUnclear) -> str:
    """What the text was understood as, and how to write what was perhaps meant."""
    return f"{error.text!r} {_understood(error)} {_right(error.currency)}"


def _understood(error: AmountUnclear) -> str:
    currency = error.currency.upper()
    match error.why:
        case Unclear.GROUPED:
            return (
                "has marks that could set thousands apart or begin the decimals, so it could be more amounts than one."
            )
        case Unclear.TOO_FINE:
            return f"has more decimals than {currency}, which has {exponent(error.currency) or 'none'}."
        case Unclear.SIGNED:
            return "has a sign, and what goes back has none."
        case Unclear.TOO_LONG:
            return "is longer than any amount."
        case Unclear.NO_NUMBER:
            return "is not an amount in digits from 0 to 9."


def _right(currency: str) -> str:
    sample = Money(2700 if exponent(currency) == 2 else 27 if not exponent(currency) else 27000, currency)
    thousand = sample * 100
    ways = dict.fromkeys((f"{sample.major.to_integral_value()}", f"{sample.major}"))
    return f"Write {' or '.join(ways)} for {sample.format()}, and {thousand.major.to_integral_value()} for {thousand.format()}."


def _money(amount: int, currency: str) -> str:
    return Money(amount, currency).format()


_FILE = {
    FileTrouble.EMPTY: "there is nothing in it",
    FileTrouble.TOO_BIG: "it is larger than 5 MB; import it in parts",
    FileTrouble.TOO_LONG: "it has more than 20,000 lines; import it in parts",
    FileTrouble.NOT_UTF8: "it is not in UTF-8; save it as “CSV UTF-8”",
    FileTrouble.NOT_CSV: "it is no CSV file",
    FileTrouble.COLUMNS_MISSING: "its first line must name these columns, which are missing: {detail}",
}
