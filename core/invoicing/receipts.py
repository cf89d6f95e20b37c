"""Receipts of our own: a page for each payment, with who sold what to whom, for how much, at which tax, and what went back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from babel import Locale
from sqlmodel import Session, col, select

from core.catalog import products, seller
from core.catalog.seller import Seller
from core.foundation import addresses
from core.foundation.errors import OrderNotFound
from core.foundation.money import Money
from core.gateway.sessions import CheckoutState
from core.invoicing import billing_details, invoices
from core.invoicing.billing_details import Details
from core.invoicing.invoices import Invoice
from core.kinds import workshops
from core.kinds.license_keys import ALPHABET
from core.kinds.workshops import Times
from core.languages import sentences
from core.languages.sentences import marked
from core.orders import checkouts, orders, payment_lines, payments, refunds
from core.orders.orders import Order, OrderLine
from core.orders.payment_lines import Share
from core.orders.payments import CHECKOUT, FIRST_OF_PLAN, Payment
from core.orders.refunds import GONE
from core.people import purchases
from core.people.purchases import Viewer
from core.people.receipts import order_links
from core.shop import Shop

# So many letters tell the payments of one order apart.
_LETTERS = 6


@dataclass(frozen=True)
class Row:
    """What was bought with a payment. `amount` is before discount; `rate` is the tax in per cent, empty if nobody said."""

    name: str
    quantity: int
    amount: Money
    discount: Money
    rate: str
    times: Times | None


@dataclass(frozen=True)
class TaxRow:
    """The tax at one rate. `net` is what it was reckoned from; `reason` is Stripe's word for it; `included` if prices had it in."""

    rate: str
    reason: str
    net: Money
    tax: Money
    included: bool


@dataclass(frozen=True)
class Back:
    """Money that went back."""

    at: datetime
    amount: Money
    tax: Money


@dataclass(frozen=True)
class Paper:
    """An invoice of Stripe's, or a credit note. `url` is its page and `pdf_url` its file, as far as it has them."""

    title: str
    number: str
    url: str
    pdf_url: str


@dataclass(frozen=True)
class Receipt:
    """One payment on paper. `buyer` has a line for each of its lines; `papers` are what Stripe wrote, the newest last.
    `by_link` if it lacks what only a code shows."""

    payment_id: str
    number: str
    order_id: str
    order_number: str
    paid_at: datetime
    seller: Seller
    buyer: tuple[str, ...]
    tax_id: str
    rows: tuple[Row, ...]
    subtotal: Money
    discount: Money
    taxes: tuple[TaxRow, ...]
    total: Money
    refunds: tuple[Back, ...]
    papers: tuple[Paper, ...]
    livemode: bool
    by_link: bool = False

    @property
    def settled(self) -> Money:
        """What of it was settled with the buyer's balance at Stripe, so that less was paid; or more, where it is negative."""
        taxes = sum((each.tax for each in self.taxes if not each.included), start=Money(0, self.total.currency))
        return self.subtotal - self.discount + taxes - self.total

    @property
    def left(self) -> Money:
        """What stays paid."""
        return self.total - sum((each.amount for each in self.refunds), start=Money(0, self.total.currency))


@dataclass(frozen=True)
class PaymentPapers:
    """What there is on paper of one payment."""

    id: str
    paid_at: datetime
    papers: tuple[Paper, ...]


@dataclass(frozen=True)
class OrderPapers:
    """What there is on paper of an order, oldest payment first; `details` are what its buyer wrote, while it is `correctable`."""

    payments: tuple[PaymentPapers, ...] = ()
    correctable: bool = False
    details: Details | None = None


def of_orders(session: Session, shop: Shop, order_ids: Sequence[str]) -> dict[str, OrderPapers]:
    """The papers of each of these orders for its buyer, read for all of them at once: without those of what somebody else paid."""
    found = {order_id: OrderPapers() for order_id in order_ids}
    written = papers_of(session, order_ids)
    received = payments.of_orders(session, order_ids)
    details = billing_details.of_orders(session, order_ids)
    theirs = session.exec(select(Order).where(col(Order.id).in_(order_ids))).all()
    others = purchases.others_sessions(session, theirs)
    for order in theirs:
        # Of what was credited there is Stripe's own paper: nothing was paid.
        paid = (each for each in received if each.order_id == order.id and not each.is_note)
        own = [each for each in paid if not purchases.is_anothers(each, others)]
        known = details.get(order.id)
        found[order.id] = OrderPapers(
            tuple(PaymentPapers(each.id, each.paid_at, written.get(each.id, ())) for each in own),
            billing_details.may_be_written(order, own, now=shop.now()),
            known.said if known else None,
        )
    return found


def of_payment(session: Session, shop: Shop, payment_id: str) -> Receipt:
    """The receipt of a payment, whoever asks. Raises OrderNotFound if there is no such payment, or nothing was paid."""
    payment = session.get(Payment, payment_id)
    if payment is None or payment.is_note:
        raise OrderNotFound(order=payment_id)
    order = session.get_one(Order, payment.order_id)
    lines = orders.lines(session, order.id)
    shares = payment_lines.of_payment(
        payment, payment_lines.of_orders_payments(session, [payment]).get(payment.id, []), lines
    )
    details = billing_details.of_order(session, order.id)
    back = [
        each for each in refunds.of_order(session, order.id) if each.payment_id == payment.id and each.status in GONE
    ]

    def money(amount: int) -> Money:
        return Money(amount, payment.currency)

    return Receipt(
        payment_id=payment.id, number=_number(session, order, payment), order_id=order.id,
        order_number=order.number, paid_at=payment.paid_at, seller=seller.of(products.texts(session), shop.settings),
        buyer=(details.name, *details.lines, country(details.country)) if details else _buyer(order),
        tax_id=details.tax_id if details else payment.tax_id or order.tax_id,
        rows=_rows(session, payment, shares, lines), subtotal=money(sum(each.amount_subtotal for each in shares)),
        discount=money(sum(each.amount_discount for each in shares)), taxes=_taxes(payment, shares), total=money(payment.amount),
        refunds=tuple(Back(each.created_at, money(each.amount), money(each.amount_tax)) for each in back),
        papers=_papers(invoices.of_payment(session, payment.id)),
        livemode=order.livemode,
    )  # fmt: skip


def papers_of(session: Session, order_ids: Sequence[str]) -> dict[str, tuple[Paper, ...]]:
    """The invoices and credit notes of these orders by the payment that they are of, read at once."""
    written: dict[str, list[Invoice]] = {}
    for row in chain.from_iterable(invoices.of_orders(session, order_ids).values()):
        written.setdefault(row.payment_id, []).append(row)
    return {payment_id: _papers(rows) for payment_id, rows in written.items()}


def for_buyer(shop: Shop, payment_id: str, viewer: Viewer) -> Receipt:
    """The receipt for whoever may see it: its signed-in buyer, and the browser that bought; whoever has its order open by the link
    of a letter reads no address in full on it.

    Raises OrderNotFound for anybody else, as for a payment that there is none of.
    """
    with shop.reading() as session:
        payment = session.get(Payment, payment_id)
        order = session.get(Order, payment.order_id) if payment else None
        if payment is None or order is None:
            raise OrderNotFound(order=payment_id)
        if purchases.is_anothers(payment, purchases.others_sessions(session, [order])):
            raise OrderNotFound(order=payment_id)
        if purchases.is_theirs(session, order, viewer):
            return of_payment(session, shop, payment_id)
        if order_links.opens(session, viewer.cookie, order, signing_key=shop.signing_key, now=shop.now()):
            return _veiled(of_payment(session, shop, payment_id), order)
        raise OrderNotFound(order=payment_id)


def _number(session: Session, order: Order, payment: Payment) -> str:
    """The order's own number for what its first Checkout brought, and for any other payment with letters that follow from Stripe's
    name for it. To count them would shift the numbers of others, where one is learned of late or anew."""
    if payment.receipt_place:
        return order.number if payment.receipt_place == 1 else f"{order.number}-{payment.receipt_place}"
    name = payment.id
    if payment.billing_reason in (CHECKOUT, FIRST_OF_PLAN):
        if payment.stripe_checkout_session_id in (None, _first_session(session, order)):
            return order.number
        # By which of its other names it was learned first is chance.
        name = payment.stripe_checkout_session_id or name
    letters = hashlib.sha256(name.encode()).digest()[:_LETTERS]
    return f"{order.number}-{''.join(ALPHABET[byte % len(ALPHABET)] for byte in letters)}"


def _first_session(session: Session, order: Order) -> str | None:
    """The first that can bring anything: no other is opened before those of before are over, and what is over brings nothing."""
    opened = (row for row in checkouts.of_order(session, order.id) if row.state is not CheckoutState.EXPIRED)
    return next((row.stripe_checkout_session_id for row in opened), None)


def _veiled(found: Receipt, order: Order) -> Receipt:
    """Without the buyer's addresses, and without Stripe's papers, which have them: their name, and the country."""
    name = addresses.veiled(order.email) if found.buyer[0] == order.email else found.buyer[0]
    return replace(found, buyer=tuple(filter(None, [name, country(order.country)])), papers=(), by_link=True)


def path(payment_id: str) -> str:
    """The path of a receipt at the storefront, for who is signed in."""
    return f"/api/receipts/{payment_id}"


def _buyer(order: Order) -> tuple[str, ...]:
    return tuple(filter(None, [order.name or order.email, *order.address.splitlines(), country(order.country)]))


def country(code: str) -> str:
    """What a country of two letters is called."""
    return str(Locale.parse(sentences.language()).territories.get(code, code))


def _rows(session: Session, payment: Payment, shares: list[Share], lines: list[OrderLine]) -> tuple[Row, ...]:
    by_id = {line.id: line for line in lines}
    times = workshops.times(session, lines)
    found = []
    for share in shares:
        line = by_id.get(share.order_line_id or "")
        found.append(
            Row(
                line.name if line else "Something else", share.quantity, Money(share.amount_subtotal, payment.currency),
                Money(share.amount_discount, payment.currency), share.tax_rate,
                times.get(line.workshop_date_id) if line else None,
            )
        )  # fmt: skip
    return tuple(found)


def _taxes(payment: Payment, shares: list[Share]) -> tuple[TaxRow, ...]:
    """The tax by rate and reason. Of what nobody taxed there is no row."""
    sums: dict[tuple[str, str, bool], list[int]] = {}
    for share in shares:
        on_top = share.amount - (share.amount_subtotal - share.amount_discount)
        included = share.amount_tax > 0 and on_top < share.amount_tax
        if share.amount_tax or share.tax_reason:
            into = sums.setdefault((share.tax_rate, share.tax_reason, included), [0, 0])
            into[0] += share.amount - share.amount_tax
            into[1] += share.amount_tax
    return tuple(
        TaxRow(rate, reason, Money(net, payment.currency), Money(tax, payment.currency), included)
        for (rate, reason, included), (net, tax) in sums.items()
    )


def _papers(rows: Sequence[Invoice]) -> tuple[Paper, ...]:
    found: list[Paper] = []
    for row in rows:
        found.append(Paper(marked("Invoice"), row.number, row.hosted_url, row.pdf_url))
        if row.credit_note:
            found.append(Paper(marked("Credit note"), row.credit_note_number, "", row.credit_note_pdf_url))
    return tuple(found)
