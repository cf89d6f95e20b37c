"""The crowd: buyers who hurry, hesitate, change their minds and vanish, each by chance and each the same for one seed."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Lock, local
from typing import Any

import httpx

from tests.journeys.stand import Stand

_API = {"Authorization": "Bearer sk_test_pushcart_sandbox"}
_SESSION = re.compile(r"/c/pay/(cs_\w+)")
_PATIENCE = 90.0
# Nothing but faults that are armed, and a webhook that is being restarted, may look like this to a buyer.
_COME_BACK = (429, 503)


class Way(StrEnum):
    """How somebody pays."""

    CARD = "card"
    SECOND_CARD = "second card"
    DEBIT = "debit"
    BOUNCING_DEBIT = "bouncing debit"
    NEVER = "never"


_CARD = {"type": "card", "card[token]": "tok_visa"}
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


class Stopped(Exception):
    """The soak is being broken off."""


@dataclass(frozen=True)
class Intention:
    """What one buyer is about to do. `late` tells the address on the payment page only; `lapses` closes unpaid pages."""

    number: int
    items: tuple[tuple[str, int], ...]
    way: Way
    habit: Habit
    late: bool
    lapses: bool

    @property
    def email(self) -> str:
        return f"buyer{self.number}@example.com"

    @property
    def cart(self) -> str:
        return f"cart-{self.number}"

    @property
    def other_items(self) -> tuple[tuple[str, int], ...]:
        """What they would rather have after all."""
        return (("kit-eur", 2),) if self.items != (("kit-eur", 2),) else (("guide-eur", 1),)


def intention(seed: int, number: int) -> Intention:
    """What this buyer does, decided by nothing but the two numbers."""
    chance = random.Random(f"{seed}:{number}")
    [basket] = chance.choices(
        ("guide", "kit", "both", "plan", "clinic", "lecture", "kit and clinic"), (38, 14, 10, 10, 12, 10, 6)
    )
    [way] = chance.choices(list(Way), (62, 7, 10, 6, 15))
    [habit] = chance.choices(list(Habit), (64, 16, 12, 8))
    if basket == "plan" and way in (Way.DEBIT, Way.BOUNCING_DEBIT):
        way = Way.CARD
    return Intention(number, _items(basket, chance), way, habit, chance.random() < 0.2, chance.random() < 0.5)


def _items(basket: str, chance: random.Random) -> tuple[tuple[str, int], ...]:
    match basket:
        case "both":
            return (("guide-eur", 1), ("kit-eur", 1))
        case "plan":
            return (("plan-month", chance.randint(1, 6)),)
        case "clinic" | "lecture":
            return ((f"{basket}-eur", chance.randint(1, 3)),)
        case "kit and clinic":
            return (("kit-eur", 1), ("clinic-eur", 1))
        case _:
            return ((f"{basket}-eur", 1),)


class Crowd:
    """Buyers at the shop's HTTP door and at the sandbox's payment page. `count` is what they did, `odd` what nobody may see."""

    def __init__(self, stand: Stand, *, seed: int, at_once: int, stopping: Event) -> None:
        self.count: Counter[str] = Counter()
        self.odd: list[str] = []
        self._stand, self._seed, self._stopping = stand, seed, stopping
        self._hands = ThreadPoolExecutor(at_once, "buyer")
        # Whoever does two things at once needs a second hand; those must never wait for buyers to go home.
        self._second_hands = ThreadPoolExecutor(at_once, "hand")
        self._counting = Lock()
        self._wires = httpx.HTTPTransport(limits=httpx.Limits(max_connections=64))
        self._browser = local()

    @property
    def _http(self) -> httpx.Client:
        """The browser of the buyer whom this thread is: with cookies of its own, but over wires that all share."""
        browser: httpx.Client = self._browser.it
        return browser

    def _new_browser(self) -> None:
        self._browser.it = httpx.Client(transport=self._wires, timeout=30)

    def buy(self, purchases: int) -> None:
        """Send in so many buyers, and wait until each has paid or gone."""
        try:
            for _ in self._hands.map(self._visit, range(1, purchases + 1)):
                pass
        except BaseException:
            self._stopping.set()  # or those who are in the shop would be waited for
            raise
        finally:
            self._hands.shutdown(cancel_futures=True)
            self._second_hands.shutdown(cancel_futures=True)
            self._wires.close()

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
        session = self._open(who)
        if session is None:
            self._count("turned away, sold out")
        elif who.way is Way.NEVER:
            self._count("went without paying")
            if who.lapses:
                self._stand.tell_sandbox("act/expire", id=session)
        elif self._pay(who, session):
            self._count(f"paid by {who.way}")

    def _open(self, who: Intention) -> str | None:
        """Come to a payment page; its Session, or None when everything is gone, or paid for on the way."""
        match who.habit:
            case Habit.NONE:
                return self._checkout(who, who.items)
            case Habit.DOUBLE_CLICK:
                other = self._meanwhile(who, who.items)
                session, second = self._checkout(who, who.items), other.result()
                if session != second:
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
            self._count(f"paid by {who.way}")
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
        answer = self._until_done(lambda: self._http.post(f"{self._stand.webhook_url}/checkout", json=basket))
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
        for method in _METHODS.get(who.way, [_CARD]):
            paying = self._stripe("payment_methods", {"billing_details[email]": who.email, **method}).json()["id"]
            answer = self._stripe(f"payment_pages/{session}/confirm", {"payment_method": paying})
            if answer.status_code == 200:
                return True
            if answer.status_code == 400 and answer.json()["error"]["code"] == "checkout_session_not_open":
                return False
            if answer.status_code != 402:
                self._note_odd(who, f"the payment page answered {answer.status_code}: {answer.text}")
        return False

    def _stripe(self, path: str, form: dict[str, str]) -> httpx.Response:
        url = f"{self._stand.sandbox_url}/v1/{path}"
        return self._until_done(lambda: self._http.post(url, data=form, headers=_API), also=(500,))

    def _until_done(self, ask: Callable[[], httpx.Response], *, also: tuple[int, ...] = ()) -> httpx.Response:
        """The first answer that says something: who finds nobody, or is asked to come back, does so."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if self._stopping.is_set():
                raise Stopped
            try:
                answer = ask()
            except httpx.TransportError:
                self._count("found nobody, came back")
            else:
                if answer.status_code not in (*_COME_BACK, *also):
                    return answer
                self._count("was asked to come back")
            self._stopping.wait(0.3)
        raise TimeoutError(f"no answer within {_PATIENCE} s")

    def _count(self, what: str) -> None:
        with self._counting:
            self.count[what] += 1

    def _note_odd(self, who: Intention, what: str) -> None:
        self.odd.append(f"{who.email} ({who.way}, {who.habit}, {who.items}): {what}")
