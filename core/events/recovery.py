"""Recovery: what was paid, refunded and disputed after the backup that was put back, asked for at Stripe, however long ago.

Stripe lists events for a month; Sessions, refunds, disputes and invoices it lists for ever. An order that the database does not
have is written again from its Session. What cannot be is tried anew from time to time, until it can or its money went back.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlmodel import Session

from core.admission import Refused
from core.events import inbox, questions
from core.events.attempts import Pass
from core.foundation.errors import CheckoutNotFound
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.gateway.objects import id_of, moment
from core.gateway.sessions import SessionFacts, read_session
from core.journeys import ownership
from core.journeys.checkout_sessions import lost_orders
from core.orders import setbacks, subscriptions
from core.shop import Shop

# A Session is open for a day at most: one that was opened before the backup may have been paid after it.
_OPEN_FOR = timedelta(days=1)

# Under this name it rests, should some of it fail.
_ALL = "Stripe since the backup"
PAID_BACK = "an order that is not here, and whose money went back"

_Question = tuple[str, Callable[[], bool]]


def look_from(session: Session, since: datetime) -> None:
    """Let the next pass ask for all of it since then, as after a backup of that moment."""
    milestones.record(session, Name.RESTORED, at=since)
    milestones.forget(session, Name.RECOVERED)


def ask_since_backup(run: Pass) -> None:
    """Once a backup was put back, and until it went through: ask for all that was completed, refunded and disputed since."""
    with run.shop.reading() as session:
        restored, recovered = milestones.last_of(session, (Name.RESTORED, Name.RECOVERED))
        rests = setbacks.by_subject(session).get(_ALL) if restored else None
    if restored is None or (recovered is not None and recovered.at > restored.at):
        return
    if rests and rests > run.shop.now():
        return
    started, failed = run.shop.now(), len(run.report.failed)
    found: list[_Question] = []
    run.ask(_ALL, partial(_listed, run.shop, restored.at, found))
    for subject, question in found:
        run.ask(subject, question)
    # Only now all plans are known that were begun since.
    for subscription in _plans(run.shop):
        run.ask(subscription, partial(_invoices_of, run.shop, subscription, restored.at))
    if run.report.stopped:
        return
    with run.shop.transaction() as session:
        if len(run.report.failed) > failed:
            # Asked for again in a while, all of it: that changes nothing of what is known by then.
            setbacks.note(session, _ALL, run.report.failed[-1][1], order_id=None, now=started)
            return
        setbacks.clear(session, _ALL)
        subscriptions.refresh_all(session, now=started)
        milestones.record(session, Name.RECOVERED, at=started)


def _listed(shop: Shop, since: datetime, found: list[_Question]) -> bool:
    """What is to be asked about, the oldest first: Sessions before what became of their money."""
    listed = map(read_session, shop.stripe.checkouts_completed(since=since - _OPEN_FOR))
    ours = [facts for facts in listed if facts.shop_id == shop.id]
    found += [(facts.id, partial(_taken_in, shop, facts)) for facts in reversed(ours)]
    charges = [id_of(each.get("charge")) for each in shop.stripe.refunds_made(since=since)]
    found += [(each, partial(_refunds_of, shop, each)) for each in dict.fromkeys(reversed(charges)) if each]
    raised = reversed(list(shop.stripe.disputes_raised(since=since)))
    found += [(each["id"], partial(_dispute, shop, each)) for each in raised]
    return False


def _taken_in(shop: Shop, facts: SessionFacts) -> bool:
    taken = ownership.take_in(shop, facts, actor="worker")
    return not isinstance(taken, Refused) and taken.fulfilled_now


def _plans(shop: Shop) -> list[str]:
    with shop.reading() as session:
        return subscriptions.living(session, livemode=shop.settings.livemode)


def _invoices_of(shop: Shop, subscription: str, since: datetime) -> bool:
    """What was paid for a plan since: nothing else leads to what cost nothing, or was settled with a balance."""
    found = reversed(shop.stripe.invoices_of_subscription(subscription))
    taken = [ownership.take_invoice(shop, each) for each in found if _is_paid_since(each, since)]
    return any(taken)


def _is_paid_since(invoice: dict[str, Any], since: datetime) -> bool:
    paid_at = moment((invoice.get("status_transitions") or {}).get("paid_at"))
    return invoice.get("status") == "paid" and paid_at is not None and paid_at >= since


def _refunds_of(shop: Shop, charge: str) -> bool:
    questions.ask(shop, charge)
    return False


def _dispute(shop: Shop, dispute: dict[str, Any]) -> bool:
    questions.take_dispute(shop, dispute)
    return False


def retry_lost(run: Pass) -> None:
    """Try again to write the orders that are lost: what they are of may be in the catalogue by now."""
    now = None if run.everything else run.shop.now()
    with run.shop.reading() as session:
        due = lost_orders.due(session, livemode=run.shop.settings.livemode, now=now)
    for session_id in due:
        run.ask(session_id, partial(_retried, run.shop, session_id), id=session_id)


def _retried(shop: Shop, session_id: str) -> bool:
    try:
        facts = shop.stripe.retrieve_checkout(session_id)
    except CheckoutNotFound:
        return _given_up(shop, session_id)
    if not isinstance(ownership.take_in(shop, facts, actor="worker"), Refused):
        return _found(shop, session_id)
    charge = shop.stripe.find_charge_of(facts.payment_intent) if facts.payment_intent else None
    return bool(charge and charge.get("refunded")) and _given_up(shop, session_id)


def _found(shop: Shop, session_id: str) -> bool:
    with shop.transaction() as session:
        lost_orders.clear(session, session_id)
    return True


def _given_up(shop: Shop, session_id: str) -> bool:
    """Its money went back, or never was: nobody need look for the order any more, nor for whose its events are."""
    with shop.transaction() as session:
        order_id = lost_orders.clear(session, session_id)
        parked = inbox.parked_of(session, order_id) if order_id else []
    for event_id in parked:
        inbox.dismiss(shop, event_id, PAID_BACK)
    return True
