"""Rehearsal: an owner lets happen to a test order what could happen to it, before it is real.

The sandbox is told, and tells the shop by its events as Stripe would: nothing is recorded here. Stripe itself has no such
door: with a test key of the owner's own it is they who do it, to the object that is named here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlmodel import Session

from core.foundation.errors import MadeUp, NotTheDemo, OrderNotFound, StripeRefused
from core.foundation.settings import Settings
from core.gateway import sandbox_acts
from core.orders import disputes, payments, refunds, subscriptions
from core.orders.disputes import Stage
from core.orders.orders import Order
from core.orders.payments import Payment
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


class Turn(StrEnum):
    """What could happen to an order."""

    DISPUTE = "dispute"
    WARN = "warn"
    REFUND = "refund"
    REFUND_FAILS = "refund_fails"
    WIN = "win"
    LOSE = "lose"
    RENEW = "renew"
    RENEWAL_FAILS = "renewal_fails"
    END = "end"


# What the sandbox calls it, one after the other.
_ACTS: Mapping[Turn, tuple[str, ...]] = {
    Turn.DISPUTE: ("dispute",), Turn.WARN: ("warn",), Turn.REFUND: ("refund",), Turn.REFUND_FAILS: ("refund-fails",),
    Turn.WIN: ("win",), Turn.LOSE: ("lose",), Turn.RENEW: ("renew",), Turn.RENEWAL_FAILS: ("fail-next", "renew"),
    Turn.END: ("cancel",),
}  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """What it happens to: an object at Stripe, or a payment whose PaymentIntent only Stripe knows by its invoice."""

    id: str
    invoice: str = ""


def possible(session: Session, settings: Settings, order_id: str) -> dict[Turn, Subject]:
    """What could happen to the order now, and to what of it. Nothing where money is real, and to none that is made up."""
    order = session.get(Order, order_id)
    if order is None or order.from_season or order.livemode or settings.livemode:
        return {}
    found = _subjects(session, order_id)
    return {turn: found[turn] for turn in Turn if turn in found}


def play(shop: Shop, order_id: str, turn: Turn, *, deed: Deed) -> None:
    """Let it happen to the order.

    Raises NotTheDemo, NotPermitted, DoneAlready, OrderNotFound, MadeUp, or StripeRefused and StripeUnreachable from the sandbox.
    """
    with shop.transaction() as session:
        deeds.begin(
            session,
            shop.settings,
            deed,
            Action.REHEARSE,
            subject=order_id,
            detail=turn.replace("_", " "),
            now=shop.now(),
        )
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order=order_id)
        if order.from_season:
            raise MadeUp(order_id=order_id)
        subject = _subjects(session, order_id).get(turn)
        base = shop.settings.stripe_base
        if not shop.settings.demo or base is None:
            raise NotTheDemo
    named = subject and (subject.id or shop.stripe.payment_intent_of_invoice(subject.invoice))
    if not named:
        raise StripeRefused("rehearsal", "This cannot happen to the order as it stands now.")
    for act in _ACTS[turn]:
        sandbox_acts.act(base, act, named)


def _subjects(session: Session, order_id: str) -> dict[Turn, Subject]:
    """To what each thing would happen that can happen to the order as it stands."""
    found: dict[Turn, Subject] = {}
    claims = disputes.of_order(session, order_id)
    if newest := _newest_paid(payments.of_order(session, order_id)):
        subject = Subject(newest.stripe_payment_intent_id or "", newest.stripe_invoice_id or "")
        if not claims and newest.amount_refunded < newest.amount:
            found |= dict.fromkeys((Turn.DISPUTE, Turn.WARN, Turn.REFUND), subject)
    for refund in refunds.gone_ones(refunds.of_order(session, order_id)):
        found[Turn.REFUND_FAILS] = Subject(refund.stripe_refund_id or "")
    for dispute in claims:
        if disputes.stage(dispute) is Stage.DISPUTED:
            found |= dict.fromkeys((Turn.WIN, Turn.LOSE), Subject(dispute.id))
    for plan in subscriptions.of_orders(session, [order_id]):
        if not plan.is_over:
            found |= dict.fromkeys((Turn.RENEW, Turn.RENEWAL_FAILS, Turn.END), Subject(plan.id))
    return found


def _newest_paid(known: Sequence[Payment]) -> Payment | None:
    return next((payment for payment in reversed(known) if payment.amount), None)
