"""Holds: what is still open with a person, for which the shop needs to know them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from core.foundation.errors import Hold
from core.gateway.sessions import CheckoutState
from core.kinds.grants import Grant
from core.kinds.places.attendees import Attendee
from core.kinds.workshops import WorkshopDate
from core.orders import orders
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.status import GrantState, Status
from core.orders.subscription_invoices import OVER
from core.orders.subscriptions import Subscription
from core.privacy.persons import Person
from core.rights.withdrawals import State, Withdrawal


@dataclass(frozen=True)
class Held:
    """One thing that is open, and the number of its order."""

    why: Hold
    number: str


_OPEN = {Status.PROCESSING: Hold.ORDER, Status.PAID: Hold.ORDER, Status.DISPUTED: Hold.DISPUTE}


def of(session: Session, person: Person, *, livemode: bool, now: datetime) -> list[Held]:
    """What is open with them, each once, in the order of their orders. Trials, and what was made up for a demo, are not."""
    asked = (col(Order.id).in_(person.order_ids), *orders.asked_about(livemode=livemode))
    theirs = session.exec(select(Order).where(*asked).order_by(col(Order.created_at), col(Order.id))).all()
    held = [each for order in theirs for each in _of_order(session, order, now=now)]
    return list(dict.fromkeys([*held, *_undecided(session, person)]))


def _undecided(session: Session, person: Person) -> Iterator[Held]:
    """Withdrawals that nobody has decided about: whoever declared them is to be answered."""
    declared = or_(col(Withdrawal.order_id).in_(person.order_ids), col(Withdrawal.folded).in_(person.folded))
    for row in session.exec(select(Withdrawal).where(declared, Withdrawal.state == State.OPEN)):
        yield Held(Hold.WITHDRAWAL, row.reference or row.id)


def _of_order(session: Session, order: Order, *, now: datetime) -> Iterator[Held]:
    if order.status in _OPEN:
        yield Held(_OPEN[order.status], order.number)
    payable = select(Checkout.id).where(Checkout.order_id == order.id, Checkout.state == CheckoutState.OPEN)
    if order.status is Status.PENDING and session.exec(payable).first():
        yield Held(Hold.ORDER, order.number)
    plans = select(Subscription.id).where(Subscription.order_id == order.id, col(Subscription.status).not_in(OVER))
    if session.exec(plans).first():
        yield Held(Hold.PLAN, order.number)
    places = (
        select(Grant.id)
        .join(Attendee, col(Attendee.order_line_id) == Grant.order_line_id)
        .join(WorkshopDate, col(WorkshopDate.id) == Attendee.date_id)
        .where(Grant.order_id == order.id, Grant.state == GrantState.ACTIVE, col(Attendee.holds))
    )
    if session.exec(places.where(col(WorkshopDate.ends_at) > now)).first():
        yield Held(Hold.WORKSHOP, order.number)
