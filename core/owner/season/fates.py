"""What becomes of the orders of the season, told to the shop event by event and at the moment of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.events import balance_questions, inbox, questions
from core.events.handlers import EventState
from core.foundation.records import new_id
from core.journeys import checkout
from core.journeys.checkout import Basket, Item
from core.orders.balance.entries import Movement
from core.owner.season import seasons
from core.owner.season.plan_objects import StripeOfOrder
from core.owner.season.plot import Act, Fate
from core.rights.clauses import Asked
from core.shop import Shop

_MINUTE = timedelta(minutes=1)
# A renewal that was declined is tried again after some days; what fails for longer is given up.
_RETRIED, _GIVEN_UP = timedelta(days=3), timedelta(days=6)
_DECIDED = timedelta(days=5)
# Of so many buyers one does without what begins at once, and keeps the right to withdraw.
_TICKS_NOTHING = 9


# What those who leave choose and write of why, as Stripe's portal asks them.
_LEAVE = (
    ("too_expensive", "Nine euros a seat is a lot for three people who log two hours a week."), ("unused", ""),
    ("switched_service", "Our accountant wants us on theirs."), ("missing_features", "No export by client."), ("", ""),
)  # fmt: skip


@dataclass
class Clock:
    """The season's time: what is made happens `at` this moment."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class Stage:
    """One order of the season: the shop it is placed in, Stripe as it meets it, and the clock of both."""

    shop: Shop
    stripe: StripeOfOrder
    clock: Clock
    begins: datetime
    act: Act
    asked: Sequence[Asked]

    @property
    def turn(self) -> datetime:
        """When its fate takes its turn."""
        return self.begins + timedelta(days=self.act.turn)

    @property
    def over(self) -> datetime:
        """When the season is over."""
        return self.begins + timedelta(days=seasons.DAYS)

    @property
    def agreed(self) -> tuple[str, ...]:
        """The clauses that its buyer was told of, and those that they ticked: most tick all, and some none."""
        ticks = self.act.number % _TICKS_NOTHING != 0
        return tuple(each.version for each in self.asked if ticks or not each.box)

    def tell(self) -> None:
        """Let the shop take in what Stripe tells by now, and ask what it would ask then."""
        told = list(self.stripe.told)
        self.stripe.told.clear()
        for event, outcome in zip(told, inbox.take_all(self.shop, told), strict=True):
            if isinstance(outcome, Exception):
                raise outcome
            if outcome.state is EventState.PARKED:  # a payment that failed stands on no Session of ours yet
                questions.ask(self.shop, event.id)
        if self.stripe.subscription:
            questions.ask(self.shop, self.stripe.subscription["id"])

    def read_balance(self) -> None:
        """Let the shop read what has moved on the balance, and trace whose it was."""
        moved = list(self.stripe.moved)
        self.stripe.moved.clear()
        balance_questions.take(self.shop, iter(moved))
        sources = [each["source"] for each in moved]
        payments = {each["payment_intent"]: each.get("charge") or each["id"] for each in sources}
        for payment, charge in payments.items():
            balance_questions.trace(self.shop, Movement(payment, charge))


def play(stage: Stage) -> None:
    """Place the order, and let everything happen that becomes of it."""
    # Nobody can name it, and go on with the order as if it were theirs.
    act, cart = stage.act, new_id("season")
    stage.clock.at = stage.begins + timedelta(days=act.day)
    items = tuple(Item(wish.price, wish.quantity, wish.date) for wish in act.wishes)
    checkout.start(stage.shop, Basket(cart, items, browser_id=cart, from_season=True, consents=stage.agreed))
    stage.clock.at += 4 * _MINUTE
    _FATES[act.fate](stage)
    if stage.stripe.moved:
        stage.read_balance()


def _pay(stage: Stage) -> None:
    if stage.act.has_code:
        stage.stripe.use_code()
    stage.stripe.pay(stage.act.buyer)
    stage.tell()
    if stage.act.has_code:  # what was off each line, only Stripe's list of them says
        questions.ask(stage.shop, stage.stripe.session["payment_intent"])


def _pay_until_turn(stage: Stage) -> None:
    _pay(stage)
    if stage.stripe.subscription:  # only the balance tells by which payment a plan was paid
        stage.read_balance()
    stage.clock.at = stage.turn


def _pay_after_a_decline(stage: Stage) -> None:
    stage.stripe.decline()
    stage.tell()
    stage.clock.at += 2 * _MINUTE
    _pay(stage)


def _pay_slowly(stage: Stage) -> None:
    stage.stripe.pay(stage.act.buyer, slowly=True)
    stage.tell()
    stage.clock.at = stage.turn


def _settle(stage: Stage) -> None:
    _pay_slowly(stage)
    stage.stripe.settle()
    stage.tell()


def _bounce(stage: Stage) -> None:
    _pay_slowly(stage)
    stage.stripe.bounce()
    stage.tell()


def _abandon(stage: Stage) -> None:
    stage.clock.at = datetime.fromtimestamp(stage.stripe.session["expires_at"], UTC)
    stage.stripe.expire()
    stage.tell()


def _refund(stage: Stage) -> None:
    _pay_until_turn(stage)
    stage.stripe.refund()
    if stage.stripe.subscription:
        stage.stripe.end("cancellation_requested")
    stage.tell()


def _refund_a_part(stage: Stage) -> None:
    _pay_until_turn(stage)
    stage.stripe.refund(stage.stripe.session["amount_total"] // 3)
    stage.tell()


def _refund_in_vain(stage: Stage) -> None:
    _pay_until_turn(stage)
    refund = stage.stripe.refund()
    stage.tell()
    stage.clock.at += _RETRIED
    stage.stripe.fail_refund(refund)
    stage.tell()


def _dispute(stage: Stage) -> None:
    _pay_until_turn(stage)
    stage.stripe.dispute("product_not_received")
    stage.tell()


def _dispute_until(status: str) -> Callable[[Stage], None]:
    def play_it(stage: Stage) -> None:
        _pay_until_turn(stage)
        dispute = stage.stripe.dispute("fraudulent")
        stage.tell()
        stage.clock.at += _DECIDED
        stage.stripe.close_dispute(dispute, status)
        stage.tell()

    return play_it


def _warn(stage: Stage) -> None:
    _pay_until_turn(stage)
    stage.stripe.warn()
    stage.tell()


def _renew(stage: Stage, *, until: datetime | None = None) -> None:
    """Let the plan renew at each of its turns before this moment, or before the season is over."""
    while (due := stage.stripe.period_end) < (until or stage.over):
        stage.clock.at = due
        stage.stripe.renew()
        stage.tell()


def _stay(stage: Stage) -> None:
    _pay(stage)
    _renew(stage)


def _grow(stage: Stage) -> None:
    _pay(stage)
    stage.clock.at = stage.turn
    stage.stripe.change_seats(stage.act.wishes[0].quantity + 2)
    stage.tell()
    _renew(stage)


def _fail_a_renewal(stage: Stage) -> None:
    stage.clock.at = stage.stripe.period_end
    stage.stripe.fail_renewal()
    stage.tell()


def _fail_once(stage: Stage) -> None:
    _pay(stage)
    _fail_a_renewal(stage)
    stage.clock.at += _RETRIED
    stage.stripe.renew()
    stage.tell()
    _renew(stage)


def _owe(stage: Stage) -> None:
    _pay(stage)
    _renew(stage, until=stage.turn)
    _fail_a_renewal(stage)


def _cancel(stage: Stage) -> None:
    _pay(stage)
    stage.clock.at = stage.turn
    stage.stripe.cancel_later(*_LEAVE[stage.act.number % len(_LEAVE)])
    stage.tell()
    stage.clock.at = stage.stripe.period_end
    stage.stripe.end("cancellation_requested")
    stage.tell()


def _give_up(stage: Stage) -> None:
    _pay(stage)
    _fail_a_renewal(stage)
    stage.clock.at += _GIVEN_UP
    stage.stripe.end("payment_failed")
    stage.tell()


_FATES: Mapping[Fate, Callable[[Stage], None]] = {
    Fate.PAID: _pay,
    Fate.DECLINED_FIRST: _pay_after_a_decline,
    Fate.DEBIT: _settle,
    Fate.BOUNCED: _bounce,
    Fate.ABANDONED: _abandon,
    Fate.REFUNDED: _refund,
    Fate.PARTLY_REFUNDED: _refund_a_part,
    Fate.REFUND_FAILED: _refund_in_vain,
    Fate.DISPUTED: _dispute,
    Fate.DISPUTE_WON: _dispute_until("won"),
    Fate.DISPUTE_LOST: _dispute_until("lost"),
    Fate.WARNED: _warn,
    Fate.STAYS: _stay,
    Fate.GROWS: _grow,
    Fate.FAILS_ONCE: _fail_once,
    Fate.OWES: _owe,
    Fate.CANCELS: _cancel,
    Fate.GIVEN_UP: _give_up,
}
