"""States in words and colours: green is done, orange waits, red needs somebody, violet is money that went back, gray is over."""

from datetime import datetime

from core.kinds.grants import Delivery
from core.orders.balance.payouts import PayoutStatus
from core.orders.refunds import RefundStatus
from core.orders.status import GrantState, Handed, Status
from core.owner.order_book.timeline import Tone
from storefront import process

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
REFUND = {
    RefundStatus.REQUESTED: ("Asked for", "orange", "hourglass_top"),
    RefundStatus.PENDING: ("On its way", "orange", "hourglass_top"),
    RefundStatus.REQUIRES_ACTION: ("Waits for the buyer", "orange", "hourglass_top"),
    RefundStatus.SUCCEEDED: ("Sent back", "violet", "undo"),
    RefundStatus.FAILED: ("Failed", "red", "error"),
    RefundStatus.CANCELED: ("Refused", "red", "error"),
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


def of_delivery(delivery: Delivery) -> str:
    """How a delivery stands."""
    return badge(GRANT[delivery.state])


def moment(at: datetime) -> str:
    """A moment as short as a list needs it, by the shop's own clock."""
    at = at.astimezone(process.shop().settings.zone)
    return f"{at.day} {at:%b %Y, %H:%M}"
