"""Refunding: the rows before the calls, each row's id as its key, and Stripe's word before anything changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn

from sqlmodel import Session, col, select

from core import fulfillment
from core.admission import Refused
from core.foundation.errors import (
    MadeUp,
    NoSuchLine,
    NoSuchPayment,
    NothingLeft,
    NothingToRefund,
    OrderNotFound,
    OtherMode,
    OverLimit,
    RefundChanged,
    StripeRefused,
    StripeUnreachable,
)
from core.foundation.jobs import outbox
from core.foundation.money import Money
from core.foundation.records import new_id
from core.foundation.settings import Settings
from core.fulfillment import Case
from core.journeys import ownership, payment_contents
from core.journeys.billing import plans
from core.kinds import convergence, plan_billing
from core.kinds.convergence import Foreseen
from core.orders import allocation, history, ledger, orders, payments, refunds
from core.orders.allocation import PartShare, Portion, Refundable, Wanted
from core.orders.ledger import Ledger
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.refunds import Refund, RefundStatus
from core.orders.status import Progress
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action, Role, Staff
from core.rights import withdrawals
from core.shop import Shop

# Stripe may forget a key after a day, and takes it for a new one then. Its clock is not ours.
_KEY_IS_KNOWN = timedelta(hours=23)
# How Stripe calls it that a key was used for something else.
_OTHER_WORDS = "idempotency_error"
# The reasons that Stripe knows; anything else an owner may say is kept here alone.
_STRIPE_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
# Of several refunds that were asked for at once, how far all have come is how far the first in this order has.
_WORST_FIRST = (
    RefundStatus.FAILED, RefundStatus.CANCELED, RefundStatus.REQUESTED, RefundStatus.REQUIRES_ACTION,
    RefundStatus.PENDING, RefundStatus.SUCCEEDED,
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """What goes back of one payment: `id` is the refund's, empty while it is only planned."""

    payment: str
    amount: Money
    id: str = ""
    status: RefundStatus = RefundStatus.REQUESTED


@dataclass(frozen=True)
class Refunded:
    """A refund as it stands after asking Stripe for it: a part for each payment that it is taken from."""

    id: str
    order_id: str
    parts: tuple[Part, ...]

    @property
    def amount(self) -> Money:
        """All of it, also what Stripe refused."""
        return sum((part.amount for part in self.parts[1:]), start=self.parts[0].amount)

    @property
    def status(self) -> RefundStatus:
        """How far all of it has come."""
        return min((part.status for part in self.parts), key=_WORST_FIRST.index)


@dataclass(frozen=True)
class RefundPlan:
    """What a refund would send back, from which payments to whom, and what it would do to the deliveries.

    `ends` are the subscriptions that are cancelled at once, and `bills_on` those that bill though nobody may use them.
    `left` is what could still be refunded afterwards.
    """

    order_id: str
    number: str
    customer_id: str | None
    livemode: bool
    portions: tuple[Portion, ...]
    parts: tuple[Part, ...]
    ends: tuple[str, ...]
    bills_on: tuple[str, ...]
    amount: Money
    left: Money
    deliveries: tuple[Foreseen, ...]


@dataclass(frozen=True)
class Wish:
    """What somebody asks to have sent back: an `amount` in minor units, else all that is left; of these `lines` (counted
    from 1) or of all; of this `payment` or of all. Whether access ends with it is a decision of its own:
    `take_back`, and so is whether a plan goes on billing: `end_subscription`, else the shop's policy."""

    amount: int | None = None
    lines: tuple[int, ...] = ()
    payment: str = ""
    take_back: bool = False
    end_subscription: bool | None = None


def preview(
    shop: Shop,
    order_id: str,
    amount: int | None = None,
    *,
    lines: Sequence[int] = (),
    payment: str = "",
    take_back: bool = False,
    end_subscription: bool | None = None,
) -> RefundPlan:
    """What `request` would do with the same words now. Raises what it raises, but for StripeTrouble."""
    if lines:
        payment_contents.learn_all_of(shop, order_id)
    with shop.reading() as session:
        order = _open(session, order_id, livemode=shop.settings.livemode)
        wish = Wish(amount, tuple(lines), payment, take_back, end_subscription)
        return _plan(shop.settings, session, order, wish, now=shop.now())


def request(
    shop: Shop,
    order_id: str,
    amount: int | None = None,
    *,
    reason: str = "",
    actor: str,
    lines: Sequence[int] = (),
    payment: str = "",
    take_back: bool = False,
    end_subscription: bool | None = None,
    key: str = "",
    agreed: RefundPlan | None = None,
    withdrawal: str = "",
    deed: Deed | None = None,
) -> Refunded:
    """Send money back: `amount` in minor units, else all that is left; of these `lines` (counted from 1), or of all; of
    this `payment`, by any of its ids at Stripe, or of all, the newest first.

    The same `key` is the same refund, however often it is asked for. What goes back in full ends access as the products'
    policy says, anything less only with `take_back`: to the `lines`, or to all. With `agreed`, only if that is still
    exactly what it would do. `end_subscription` says what becomes of a plan that ends by it; else the shop's policy does.
    With a `deed`, whose click is then the key, only if whoever does it may; else NotPermitted or OverLimit is raised.
    With a `withdrawal` of the order's buyer, that is accepted by it, or WithdrawalNotFound or WithdrawalDecided is raised.
    Raises OrderNotFound, NothingToRefund, OtherMode, MadeUp, RefundChanged, RefundTooBig, AmountTooSmall, NoSuchLine, NoSuchPayment
    or StripeTrouble: StripeRefused if Stripe does none of it. After StripeUnreachable or StripeKeyRefused what is not
    done stays requested, and the worker asks again under the same key.
    """
    if lines:
        # A discount may have been on one line alone: what is sent back by an estimate cannot be taken back.
        payment_contents.learn_all_of(shop, order_id)
    with shop.transaction() as session:
        order = _open(session, order_id, livemode=shop.settings.livemode)
        who = deeds.permit(session, shop.settings, deed, Action.REFUND, now=shop.now()) if deed else None
        key = deed.token if deed else key
        request_id = _id_of("rf", order_id, key) if key else new_id("rf")
        rows = refunds.of_request(session, request_id)
        if not rows:
            wish = Wish(amount, tuple(lines), payment, take_back, end_subscription)
            plan = _plan(shop.settings, session, order, wish, now=shop.now())
            if agreed not in (None, plan):
                raise RefundChanged(order_id=order_id)
            if deed and who:
                _allow(session, shop.settings, who, deed, plan, reason, now=shop.now())
                actor = who.role
            rows = _write(session, order, request_id, plan, wish, reason, actor, now=shop.now())
            if withdrawal:
                withdrawals.accept(session, withdrawal, of=order_id, by=actor, request=request_id, now=shop.now())
    with deeds.refusals_noted(shop, deed), outbox.remembered():
        return _carry_out_all(shop, rows)


def _allow(
    session: Session, settings: Settings, who: Staff, deed: Deed, plan: RefundPlan, reason: str, *, now: datetime
) -> None:
    """Support may send back so much of one order, also in several parts. What never went back does not count."""
    most = settings.support_refund_limit if who.refund_limit is None else who.refund_limit
    if who.role is not Role.OWNER:
        theirs = [row for row in refunds.of_order(session, plan.order_id) if row.actor == who.role]
        asked = refunds.claimed(theirs)
        if asked + plan.amount.amount > most:
            raise OverLimit(amount=plan.amount.amount, most=max(0, most - asked), currency=plan.amount.currency)
    detail = f"{plan.amount.amount} {plan.amount.currency} {reason}".rstrip()
    deeds.begin(session, settings, deed, Action.REFUND, subject=plan.order_id, detail=detail, now=now)


def resume(shop: Shop, refund_id: str) -> Refunded:
    """Ask again for a refund of which Stripe's answer was lost. Raises StripeTrouble."""
    with shop.reading() as session:
        row = session.get_one(Refund, refund_id)
    with outbox.remembered():
        return _carry_out_all(shop, [row])


def left(session: Session, order_id: str) -> Money:
    """What may still be refunded. Raises OrderNotFound."""
    found = refundable(session, order_id)
    return Money(allocation.left(found), session.get_one(Order, order_id).currency)


def refundable(session: Session, order_id: str) -> list[Refundable]:
    """What may still be refunded of each payment, the newest first, and what keeps the rest. Raises OrderNotFound."""
    order = orders.lock(session, order_id)
    if order is None:
        raise OrderNotFound(order=order_id)
    return allocation.refundable(_book(session, order))


def unconfirmed(session: Session, *, livemode: bool, before: datetime) -> list[tuple[str, str]]:
    """The refunds of this mode that were asked for before this moment and not confirmed, each with its order's id."""
    query = select(Refund.id, Refund.order_id).join(Order, col(Order.id) == Refund.order_id)
    return list(
        session.exec(
            query.where(Refund.status == RefundStatus.REQUESTED, Refund.created_at < before, Order.livemode == livemode)
        )
    )


def _open(session: Session, order_id: str, *, livemode: bool) -> Order:
    order = orders.lock(session, order_id)
    if order is None:
        raise OrderNotFound(order=order_id)
    if order.livemode is not livemode:
        raise OtherMode(order_id=order_id, livemode=order.livemode)
    if order.from_season:
        raise MadeUp(order_id=order_id)
    return order


def _book(session: Session, order: Order) -> Ledger:
    book = ledger.read(session, order)
    book.lines = orders.lines(session, order.id)
    book.attribute()
    return book


def _id_of(prefix: str, *names: str) -> str:
    return f"{prefix}_{sha256(':'.join(names).encode()).hexdigest()[:20]}"


def _plan(settings: Settings, session: Session, order: Order, wish: Wish, *, now: datetime) -> RefundPlan:
    book = _book(session, order)
    if book.progress is not Progress.PAID:
        settles = book.progress is Progress.PROCESSING
        raise NothingToRefund(order_id=order.id, why=NothingLeft.SETTLING if settles else NothingLeft.NOT_PAID)
    wanted = Wanted(wish.amount, _line_ids(book, wish.lines), _payment_id(book, wish.payment))
    portions = allocation.allocate(
        allocation.refundable(book), wanted, order_id=order.id, currency=order.currency
    )  # fmt: skip
    # The deliveries follow Stripe's word: here it has said yes.
    done = [_row(order, "", portion, wish, RefundStatus.SUCCEEDED, now=now) for portion in portions]
    book.refunds.extend(done)
    unwanted = tuple(each.id for each in plan_billing.of_order(session, order, book).unwanted)
    # They are asked for at once, with one word about the plan for all.
    cancels = plans.ends_after_refund(settings, done[0]) and not refunds.keeps_subscription(book.refunds)
    return RefundPlan(
        order_id=order.id, number=order.number, customer_id=order.customer_id, livemode=order.livemode,
        portions=tuple(portions), parts=tuple(Part(_name(book, row), Money(row.amount, row.currency)) for row in done),
        ends=unwanted if cancels else (), bills_on=() if cancels else unwanted,
        amount=Money(sum(portion.amount for portion in portions), order.currency), left=_left(order, book),
        deliveries=convergence.foresee(session, order, book, now=now),
    )  # fmt: skip


def _name(book: Ledger, row: Refund) -> str:
    """By what Stripe's dashboard finds the payment best."""
    [payment] = [each for each in book.payments if each.id == row.payment_id]
    return payment.stripe_payment_intent_id or payment.id


def _row(order: Order, request_id: str, portion: Portion, wish: Wish, status: RefundStatus, *, now: datetime) -> Refund:
    return Refund(
        id=_id_of("rf", request_id, portion.payment_id), request=request_id, order_id=order.id,
        payment_id=portion.payment_id, amount=portion.amount, currency=order.currency, status=status,
        lines=dict(portion.lines), takes_back=wish.take_back,
        ends_subscription=wish.end_subscription, created_at=now, updated_at=now,
    )  # fmt: skip


def _write(
    session: Session, order: Order, request_id: str, plan: RefundPlan, wish: Wish, reason: str, actor: str,
    *, now: datetime,
) -> list[Refund]:  # fmt: skip
    order.eventful = True
    rows = []
    for portion in plan.portions:
        row = _row(order, request_id, portion, wish, RefundStatus.REQUESTED, now=now)
        row.reason, row.actor = reason, actor
        session.add(row)
        history.note(
            session, order.id, f"refund_requested:{row.id}", actor=actor, detail=str(row.amount), now=now
        )  # fmt: skip
        rows.append(row)
    return rows


def _left(order: Order, book: Ledger) -> Money:
    return Money(allocation.left(allocation.refundable(book)), order.currency)


def _line_ids(book: Ledger, positions: Sequence[int]) -> tuple[str, ...]:
    for position in positions:
        if not 1 <= position <= len(book.lines):
            raise NoSuchLine(line=position, lines=len(book.lines))
    return tuple(book.lines[position - 1].id for position in sorted(set(positions)))


def _payment_id(book: Ledger, name: str) -> str:
    if not name:
        return ""
    payment = payments.named(book.payments, name)
    if payment is None:
        raise NoSuchPayment(payment=name)
    return payment.id


def _carry_out_all(shop: Shop, rows: Sequence[Refund]) -> Refunded:
    """Ask for each of them, also if Stripe refuses one. If it refuses all, or does not answer, that is raised."""
    done: list[Refund] = []
    refusals, silent = [], None
    waiting = list(rows)
    while waiting:
        row = waiting.pop(0)
        try:
            row, *others = _taken_apart(shop, row)
            waiting = [*others, *waiting]
            done.append(_carry_out(shop, row))
        except StripeRefused as refusal:
            refusals.append(refusal)
            done.append(row)
        except StripeUnreachable as silence:
            silent = silence
            break
    if silent:
        raise silent
    if len(refusals) == len(done):
        raise refusals[0]
    return _view(done)


def _taken_apart(shop: Shop, row: Refund) -> list[Refund]:
    """The rows by which a refund is asked for, itself the first: of what several PaymentIntents paid each sends back no more than
    it brought. What each is to send back is written before Stripe is asked for any of it."""
    if row.status is not RefundStatus.REQUESTED or row.stripe_payment_intent_id or row.payment_id is None:
        return [row]
    with shop.reading() as session:
        payment = session.get_one(Payment, row.payment_id)
    if payment.stripe_payment_intent_id and payment.stripe_subscription_id is None:
        return [row]
    try:
        parts = _parts_of(shop, row, payment)
    except StripeRefused as refusal:
        return [_refused(shop, row, refusal)]
    if len(parts) < 2:
        return [row]
    with shop.transaction() as session:
        book = ledger.lock(session, [row.order_id], eventful=True)[row.order_id].book
        [known] = [each for each in book.refunds if each.id == row.id]
        if known.status is not RefundStatus.REQUESTED or known.stripe_payment_intent_id:
            # Somebody else has taken it apart, or carried it out, meanwhile.
            return [known, *(each for each in book.refunds if _is_of(known, each))]
        left = allocation.left_of_parts(book, payment, payments.parts_of(session, payment), besides=known)
        shares = allocation.apart(known.amount, known.lines, left)
        others = [
            Refund(**known.model_dump() | {"id": f"{known.id}_{number}", **_of_share(share)})
            for number, share in enumerate(shares[1:], 2)
        ]
        known.sqlmodel_update(_of_share(shares[0]))
        session.add_all(others)
        return [known, *others]


def _is_of(first: Refund, other: Refund) -> bool:
    """Whether another one is what the first was taken apart into."""
    return other.id != first.id and (other.request, other.payment_id) == (first.request, first.payment_id)


def _of_share(share: PartShare) -> dict[str, Any]:
    return {"stripe_payment_intent_id": share.payment_intent, "amount": share.amount, "lines": dict(share.lines)}


def _parts_of(shop: Shop, row: Refund, payment: Payment) -> dict[str, int]:
    """By which PaymentIntents an invoice was paid, and how much each brought. Stripe does not tell that with it, but when it is
    asked; it is known from now on."""
    with shop.reading() as session:
        if known := payments.parts_of(session, payment):
            return known
    invoice = payment.stripe_invoice_id or _invoice_of(shop, payment, actor=row.actor)
    found = shop.stripe.payments_of_invoice(invoice) if invoice else {}
    with shop.transaction() as session:
        orders.lock(session, row.order_id)
        kept = session.get_one(Payment, payment.id)
        payments.identify(session, kept, next(iter(found), None))
        payments.note_parts(session, kept, found)
    return found


def _carry_out(shop: Shop, row: Refund) -> Refund:
    if row.status is not RefundStatus.REQUESTED:
        return row
    try:
        answer = _asked(shop, row, _payment_of(shop, row))
    except StripeRefused as refusal:
        return _refused(shop, row, refusal)
    # Known by our own rows: it is the answer to our own request, about a payment of this very order.
    ours = ownership.find(shop, answer)
    assert not isinstance(ours, Refused)
    with shop.transaction() as session:
        order, book = ledger.lock(session, [ours], eventful=True)[ours]
        recorded = refunds.record(session, ours, book.refunds, refunds.read_refund(answer), now=shop.now())
        fulfillment.settle(session, [Case(order, book, row.actor)], now=shop.now())
        return recorded


def _asked(shop: Shop, row: Refund, payment_intent: str) -> dict[str, Any]:
    """The refund as Stripe has it, made now unless it was made when its answer was lost: that is known by its key for as long as
    Stripe knows that, and later by the row that it names. Nothing else keeps a part of a payment from being sent back twice."""
    if shop.now() - row.created_at > _KEY_IS_KNOWN and (known := _made(shop, row, payment_intent)):
        return known
    try:
        return shop.stripe.refund(_parameters(shop, row, payment_intent), key=f"refund:{row.id}")
    except StripeRefused as refusal:
        # Under this key it was asked for in other words, as by a version of before: then it was made by that, or never is.
        known = _made(shop, row, payment_intent) if refusal.code == _OTHER_WORDS else None
        if known is None:
            raise
        return known


def _made(shop: Shop, row: Refund, payment_intent: str) -> dict[str, Any] | None:
    charge = shop.stripe.find_charge_of(payment_intent)
    made = shop.stripe.refunds_of(charge["id"]) if charge else []
    return next((each for each in made if refunds.read_refund(each).refund_id == row.id), None)


def _payment_of(shop: Shop, row: Refund) -> str:
    """The PaymentIntent that the refund is taken from: the row's own, where it sends back a part, or was asked for in an earlier
    version of this shop, which did not keep payments; else its payment's."""
    if row.stripe_payment_intent_id or row.payment_id is None:
        return row.stripe_payment_intent_id or _nothing()
    with shop.reading() as session:
        return session.get_one(Payment, row.payment_id).stripe_payment_intent_id or _nothing()


def _nothing() -> NoReturn:
    raise StripeRefused("nothing_to_refund", "no payment of this order is known at Stripe")


def _invoice_of(shop: Shop, payment: Payment, *, actor: str) -> str | None:
    """The invoice of a Session that is known without it, as one that was paid in an earlier version of this shop."""
    assert payment.stripe_checkout_session_id is not None  # or an invoice brought it
    facts = shop.stripe.retrieve_checkout(payment.stripe_checkout_session_id)
    ownership.take_in(shop, facts, actor=actor)
    return facts.invoice


def _parameters(shop: Shop, row: Refund, payment_intent: str) -> dict[str, object]:
    """A retry sends exactly the same again: all of it follows from the row."""
    with shop.reading() as session:
        told = refunds.told_of(row, orders.lines(session, row.order_id))
    parameters: dict[str, object] = {
        "payment_intent": payment_intent,
        "amount": row.amount,
        "metadata": {"order_id": row.order_id, "refund_id": row.id, "shop_id": shop.id, **told},
    }
    if row.reason in _STRIPE_REASONS:
        parameters["reason"] = row.reason
    return parameters


def _refused(shop: Shop, row: Refund, refusal: StripeRefused) -> Refund:
    """Keep that Stripe said no, and raise it, unless Stripe told meanwhile that it was made after all."""
    with shop.transaction() as session:
        row.status = _refuse(session, row, refusal, now=shop.now())
    if row.status is RefundStatus.CANCELED:
        raise refusal
    return row


def _refuse(session: Session, refund: Refund, refusal: StripeRefused, *, now: datetime) -> RefundStatus:
    """Stripe said no: the row keeps why, and what it claimed is free again. Returns how the refund stands then."""
    order, book = ledger.lock(session, [refund.order_id], eventful=True)[refund.order_id]
    [row] = [each for each in book.refunds if each.id == refund.id]
    # Stripe may have told meanwhile that it was made after all: then its word counts.
    if row.status is RefundStatus.REQUESTED:
        row.status, row.failure, row.updated_at, row.failed_at = RefundStatus.CANCELED, refusal.code, now, now
    fulfillment.settle(session, [Case(order, book, refund.actor)], now=now)
    return row.status


def _view(rows: Sequence[Refund]) -> Refunded:
    parts = tuple(
        # One of the two is known of whatever was asked for.
        Part(str(row.stripe_payment_intent_id or row.payment_id), Money(row.amount, row.currency), row.id, row.status)
        for row in rows
    )
    return Refunded(rows[0].id, rows[0].order_id, parts)
