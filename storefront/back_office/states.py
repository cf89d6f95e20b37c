"""States in words and colours: green is done, orange waits, red needs somebody, violet is money that went back, gray is over."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from core.catalog.products import Kind
from core.foundation.jobs.kinds import Job
from core.kinds.grants import Closing, Delivery
from core.licensing.found_licenses import Standing as LicenseStanding
from core.messages.letters import LetterState
from core.orders import disputes
from core.orders.balance.payouts import PayoutStatus
from core.orders.refunds import RefundStatus
from core.orders.status import GrantState, Handed, Status
from core.owner.accounting.tax import TaxKey
from core.owner.order_book.detail import DisputeView
from core.owner.order_book.timeline import Tone
from core.registers.disputes import DisputeRow
from core.registers.subscriptions import UNTOLD, Standing
from core.rights.consents import Consent
from core.rights.withdrawals import State
from storefront import dates, process, words

# So close to its end a deadline is red.
_SOON = timedelta(days=3)

STATUS = {
    Status.PENDING: ("Not paid", "gray", "schedule"),
    Status.PROCESSING: ("Settling", "orange", "hourglass_top"),
    Status.PAID: ("Paid, not delivered", "red", "error"),
    Status.FULFILLED: ("Paid", "green", "check"),
    Status.PARTIALLY_REFUNDED: ("Partly refunded", "violet", "undo"),
    Status.REFUNDED: ("Refunded", "violet", "undo"),
    Status.DISPUTED: ("Disputed", "red", "gavel"),
    Status.CHARGED_BACK: ("Charged back", "violet", "gavel"),
    Status.CANCELED: ("Ended", "gray", "block"),
    Status.FAILED: ("Failed", "red", "close"),
}
HANDED = {
    Handed.DELIVERED: ("Delivered", "green", "check"),
    Handed.MISSING: ("Undelivered", "red", "error"),
    Handed.ON_HOLD: ("On hold", "orange", "pause"),
    Handed.ENDED: ("Access ended", "gray", "block"),
    Handed.NOTHING: ("Nothing yet", "gray", "remove"),
}
GRANT = {
    GrantState.ACTIVE: ("Delivered", "green", "check"),
    GrantState.SUSPENDED: ("On hold", "orange", "pause"),
    GrantState.REVOKED: ("Access ended", "gray", "block"),
    GrantState.BLOCKED: ("Not delivered", "red", "error"),
}
CLOSING: Mapping[str, str] = {
    Closing.REFUNDED: "Its money went back",
    Closing.CHARGED_BACK: "A bank took its payment back",
    Closing.DISPUTED: "A bank is asking about its payment",
    Closing.UNPAID: "Its renewal is not paid",
    Closing.PAUSED: "Its billing is paused",
    Closing.ENDED: "Its plan has ended",
    Closing.TAKEN_BACK: "Closed by the shop",
}
# What is taxed, by the kind of product; some money is for nothing that was ordered.
SOLD: Mapping[str, str] = {
    Kind.DOWNLOAD: "Downloads", Kind.LICENSE: "Licences", Kind.PLAN: "Plans", Kind.WORKSHOP: "Workshops", "": "Other",
}  # fmt: skip
REFUND = {
    RefundStatus.REQUESTED: ("Asked for", "orange", "hourglass_top"),
    RefundStatus.PENDING: ("On its way", "orange", "hourglass_top"),
    RefundStatus.REQUIRES_ACTION: ("Waits for the buyer", "orange", "hourglass_top"),
    RefundStatus.SUCCEEDED: ("Sent back", "violet", "undo"),
    RefundStatus.FAILED: ("Failed", "red", "error"),
    RefundStatus.CANCELED: ("Refused", "red", "error"),
}
WITHDRAWAL = {
    State.OPEN: ("To decide", "red", "assignment_return"),
    State.ACCEPTED: ("Accepted", "violet", "undo"),
    State.DECLINED: ("Declined", "gray", "block"),
}
DISPUTE = {
    disputes.Standing.ANSWER: ("Needs an answer", "red", "gavel"),
    disputes.Standing.REVIEW: ("With the bank", "orange", "hourglass_top"),
    disputes.Standing.WON: ("Won", "green", "check"),
    disputes.Standing.LOST: ("Lost", "violet", "gavel"),
    disputes.Standing.CLOSED: ("Closed", "gray", "block"),
}
# Why a buyer disputes a payment, by Stripe's word for it.
DISPUTE_REASON = {
    "fraudulent": "the buyer says it was not them who paid",
    "unrecognized": "the buyer does not recognize the payment",
    "product_not_received": "the buyer says they got nothing",
    "product_unacceptable": "the buyer says it is not what was promised",
    "credit_not_processed": "the buyer says money was to go back and did not",
    "duplicate": "the buyer says they paid twice",
    "subscription_canceled": "the buyer says they had canceled the plan",
    "debit_not_authorized": "the buyer says they did not allow the debit",
    "general": "the bank gave no reason",
}
LETTER = {
    LetterState.WAITING: ("Waiting", "gray", "schedule"),
    LetterState.RETRYING: ("Tried again", "orange", "hourglass_top"),
    LetterState.SENT: ("Sent", "green", "check"),
    LetterState.DROPPED: ("Overtaken", "gray", "block"),
    LetterState.REFUSED: ("Refused", "red", "error"),
    LetterState.GIVEN_UP: ("Given up", "red", "error"),
    LetterState.BOUNCED: ("Came back", "red", "error"),
}
# By the job that sends it.
LETTER_KIND: Mapping[str, str] = {
    Job.RECEIPT: "Receipt", Job.LATE_DELIVERY: "Late delivery", Job.PAYMENT_FAILED: "Payment failed",
    Job.PAID_AFTER_END: "Paid after the end", Job.SIGN_IN_CODE: "Sign-in code", Job.OWNER_NOTICE: "Notice to the owners",
    Job.SHOP_NOTICE: "Notice about the shop",
    Job.INVITATION: "Invitation", Job.REFUNDED: "Money back", Job.RENEWED: "Renewal paid",
    Job.RENEWAL_FAILED: "Renewal failed",
    Job.PLAN_ENDING: "Plan will end", Job.PLAN_ENDED: "Plan has ended",
    Job.PLAN_PAUSED: "Plan paused, or goes on", Job.PLAN_CHANGED: "Plan changed", Job.ACCESS_CHANGED: "Access closed or opened",
    Job.WITHDRAWAL: "Withdrawal", Job.WITHDRAWAL_NOTICE: "Notice of withdrawals", Job.PLAN_REMINDER: "Plan reminder",
    Job.NEW_VERSION: "New version of a file", Job.SEAT_INVITATION: "Seat of a plan",
    Job.PLACE_LETTER: "Place in a workshop", Job.WAITING_LETTER: "Waiting list",
    Job.TEST_LETTER: "Test letter", Job.DIGEST: "Weekly digest",
}  # fmt: skip
PLAN = {
    Standing.ACTIVE: ("Active", "green", "check"),
    Standing.TRIALING: ("On trial", "blue", "hourglass_top"),
    Standing.PAST_DUE: ("Past due", "orange", "error"),
    Standing.UNPAID: ("Unpaid", "red", "error"),
    Standing.NEW: ("Not paid yet", "gray", "schedule"),
    Standing.ENDED: ("Ended", "gray", "block"),
}
# Who had something happen, as history names them.
BY = {
    "stripe": "at Stripe", "worker": "by the shop itself", "checkout": "at the checkout", "buyer": "by the buyer",
    "owner": "by an owner", "support": "by the support", "terminal": "from the command line", "import": "by an import",
}  # fmt: skip
# Why money goes back, in Stripe's words, and why it could not.
REFUND_REASON = {
    "requested_by_customer": "they asked for it",
    "duplicate": "bought twice",
    "fraudulent": "fraud",
    "expired_uncaptured_charge": "never collected",
}
# Why a plan ended: what its buyer chose in Stripe's portal, or what Stripe says where they chose nothing.
WHY_ENDED = {
    "too_expensive": "Too expensive",
    "missing_features": "Lacks something",
    "switched_service": "Went to another",
    "unused": "Not used enough",
    "customer_service": "Was not helped well",
    "too_complex": "Too complicated",
    "low_quality": "Not good enough",
    "other": "Another reason",
    "cancellation_requested": "Canceled without a reason",
    "payment_failed": "Payment failed",
    "payment_disputed": "Payment disputed",
    "canceled_by_retention_policy": "Ended by Stripe's settings",
    UNTOLD: "Nobody said why",
}
LICENSE = {
    LicenseStanding.ACTIVE: ("Valid", "green", "check"),
    LicenseStanding.EXPIRED: ("Ended", "gray", "timer_off"),
    LicenseStanding.SUSPENDED: ("On hold", "orange", "pause"),
    LicenseStanding.REVOKED: ("Money back", "violet", "undo"),
    LicenseStanding.DISABLED: ("Switched off", "red", "block"),
}
# By the words of the states that Stripe's events have.
EVENT = {
    "applied": ("Applied", "green", "check"),
    "ignored": ("Ignored", "gray", "block"),
    "parked": ("Parked", "orange", "pause"),
    "failed": ("Failed", "red", "error"),
}
PAYOUT = {
    PayoutStatus.PENDING: ("Not sent yet", "gray", "schedule"),
    PayoutStatus.IN_TRANSIT: ("On its way", "orange", "hourglass_top"),
    PayoutStatus.PAID: ("Arrived", "green", "check"),
    PayoutStatus.CANCELED: ("Canceled", "gray", "block"),
    PayoutStatus.FAILED: ("Sent back", "red", "error"),
}
TONE = {
    Tone.GOOD: "check_circle", Tone.PLAIN: "radio_button_unchecked", Tone.BACK: "undo", Tone.BAD: "error",
}  # fmt: skip


def badge(state: tuple[str, str, str]) -> str:
    """A state as a badge, which says it in words too."""
    label, color, icon = state
    return f":{color}-badge[:material/{icon}: {label}]"


def of_letter(letter_id: str, state: LetterState) -> str:
    """What a letter is, and how its sending stands."""
    kind = letter_id.partition(":")[0]
    return f"{LETTER_KIND.get(kind, 'Letter')} {badge(LETTER[state])}"


def reason(why: str) -> str:
    """Why a plan ends, in words, also where Stripe has a reason that is new."""
    return WHY_ENDED.get(why) or words.plain(why.replace("_", " "))


def by(actor: str) -> str:
    """Who had something happen, in words."""
    return BY.get(actor) or f"by {words.plain(actor)}"


def of_refund(reason: str, failure: str, actor: str) -> str:
    """Why money goes back, or could not, and who has it go."""
    why = (REFUND_REASON.get(reason, reason.replace("_", " ")), failure.replace("_", " "))
    return " · ".join([*map(words.plain, filter(None, why)), by(actor)])


def in_words(code: str) -> str:
    """What Stripe says by a code of several words."""
    return code.replace("_", " ")


def disputed_for(reason: str) -> str:
    """What the buyer says by a dispute, by Stripe's word for it."""
    return DISPUTE_REASON.get(reason) or in_words(reason)


def of_dispute(row: DisputeRow | DisputeView) -> str:
    """What a bank asks about, whether it has the money meanwhile, and how it stands there, where that is none of a few ways."""
    kind = "Inquiry" if row.was_inquiry and not row.withdrawn else "Dispute"
    taken = ". The bank has taken the money from your balance" if row.withdrawn else ""
    status = f" ({in_words(row.status)})" if row.standing is disputes.Standing.CLOSED else ""
    return words.plain(f"{kind}: {disputed_for(row.reason)}{taken}{status}.")


def until_answered(row: DisputeRow | DisputeView) -> str:
    """How long is left for answering."""
    shop = process.shop()
    if row.due_by is None:
        return ":orange[Stripe did not say by when it wants an answer.]"
    left, until = row.due_by - shop.now(), f"{moment(row.due_by)} {shop.settings.zone.key}"
    if left <= timedelta():
        return f":red[:material/timer_off: **The time for an answer is over** since {until}]"
    color = "red" if left <= _SOON else "orange"
    return f":{color}[:material/timer: **{dates.age(left)} left**], until {until}"


def of_delivery(delivery: Delivery) -> str:
    """How a delivery stands."""
    return badge(GRANT[delivery.state])


def moment(at: datetime) -> str:
    """A moment as short as a list needs it, by the shop's own clock."""
    at = at.astimezone(process.shop().settings.zone)
    return f"{at.day} {at:%b %Y, %H:%M}"


def mark_of(row: Consent) -> str:
    """Whether it was agreed to, as a mark."""
    return ":green[:material/check_circle:]" if row.given else ":gray[:material/check_box_outline_blank:]"


def how_agreed(row: Consent) -> str:
    """How it came to be agreed to, or not."""
    if row.given:
        return "ticked" if row.box else "told"
    return "not ticked" if row.box else "not told"


def rate(per_cent: str) -> str:
    """A rate of tax: `19%`."""
    try:
        return f"{Decimal(per_cent).normalize():f}%"
    except InvalidOperation:  # it stands in an address
        return ""


def taxed_like(key: TaxKey) -> str:
    """What is taxed alike, in a few words: `DE · 19% · Licences`."""
    kind = SOLD.get(key.product_kind, key.product_kind)
    return " · ".join(filter(None, (key.country or "No country", rate(key.tax_rate), kind, key.treatment)))
