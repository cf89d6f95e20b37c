"""The plot of the season: which orders there are, when they are placed, and what becomes of each. Always the same one.

Days are counted from the season's beginning, with fractions for the time of day.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import Random

from core.owner.season import buyers, seasons
from core.owner.season.buyers import Buyer

_SEED = 20261127
# The bad week: what goes wrong in a season mostly goes wrong in it, and some of it is still to be dealt with.
BAD_WEEK = (107.0, 114.0)


class Fate(StrEnum):
    """What becomes of an order. The last six are of plans alone."""

    PAID = "paid"
    DECLINED_FIRST = "declined_first"
    DEBIT = "debit"
    BOUNCED = "bounced"
    ABANDONED = "abandoned"
    REFUNDED = "refunded"
    PARTLY_REFUNDED = "partly_refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    WARNED = "warned"
    STAYS = "stays"
    GROWS = "grows"
    FAILS_ONCE = "fails_once"
    OWES = "owes"
    CANCELS = "cancels"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class Wish:
    """So many of one price, on a date where it is a workshop."""

    price: str
    quantity: int = 1
    date: str = ""


@dataclass(frozen=True)
class Act:
    """One order: `number` counts from 1, `turn` is the day on which its fate takes its turn; whose buyer `has_code` pays less."""

    number: int
    day: float
    buyer: Buyer
    wishes: tuple[Wish, ...]
    fate: Fate
    turn: float
    has_code: bool = False


@dataclass(frozen=True)
class DateOfSeason:
    """A date of a workshop, long over: `day` it took place on."""

    id: str
    product: str
    day: int


DATES = tuple(
    DateOfSeason(f"{seasons.DATES}{product}/{day}", product, day)
    for day, product in (
        (22, "pricing-clinic"), (38, "onboarding-lab"), (57, "pricing-clinic"), (79, "pricing-clinic"),
        (96, "onboarding-lab"), (112, "pricing-clinic"),
    )
)  # fmt: skip

_BOOK, _KIT, _SHELF = Wish("quiet-launch-eur"), Wish("proposal-kit-eur"), Wish("contract-shelf-eur")
# How many orders there are of what is delivered at once, by what is in them.
_CARTS = {
    (_BOOK,): 118, (_KIT,): 66, (_SHELF,): 48, (_BOOK, _KIT): 14, (_KIT, _SHELF): 10, (_BOOK, _SHELF): 8,
}  # fmt: skip
_SEATS = (1, 1, 1, 2, 2, 3, 4, 5, 8)
_MONTHLY, _YEARLY, _PLACES = 44, 12, 80
# What becomes of some: how many of what is delivered at once, of places in workshops, and of plans. The rest simply pays.
_OF_GOODS = {
    Fate.ABANDONED: 30, Fate.DEBIT: 9, Fate.BOUNCED: 5, Fate.DECLINED_FIRST: 8, Fate.REFUNDED: 9, Fate.PARTLY_REFUNDED: 4,
}  # fmt: skip
_OF_PLACES = {Fate.ABANDONED: 4, Fate.REFUNDED: 2}
_OF_PLANS = {
    Fate.GROWS: 9, Fate.FAILS_ONCE: 5, Fate.CANCELS: 9, Fate.GIVEN_UP: 3, Fate.OWES: 2, Fate.REFUNDED: 1,
}  # fmt: skip
# What the bad week brings, each to an order of some days before.
_OF_THE_BAD_WEEK = {
    Fate.REFUNDED: 6, Fate.REFUND_FAILED: 1, Fate.DISPUTED: 2, Fate.DISPUTE_LOST: 1, Fate.DISPUTE_WON: 1, Fate.WARNED: 1,
    Fate.BOUNCED: 2, Fate.DECLINED_FIRST: 4,
}  # fmt: skip


def acts() -> list[Act]:
    """All orders of the season, in the order in which they are placed."""
    chance = Random(_SEED)
    people = buyers.everybody(chance)
    drafts = [*_goods(chance), *_places(chance), *_plans(chance)]
    drafts.sort(key=lambda draft: draft[0])
    return [
        Act(number, day, _buyer(people, number, chance), wishes, fate, turn, has_code)
        for number, (day, wishes, fate, turn, has_code) in enumerate(drafts, 1)
    ]


ACTS = 400
# The day it is placed, what is wanted, what becomes of it, on which day, and whether its buyer has the code.
_Draft = tuple[float, tuple[Wish, ...], Fate, float, bool]


def _goods(chance: Random) -> list[_Draft]:
    carts = [cart for cart, times in _CARTS.items() for _ in range(times)]
    chance.shuffle(carts)
    bad = _listed(_OF_THE_BAD_WEEK)
    usual = _shuffled(_OF_GOODS, len(carts) - len(bad), Fate.PAID, chance)
    drafts = [_in_the_bad_week(carts.pop(), fate, chance) for fate in bad]
    for cart, fate in zip(carts, usual, strict=True):
        day = _day(chance)
        has_code = fate is Fate.PAID and chance.random() < 0.12
        drafts.append((day, cart, fate, _turn(day, fate, chance), has_code))
    return drafts


def _in_the_bad_week(cart: tuple[Wish, ...], fate: Fate, chance: Random) -> _Draft:
    turn = chance.uniform(*BAD_WEEK)
    day = turn if fate is Fate.DECLINED_FIRST else turn - chance.uniform(3, 9)
    return day, cart, fate, turn, False


def _places(chance: Random) -> list[_Draft]:
    drafts: list[_Draft] = []
    fates = _shuffled(_OF_PLACES, _PLACES, Fate.PAID, chance)
    for place, fate in enumerate(fates):
        date = DATES[place % len(DATES)]
        day = date.day - chance.uniform(4, 19)
        wish = Wish(f"{date.product}-eur", chance.choice((1, 1, 1, 1, 2)), date.id)
        drafts.append((day, (wish,), fate, day + chance.uniform(0.5, 3), False))
    return drafts


def _plans(chance: Random) -> list[_Draft]:
    prices = ["tally-month-eur"] * _MONTHLY + ["tally-year-eur"] * _YEARLY
    monthly = _shuffled(_OF_PLANS, _MONTHLY, Fate.STAYS, chance)
    drafts: list[_Draft] = []
    for price, fate in zip(prices, [*monthly, *[Fate.STAYS] * _YEARLY], strict=True):
        # What goes on for months needs months to go on for; who owes, still does when the season ends.
        day = chance.uniform(1, 118) if fate is Fate.STAYS else chance.uniform(3, 40)
        day, turn = (54.4, BAD_WEEK[0]) if fate is Fate.OWES else (day, day + chance.uniform(8, 25))
        drafts.append((day, (Wish(price, chance.choice(_SEATS)),), fate, turn, False))
    return drafts


def _day(chance: Random) -> float:
    """A day of the season, and a time of it at which people are awake: more of the later ones, for the shop becomes known."""
    day = int((seasons.DAYS - 2) * chance.random() ** 0.75)
    return day + timedelta(hours=chance.triangular(6, 22, 14)) / timedelta(days=1)


def _turn(day: float, fate: Fate, chance: Random) -> float:
    late = chance.uniform(2, 4) if fate in (Fate.DEBIT, Fate.BOUNCED) else chance.uniform(1, 12)
    return min(day + late, seasons.DAYS - 0.1)


def _listed(fates: dict[Fate, int]) -> list[Fate]:
    return [fate for fate, times in fates.items() for _ in range(times)]


def _shuffled(fates: dict[Fate, int], size: int, usual: Fate, chance: Random) -> list[Fate]:
    found = _listed(fates)
    found += [usual] * (size - len(found))
    chance.shuffle(found)
    return found


def _buyer(people: list[Buyer], number: int, chance: Random) -> Buyer:
    """Mostly somebody new; now and then one who has bought before."""
    known = len(people) * number // (ACTS + 1)
    return people[chance.randrange(known) if known and chance.random() < 0.22 else known]
