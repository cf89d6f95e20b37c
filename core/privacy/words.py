"""Words: what the staff wrote about somebody elsewhere than in notes: why access was ended, an order given, an item set aside. And
what buyers wrote themselves when they ended a plan."""

from sqlmodel import Session, col, or_, select, update

from core.events.inbox import StripeEvent
from core.journeys.given_orders import GivenOrder
from core.orders.disputes import Dispute
from core.orders.history import FulfillmentLog
from core.orders.orders import Order, OrderLine
from core.orders.refunds import Refund
from core.orders.subscriptions import Subscription
from core.owner.needs.set_aside import SetAside
from core.people.audit import AuditEntry
from core.people.staff import Action
from core.privacy.persons import Person
from core.rights.withdrawals import Withdrawal

# What an entry of the audit log says before somebody's own words.
_COLON = ": "


def forget(session: Session, person: Person) -> None:
    """That it was done, by whom and when, stays."""
    plans = update(Subscription).where(col(Subscription.order_id).in_(person.order_ids))
    session.exec(plans.values(end_comment=""))
    of_lines = update(OrderLine).where(col(OrderLine.order_id).in_(person.order_ids))
    session.exec(of_lines.values(taken_back_reason=""))
    access = or_(
        col(FulfillmentLog.event).startswith("taken_back:"), col(FulfillmentLog.event).startswith("given_back:")
    )
    of_history = update(FulfillmentLog).where(col(FulfillmentLog.order_id).in_(person.order_ids), access)
    session.exec(of_history.values(detail=""))
    given = update(GivenOrder).where(col(GivenOrder.order_id).in_(person.order_ids))
    session.exec(given.values(reason=""))
    subjects = _subjects(session, person)
    for row in session.exec(select(SetAside).where(SetAside.note != "")):
        if row.item.partition(":")[2] in subjects:
            row.note = ""
    taken = col(AuditEntry.action).in_((Action.TAKE_BACK, Action.GIVE_BACK)) & col(AuditEntry.subject).in_(subjects)
    for entry in session.exec(select(AuditEntry).where(or_(taken, col(AuditEntry.action) == Action.SET_ASIDE))):
        if entry.subject in subjects or entry.subject.partition(":")[2] in subjects:
            entry.detail = entry.detail.partition(_COLON)[0]
    session.flush()


def _subjects(session: Session, person: Person) -> set[str]:
    """By what their orders, and what belongs to these, are named where something of it needs a person."""
    found = set(person.order_ids)
    found.update(session.exec(select(Order.number).where(col(Order.id).in_(person.order_ids))))
    for table in (Refund, Dispute, Subscription, Withdrawal, StripeEvent):
        found.update(session.exec(select(table.id).where(col(table.order_id).in_(person.order_ids))))
    found.update(session.exec(select(Withdrawal.id).where(col(Withdrawal.folded).in_(person.folded))))
    return found
