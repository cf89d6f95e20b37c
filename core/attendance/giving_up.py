"""Giving places up: the place is free at once and what goes back of its price is a job, so that a click waits for no bank."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core import fulfillment
from core.attendance import tickets
from core.foundation import masking
from core.foundation.currencies import step_of
from core.foundation.database import repeatable
from core.foundation.errors import (
    Fixed,
    MadeUp,
    NothingLeft,
    NothingToRefund,
    OtherMode,
    PlaceFixed,
    RefundTooBig,
    StripeRefused,
)
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import new_id
from core.journeys import payment_contents, refund
from core.kinds import workshops
from core.kinds.places import attendees, line_places, owed_letters
from core.kinds.places.attendees import Attendee
from core.kinds.places.cancellations import MoneyBack, PlaceCancellation
from core.kinds.places.owed_letters import Topic
from core.orders import history, ledger, orders
from core.orders.orders import Order, OrderLine
from core.shop import Shop

_FULL = 100


@repeatable
def cancel(shop: Shop, token: str, *, signed_in: str) -> None:
    """Give up a place as its product's terms allow, with its holder's or buyer's address `signed_in`.

    Raises LinkInvalid or PlaceFixed.
    """
    now = shop.now()
    with shop.transaction() as session:
        order = orders.lock(session, attendees.order_of(session, token, signing_key=shop.signing_key))
        assert order is not None
        row = attendees.by_token(session, token, signing_key=shop.signing_key)
        workshops.lock(session, [row.date_id], now=now)
        row = attendees.by_token(session, token, signing_key=shop.signing_key, lock=True)
        found = tickets.place(session, row, livemode=shop.settings.livemode)
        by_buyer = tickets.is_buyer(session, order, signed_in)
        if why := found.not_given_up(now, by_buyer=by_buyer):
            raise PlaceFixed(why)
        if not tickets.is_holder(session, found, signed_in):
            raise PlaceFixed(Fixed.HOLDER)
        cancel_rows(session, found.line, [found.row], percent=found.terms.percent, by="buyer", now=now)


def cancel_rows(
    session: Session, line: OrderLine, rows: Sequence[Attendee], *, percent: int, by: str, whole_date: bool = False,
    now: datetime,
) -> PlaceCancellation:  # fmt: skip
    """Cancel these places of one line, which are on one date; owe its attendees a letter, and the refund of so many per cent.

    Order and date must be locked. What is canceled with its whole date frees nothing for anybody.
    """
    order, date_id = session.get_one(Order, line.order_id), rows[0].date_id
    # What was given, or had for nothing: nobody is told that something goes back.
    owes = percent > 0 and line.unit_amount * line.quantity > line.amount_discount
    canceled = PlaceCancellation(
        id=new_id("ca"), order_id=line.order_id, order_line_id=line.id, date_id=date_id, places=len(rows),
        percent=percent, money=MoneyBack.QUEUED if owes else MoneyBack.NONE, by=by, whole_date=whole_date,
        created_at=now,
    )  # fmt: skip
    session.add(canceled)
    session.flush()
    for row in rows:
        row.canceled_at, row.cancellation_id = now, canceled.id
    line_places.let_go(session, rows)
    attendees.changed(session, rows)
    for row in rows:
        owed_letters.owe(session, row, Topic.CANCELED, canceled.id, to=row.email or order.email)
    if owes:
        outbox.owe(session, Job.PLACE_REFUND, canceled.id, key=canceled.id)
    told = f"places_canceled:{canceled.id}"
    history.note(session, line.order_id, told, actor=by, detail=f"{len(rows)} of {line.quantity}, {line.name}", now=now)
    return canceled


def pay_back(shop: Shop, cancellation_id: str) -> None:
    """Ask for the refund that a cancellation owes, once, however often this is called. Of what a bank has yet to decide about,
    nothing can go back before: it stays queued, and is owed anew with the decision.

    Raises StripeUnreachable or StripeKeyRefused, after which it may be called again.
    """
    with shop.reading() as session:
        row = session.get(PlaceCancellation, cancellation_id)
    if row is None or row.money is not MoneyBack.QUEUED:
        return
    # A discount may have been on one line alone: what its places cost is known only then.
    payment_contents.learn_all_of(shop, row.order_id)
    with shop.reading() as session:
        owed = _owed(session, row)
    money, error = MoneyBack.DONE, ""
    try:
        if owed.amount == 0:
            raise NothingToRefund(order_id=row.order_id, why=NothingLeft.FREE)
        refund.request(
            shop, row.order_id, owed.amount, reason="requested_by_customer", actor=row.by, lines=(owed.line,),
            payment=owed.payment, key=row.id,
        )  # fmt: skip
    except NothingToRefund:
        if _awaits_bank(shop, row.order_id):
            return
        money = MoneyBack.NONE  # it cost nothing, or all of it went back already, or a bank has taken it
    except (StripeRefused, OtherMode, MadeUp, RefundTooBig) as refusal:
        money, error = MoneyBack.REFUSED, masking.described(refusal)
    with shop.transaction() as session:
        orders.lock(session, row.order_id)
        kept = session.get_one(PlaceCancellation, row.id, with_for_update=True)
        kept.money, kept.error, kept.done_at = money, error, shop.now()
        session.flush()
        if money is MoneyBack.REFUSED:
            fulfillment.resettle(session, row.order_id, actor=row.by, now=shop.now())  # a person is to know


def _awaits_bank(shop: Shop, order_id: str) -> bool:
    with shop.reading() as session:
        return ledger.read(session, session.get_one(Order, order_id)).is_disputed


@dataclass(frozen=True)
class _Owed:
    """What goes back of which payment and line, counted from 1: with None as amount, all that is left of it."""

    line: int
    payment: str = ""
    amount: int | None = 0


def _owed(session: Session, row: PlaceCancellation) -> _Owed:
    """What a cancellation comes to. Of an order that was paid twice what was paid by mistake is no price of a place."""
    order = session.get_one(Order, row.order_id)
    book = ledger.read(session, order)
    book.lines = orders.lines(session, order.id)
    book.attribute()
    line = next(each for each in book.lines if each.id == row.order_line_id)
    twice, rows = book.to_pay_back, attendees.of_line(session, line.id)
    standing = [each for each in book.payments if each not in twice and not book.is_gone(each)]
    payment = next((each for each in standing if book.share(each, line) > 0), None)
    if payment is None:
        return _Owed(line.position + 1)
    if row.percent == _FULL and _all_in_full(session, rows):
        return _Owed(line.position + 1, payment.id, None)
    paid, number = book.share(payment, line), len(rows)
    mine = attendees.of_cancellation(session, row)
    # Each place costs the same but for what cannot be divided: together they cost what was paid.
    cost = sum(paid * (each.place + 1) // number - paid * each.place // number for each in mine)
    due, step = cost * row.percent // _FULL, step_of(order.currency)
    return _Owed(line.position + 1, payment.id, due // step * step)


def _all_in_full(session: Session, rows: Sequence[Attendee]) -> bool:
    ids = {each.cancellation_id for each in rows}
    if None in ids:
        return False
    found = session.exec(select(PlaceCancellation.percent).where(col(PlaceCancellation.id).in_(ids))).all()
    return all(percent == _FULL for percent in found)
