"""One order in full: what was bought and paid, what went back, what was handed over, which letters went out, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from core.catalog.products import Kind
from core.foundation.errors import NothingLeft, OrderNotFound
from core.foundation.money import Money
from core.invoicing import receipts
from core.invoicing.receipts import Paper
from core.journeys import given_orders, refund
from core.journeys.given_orders import Given
from core.kinds import deliverables, standings
from core.kinds.grants import Delivery
from core.messages import letters
from core.messages.letters import LetterState
from core.orders import allocation, disputes, history, orders, payments, refunds
from core.orders.allocation import Refundable
from core.orders.balance import entries
from core.orders.balance.payouts import Payout
from core.orders.checkouts import Checkout, at_stripe
from core.orders.disputes import Standing
from core.orders.orders import Order, OrderLine
from core.orders.refunds import RefundStatus
from core.orders.status import Status
from core.owner import evidence, notes
from core.owner.figures.received import DISPUTES
from core.owner.order_book import people, timeline
from core.owner.order_book.listing import OrderRow, described
from core.owner.order_book.people import PlaceView, SeatsView
from core.owner.order_book.timeline import Moment
from core.people import purchases
from core.shop import Shop


@dataclass(frozen=True)
class Line:
    """A line of the order, counted from 1. `total` is before discount. `taken_back` if an owner ended access to it."""

    position: int
    product_id: str
    name: str
    quantity: int
    each: Money
    total: Money
    interval: str | None
    taken_back: str | None


@dataclass(frozen=True)
class Price:
    """How what was paid came about; None for what nobody has told yet. `left` is what can still go back, and `settled` what was
    settled with the buyer's balance at Stripe, so that less was paid; or more, where it is negative. `credited` is what credit
    notes gave back otherwise than by a refund."""

    subtotal: Money | None
    discount: Money | None
    tax: Money | None
    total: Money
    refunded: Money
    left: Money
    settled: Money
    credited: Money

    @property
    def kept_back(self) -> bool:
        """Whether less can go back than is left of what was paid: a bank took some of it, or has yet to decide."""
        return self.left.amount < self.total.amount - self.refunded.amount

    @property
    def tax_included(self) -> bool:
        """Whether the prices had the tax in them."""
        if self.subtotal is None or self.discount is None or not self.tax or not self.tax.amount:
            return False
        billed = self.total.amount + self.settled.amount
        return billed < self.subtotal.amount - self.discount.amount + self.tax.amount


@dataclass(frozen=True)
class PaymentView:
    """Money that came in. `reason` is Stripe's word for why, such as `checkout`; `key` is what we call the payment. `left` is
    what of it can still go back, and `kept` what keeps the rest from that. It is `credited` if nothing came in, and a credit note
    took so much off a sale."""

    id: str
    payment_intent: str
    reason: str
    amount: Money
    refunded: Money
    paid_at: datetime
    key: str
    left: Money
    kept: NothingLeft | None
    credited: bool = False


@dataclass(frozen=True)
class RefundView:
    """Money that went back, or is to."""

    id: str
    amount: Money
    status: RefundStatus
    reason: str
    failure: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class DisputeView:
    """What a bank asks about. `withdrawn` if the money was taken from the balance; `due_by` is when Stripe wants the evidence."""

    id: str
    amount: Money
    reason: str
    status: str
    standing: Standing
    was_inquiry: bool
    withdrawn: bool
    due_by: datetime | None


@dataclass(frozen=True)
class Settled:
    """What of the order reached the balance, in one currency of settlement. `disputed` is what banks took from there, less what
    they gave back; `arrives` is the newest payout's day, if known."""

    gross: Money
    disputed: Money
    fee: Money
    net: Money
    arrives: datetime | None
    payouts: tuple[str, ...]


@dataclass(frozen=True)
class LetterView:
    """A letter about the order."""

    id: str
    state: LetterState
    at: datetime
    error: str


@dataclass(frozen=True)
class SubscriptionView:
    """A subscription at Stripe, with what it bills for: each of the order's `plans`, and its seats as far as they are known.
    `anothers` if somebody else pays by it."""

    id: str
    plans: tuple[tuple[str, int | None], ...]
    anothers: bool
    status: str
    period_end: datetime | None
    ends_at: datetime | None
    over: bool


@dataclass(frozen=True)
class NoteView:
    """What somebody of the staff noted."""

    text: str
    who: str
    at: datetime


@dataclass(frozen=True)
class GivenView:
    """That nothing was to be paid here, why, and who said so. `outside` is what was paid elsewhere, if anything was noted."""

    kind: Given
    reason: str
    who: str
    outside: Money | None


@dataclass(frozen=True)
class Sheet:
    """All of it. `downloads` are when, which file, and from where; `payable` is whether a payment page may be opened for it.
    `rates` are those of its taxes, and `papers` the invoices by payment.
    `made_up` if it is of the demo's season of sales: nobody placed it."""

    row: OrderRow
    customer_id: str | None
    tax_id: str
    attention: tuple[str, ...]
    paid: bool
    payable: bool
    our_mode: bool
    made_up: bool
    given: GivenView | None
    stripe_ids: tuple[str, ...]
    lines: tuple[Line, ...]
    price: Price
    payments: tuple[PaymentView, ...]
    refunds: tuple[RefundView, ...]
    disputes: tuple[DisputeView, ...]
    settled: tuple[Settled, ...]
    deliveries: tuple[Delivery, ...]
    subscriptions: tuple[SubscriptionView, ...]
    letters: tuple[LetterView, ...]
    downloads: tuple[tuple[datetime, str, str], ...]
    moments: tuple[Moment, ...]
    notes: tuple[NoteView, ...]
    card_country: str
    rates: tuple[str, ...]
    papers: Mapping[str, tuple[Paper, ...]]
    places: tuple[PlaceView, ...]
    seats: tuple[SeatsView, ...]


# What can still be paid: the money never came, or not yet.
_PAYABLE = (Status.PENDING, Status.FAILED, Status.CANCELED)


def sheet(shop: Shop, order_id: str) -> Sheet:
    """The order with this id. Raises OrderNotFound."""
    with shop.reading() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order=order_id)
        return _sheet(session, order, livemode=shop.settings.livemode, signing_key=shop.signing_key)


def _sheet(session: Session, order: Order, *, livemode: bool, signing_key: str) -> Sheet:
    lines = orders.lines(session, order.id)
    received = payments.of_order(session, order.id)
    open_ones = _refundable(session, order, received)
    asked = session.exec(select(Checkout.stripe_checkout_session_id).where(Checkout.order_id == order.id)).all()
    ids = [
        *asked, *(each.stripe_payment_intent_id for each in received), *(each.stripe_invoice_id for each in received),
        order.stripe_subscription_id,
    ]  # fmt: skip
    return Sheet(
        row=described(session, [order])[0], customer_id=order.customer_id, tax_id=order.tax_id,
        attention=tuple(order.attention.splitlines()), paid=bool(received),
        payable=not received and order.status in _PAYABLE and not order.from_season, our_mode=order.livemode is livemode,
        made_up=order.from_season,
        given=_given(session, order),
        stripe_ids=tuple(dict.fromkeys(each for each in map(at_stripe, ids) if each)), lines=tuple(map(_line, lines)),
        price=_price(order, received, allocation.left(list(open_ones.values()))),
        payments=tuple(_payment(each, open_ones[each.id]) for each in received),
        refunds=tuple(map(_refund, refunds.of_order(session, order.id))),
        disputes=tuple(map(_dispute, disputes.of_order(session, order.id))), settled=_settled(session, order.id),
        deliveries=deliverables.deliveries(session, order.id, signing_key=signing_key),
        subscriptions=_subscriptions(session, order, lines),
        letters=tuple(
            LetterView(row.id, row.state, row.sent_at or row.created_at, row.error)
            for row in letters.of_order(session, order.id)
        ),
        downloads=tuple((row.created_at, file, row.ip) for row, file in evidence.downloads_of(session, order.id)),
        moments=timeline.of(history.of_order(session, order.id), lines),
        notes=tuple(NoteView(row.text, row.who, row.created_at) for row in notes.of_order(session, order.id)),
        card_country=order.card_country, rates=tuple(dict.fromkeys(map(_rate, filter(_is_taxed, lines)))),
        papers=receipts.papers_of(session, [order.id]), places=people.places(session, order, lines),
        seats=people.seats(session, order, lines),
    )  # fmt: skip


def _is_taxed(line: OrderLine) -> bool:
    return bool(line.tax_rate or line.tax_reason)


def _rate(line: OrderLine) -> str:
    """At which rate a line was taxed, or why it was not."""
    untaxed = line.tax_reason.replace("_", " ") if not line.amount_tax and line.tax_reason else ""
    return untaxed or f"tax {line.tax_rate} %"


def _given(session: Session, order: Order) -> GivenView | None:
    row = given_orders.of_order(session, order.id)
    if row is None:
        return None
    outside = Money(row.amount_outside, order.currency) if row.amount_outside else None
    return GivenView(row.kind, row.reason, row.given_by, outside)


def _line(line: OrderLine) -> Line:
    each = Money(line.unit_amount, line.currency)
    reason = line.taken_back_reason if line.taken_back_at else None
    return Line(
        line.position + 1, line.product_id, line.name, line.quantity, each, each * line.quantity, line.interval, reason
    )


def _refundable(session: Session, order: Order, received: Sequence[payments.Payment]) -> dict[str, Refundable]:
    """What can still go back of each payment, by its id."""
    if not order.eventful or order.from_season:
        return {each.id: Refundable(each.id, max(0, each.amount - each.amount_refunded)) for each in received}
    # Of what a bank took, or holds until it has decided, nothing goes back.
    found = {each.payment_id: each for each in refund.refundable(session, order.id)}
    return {each.id: found.get(each.id, Refundable(each.id, 0)) for each in received}


def _price(order: Order, received: Sequence[payments.Payment], left: int) -> Price:
    def money(amount: int | None) -> Money | None:
        return None if amount is None else Money(amount, order.currency)

    total = order.amount_expected if order.amount_total is None else order.amount_total
    notes = [each for each in received if each.is_note]
    bought = [each for each in received if not each.is_note]
    # The order's own sums are what is left of what was bought.
    subtotal, tax = order.amount_subtotal, order.amount_tax
    return Price(
        money(None if subtotal is None else subtotal - sum(each.amount_subtotal for each in notes)),
        money(order.amount_discount), money(None if tax is None else tax - sum(each.amount_tax for each in notes)),
        Money(total, order.currency), Money(order.amount_refunded, order.currency), Money(left, order.currency),
        Money(sum(each.billed - each.amount for each in bought), order.currency),
        Money(-sum(each.billed for each in notes), order.currency),
    )  # fmt: skip


def _payment(row: payments.Payment, open_one: Refundable) -> PaymentView:
    credited = row.is_note
    return PaymentView(
        row.id, row.stripe_payment_intent_id or "", row.billing_reason,
        Money(-row.billed if credited else row.amount, row.currency), Money(row.amount_refunded, row.currency), row.paid_at,
        row.id, Money(open_one.left, row.currency), open_one.why, credited,
    )  # fmt: skip


def _refund(row: refunds.Refund) -> RefundView:
    return RefundView(
        row.stripe_refund_id or row.id, Money(row.amount, row.currency), row.status, row.reason, row.failure,
        row.actor, row.created_at,
    )  # fmt: skip


def _dispute(row: disputes.Dispute) -> DisputeView:
    return DisputeView(
        row.id,
        Money(row.amount, row.currency),
        row.reason,
        row.status,
        row.standing,
        row.was_inquiry,
        row.withdrawn,
        row.due_by,
    )


def _settled(session: Session, order_id: str) -> tuple[Settled, ...]:
    found = entries.of_order(session, order_id)
    named = {row.payout_id for row in found if row.payout_id}
    arrivals = {row.id: row.arrival_date for row in session.exec(select(Payout).where(col(Payout.id).in_(named)))}
    by_currency = {currency: [row for row in found if row.currency == currency] for currency in _currencies(found)}
    return tuple(
        Settled(
            Money(sum(row.gross for row in rows), currency),
            Money(-sum(row.gross for row in rows if row.category in DISPUTES), currency),
            Money(sum(row.fee for row in rows), currency),
            Money(sum(row.net for row in rows), currency),
            max((arrivals[row.payout_id] for row in rows if row.payout_id in arrivals), default=None),
            tuple(dict.fromkeys(row.payout_id for row in rows if row.payout_id)),
        )
        for currency, rows in by_currency.items()
    )  # fmt: skip


def _currencies(found: list[entries.BalanceEntry]) -> list[str]:
    return list(dict.fromkeys(row.currency for row in found))


def _subscriptions(session: Session, order: Order, lines: Sequence[OrderLine]) -> tuple[SubscriptionView, ...]:
    found = standings.billing(session, [order.id])
    if not found:
        return ()
    theirs = {row.stripe_subscription_id for row in purchases.others_sessions(session, [order])}
    bought = [line for line in lines if line.kind is Kind.PLAN]
    return tuple(
        SubscriptionView(
            each.row.id, tuple((plan.name, plan.quantity) for plan in standings.of_billing(session, each, bought)),
            each.row.id in theirs, each.row.status, each.row.period_end, each.row.ends_at, each.row.is_over,
        )
        for each in found
    )  # fmt: skip
