"""The aftermath of purchases: what owners, banks, buyers and the calendar do to each once it is paid, as it is dealt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from core.foundation.errors import NoSuchPayment, NothingToRefund, OrderNotFound, StripeUnreachable
from core.journeys import refund, revocation
from core.orders.orders import Order
from core.shop import Shop
from tests.soak.callers import Caller, Row
from tests.soak.crowd import Purchase
from tests.soak.fates import Fate

OWNER = "owner@example.com"
# What Stripe stamps in whole seconds must not fall on the same one, or nobody could tell which came first.
_A_SECOND = 1.1
# Not even, so that it is no line's price.
_PART = 701
# What the shop answers as long as it has not heard of a payment.
_UNHEARD = (NothingToRefund, NoSuchPayment, OrderNotFound, StripeUnreachable)


@dataclass
class Deed:
    """What of an order's fate Stripe does not know: lines are counted from 1.

    `line_amount` is what one line was sold for, in minor units, where an owner sent back just that.
    """

    fate: Fate
    line_back: int = 0
    line_amount: int = 0
    line_taken: int = 0
    revoked: bool = False
    plan_kept: bool = False


@dataclass
class Aftermath:
    """Carries out fates. `deeds` are kept by the order's id, for the audit."""

    caller: Caller
    shop: Shop
    deeds: dict[str, Deed] = field(default_factory=dict)

    def befall(self, purchase: Purchase) -> None:
        """Have happen to this purchase what is dealt to it. It is paid, or its bank is about to."""
        session = self.caller.until(partial(self._settled, purchase.session), "money")
        case = Case(self, purchase, session["metadata"]["order_id"], session)
        self.deeds[case.order_id] = case.deed
        FATES[purchase.fate](case)
        self.caller.note(f"fate: {purchase.fate}")

    def _settled(self, session: str) -> Row | None:
        found = self.caller.stripe(f"checkout/sessions/{session}")
        return found if found["payment_status"] != "unpaid" else None


class Case:
    """One purchase and its fate."""

    def __init__(self, aftermath: Aftermath, purchase: Purchase, order_id: str, session: Row) -> None:
        self.purchase, self.order_id = purchase, order_id
        self.plan: str = session["subscription"] or ""
        self.deed = Deed(purchase.fate)
        self.intent: str = session["payment_intent"] or ""
        self._caller, self._shop = aftermath.caller, aftermath.shop

    # ------------------------------------------------------------------ what the shop does

    def pay_back(self, **wish: Any) -> refund.Refunded:
        """Have the shop send money back, as soon as it has heard of the payment."""
        name = f"{self.order_id}:{sorted(wish.items())}"

        def ask() -> refund.Refunded | None:
            try:
                return refund.request(self._shop, self.order_id, actor=OWNER, key=name, **wish)
            except _UNHEARD:
                return None

        return self._caller.until(ask, "refund")

    def await_total(self, amount: int, column: str = "amount_total") -> None:
        """Wait until the shop has heard of so much, in minor units."""

        def heard() -> bool:
            with self._shop.reading() as session:
                order = session.get(Order, self.order_id)
            return order is not None and getattr(order, column) == amount

        self._caller.until(heard, f"{column} of {amount}")

    def attention(self, topic: str) -> str:
        """What the shop says on the order under this topic, as soon as it does."""

        def look() -> str | None:
            with self._shop.reading() as session:
                order = session.get(Order, self.order_id)
            lines = order.attention.splitlines() if order else []
            return next((line.partition(": ")[2] for line in lines if line.startswith(f"{topic}: ")), None)

        return self._caller.until(look, topic)

    def take_line(self, amount: int | None) -> None:
        """Send back what the second line cost, or this amount, and then end access to it all the same."""
        if amount is None:
            lines = self._caller.stripe(f"checkout/sessions/{self.purchase.session}/line_items")["data"]
            self.deed.line_back, self.deed.line_amount = 2, lines[1]["amount_total"]
            self.pay_back(lines=(2,))
        else:
            self.deed.line_taken = 2
            self.pay_back(amount=amount, lines=(2,), take_back=True)

    def revoke(self) -> None:
        """End access to everything, without money."""

        def paid() -> bool:
            with self._shop.reading() as session:
                order = session.get(Order, self.order_id)
            return order is not None and order.amount_total is not None

        self._caller.until(paid, "payment")
        revocation.revoke(self._shop, self.order_id, reason="withdrawn", actor=OWNER)
        self.deed.revoked = True

    # ------------------------------------------------------------------ what happens at Stripe

    def refund_at_stripe(self, intent: str, amount: int | None = None) -> str:
        """Refund in the dashboard; the refund's id."""
        part = {} if amount is None else {"amount": amount}
        return str(self._caller.stripe("refunds", payment_intent=intent, **part)["id"])

    def act(self, name: str, subject: str = "", **more: object) -> Any:
        """Have something happen at the sandbox; to the plan, unless it says to what."""
        return self._caller.act(name, subject or self.plan, **more)

    def renew(self, times: int = 1) -> Row:
        """Let so many periods of the plan go by; the newest invoice."""
        for _ in range(times):
            self.pause()
            self.act("renew")
        return self.invoices()[0]

    def pause(self) -> None:
        """Let a second pass."""
        self._caller.pause(_A_SECOND)

    def invoices(self) -> list[Row]:
        """The plan's invoices, the newest first."""
        found: list[Row] = self._caller.stripe(f"invoices?subscription={self.plan}&limit=100")["data"]
        return found

    def intent_of(self, invoice: Row) -> str:
        """By what an invoice was paid."""
        [payment] = self._caller.stripe(f"invoice_payments?invoice={invoice['id']}")["data"]
        return str(payment["payment"]["payment_intent"])

    def tax(self) -> None:
        """Have Stripe tax the plan from now on."""
        self._caller.stripe(f"subscriptions/{self.plan}", automatic_tax__enabled="true")

    def pause_collection(self) -> None:
        """Have Stripe void the plan's invoices from now on."""
        self._caller.stripe(f"subscriptions/{self.plan}", pause_collection__behavior="void")

    def recover(self) -> None:
        """Come back to the page that had expired, and pay there as well."""
        copy = self.act("recover", self.purchase.left)["id"]
        self.act("pay", copy, email=self.purchase.email)

    def pay_invoice(self, invoice: Row) -> None:
        """Pay an open invoice."""
        self._caller.stripe(f"invoices/{invoice['id']}/pay", off_session="true")

    def disputed(self, how: str, intent: str, *then: str) -> None:
        """A bank disputes or asks about a payment, and then decides."""
        dispute = self.act(how, intent)["id"]
        for step in then:
            self.act(step, dispute)


def _of_payment(how: str, *then: str) -> Callable[[Case], None]:
    def befall(case: Case) -> None:
        intent = case.intent or case.intent_of(case.invoices()[0])
        case.disputed(how, intent, *then)

    return befall


def _partly_refunded(case: Case) -> None:
    case.pay_back(amount=_PART)
    if case.purchase.number % 2:
        case.pay_back(amount=_PART + 1)


def _refunded_on_both_sides(case: Case) -> None:
    case.refund_at_stripe(case.intent, _PART)
    case.await_total(_PART, "amount_refunded")
    case.pay_back()


def _refund_failed(case: Case) -> None:
    case.act("refund-fails", case.refund_at_stripe(case.intent))


def _paid_twice_and_back(case: Case) -> None:
    case.recover()
    case.pay_back(payment=case.attention("paid_twice"))


def _renewed(case: Case) -> None:
    case.act("fail-next")
    case.renew()
    case.act("retry")
    case.tax()
    case.renew()


def _dunned(case: Case) -> None:
    case.act("fail-next", times=-1)
    case.renew()
    while case.act("retry")["status"] == "past_due":
        pass


def _reseated(case: Case) -> None:
    case.act("quantity", quantity=case.purchase.items[-1][1] + (2 if case.purchase.number % 2 else 1))
    case.renew()


def _paused(case: Case) -> None:
    case.act("pause")
    case.pause()
    case.act("resume")
    if case.purchase.number % 2:
        case.act("pause")


def _canceled_later(case: Case) -> None:
    case.act("cancel-later")
    case.renew()


def _collection_paused(case: Case) -> None:
    case.pause_collection()
    case.renew()


def _paid_after_end(case: Case) -> None:
    case.act("fail-next")
    invoice = case.renew()
    case.act("cancel")
    case.pause()
    case.pay_invoice(invoice)
    if case.purchase.number % 2:
        case.pay_back(payment=case.attention("paid_after_end"))


def _first_period_refunded(case: Case) -> None:
    first = case.invoices()[0]
    case.renew()
    case.refund_at_stripe(case.intent_of(first))


def _spread_refund(case: Case) -> None:
    newest = case.renew(2)
    case.await_total(sum(invoice["amount_paid"] for invoice in case.invoices()))
    case.pay_back(amount=newest["amount_paid"] + _PART)


def _renewal_disputed(case: Case) -> None:
    verdict = ((), ("win",), ("lose",))[case.purchase.number % 3]
    case.disputed("dispute", case.intent_of(case.renew()), *verdict)


def _kept(case: Case) -> None:
    case.deed.plan_kept = True
    case.pay_back(end_subscription=False)


FATES: Mapping[Fate, Callable[[Case], None]] = {
    Fate.REFUNDED: lambda case: case.pay_back(),
    Fate.PARTLY_REFUNDED: _partly_refunded,
    Fate.LINE_REFUNDED: lambda case: case.take_line(None),
    Fate.LINE_TAKEN_BACK: lambda case: case.take_line(_PART),
    Fate.REFUNDED_AT_STRIPE: lambda case: case.refund_at_stripe(case.intent),
    Fate.REFUNDED_ON_BOTH_SIDES: _refunded_on_both_sides,
    Fate.REFUND_FAILED: _refund_failed,
    Fate.DISPUTED: _of_payment("dispute"),
    Fate.DISPUTE_WON: _of_payment("dispute", "win"),
    Fate.DISPUTE_LOST: _of_payment("dispute", "lose"),
    Fate.INQUIRED: _of_payment("inquire", "close-inquiry"),
    Fate.ESCALATED: _of_payment("inquire", "escalate"),
    Fate.PAID_TWICE: Case.recover,
    Fate.PAID_TWICE_AND_BACK: _paid_twice_and_back,
    Fate.REVOKED: Case.revoke,
    Fate.RENEWED: _renewed,
    Fate.DUNNED: _dunned,
    Fate.RESEATED: _reseated,
    Fate.PAUSED: _paused,
    Fate.COLLECTION_PAUSED: _collection_paused,
    Fate.CANCELED: lambda case: case.act("cancel"),
    Fate.CANCELED_LATER: _canceled_later,
    Fate.PAID_AFTER_END: _paid_after_end,
    Fate.RENEWAL_REFUNDED: lambda case: case.pay_back(payment=case.renew()["id"]),
    Fate.FIRST_PERIOD_REFUNDED: _first_period_refunded,
    Fate.SPREAD_REFUND: _spread_refund,
    Fate.RENEWAL_DISPUTED: _renewal_disputed,
    Fate.KEPT: _kept,
}
