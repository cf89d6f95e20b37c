"""The crowd: buyers who hurry, hesitate, change their minds and vanish, each by chance and each the same for one seed."""

import random
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, local
from typing import Any

import httpx

from tests.journeys.stand import Stand
from tests.soak import fates
from tests.soak.callers import Caller, Stopped
from tests.soak.fates import Fate

_SESSION = re.compile(r"/c/pay/(cs_\w+)")
# Percent off, and for how long. A third of round prices does not come out even: so its parts have to be allotted.
CODES = {"THIRD": (33, "once"), "LESS": (20, "forever"), "FREE": (100, "once")}
# What each basket holds, besides those of any number.
_BASKETS = {
    "both": ("guide-eur", "kit-eur"), "kit and clinic": ("kit-eur", "clinic-eur"), "guide and plan": ("guide-eur", "plan-month"),
    "kit and lecture": ("kit-eur", "lecture-eur"), "guide": ("guide-eur",), "kit": ("kit-eur",),
}  # fmt: skip


class Way(StrEnum):
    """How somebody pays."""

    CARD = "card"
    SECOND_CARD = "second card"
    DEBIT = "debit"
    BOUNCING_DEBIT = "bouncing debit"
    NEVER = "never"


# With a country, or what is taxed later could not be.
_CARD = {"type": "card", "card[token]": "tok_visa", "billing_details[address][country]": "DE"}
_DEBIT = {"type": "sepa_debit", "billing_details[name]": "B. Uyer"}
_METHODS = {
    Way.SECOND_CARD: [_CARD | {"card[token]": "tok_chargeDeclined"}, _CARD],
    Way.DEBIT: [_DEBIT | {"sepa_debit[iban]": "AT321904300235473204"}],
    Way.BOUNCING_DEBIT: [_DEBIT | {"sepa_debit[iban]": "AT861904300235473202"}],
}


class Habit(StrEnum):
    """What else they do on the way."""

    NONE = "none"
    DOUBLE_CLICK = "double click"
    CHANGES_MIND = "changes mind"
    PAYS_WHILE_CHANGING = "pays while changing"


@dataclass(frozen=True)
class Intention:
    """What one buyer is about to do. `late` tells the address on the payment page only; `lapses` closes unpaid pages.
    `code` is typed on the payment page, and `fate` what becomes of it all."""

    number: int
    items: tuple[tuple[str, int], ...]
    way: Way
    habit: Habit
    late: bool
    lapses: bool
    code: str
    fate: Fate

    @property
    def email(self) -> str:
        return f"buyer{self.number}@example.com"

    @property
    def cart(self) -> str:
        return f"cart-{self.number}"

    @property
    def is_after_few(self) -> bool:
        """Whether it is of what there is little of: at one moment it is sold out, at the next somebody has given it back."""
        return any(price == "clinic-eur" for price, _ in self.items)

    @property
    def other_items(self) -> tuple[tuple[str, int], ...]:
        """What they would rather have after all."""
        return (("kit-eur", 2),) if self.items != (("kit-eur", 2),) else (("guide-eur", 1),)


@dataclass(frozen=True)
class Purchase:
    """What somebody has paid for. `left` is the Session that they let expire before, if they did."""

    number: int
    email: str
    session: str
    items: tuple[tuple[str, int], ...]
    fate: Fate
    left: str = ""


def intention(seed: int, number: int) -> Intention:
    """What this buyer does, decided by nothing but the two numbers."""
    chance = random.Random(f"{seed}:{number}")
    fate = fates.of(number)
    baskets, weights = fates.baskets(fate)
    [basket] = chance.choices(baskets, weights)
    ways, habits = (62, 7, 10, 6, 15), (64, 16, 12, 8)
    if fate is not Fate.NONE:
        ways, habits = (76, 8, 16, 0, 0), (80, 20, 0, 0)
    [way] = chance.choices(list(Way), ways)
    [habit] = chance.choices(list(Habit), habits)
    if "plan" in basket and way in (Way.DEBIT, Way.BOUNCING_DEBIT):
        way = Way.CARD
    free = fate in (Fate.NONE, Fate.REVOKED)
    [code] = chance.choices(("", *CODES), (70, 12, 12, 6 if free else 0))
    items = _items(basket, chance)
    return Intention(number, items, way, habit, chance.random() < 0.2, chance.random() < 0.5, code, fate)


def _items(basket: str, chance: random.Random) -> tuple[tuple[str, int], ...]:
    match basket:
        case "plan":
            return (("plan-month", chance.randint(1, 6)),)
        case "clinic" | "lecture":
            return ((f"{basket}-eur", chance.randint(1, 3)),)
        case _:
            return tuple((price, 1) for price in _BASKETS[basket])


class Crowd:
    """Buyers at the shop's HTTP door and at the sandbox's payment page. `odd` is what nobody may see.

    What was paid is handed to `afterwards`, which is done when its turn comes: buyers do not wait for it.
    """

    def __init__(
        self, stand: Stand, caller: Caller, afterwards: Callable[[Purchase], None], *, seed: int, at_once: int,
        stopping: Event,
    ) -> None:  # fmt: skip
        self.odd: list[str] = []
        self._stand, self._caller, self._afterwards, self._seed = stand, caller, afterwards, seed
        self._stopping = stopping
        self._hands = ThreadPoolExecutor(at_once, "buyer")
        # Whoever does two things at once needs a second hand; those must never wait for buyers to go home.
        self._second_hands = ThreadPoolExecutor(at_once, "hand")
        self._later = ThreadPoolExecutor(at_once, "afterwards")
        self._fates: list[Future[None]] = []
        self._browser = local()

    @property
    def _http(self) -> httpx.Client:
        """The browser of the buyer whom this thread is: with cookies of its own, but over wires that all share."""
        browser: httpx.Client = self._browser.it
        return browser

    def _new_browser(self) -> None:
        self._browser.it = httpx.Client(transport=self._caller.wires, timeout=30)

    def buy(self, purchases: int) -> None:
        """Send in so many buyers, and wait until each has paid or gone, and whatever was to come of it has."""
        try:
            for _ in self._hands.map(self._visit, range(1, purchases + 1)):
                pass
            for fate in self._fates:
                fate.result()
        except BaseException:
            self._stopping.set()  # or those who are in the shop would be waited for
            raise
        finally:
            self._hands.shutdown(cancel_futures=True)
            self._second_hands.shutdown(cancel_futures=True)
            self._later.shutdown(cancel_futures=True)

    def _visit(self, number: int) -> None:
        who = intention(self._seed, number)
        self._new_browser()
        try:
            self._shop(who)
        except Stopped:
            raise
        except Exception as error:
            self._note_odd(who, f"gave up: {error!r}")

    def _shop(self, who: Intention) -> None:
        left = self._let_expire(who) if who.fate in fates.PAID_TWICE else ""
        session = self._open(who)
        if session is None:
            self._caller.note("turned away, sold out")
        elif who.way is Way.NEVER:
            self._caller.note("went without paying")
            if who.lapses:
                self._caller.act("expire", session)
        elif self._pay(who, session):
            self._paid(Purchase(who.number, who.email, session, who.items, who.fate, left), who)

    def _let_expire(self, who: Intention) -> str:
        """Come to a payment page, and stay away from it until it has expired; its Session."""
        session = self._checkout(who, who.items)
        if session:
            self._caller.act("expire", session)
        return session or ""

    def _paid(self, purchase: Purchase, who: Intention) -> None:
        self._caller.note(f"paid by {who.way}")
        if who.code:
            self._caller.note(f"typed {who.code}")
        if purchase.fate is not Fate.NONE:
            self._fates.append(self._later.submit(self._meet, who, purchase))

    def _meet(self, who: Intention, purchase: Purchase) -> None:
        try:
            self._afterwards(purchase)
        except Stopped:
            raise
        except Exception as error:
            self._note_odd(who, f"could not be {purchase.fate}: {error!r}")

    def _open(self, who: Intention) -> str | None:
        """Come to a payment page; its Session, or None when everything is gone, or paid for on the way."""
        match who.habit:
            case Habit.NONE:
                return self._checkout(who, who.items)
            case Habit.DOUBLE_CLICK:
                other = self._meanwhile(who, who.items)
                session, second = self._checkout(who, who.items), other.result()
                if session != second and not (who.is_after_few and None in (session, second)):
                    self._note_odd(who, f"a double click led to {session} and {second}")
                return session
            case Habit.CHANGES_MIND:
                first = self._checkout(who, who.items)
                second = self._checkout(who, who.other_items)
                if first and second and first != second and self._pay(who, first):
                    self._note_odd(who, f"the page {first} of the old cart could still be paid")
                return second
            case Habit.PAYS_WHILE_CHANGING:
                return self._pay_while_changing(who)

    def _pay_while_changing(self, who: Intention) -> str | None:
        """In one tab the payment button, in the other another cart: one of the two wins."""
        first = self._checkout(who, who.items)
        if first is None or who.way is Way.NEVER:
            return first
        other = self._meanwhile(who, who.other_items)
        paid, second = self._pay(who, first), other.result()
        if paid and second and second != first:
            self._note_odd(who, f"{first} was paid, and {second} may be paid as well")
        if paid:
            self._caller.note(f"paid by {who.way}")
        return None if paid else second

    def _meanwhile(self, who: Intention, items: tuple[tuple[str, int], ...]) -> Future[str | None]:
        """The same buyer's other tab goes to the checkout at this very moment."""
        browser = self._http

        def go() -> str | None:
            self._browser.it = browser
            return self._checkout(who, items)

        return self._second_hands.submit(go)

    def _checkout(self, who: Intention, items: tuple[tuple[str, int], ...]) -> str | None:
        basket: dict[str, Any] = {
            "cart_id": who.cart, "items": [{"price": price, "quantity": quantity} for price, quantity in items],
        } | ({} if who.late else {"email": who.email})  # fmt: skip
        url, browser = f"{self._stand.webhook_url}/checkout", self._http
        answer = self._caller.until_answered(lambda: browser.post(url, json=basket))
        if answer.status_code == 200:
            return str(_SESSION.findall(answer.json()["url"])[0])
        if answer.status_code == 409 and answer.json()["error"] == "SoldOut":
            return None
        changing = who.habit is Habit.PAYS_WHILE_CHANGING
        if not (changing and answer.status_code == 409 and answer.json()["error"] in ("AlreadyPaid", "StillSettling")):
            self._note_odd(who, f"/checkout answered {answer.status_code}: {answer.text}")
        return None

    def _pay(self, who: Intention, session: str) -> bool:
        """Press the payment button; False when the page is closed."""
        if who.code:
            self._type_code(session, who.code)
        for method in _METHODS.get(who.way, [_CARD]):
            paying = self._caller.stripe("payment_methods", **{"billing_details[email]": who.email, **method})["id"]
            answer = self._caller.ask_stripe(f"payment_pages/{session}/confirm", {"payment_method": paying})
            if answer.status_code == 200:
                return True
            if answer.status_code == 400 and answer.json()["error"]["code"] == "checkout_session_not_open":
                return False
            if answer.status_code != 402:
                self._note_odd(who, f"the payment page answered {answer.status_code}: {answer.text}")
        return False

    def _type_code(self, session: str, code: str) -> None:
        form, url = {"promotion": "apply", "promotionCode": code}, f"{self._stand.sandbox_url}/c/pay/{session}"
        browser = self._http
        self._caller.until_answered(lambda: browser.post(url, data=form))

    def _note_odd(self, who: Intention, what: str) -> None:
        self.odd.append(f"{who.email} ({who.way}, {who.habit}, {who.items}): {what}")
