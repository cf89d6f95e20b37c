"""Fulfilment: derive an order's status from its facts, bring its grants to what they allow, and owe each message once.

`settle` is the one function behind the webhook, the return page, the worker and an owner's click, for one order or for
many. It may be called from anywhere, any number of times and at once: the orders' rows are locked, and the result is the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session

from core import announcements, owed_jobs, seating
from core.admission import AdmittedSession
from core.announcements import Before
from core.catalog import promotion_codes, promotion_renewals
from core.catalog.products import Kind
from core.foundation import addresses
from core.foundation.money import Money
from core.foundation.signals import corrections
from core.foundation.telemetry import requests
from core.foundation.writes.flush import changed_in, register_written, tell, update_of
from core.gateway.objects import id_of
from core.gateway.sessions import SessionFacts
from core.kinds import convergence, plan_billing, seats
from core.kinds.convergence import Converged, Task
from core.kinds.grants import Grant
from core.kinds.places import cancellations
from core.kinds.plan_billing import Billing
from core.orders import (
    allocation,
    checkouts,
    disputes,
    ledger,
    orders,
    payment_lines,
    payments,
    refunds,
    subscriptions,
)
from core.orders.checkouts import Checkout
from core.orders.history import Entries
from core.orders.ledger import Ledger
from core.orders.orders import AdmittedOrder, Order
from core.orders.payments import FIRST_OF_PLAN, Payment, PaymentFacts
from core.orders.status import GrantState, Progress, Status, handed_of, status_of
from core.owed_jobs import Due
from core.people import customers
from core.people.customers import How


@dataclass(frozen=True)
class Settled:
    """What settling found: the order's status, and whether this very call was the one that fulfilled it."""

    order_id: str
    status: Status
    fulfilled_now: bool


@dataclass(frozen=True)
class Case:
    """An order to settle, and who is behind it. The order must be locked, and `ledger` holds what was learned of it. What is
    owed by it belongs to the `request`, as `requests.carried` says it."""

    order: Order
    ledger: Ledger
    actor: str
    request: str = field(default_factory=requests.carried)


def read_ahead(session: Session, order_ids: Collection[str], addresses: Collection[str]) -> None:
    """Have what it takes to settle these orders, which are paid for from these addresses, read with whatever the database is
    asked next. They must be locked by that."""
    convergence.read_ahead(session, order_ids)
    customers.look_up_ahead(session, addresses)


def settle(session: Session, cases: Sequence[Case], *, now: datetime) -> list[Settled]:
    """Derive and converge each of these orders, each once. What is read and written, is so for all of them at once."""
    earlier = [announcements.before(case.order) for case in cases]
    _attribute(session, [case.ledger for case in cases])
    tasks = [_begun(case, now=now) for case in cases]
    found = convergence.converge(session, tasks, now=now)
    billing = [_summed_up(session, task) for task in tasks]
    _adopt(session, tasks, now=now)
    of_programs = {task.order.customer_id for task in tasks if task.order.seller_reference and task.order.customer_id}
    known_as = customers.references_of(session, of_programs)
    first: list[Order] = []
    settled = []
    for case, task, converged, worries, before in zip(cases, tasks, found, billing, earlier, strict=True):
        with requests.taken_up(case.request):
            settled.append(_settled(session, task, converged, worries, before, known_as, first, now=now))
    _write(session, first, now=now)
    return settled


def _attribute(session: Session, books: Sequence[Ledger]) -> None:
    """Say of refunds and disputes which payments they are about. Few name a PaymentIntent that paid a part alone."""
    for book in books:
        book.attribute()
    if unknown := {name for book in books for name in book.unattributed}:
        parts = payments.with_parts(session, unknown)
        for book in books:
            book.attribute(parts)


def _begun(case: Case, *, now: datetime) -> Task:
    order, ledger, paid = case.order, case.ledger, case.ledger.paid
    log = Entries(order.id, case.actor, now, paid.stripe_checkout_session_id if paid else None)
    if paid:
        log.add("paid")
    elif ledger.progress is Progress.FAILED:
        # Most buyers give their address on Stripe's page only, and they are to be told.
        fitting = (row.email for row in reversed(ledger.checkouts) if ledger.fits(row))
        order.email = order.email or next(filter(None, fitting), "")
    return Task(order, ledger, log)


def _settled(
    session: Session,
    task: Task,
    found: Converged,
    billing: Billing,
    before: Before,
    known_as: Mapping[str, str | None],
    first: list[Order],
    *,
    now: datetime,
) -> Settled:
    """Say on the order what its facts come to, and owe what follows. `known_as` is by which id the seller's programs know its
    customer, by customer. Who is fulfilled by that joins `first`."""
    order, ledger, grants = task.order, task.ledger, found.grants
    plan_alone = all(grant.kind is Kind.PLAN for grant in grants)
    states = [grant.state for grant in grants]
    status = status_of(ledger.facts(states, plan_alone=plan_alone))
    order.handed = handed_of(states)
    trouble = ledger.trouble or _blocked(grants)
    worries = [
        *_second_thoughts(ledger), *_unpaid_places(session, order, ledger, grants), *_unreferred(order, known_as),
        *billing.worries,
    ]  # fmt: skip
    order.attention = "\n".join(filter(None, [trouble, *worries]))
    if status is not order.status:
        order.status, order.updated_at = status, now
    fulfilled_now = found.delivered and order.fulfilled_at is None
    if fulfilled_now:
        first.append(order)
    _note(task.log, order, status, ledger, fulfilled_now)
    task.log.write(session)
    due = Due(order, ledger, found, billing, trouble, fulfilled_now)
    owed_jobs.owe(session, due, now=now)
    seating.follow(session, order, grants, now=now)
    announcements.settled(session, order, ledger, grants, before, now=now)
    return Settled(order.id, status, fulfilled_now)


def apply(session: Session, admitted: AdmittedSession, *, actor: str, now: datetime) -> Settled:
    """Record what a Session of ours said of itself and settle its order."""
    record_session(session, admitted, now=now)
    [settled] = settle(session, [Case(admitted.order, admitted.book, actor)], now=now)
    return settled


def record_session(session: Session, admitted: AdmittedSession, *, now: datetime) -> Checkout:
    """Record what a Session of ours said of itself, in the ledger of its order as well; return its row."""
    order, book = admitted.order, admitted.book
    row = checkouts.record(session, book.checkouts, admitted.attempt, admitted.facts, now=now)
    book.hear()
    if admitted.facts.is_paid:
        facts = payments.read_paid_session(admitted.facts, now=now)
        # Money that was not what was ordered is for none of its lines, whatever Stripe says of them.
        plain = facts.amount == facts.amount_subtotal and not facts.amount_discount and not facts.amount_tax
        # At which rate it was taxed, and by which invoice it was billed, only Stripe's lists say.
        plain = plain and not checkouts.is_taxed(row) and not checkouts.is_invoiced(row)
        known = plain or facts.amount == facts.amount_tax == 0 or not book.fits(row)
        payments.record(session, admitted.order_id, book.payments, facts, lines_known=known)
        _note_promotion(session, order, admitted.facts, now=now)
    if admitted.facts.subscription:
        order.eventful = True
        subscriptions.expect(session, order.id, admitted.facts.subscription, now=now)
    return row


def _note_promotion(session: Session, order: Order, facts: SessionFacts, *, now: datetime) -> None:
    """Count the code that this payment was made with, if any."""
    if facts.promotion_code:
        promotion_codes.note_use(
            session, facts.promotion_code, checkout=facts.id, order_id=order.id,
            off=Money(facts.amount_discount, facts.currency), livemode=facts.livemode, now=now,
        )  # fmt: skip


def receive(session: Session, order_id: AdmittedOrder, facts: PaymentFacts, *, actor: str, now: datetime) -> Settled:
    """Record money that came in by an invoice, and settle its order."""
    order, book = ledger.lock(session, [order_id], eventful=True)[order_id]
    record_payment(session, order_id, book, facts)
    [settled] = settle(session, [Case(order, book, actor)], now=now)
    return settled


def record_payment(session: Session, order_id: AdmittedOrder, book: Ledger, facts: PaymentFacts) -> None:
    """Record money that came in by an invoice, in the ledger of its order as well."""
    payment = payments.record(session, order_id, book.payments, facts, lines_known=False)
    if facts.credited:
        noted = payments.credited_before(facts, of=payment)
        payments.record(session, order_id, book.payments, noted, lines_known=True)
    if facts.discounts and facts.billing_reason != FIRST_OF_PLAN:
        order = session.get_one(Order, order_id)
        off = {name: Money(amount, facts.currency) for name, amount in facts.discounts.items()}
        promotion_renewals.note_payment(
            session, payment.id, off, order_id=order_id, livemode=order.livemode, now=facts.paid_at
        )  # fmt: skip
    first_taxed = facts.billing_reason == FIRST_OF_PLAN and any(map(checkouts.is_taxed, book.checkouts))
    # Of the first payment the worker asks more than its invoice says: where the card is from.
    _list(session, order_id, book, payment, None if first_taxed else facts.lines)


def record_credit_note(
    session: Session, order_id: AdmittedOrder, book: Ledger, note: dict[str, Any], *, now: datetime
) -> None:
    """Record what a credit note takes off a sale of the order, if it is about a payment of its."""
    if of := payments.named(book.payments, id_of(note["invoice"])):
        facts = payments.read_credit_note(note, of=of, now=now)
        payments.record(session, order_id, book.payments, facts, lines_known=True)


def list_lines(
    session: Session, order_id: AdmittedOrder, payment_id: str, listed: Sequence[dict[str, Any]], *, complete: bool = True,
    actor: str, now: datetime,
) -> Settled:  # fmt: skip
    """Keep what Stripe lists of one of the order's payments, be it nothing, and settle the order.

    As long as it is not `complete`, Stripe is asked about the payment again.
    """
    order, book = ledger.lock(session, [order_id], eventful=True)[order_id]
    if payment := payments.named(book.payments, payment_id):
        known = payment.lines_known
        _list(session, order_id, book, payment, listed)
        payment.lines_known = known or complete  # asked again, Stripe would list no more
    [settled] = settle(session, [Case(order, book, actor)], now=now)
    return settled


def resettle(session: Session, order_id: str, *, actor: str, now: datetime) -> Settled:
    """Settle an order again, because a fact was recorded beside it or time has passed. The order must exist."""
    order, book = ledger.lock(session, [order_id])[order_id]
    [settled] = settle(session, [Case(order, book, actor)], now=now)
    return settled


def _list(
    session: Session, order_id: str, book: Ledger, payment: Payment, listed: Sequence[dict[str, Any]] | None
) -> None:
    if listed and payment.id not in book.listed:
        lines = orders.lines(session, order_id)
        book.listed[payment.id] = payment_lines.write(session, payment, lines, listed)
        # What went back of it went back for these lines, at their rates.
        corrections.note(session, [refund.created_at for refund in book.refunds_of(payment)])


def _summed_up(session: Session, task: Task) -> Billing:
    """Write what the payments come to; return what the order's plans bill for."""
    if task.ledger.progress is Progress.PAID:
        _sum_up(task.order, task.ledger)
    return plan_billing.of_order(session, task.order, task.ledger)


def _sum_up(order: Order, ledger: Ledger) -> None:
    """Write what the payments come to: on the order, on each of them, and on the lines that were bought with the first."""
    order.amount_total, order.amount_refunded = ledger.total, ledger.refunded
    order.amount_subtotal = sum(payment.amount_subtotal for payment in ledger.payments)
    order.amount_discount = sum(payment.amount_discount for payment in ledger.payments)
    order.amount_tax = sum(payment.amount_tax for payment in ledger.payments)
    for payment in ledger.payments:
        payment.amount_refunded = ledger.back(payment)
        payment.tax_included = payment_lines.tax_included(payment, ledger.listed.get(payment.id, ()))
        if back := ledger.refunds_of(payment):
            allocation.write_taxes(back, ledger.shares(payment))
    first = ledger.payment_of(ledger.paid) if ledger.paid else None
    if not ledger.payments:
        return  # it was paid in another shop
    order.paid_at = (first or ledger.payments[0]).paid_at
    if first:
        shares = ledger.shares(first)
        for line in ledger.lines:
            own = [share for share in shares if share.order_line_id == line.id]
            line.amount_discount = sum(share.amount_discount for share in own)
            line.amount_tax = sum(share.amount_tax for share in own)
            line.tax_rate, line.tax_reason = (own[0].tax_rate, own[0].tax_reason) if own else ("", "")


def _second_thoughts(ledger: Ledger) -> list[str]:
    """What an owner must decide about money that came in beside what was ordered, each as `topic: payment`."""
    return [
        *(f"paid_twice: {payment.id}" for payment in ledger.to_pay_back),
        *(f"paid_after_end: {payment.id}" for payment in ledger.paid_after_end),
        *(f"partly_lost: {payment.id}" for payment in ledger.partly_lost),
    ]


def _unreferred(order: Order, known_as: Mapping[str, str | None]) -> list[str]:
    """The id of the seller's programs under which the order was bought, where its customer is somebody else to these: it was paid
    under another address than before, and the program that asks by that id is told nothing of this order."""
    if not order.seller_reference or not order.customer_id:
        return []
    if known_as.get(order.customer_id) == order.seller_reference:
        return []
    return [f"{customers.UNREFERRED}: {order.seller_reference}"]


def _unpaid_places(session: Session, order: Order, ledger: Ledger, grants: Sequence[Grant]) -> list[str]:
    """The places that were given up and not paid for, as less was left than was due, until money goes back by hand. What Stripe
    itself refused stands among the refunds."""
    if not ledger.refunds or all(grant.kind is not Kind.WORKSHOP for grant in grants):
        return []
    return [
        f"place_not_paid_back: {row.id}"
        for row in cancellations.refused(session, order.id)
        if all(refund.created_at < row.created_at for refund in ledger.refunds)
    ]


def _adopt(session: Session, tasks: Sequence[Task], *, now: datetime) -> None:
    """Take over from the Session that paid for an order what belongs to the order itself.

    Its customer is the one of the address that Stripe reports for that Session, once and for all. What was typed before
    is only a wish. From here on no fact leads to another address, and no other payer: what was delivered was delivered to
    this one.
    """
    new = []
    for task in tasks:
        if paid := task.ledger.paid:
            order = task.order
            order.stripe_checkout_session_id = paid.stripe_checkout_session_id
            order.stripe_payment_intent_id = paid.stripe_payment_intent_id
            order.stripe_subscription_id = paid.stripe_subscription_id or order.stripe_subscription_id
            order.name, order.country, order.tax_id = paid.name, paid.country, paid.tax_id
            order.address = paid.address
            if order.customer_id is None and paid.email:
                order.email = paid.email
                new.append(task)
    owners = customers.remember_all(session, [task.order.email for task in new], how=How.CHECKOUT, now=now)
    for task in new:
        task.order.customer_id = owners[addresses.fold(task.order.email)]
        if task.order.seller_reference:
            customers.refer(session, task.order.customer_id, task.order.seller_reference)
        _note_plans_held(session, task)


def _note_plans_held(session: Session, task: Task) -> None:
    """Say on the order that its customer had the same plan already: perhaps they meant to have it once."""
    plans = {line.product_id for line in task.ledger.lines if line.kind is Kind.PLAN}
    if plans:
        customer, mode = task.order.customer_id, task.order.livemode
        held = seats.held(session, plans, customer_id=customer, besides=task.order.cart_id, livemode=mode)
        for number in dict.fromkeys(each.number for each in held):
            task.log.add(f"plan_held:{number}")


def _blocked(grants: list[Grant]) -> str:
    return next((grant.reason for grant in grants if grant.state is GrantState.BLOCKED), "")


def _write(session: Session, first: Sequence[Order], *, now: datetime) -> None:
    """Write what was derived. Of those that are fulfilled for the `first` time all that has changed goes out in one
    statement, which sees to it that they were not before."""
    groups: dict[tuple[str, ...], list[Order]] = {}
    corrections.note_changes(session, first)
    for order in first:
        order.fulfilled_at = now
        groups.setdefault(changed_in(order), []).append(order)
    for changed, found in groups.items():
        write = update_of(Order.__table__, changed, only="fulfilled_at is null")  # type: ignore[attr-defined]
        write(session, [vars(order) for order in found], _not_locked)
        register_written(session, found)
    tell(session)


def _not_locked() -> Exception:
    return RuntimeError("an order was fulfilled by somebody who did not lock it")


def _note(log: Entries, order: Order, status: Status, ledger: Ledger, fulfilled_now: bool) -> None:
    if fulfilled_now:
        log.add("fulfilled")
    if status in (Status.PROCESSING, Status.FAILED) or (status is Status.CANCELED and not ledger.paid):
        log.add(f"{status}:{max(row.attempt for row in ledger.checkouts)}")
    if ledger.paid is None:
        return  # what was learned of money that is not known to have come is written when it is
    for entry in [entry for refund in ledger.refunds for entry in refunds.entry(refund)]:
        log.add(entry)
    for entry in [entry for dispute in ledger.disputes for entry in disputes.entry(dispute)]:
        log.add(entry)
    if ledger.paid_twice:
        log.add("paid_twice")
