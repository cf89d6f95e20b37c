"""The jobs there are, what they are about, and the queues in which they wait."""

from dataclasses import dataclass
from enum import StrEnum

# Pinned: DBOS would otherwise name versions after the code, and a deployment would strand the jobs in flight.
APPLICATION = "pushcart"
APPLICATION_VERSION = "1"
# The workflow that runs every turn of a job but its first. A name of its own: a worker of an earlier version, which may
# still be running, leaves it alone.
NEXT_TURN = "next_turn"


class Job(StrEnum):
    """The jobs there are; the worker runs one workflow of the same name for each."""

    RECEIPT = "receipt"
    LATE_DELIVERY = "late_delivery"
    PAYMENT_FAILED = "payment_failed"
    PAID_AFTER_END = "paid_after_end"
    REFUNDED = "refunded"
    RENEWED = "renewed"
    RENEWAL_FAILED = "renewal_failed"
    PLAN_ENDING = "plan_ending"
    PLAN_ENDED = "plan_ended"
    PLAN_PAUSED = "plan_paused"
    PLAN_CHANGED = "plan_changed"
    ACCESS_CHANGED = "access_changed"
    NEW_VERSION = "new_version"
    TEST_LETTER = "test_letter"
    DIGEST = "digest"
    WITHDRAWAL = "withdrawal"
    WITHDRAWAL_NOTICE = "withdrawal_notice"
    PLAN_REMINDER = "plan_reminder"
    SIGN_IN_CODE = "sign_in_code"
    OWNER_NOTICE = "owner_notice"
    SHOP_NOTICE = "shop_notice"
    INVITATION = "invitation"
    ASK_STRIPE = "ask_stripe"
    CANCEL_SUBSCRIPTION = "cancel_subscription"
    ARCHIVE_PRICE = "archive_price"
    PLAN_PRICES = "plan_prices"
    PROMOTION_CODE = "promotion_code"
    CORRECT_INVOICES = "correct_invoices"
    TELL_BUYERS = "tell_buyers"
    WEBHOOK = "webhook"
    ENTITLEMENTS = "entitlements"
    SEAT_INVITATION = "seat_invitation"
    PLACE_LETTER = "place_letter"
    WAITING_LETTER = "waiting_letter"
    PLACE_REFUND = "place_refund"


class Notice(StrEnum):
    """What a notice to the owners is about: Stripe turns the key away, or does not let it do something, or was paid for an order
    that is lost, or no longer sells what the shop did; or a program of theirs is told nothing any more; or
    a file that is sold is not there."""

    KEY_REFUSED = "key_refused"
    PERMISSION_MISSING = "permission_missing"
    ORDER_LOST = "order_lost"
    SOLD_NO_MORE = "sold_no_more"
    WEBHOOK_OFF = "webhook_off"
    FILE_MISSING = "file_missing"


class Queue(StrEnum):
    """Where jobs wait, by purpose, so that none waits for another's trouble."""

    CODES = "codes"
    BUYERS = "buyers"
    OWNERS = "owners"
    STRIPE = "stripe"
    # Messages to the seller's own programs, and what these ask of.
    WEBHOOKS = "webhooks"
    # Letters whose recipient made trouble.
    RETRIES = "retries"
    # What a version before this one owed; nothing new is put here.
    EARLIER = "letters"


QUEUES = {
    Job.RECEIPT: Queue.BUYERS,
    Job.LATE_DELIVERY: Queue.BUYERS,
    Job.PAYMENT_FAILED: Queue.BUYERS,
    Job.PAID_AFTER_END: Queue.BUYERS,
    Job.REFUNDED: Queue.BUYERS,
    Job.RENEWED: Queue.BUYERS,
    Job.RENEWAL_FAILED: Queue.BUYERS,
    Job.PLAN_ENDING: Queue.BUYERS,
    Job.PLAN_ENDED: Queue.BUYERS,
    Job.PLAN_PAUSED: Queue.BUYERS,
    Job.PLAN_CHANGED: Queue.BUYERS,
    Job.ACCESS_CHANGED: Queue.BUYERS,
    Job.WITHDRAWAL: Queue.BUYERS,
    Job.PLAN_REMINDER: Queue.BUYERS,
    Job.NEW_VERSION: Queue.BUYERS,
    Job.SIGN_IN_CODE: Queue.CODES,
    Job.OWNER_NOTICE: Queue.OWNERS,
    Job.SHOP_NOTICE: Queue.OWNERS,
    Job.WITHDRAWAL_NOTICE: Queue.OWNERS,
    Job.INVITATION: Queue.OWNERS,
    Job.TEST_LETTER: Queue.OWNERS,
    Job.DIGEST: Queue.OWNERS,
    Job.TELL_BUYERS: Queue.OWNERS,
    Job.ASK_STRIPE: Queue.STRIPE,
    Job.CANCEL_SUBSCRIPTION: Queue.STRIPE,
    Job.ARCHIVE_PRICE: Queue.STRIPE,
    Job.PLAN_PRICES: Queue.STRIPE,
    Job.PROMOTION_CODE: Queue.STRIPE,
    Job.CORRECT_INVOICES: Queue.STRIPE,
    Job.WEBHOOK: Queue.WEBHOOKS,
    Job.ENTITLEMENTS: Queue.WEBHOOKS,
    Job.SEAT_INVITATION: Queue.BUYERS,
    Job.PLACE_LETTER: Queue.BUYERS,
    Job.WAITING_LETTER: Queue.BUYERS,
    Job.PLACE_REFUND: Queue.STRIPE,
}
# In these, each recipient's domain has a few places of its own; each endpoint that messages go to as well.
BY_DOMAIN = frozenset({Queue.CODES, Queue.BUYERS, Queue.RETRIES, Queue.WEBHOOKS})


@dataclass(frozen=True)
class Turn:
    """One turn of a job: `root` is the id it was owed under, `number` counts from 0."""

    job: Job
    root: str
    number: int
    arguments: tuple[str, ...]
