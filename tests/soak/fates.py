"""Fates: what becomes of a purchase once it is paid, and what has to be bought for it."""

from enum import StrEnum

# Of every so many buyers one is left alone; the others are dealt the fates in turn, so that few buyers meet all of them.
_LEFT_ALONE = 4


class Fate(StrEnum):
    """What owners, buyers, banks and the calendar do afterwards. Those from `RENEWED` on are fates of plans. What is decided
    afterwards in one way or another is decided by the buyer's number."""

    NONE = "none"
    REFUNDED = "refunded by the shop"
    PARTLY_REFUNDED = "refunded in parts by the shop"
    LINE_REFUNDED = "a line refunded by the shop"
    LINE_TAKEN_BACK = "a line taken back for a part of its price"
    REFUNDED_AT_STRIPE = "refunded in the dashboard"
    REFUNDED_ON_BOTH_SIDES = "refunded in part in the dashboard, and the rest by the shop"
    REFUND_FAILED = "refunded in vain"
    DISPUTED = "disputed"
    DISPUTE_WON = "disputed and won"
    DISPUTE_LOST = "disputed and lost"
    INQUIRED = "asked about by the bank, and nothing came of it"
    ESCALATED = "asked about by the bank, and disputed"
    PAID_TWICE = "paid by two Sessions"
    PAID_TWICE_AND_BACK = "paid by two Sessions, and one paid back"
    REVOKED = "withdrawn by the shop without money"

    RENEWED = "renewed at the second attempt, and then taxed"
    DUNNED = "ended because it was not paid"
    RESEATED = "renewed with another number of seats"
    PAUSED = "paused and resumed"
    COLLECTION_PAUSED = "renewed without being collected"
    CANCELED = "canceled"
    CANCELED_LATER = "canceled at the end of its period"
    PAID_AFTER_END = "paid after its end"
    RENEWAL_REFUNDED = "renewed, and that refunded by the shop"
    FIRST_PERIOD_REFUNDED = "renewed, and the first period refunded in the dashboard"
    SPREAD_REFUND = "renewed twice, and refunded over two payments"
    RENEWAL_DISPUTED = "renewed, and that disputed"
    KEPT = "refunded by the shop, and billing on"


DEALT = [fate for fate in Fate if fate is not Fate.NONE]
OF_PLANS = DEALT[DEALT.index(Fate.RENEWED) :]
PAID_TWICE = (Fate.PAID_TWICE, Fate.PAID_TWICE_AND_BACK)
# So many buyers meet every fate at least once.
BUYERS_FOR_ALL = len(DEALT) + len(DEALT) // (_LEFT_ALONE - 1) + 1


def of(number: int) -> Fate:
    """The fate of this buyer's purchase."""
    if number % _LEFT_ALONE == 0:
        return Fate.NONE
    return DEALT[(number - number // _LEFT_ALONE - 1) % len(DEALT)]


def baskets(fate: Fate) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """What those may buy to whom this is to happen, and how often each: of some things only a plan or two lines will do."""
    if fate in OF_PLANS:
        return ("plan", "guide and plan"), (1, 1)
    if fate in (Fate.LINE_REFUNDED, Fate.LINE_TAKEN_BACK):
        return ("both", "kit and lecture"), (2, 1)
    if fate in PAID_TWICE:
        return ("guide", "kit", "both", "plan", "lecture"), (2, 1, 1, 2, 1)
    if fate is Fate.NONE:
        return ("guide", "kit", "both", "plan", "clinic", "lecture", "kit and clinic"), (38, 14, 10, 10, 12, 10, 6)
    return ("guide", "kit", "both", "lecture", "clinic", "kit and clinic"), (5, 3, 3, 3, 2, 1)
