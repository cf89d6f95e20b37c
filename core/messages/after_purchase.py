"""After the purchase: what letters say of money that went back, of a plan's renewal and end, and of access that was closed or
opened again, as things stand when they are written."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, select

from core.foundation.errors import StripeTrouble
from core.foundation.jobs import outbox
from core.foundation.money import Money
from core.foundation.settings import Settings
from core.kinds import deliverables
from core.kinds.deliverables import BilledPlan
from core.kinds.grants import Grant
from core.messages import place_letters
from core.messages.calendar_entries import Method
from core.orders import refunds
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import GrantState
from core.orders.subscriptions import Subscription
from core.people import purchases
from core.people.receipts import order_links
from core.rights import reminders
from core.rights.reminders import About
from core.shop import Shop

# Banks show it after five to ten of them.
_WORKING_DAYS = 10
_SATURDAY = 5


@dataclass(frozen=True)
class Access:
    """What the buyer may do with one thing that was bought; `ever` if it could be used at all."""

    name: str
    state: GrantState
    ever: bool = True


@dataclass(frozen=True)
class RefundLetter:
    """What the letter about money that went back needs: `amount` now, and with all before it `returned` of what was `paid`.

    The bank shows it by `expected_on`; `asks_for_account` if Stripe has to ask the buyer first where it is to go. `calendars` are
    the workshops that its reader had a place in, for their calendar to forget.
    """

    email: str
    number: str
    amount: Money
    returned: Money
    paid: Money
    expected_on: date
    asks_for_account: bool
    access: tuple[Access, ...]
    library_url: str
    calendars: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlanLetter:
    """What a letter about a plan needs. `day` is when it ends, has ended, or closes unless its renewal is paid.

    `owed` is what the renewal costs, None where Stripe did not say, and `pay_url` Stripe's own page to pay it, if it has one;
    `listed` if that is the price alone, of which nobody knows what is taken off and added.
    `why` is Stripe's word for what ended it, `closed` if nothing of it is open any more. `goes_on` if its buyer pays for the same
    by another subscription, which keeps it open.
    """

    email: str
    number: str
    plans: tuple[str, ...]
    day: date | None
    owed: Money | None
    pay_url: str
    why: str
    closed: bool
    library_url: str
    goes_on: bool = False
    listed: bool = False


@dataclass(frozen=True)
class RenewedLetter:
    """What the letter about a renewal that was paid needs. `amount` is what was paid, `tax` what of it is tax, None where nobody
    taxed it or that is not known.

    `until` is the day until which the plan is paid for, None where that is not known: it `renews` then, or `ends`, or neither is
    certain. `receipt_url` opens the receipt of this payment after a click.
    """

    email: str
    number: str
    plans: tuple[str, ...]
    amount: Money
    tax: Money | None
    paid_on: date
    until: date | None
    renews: bool
    ends: bool
    receipt_url: str
    library_url: str


@dataclass(frozen=True)
class AccessLetter:
    """What the letter needs to somebody for whom the shop closed something, or opened it again. `calendars` are the workshops among
    that, for their calendar to forget or to take in."""

    email: str
    number: str
    names: tuple[str, ...]
    opened: bool
    library_url: str
    order_url: str = ""
    calendars: tuple[str, ...] = ()


def about_refund(shop: Shop, order_id: str, request: str) -> RefundLetter | None:
    """What to write about the refunds that were asked for at once, or about one made at Stripe. None if none of it is gone (any
    more), or if it was for what could never be delivered alone: another letter tells of that."""
    calendars = place_letters.calendars_of(shop, order_id, Method.CANCEL)
    with shop.reading() as session:
        rows = [row for row in refunds.of_order(session, order_id) if request in (row.request, row.id)]
        gone = refunds.gone_ones(rows)
        access = of_lines(session, order_id)
        if not gone or _is_for_what_never_came(session, order_id, gone):
            return None
        order = session.get_one(Order, order_id)
        amount = Money(sum(row.amount for row in gone), order.currency)
        return RefundLetter(
            email=order.email, number=order.number, amount=amount,
            returned=Money(order.amount_refunded, order.currency),
            paid=Money(order.amount_total or 0, order.currency),
            expected_on=expected_on(shop.settings, max(row.created_at for row in gone)),
            asks_for_account=any(row.status is RefundStatus.REQUIRES_ACTION for row in gone),
            access=access, library_url=order_links.library_link(shop, order_id, order.email), calendars=calendars,
        )  # fmt: skip


def of_lines(session: Session, order_id: str) -> tuple[Access, ...]:
    """What the buyer may do with each thing of the order, by the name it was bought under."""
    return tuple(
        Access(line.name, grant.state, grant.granted_at is not None) for line, grant in _granted(session, order_id)
    )


def positions(session: Session, order_id: str, line_ids: Collection[str] | None) -> set[int]:
    """Which of the order's things these lines are, counted from 1; all of them for None."""
    granted = _granted(session, order_id)
    return {place for place, (line, _) in enumerate(granted, 1) if line_ids is None or line.id in line_ids}


def expected_on(settings: Settings, sent_back: datetime) -> date:
    """The shop's day by which a bank shows money that was sent back then."""
    day, left = sent_back.astimezone(settings.zone).date(), _WORKING_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < _SATURDAY
    return day


def about_renewal(shop: Shop, order_id: str, subscription_id: str, since: str) -> PlanLetter | None:
    """What to write about a renewal that is owed since then, or None if it was paid, given up or ended meanwhile."""
    with shop.reading() as session:
        row = session.get_one(Subscription, subscription_id)
        if row.is_over or row.unpaid_since is None or outbox.stamp(row.unpaid_since) != since:
            return None
        owed = Money(row.unpaid_amount, row.currency) if row.unpaid_amount else None
        closes = row.access_until if row.access_until and row.access_until > shop.now() else None
        return _about_plan(session, shop, row, day=closes, owed=owed, pay_url=row.payment_url)


def about_renewed(shop: Shop, order_id: str, payment_id: str) -> RenewedLetter | None:
    """What to write about this payment for a further period of a plan; None if it went back by now, or turned out to have come
    after the plan's end: other letters tell of that."""
    with shop.reading() as session:
        payment = session.get_one(Payment, payment_id)
        row = session.get_one(Subscription, payment.stripe_subscription_id)
        if payment.amount_refunded >= payment.amount or (row.ended_at and payment.paid_at > row.ended_at):
            return None
        order, zone = session.get_one(Order, order_id), shop.settings.zone
        until = row.paid_until if row.paid_until and row.paid_until > payment.paid_at and not row.is_over else None
        return RenewedLetter(
            email=order.email, number=order.number,
            plans=tuple(each.name for each in deliverables.plans_of(session, order_id, row.id)),
            amount=Money(payment.amount, payment.currency), tax=_tax_of(payment),
            paid_on=payment.paid_at.astimezone(zone).date(), until=until.astimezone(zone).date() if until else None,
            renews=bool(until) and row.bills_on and row.period_end == until, ends=bool(until) and row.ends_at == until,
            receipt_url=order_links.link(shop, order_id, order.email, to=payment.id),
            library_url=order_links.library_link(shop, order_id, order.email),
        )  # fmt: skip


def _tax_of(payment: Payment) -> Money | None:
    """The tax in what was paid. Of an invoice that was paid in part by a credit, nobody says how much of the rest is tax."""
    known = payment.amount_tax and payment.amount == payment.billed
    return Money(payment.amount_tax, payment.currency) if known else None


def about_reminder(
    shop: Shop, order_id: str, subscription_id: str, about: About, at: str, changed_at: str = ""
) -> PlanLetter | None:
    """What to write before a plan renews, or its trial ends, at this moment; None if it does not any more, or has, or if it was
    cancelled, paused or moved after `changed_at`, when that was last seen to change: where it comes all the same another letter
    tells of it."""
    with shop.reading() as session:
        row = _coming(session, shop, subscription_id, about, at, changed_at)
    if row is None:
        return None
    charged = None if _changes_by_then(row, about) else _next_bill(shop, subscription_id)
    with shop.reading() as session:
        row = _coming(session, shop, subscription_id, about, at, changed_at)
        if row is None:
            return None
        comes = _comes_at(row, about)
        billed = row.billed_at(comes) if charged is None and comes else charged
        letter = _about_plan(
            session, shop, row, day=comes, owed=None if billed is None else Money(billed, row.currency)
        )  # fmt: skip
    return replace(letter, listed=charged is None and billed is not None)


def _coming(
    session: Session, shop: Shop, subscription_id: str, about: About, at: str, changed_at: str
) -> Subscription | None:
    """The plan, if what was to be told of it comes as it was then."""
    row = session.get_one(Subscription, subscription_id)
    comes, tried = _comes_at(row, about), row.status == "trialing"
    if comes is None or outbox.stamp(comes) != at or comes <= shop.now() or not row.bills_at(comes):
        return None
    # Of one that a version of before has owed it is not known.
    if tried is not (about is About.TRIAL_END) or changed_at not in ("", reminders.end_of(row.changed_at)):
        return None
    return row


def _comes_at(row: Subscription, about: About) -> datetime | None:
    return row.period_end if about is About.RENEWAL else row.trial_end


def _changes_by_then(row: Subscription, about: About) -> bool:
    """Whether a schedule of Stripe's makes something else of it: what Stripe foresees is of the plan as it is."""
    comes = _comes_at(row, about)
    return row.changes_at is not None and comes is not None and row.changes_at <= comes


def _next_bill(shop: Shop, subscription_id: str) -> int | None:
    """What Stripe will charge next for a plan, in minor units; None where it does not say. The letter has to go in time."""
    try:
        return shop.stripe.next_bill(subscription_id)
    except StripeTrouble:
        return None


def about_ending(
    shop: Shop, order_id: str, subscription_id: str, ends_at: str, changed_at: str = ""
) -> PlanLetter | None:
    """What to write about a plan that was told to end then, as it was seen to be `changed_at` last, or None if that was taken back
    or changed again, or has come."""
    with shop.reading() as session:
        row = session.get_one(Subscription, subscription_id)
        if row.is_over or row.ends_at is None or outbox.stamp(row.ends_at) != ends_at:
            return None
        if row.end_changed_at and outbox.stamp(row.end_changed_at) != changed_at:
            return None
        return _about_plan(session, shop, row, day=row.ends_at)


def about_end(shop: Shop, order_id: str, subscription_id: str) -> PlanLetter:
    """What to write about a plan that has ended."""
    with shop.reading() as session:
        row = session.get_one(Subscription, subscription_id)
        return _about_plan(session, shop, row, day=row.ended_at, why=row.end_reason)


def about_access(shop: Shop, order_id: str, done: str, lines: Collection[int]) -> AccessLetter | None:
    """What to write about these lines (counted from 1), which the shop has "taken_back" or "given_back", or None if that is no
    longer so of any of them."""
    method = Method.REQUEST if done == "given_back" else Method.CANCEL
    calendars = place_letters.calendars_of(shop, order_id, method, lines=lines)
    with shop.reading() as session:
        opened = done == "given_back"
        state = GrantState.ACTIVE if opened else GrantState.REVOKED
        names = tuple(
            line.name
            for line, grant in _granted(session, order_id)
            if line.position + 1 in lines and grant.state is state and bool(line.taken_back_at) is not opened
        )
        order = session.get_one(Order, order_id)
        if not names:
            return None
        library = order_links.library_link(shop, order_id, order.email)
        opens = order_links.link(shop, order_id, order.email)
        return AccessLetter(order.email, order.number, names, opened, library, opens, calendars)


def _about_plan(
    session: Session, shop: Shop, row: Subscription, *, day: datetime | None, owed: Money | None = None, pay_url: str = "",
    why: str = "",
) -> PlanLetter:  # fmt: skip
    order = session.get_one(Order, row.order_id)
    plans = deliverables.plans_of(session, order.id, row.id)
    return PlanLetter(
        email=order.email, number=order.number, plans=tuple(each.name for each in plans),
        day=day.astimezone(shop.settings.zone).date() if day else None, owed=owed, pay_url=pay_url, why=why,
        closed=all(each.state is GrantState.REVOKED for each in plans),
        library_url=order_links.library_link(shop, order.id, order.email), goes_on=goes_on(session, row, plans),
    )  # fmt: skip


def goes_on(session: Session, row: Subscription, plans: Sequence[BilledPlan]) -> bool:
    """Whether each of these plans is paid for by another subscription of its buyer as well, and goes on by that."""
    found = purchases.own_plans(session, {each.line_id: row.order_id for each in plans})
    return bool(plans) and all(
        each.state is GrantState.ACTIVE and any(_lasts(by.row) for by in found[each.line_id] if by.row.id != row.id)
        for each in plans
    )


def _lasts(row: Subscription) -> bool:
    return row.fetched_at is not None and row.bills_on and row.unpaid_since is None


def _is_for_what_never_came(session: Session, order_id: str, gone: Collection[Refund]) -> bool:
    access = of_lines(session, order_id)
    never = {line for line, each in enumerate(access, 1) if not each.ever and each.state is GrantState.REVOKED}
    named = {line for row in gone for line in row.lines} if all(row.lines for row in gone) else None
    concerned = positions(session, order_id, named)
    return bool(concerned) and concerned <= never


def _granted(session: Session, order_id: str) -> list[tuple[OrderLine, Grant]]:
    query = select(OrderLine, Grant).join(Grant, col(Grant.order_line_id) == OrderLine.id)
    return list(session.exec(query.where(OrderLine.order_id == order_id).order_by(col(OrderLine.position))).all())
