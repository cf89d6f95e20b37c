"""What can go wrong, as a family of errors that carry fields and no prose.

    ShopError
    ├── BadInput            the caller asked for something that makes no sense
    │   ├── EmptyBasket
    │   ├── UnknownPrice
    │   ├── UnknownDate
    │   ├── BadQuantity
    │   ├── BelowMinimum    less than a price that buyers choose is had for
    │   ├── MixedBasket     lines that one Checkout Session cannot hold together
    │   ├── DetailsUnfit    what no invoice can be made out to
    │   ├── DetailsTooLate
    │   ├── CurrencyUnknown
    │   ├── AmountTooSmall
    │   ├── AmountTooBig
    │   ├── AmountUneven
    │   ├── AmountUnclear
    │   ├── AddressUnfit
    │   ├── EndpointUnfit
    │   ├── NoSuchLine
    │   ├── NoSuchPayment
    │   ├── RefundTooBig
    │   ├── FileUnfit
    │   ├── UnknownFile
    │   ├── PromotionUnfit
    │   ├── CodeUnfit       a promotion code that takes nothing off here
    │   ├── FileUnreadable  a file to import that is not what it should be
    │   ├── PlanNotGiven    a plan is billed by Stripe, which nobody else can do
    │   ├── UnknownScope
    │   ├── HookUnfit       an endpoint that messages cannot be sent to
    │   ├── NameMissing
    │   ├── NothingSaid     a form without what it asks for
    │   └── ProductUnfit    a product that cannot be kept or sold as it is described
    ├── NotOpen             too late: the order can no longer be paid or changed
    │   ├── SoldOut
    │   ├── Withdrawn
    │   ├── PriceChanged    it costs something else than its buyer was shown
    │   ├── AlreadyPaid
    │   ├── StillSettling
    │   ├── PlanHeld
    │   ├── TrialUsed       who would try a plan for nothing has done so before
    │   ├── SeatHeld        whoever is to have a seat has one, or waits for one
    │   ├── SeatsTaken      everybody has a seat whom the plan has one for
    │   ├── PlanChanged     not as it was when what a change costs was shown
    │   ├── PlanNotActive   it ended, or is on hold: nobody takes a seat of it
    │   ├── AddressTaken
    │   ├── NothingToRefund
    │   ├── RefundChanged
    │   ├── ProductChanged
    │   ├── PlacesTaken
    │   ├── PlacesFree      nobody needs to wait for what is free
    │   ├── OfferOver
    │   ├── PlaceFixed      a place that can no longer be changed as somebody wants
    │   ├── DateCanceled
    │   ├── DateChanged
    │   ├── PieceMisplaced
    │   ├── NeverPaid
    │   ├── RevocationChanged
    │   ├── WithdrawalDecided
    │   ├── EventReduced    it is so old that only its ids are kept
    │   ├── OtherMode
    │   ├── MadeUp          the order is of the demo's season, and its money never was anywhere
    │   ├── NotErasable     the shop still owes the person something, or they it
    │   ├── SeasonThere
    │   ├── SeasonUnderWay
    │   └── DoneAlready
    ├── NotFound
    │   ├── OrderNotFound
    │   ├── WithdrawalNotFound
    │   ├── CustomerNotFound
    │   ├── EventNotFound
    │   ├── ProductNotFound
    │   ├── UploadNotFound
    │   ├── PromotionNotFound
    │   ├── NoSeason
    │   ├── ApiKeyNotFound
    │   ├── SeatNotFound    no such seat, or no plan that has any
    │   ├── HookNotFound    no such endpoint, or no such message to one
    │   └── CheckoutNotFound
    ├── AccessDenied        a link or a grant that does not open (any more)
    │   ├── LinkExpired
    │   ├── LinkInvalid
    │   ├── DownloadsUsedUp
    │   ├── ApiKeyInvalid
    │   ├── ScopeMissing
    │   ├── SeatCodeWrong   not the code of the letter that offers a seat
    │   ├── FactorWrong     no code of the second factor
    │   ├── IdentityRefused what an identity provider says opens nothing here
    │   ├── AddressUnproven what is free and limited goes to proven addresses alone
    │   ├── NotPermitted    what somebody's role does not allow, or not so much of it
    │   └── OverLimit
    ├── StripeTrouble       Stripe refused, is limiting us, or could not be reached
    │   ├── StripeUnreachable
    │   │   └── StripeFaulty
    │   ├── StripeKeyRefused
    │   │   └── PermissionMissing
    │   └── StripeRefused
    ├── StorageUnreachable  where sold files lie does not answer, or refuses
    ├── EventRefused        a webhook request that is not a snapshot event signed by Stripe
    │   ├── SignatureInvalid
    │   └── PayloadInvalid
    ├── TooManyTries
    ├── DatabaseNewer       a later version of the shop has been at work on the database
    ├── MigrationStuck      another process has been bringing the database up to this version without getting on
    ├── JobFailed
    ├── NotTheDemo          only a shop with the sandbox's key does this
    ├── RealMoney           only a shop with a test key does this
    ├── InvoiceUnequal      an invoice that was to be written anew came to another amount
    ├── BackupHindered      no backup can be made of this shop, or this one put back
    ├── NoOwners
    └── CatalogInvalid

Core words nothing for people: the sidecar maps these to statuses, the storefront to sentences.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(eq=False)
class ShopError(Exception):
    """The root of the family. `str()` names the class and its fields, for logs."""

    @property
    def told(self) -> dict[str, Any]:
        """Its fields. What a library has hung on it on its way is none of them."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __str__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.told.items())
        return f"{type(self).__name__}({fields})"


class BadInput(ShopError):
    """The caller's fault; asking again in the same words fails again."""


class EmptyBasket(BadInput):
    """Nothing to buy."""


@dataclass(eq=False)
class UnknownPrice(BadInput):
    price: str


@dataclass(eq=False)
class UnknownDate(BadInput):
    """Not a date of this product; what is no workshop has none."""

    product: str
    date: str


@dataclass(eq=False)
class BadQuantity(BadInput):
    product: str
    quantity: int
    most: int


@dataclass(eq=False)
class BelowMinimum(BadInput):
    """Less than the least for which this is had; amounts in minor units."""

    price: str
    amount: int
    least: int
    currency: str


@dataclass(eq=False)
class MixedBasket(BadInput):
    """One Session takes one currency, and one billing interval."""

    field: str


@dataclass(eq=False)
class DetailsUnfit(BadInput):
    """Billing details that no invoice can be made out to; `problem` is `empty`, `long` or `unknown`."""

    field: str
    problem: str


@dataclass(eq=False)
class DetailsTooLate(BadInput):
    """The invoices of this order can't be made out to somebody else any more: its payment is older than so many `days`, or gone."""

    order: str
    days: int


@dataclass(eq=False)
class AmountTooSmall(BadInput):
    """Below what Stripe charges in this currency; amounts in minor units."""

    amount: int
    least: int
    currency: str


@dataclass(eq=False)
class AmountTooBig(BadInput):
    """More than Stripe charges at once; amounts in minor units."""

    amount: int
    most: int
    currency: str


@dataclass(eq=False)
class AmountUneven(BadInput):
    """Stripe takes only multiples of `step` in this currency; both in minor units."""

    amount: int
    step: int
    currency: str

    @property
    def near(self) -> tuple[int, int]:
        """The nearest amounts that it takes, below and above."""
        below = self.amount // self.step * self.step
        return below, below + self.step


@dataclass(eq=False)
class CurrencyUnknown(BadInput):
    """Stripe charges nothing in it."""

    currency: str


class Unfit(StrEnum):
    """Why a text is not taken for a mail address."""

    EMPTY = "empty"
    NO_AT = "no_at"
    SEVERAL = "several"
    NO_ENDING = "no_ending"
    DOTS = "dots"
    TOO_LONG = "too_long"
    RESERVED = "reserved"
    CHARACTERS = "characters"


@dataclass(eq=False)
class AddressUnfit(BadInput):
    """A text that is no mail address, or one that no mail can reach. Whoever typed it knows it: it is not repeated here."""

    why: Unfit


class Unclear(StrEnum):
    """Why a text is not taken for an amount."""

    NO_NUMBER = "no_number"
    SIGNED = "signed"
    GROUPED = "grouped"
    TOO_FINE = "too_fine"
    TOO_LONG = "too_long"


@dataclass(eq=False)
class AmountUnclear(BadInput):
    """A text that is not clearly an amount of this currency."""

    text: str
    currency: str
    why: Unclear


@dataclass(eq=False)
class EndpointUnfit(BadInput):
    """No webhook endpoint is made there: `why` is `address` (not where the shop listens), `plain` or `there` (already)."""

    url: str
    why: str


@dataclass(eq=False)
class NoSuchLine(BadInput):
    """The order's lines are counted from 1 to `lines`."""

    line: int
    lines: int


@dataclass(eq=False)
class PlanNotGiven(BadInput):
    """A plan bills its seats by Stripe: it is not given by hand."""

    product: str


@dataclass(eq=False)
class NoSuchPayment(BadInput):
    """The order has received no payment of this name."""

    payment: str


@dataclass(eq=False)
class NoLicenseProduct(BadInput):
    """There is no such product, or it has no keys."""

    product: str


@dataclass(eq=False)
class UnknownScope(BadInput):
    """What an API key is to be for is nothing that there is, or nothing at all."""

    unknown: list[str]
    known: list[str]


@dataclass(eq=False)
class HookUnfit(BadInput):
    """No endpoint that messages can be sent to: `why` is address, credentials, plain, private, topic or setting."""

    why: str


class NameMissing(BadInput):
    """What is to be told from others needs a name."""


@dataclass(eq=False)
class NothingSaid(BadInput):
    """This field of a form is empty, and nothing can be done without it."""

    field: str


@dataclass(eq=False)
class RefundTooBig(BadInput):
    """More than is left of the payment; amounts in minor units."""

    amount: int
    left: int
    currency: str


@dataclass(frozen=True)
class Problem:
    """What is wrong with a field, in words that follow its name. `place` counts from 1 where a product has several; or 0."""

    field: str
    place: int
    sentence: str


@dataclass(eq=False)
class ProductUnfit(BadInput):
    """A product, or a part of one, that cannot be kept or sold as it is described: everything that is wrong with it."""

    problems: list[Problem]


class Misfit(StrEnum):
    """Why a file is not taken."""

    NAME = "name"
    EMPTY = "empty"
    TOO_BIG = "too_big"
    TYPE = "type"


@dataclass(eq=False)
class FileUnfit(BadInput):
    """A file that is not taken for what it is to be; `most` is the biggest that would be, in bytes."""

    why: Misfit
    most: int


@dataclass(eq=False)
class PromotionUnfit(BadInput):
    """A promotion code that cannot be made as it is described: everything that is wrong with it."""

    problems: list[Problem]


@dataclass(eq=False)
class CodeUnfit(BadInput):
    """A promotion code that nobody can use now, or not for this purchase."""

    code: str


@dataclass(eq=False)
class UnknownFile(BadInput):
    """Not a file that buyers get (any more)."""

    file: str


class NotOpen(ShopError):
    """What was asked for is over, or is no longer for sale."""


@dataclass(eq=False)
class SoldOut(NotOpen):
    """Fewer than wanted are free on this date, or none because it has begun. `date` is empty where there is no date at all."""

    product: str
    left: int
    date: str = ""
    starts_at: datetime | None = None
    timezone: str = ""


@dataclass(eq=False)
class Withdrawn(NotOpen):
    product: str


@dataclass(eq=False)
class PriceChanged(NotOpen):
    """Its buyer was shown another amount than this, which it costs now, in minor units."""

    price: str
    amount: int
    currency: str


@dataclass(eq=False)
class AlreadyPaid(NotOpen):
    """The cart's order is paid: there is nothing more to pay."""

    order_id: str
    session_id: str


@dataclass(eq=False)
class StillSettling(NotOpen):
    """The cart's order was paid with a slow method whose money is on its way."""

    order_id: str
    session_id: str


@dataclass(eq=False)
class SeatsTaken(NotOpen):
    """All seats of the plan are taken, of which there are so many."""

    seats: int


class SeatHeld(NotOpen):
    """Whoever is to have a seat of the plan is among its people already."""


class PlanChanged(NotOpen):
    """The plan is not any more what it was when its change was worked out."""


class PlanChangeUnsure(NotOpen):
    """Stripe did not say whether it changed the plan."""


class PlanNotActive(NotOpen):
    """The plan ended, or is on hold."""


@dataclass(eq=False)
class PlanHeld(NotOpen):
    """Who wants this plan has it already: another one would be billed beside it."""

    product: str
    order_id: str


@dataclass(eq=False)
class TrialUsed(NotOpen):
    """Who wants this plan has tried it for nothing before, by that order: now it is charged from the first day."""

    product: str
    order_id: str


@dataclass(eq=False)
class AddressTaken(NotOpen):
    """The address is that of another customer, who would become one with the first."""

    orders: int


class NothingLeft(StrEnum):
    """Why nothing can go back: what is the case of several payments is the first of these."""

    HELD = "held"  # a bank has yet to decide whose the money is
    LOST = "lost"  # a bank took it
    ASKED = "asked"  # it was asked for, and Stripe has not answered
    ON_ITS_WAY = "on_its_way"
    BACK = "back"
    CREDIT = "credit"  # it was paid by what Stripe held for the buyer, such as of a plan with fewer seats
    FREE = "free"  # nothing was to be paid, or not yet
    GIVEN = "given"  # it was given, or paid elsewhere
    SETTLING = "settling"
    NOT_PAID = "not_paid"
    LINES = "lines"  # of these lines; of others there is something left
    COIN = "coin"  # less is left than Stripe moves of the currency


@dataclass(eq=False)
class NothingToRefund(NotOpen):
    """Nothing of what was meant can go back, for this reason; `left` is what of the rest of the order still can, where lines or a
    payment were chosen."""

    order_id: str
    why: NothingLeft
    left: int = 0
    currency: str = ""


@dataclass(eq=False)
class RefundChanged(NotOpen):
    """Between being shown and being agreed to, what the refund would do became something else: nothing was sent."""

    order_id: str


@dataclass(eq=False)
class ProductChanged(NotOpen):
    """Since it was shown, somebody else has changed the product: nothing was kept."""

    product: str


@dataclass(eq=False)
class PlacesTaken(NotOpen):
    """So many places of this date are taken, or held by somebody who is paying: it cannot have fewer."""

    date: str
    taken: int


@dataclass(eq=False)
class PlacesFree(NotOpen):
    """So many places of the date are free: they can be bought at once."""

    date: str
    left: int


@dataclass(eq=False)
class OfferOver(NotOpen):
    """What was offered to somebody who waited is not held for them any more; `taken` if that is so since they bought it."""

    taken: bool = False


class Fixed(StrEnum):
    """Why a place cannot be changed: it has begun, was canceled, is closed, was bought with test money in a shop that is live, the
    product's rules say no (any more), or whoever asks is not signed in as its buyer, or as whoever has it."""

    BEGUN = "begun"
    CANCELED = "canceled"
    CLOSED = "closed"
    TRIED = "tried"
    RULES = "rules"
    BUYER = "buyer"
    HOLDER = "holder"


@dataclass(eq=False)
class PlaceFixed(NotOpen):
    """The place cannot be changed. `why` says what stands against it."""

    why: Fixed


@dataclass(eq=False)
class DateCanceled(NotOpen):
    """The date does not take place."""

    date: str


@dataclass(eq=False)
class DateChanged(NotOpen):
    """Other people would be told, or paid back, than whoever agreed to it has seen."""

    date: str


@dataclass(eq=False)
class PieceMisplaced(NotOpen):
    """A piece of an upload that does not follow what has come, or an end before all has; in bytes."""

    received: int
    size: int


@dataclass(eq=False)
class NeverPaid(NotOpen):
    """Nothing was delivered, so there is nothing to take back."""

    order_id: str


@dataclass(eq=False)
class RevocationChanged(NotOpen):
    """Between being shown and being agreed to, what it would do became something else: nothing was done."""

    order_id: str


@dataclass(eq=False)
class WithdrawalDecided(NotOpen):
    """Somebody has accepted or declined it before."""

    withdrawal: str


@dataclass(eq=False)
class EventReduced(NotOpen):
    """The event is so old that only its ids are kept: it cannot be applied again."""

    event: str


@dataclass(eq=False)
class OtherMode(NotOpen):
    """The order was placed with a key of the other mode: test money is not moved with a live key, nor the reverse."""

    order_id: str
    livemode: bool


@dataclass(eq=False)
class MadeUp(NotOpen):
    """The order was made up for the demo: there is no money of it that could go back, and nothing at Stripe."""

    order_id: str


class Hold(StrEnum):
    """Why the data of a person is still needed."""

    ORDER = "order"
    DISPUTE = "dispute"
    PLAN = "plan"
    WORKSHOP = "workshop"
    WITHDRAWAL = "withdrawal"


@dataclass(eq=False)
class NotErasable(NotOpen):
    """Something is still open with this person: what it is, each with the number of its order."""

    holds: list[tuple[Hold, str]]


class SeasonThere(NotOpen):
    """A season of sales is in this shop already, and complete."""


@dataclass(eq=False)
class SeasonUnderWay(NotOpen):
    """Somebody is making, or unmaking, the season right now, and has come so far."""

    done: int
    of: int


@dataclass(eq=False)
class ReplacedLately(NotOpen):
    """The key was replaced within the last day; `again` is from when on it may be once more."""

    again: datetime


class DoneAlready(NotOpen):
    """The same click has arrived before, and did what it was to do."""


class FileTrouble(StrEnum):
    """Why a file cannot be imported at all."""

    EMPTY = "empty"
    TOO_BIG = "too_big"
    TOO_LONG = "too_long"
    NOT_UTF8 = "not_utf8"
    NOT_CSV = "not_csv"
    COLUMNS_MISSING = "columns_missing"


@dataclass(eq=False)
class FileUnreadable(BadInput):
    """`detail` names the columns that are missing."""

    why: FileTrouble
    detail: str = ""


class NotFound(ShopError):
    """There is no such thing here."""


@dataclass(eq=False)
class OrderNotFound(NotFound):
    order: str


@dataclass(eq=False)
class WithdrawalNotFound(NotFound):
    """There is no such withdrawal, or nobody knows yet which order it is about."""

    withdrawal: str


class CustomerNotFound(NotFound):
    """Nobody has bought under this address."""


@dataclass(eq=False)
class EventNotFound(NotFound):
    event: str


class LicenseNotFound(NotFound):
    """There is no licence with this key or id, or it is not theirs who ask. The key is not repeated here."""


class MachineNotFound(NotFound):
    """The licence is not in use on this machine (any more)."""


@dataclass(eq=False)
class ProductNotFound(NotFound):
    product: str


@dataclass(eq=False)
class UploadNotFound(NotFound):
    """There is no such upload (any more): it was never begun, or rested for a day."""

    upload: str


@dataclass(eq=False)
class PromotionNotFound(NotFound):
    promotion: str


@dataclass(eq=False)
class ApiKeyNotFound(NotFound):
    """There is no such API key, or it was ended before."""

    key: str


@dataclass(eq=False)
class SeatNotFound(NotFound):
    """There is no such seat (any more), or no plan that has seats."""

    seat: str


@dataclass(eq=False)
class HookNotFound(NotFound):
    """There is no such endpoint any more, or no such message to one."""

    endpoint: str


class NoSeason(NotFound):
    """There is no season of sales in this shop that could be removed, or no longer the one that was being made."""


@dataclass(eq=False)
class CheckoutNotFound(NotFound):
    session_id: str


class AccessDenied(ShopError):
    """A link or a grant that does not open (any more)."""


@dataclass(eq=False)
class AddressUnproven(AccessDenied):
    """What is free and of which there is little goes to those who have proved their address: `product` is such."""

    product: str


@dataclass(eq=False)
class LinkExpired(AccessDenied):
    """It was ours, and its time is over; `subject` is whom it was for, when that may be told."""

    subject: str = ""


class LinkInvalid(AccessDenied):
    """Forged, mangled, or about something that was taken back."""


class SealBroken(AccessDenied):
    """A secret was sealed with another SECRET_KEY than this shop has now, so nobody can read it."""


@dataclass(eq=False)
class DownloadsUsedUp(AccessDenied):
    """The file was taken as often as the catalogue allows."""

    limit: int


class ApiKeyInvalid(AccessDenied):
    """No API key of this shop, or one that was ended."""


@dataclass(eq=False)
class ScopeMissing(AccessDenied):
    """The API key is good, but not for this."""

    scope: str


@dataclass(eq=False)
class SeatCodeWrong(AccessDenied):
    """Not the code of the letter. `left` are the tries until a new letter is needed."""

    left: int


@dataclass(eq=False)
class FactorWrong(AccessDenied):
    """Not the code of the device, or one that was taken before. `left` are the tries until the sign-in is over, if it will be."""

    left: int | None


class WhyRefused(StrEnum):
    """Why what an identity provider says of somebody does not sign them in."""

    UNVERIFIED = "unverified"
    STRANGER = "stranger"
    OLD = "old"


@dataclass(eq=False)
class IdentityRefused(AccessDenied):
    """An identity provider has named somebody who is not let in."""

    why: WhyRefused


@dataclass(eq=False)
class DatabaseNewer(ShopError):
    """A later version of the shop has changed the database's schema: this one would not know what it finds."""

    found: str
    known: str


@dataclass(eq=False)
class MigrationStuck(ShopError):
    """Another process is bringing the database up to this version, and has not got on for this many seconds. It is `at` a
    migration, or at none yet."""

    seconds: int
    at: str


@dataclass(eq=False)
class NotPermitted(AccessDenied):
    """Nobody is signed in who may do this (any more)."""

    action: str


@dataclass(eq=False)
class OverLimit(AccessDenied):
    """More than somebody of this role may send back; amounts in minor units."""

    amount: int
    most: int
    currency: str


@dataclass(eq=False)
class StripeTrouble(ShopError):
    """`code` is Stripe's error code or the kind of failure; `request_id` finds the call in Stripe's log. `remembered` is whether
    what was asked for is owed all the same: a job asks Stripe again, by itself."""

    code: str
    message: str = ""
    request_id: str = ""
    remembered: bool = False


class StripeUnreachable(StripeTrouble):
    """No usable answer (network, 5xx, rate limit): the same call may succeed later."""


class StripeFaulty(StripeUnreachable):
    """Stripe did answer, but with a fault of its own (5xx) or with what is no answer: perhaps to this one call alone."""


class StripeKeyRefused(StripeTrouble):
    """The key was turned away (expired, revoked, wrong): nothing was decided about what was asked for."""


class PermissionMissing(StripeKeyRefused):
    """The key is good, but may not do this: other calls may well be answered."""


class StripeRefused(StripeTrouble):
    """A clear no to this very request: the same call will be refused again."""


@dataclass(eq=False)
class StorageUnreachable(ShopError):
    """Where sold files lie does not answer, or does not let this shop in: `said` names what went wrong."""

    said: str


class EventRefused(ShopError):
    """A webhook request that is answered 400 and leaves no trace."""


@dataclass(eq=False)
class SignatureInvalid(EventRefused):
    reason: str


@dataclass(eq=False)
class PayloadInvalid(EventRefused):
    reason: str


@dataclass(eq=False)
class TooManyTries(ShopError):
    """Slow down: the limit is `limit`, such as `5 per 10 minute`."""

    limit: str


@dataclass(eq=False)
class JobFailed(ShopError):
    """A job of the worker broke; `reason` names no address and no secret, since it is kept."""

    reason: str


class NotTheDemo(ShopError):
    """This is done in a demo alone, where the sandbox stands in for Stripe and no money is real."""


class RealMoney(ShopError):
    """This is done with a test key alone: the shop's key moves real money."""


@dataclass(eq=False)
class InvoiceUnequal(ShopError):
    """The invoice in place of `invoice` would be over `amount`, in minor units, in place of `of`: it stays a draft."""

    invoice: str
    amount: int
    of: int


class Hindrance(StrEnum):
    """What keeps a backup from being made or put back."""

    NO_DATABASE = "no_database"
    DATABASE_DAMAGED = "database_damaged"
    SHORT = "short"
    DAMAGED = "damaged"
    NEWER = "newer"
    OTHER_DATABASE = "other_database"
    OTHER_KEY = "other_key"
    NOT_EMPTY = "not_empty"
    IN_THE_WAY = "in_the_way"
    LEFT_BESIDE = "left_beside"
    NO_TOOL = "no_tool"
    OLD_TOOL = "old_tool"
    TOOL_FAILED = "tool_failed"
    NOT_TRANSFERRED = "not_transferred"
    NOT_WRITTEN = "not_written"
    NOT_PUT_BACK = "not_put_back"


@dataclass(eq=False)
class BackupHindered(ShopError):
    """No backup was made, or none was put back: nothing has changed. `detail` is what of it is in the way."""

    why: Hindrance
    detail: str = ""


class NoOwners(ShopError):
    """There is something to tell the owners, and nobody's address is known."""


@dataclass(eq=False)
class CatalogInvalid(ShopError):
    """The catalogue file cannot be applied; `problems` holds one sentence each, and nothing was changed."""

    problems: list[str] = field(default_factory=list)
