"""Contents: what each letter has to say, as things stand when it is written. The worker words it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from core.foundation.errors import NoOwners
from core.foundation.jobs import outbox
from core.foundation.money import Money
from core.invoicing import invoices
from core.kinds import deliverables, plan_billing, workshops
from core.kinds.grants import Delivery
from core.kinds.seats import Seat, SeatState
from core.kinds.workshops import Times
from core.messages import place_letters
from core.orders import disputes, ledger, orders, payments, refunds, subscriptions
from core.orders.disputes import Stage
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.orders.status import GrantState
from core.orders.subscriptions import Subscription
from core.people import codes, customers
from core.people.receipts import order_links, receipt_copies
from core.people.staff import Role, StaffMember
from core.rights import consents, declarations
from core.seats import invitations
from core.shop import Shop


@dataclass(frozen=True)
class ReceiptLine:
    """What was bought and for how much."""

    name: str
    quantity: int
    total: Money
    interval: str | None
    times: Times | None = None


@dataclass(frozen=True)
class OrderLetter:
    """What a letter about an order needs: `order_url` opens the order after a click, `library_url` leads to all purchases, for
    which a code is sent, and `withdraw_url` to where its reader may withdraw from it. `returned` is what went back, `agreed` the
    clauses that they agreed to or were told, `calendars` the workshops that its reader goes to, as files.

    `receipt_url` opens the receipt after a click, and `invoices` are their numbers and pages. A copy for somebody else has
    neither: they say where the buyer lives.
    """

    email: str
    number: str
    total: Money
    placed_at: datetime
    lines: tuple[ReceiptLine, ...]
    deliveries: tuple[Delivery, ...]
    library_url: str
    returned: Money
    withdraw_url: str = ""
    agreed: tuple[str, ...] = ()
    receipt_url: str = ""
    invoices: tuple[tuple[str, str], ...] = ()
    calendars: tuple[str, ...] = ()
    order_url: str = ""


@dataclass(frozen=True)
class CodeLetter:
    """What the letter with a code needs. `about` is the other address of a change; without one the code signs in."""

    email: str
    digits: str
    minutes: int
    about: str


@dataclass(frozen=True)
class PaymentLetter:
    """What a letter about one payment of an order needs."""

    email: str
    number: str
    amount: Money
    paid_at: datetime


@dataclass(frozen=True)
class InvitationLetter:
    """What the letter to somebody needs who is to work here: as what, who says so, and where the work is."""

    email: str
    role: Role
    invited_by: str
    url: str


@dataclass(frozen=True)
class SeatLetter:
    """What the letter to somebody who is asked to take a seat needs: of which plan, from whom, and the code."""

    email: str
    product: str
    by: str
    digits: str
    until: datetime
    url: str


@dataclass(frozen=True)
class NoticeLetter:
    """What the letter to the owners needs. `topic` is what happened, such as `disputed` or `refund_failed`; `detail` is the
    reason, `amount` the money in question, `due_by` the bank's deadline; `escalated` if a bank's question came first,
    `withdrawn` if the money was taken from the balance already, `in_part` if something of the payment is left."""

    owners: tuple[str, ...]
    number: str
    topic: str
    total: Money
    amount: Money
    detail: str = ""
    due_by: datetime | None = None
    escalated: bool = False
    withdrawn: bool = False
    in_part: bool = False


def about_order(shop: Shop, order_id: str, *, copy: str = "") -> OrderLetter:
    """What to write about this order, as it stands now; with `copy`, to the address that this copy was made for."""
    calendars = place_letters.calendars_of(shop, order_id)
    with shop.reading() as session:
        order = session.get_one(Order, order_id)
        email = receipt_copies.receiver(session, order_id=order_id, copy=copy)
        lines = orders.lines(session, order_id)
        times = workshops.times(session, lines)
        return OrderLetter(
            email=email, number=order.number, placed_at=order.created_at,
            total=Money(order.amount_expected if order.amount_total is None else order.amount_total, order.currency),
            lines=tuple(_line(line, times.get(line.workshop_date_id)) for line in lines),
            deliveries=deliverables.deliveries(session, order_id, signing_key=shop.signing_key),
            **_links(session, shop, order, email),
            returned=Money(order.amount_refunded, order.currency), calendars=() if copy else calendars,
            withdraw_url=_withdrawal(session, shop, order, email),
            agreed=tuple(_agreed(session, order_id)), **_papers(session, shop, order, email),
        )  # fmt: skip


def _papers(session: Session, shop: Shop, order: Order, email: str) -> dict[str, Any]:
    """Receipt and invoices, for the order's customer alone."""
    received = payments.of_order(session, order.id)
    if not received or (email != order.email and customers.whose(session, email) != order.customer_id):
        return {}
    rows = invoices.of_payment(session, received[0].id)
    written = tuple((row.number, row.hosted_url) for row in rows[-1:] if row.hosted_url)
    return {"receipt_url": order_links.link(shop, order.id, email, to="receipt"), "invoices": written}


def _links(session: Session, shop: Shop, order: Order, email: str) -> dict[str, Any]:
    """To the order and to the library, for the order's customer; to nothing of theirs for anybody else whom a copy is sent to."""
    if email != order.email and customers.whose(session, email) != order.customer_id:
        page = f"{shop.settings.public_url}/purchases"
        return {"library_url": page}
    library = order_links.library_link(shop, order.id, email)
    return {"library_url": library, "order_url": order_links.link(shop, order.id, email)}


def _agreed(session: Session, order_id: str) -> Iterator[str]:
    """What its buyer agreed to, and was told, before they paid."""
    for row in consents.of_order(session, order_id):
        if row.given:
            yield row.wording


def _withdrawal(session: Session, shop: Shop, order: Order, email: str) -> str:
    """The link to withdraw by. It names the order to its customer, and to nobody else to whom a copy of the receipt is sent."""
    if email != order.email and customers.whose(session, email) != order.customer_id:
        return declarations.page(shop)
    return declarations.page(shop, order.number)


def about_late_lines(shop: Shop, order_id: str, ending: str, lines: Sequence[int]) -> OrderLetter | None:
    """What to write about these lines (counted from 1), which were "delivered" late or "given_up", or None if that is no
    longer so."""
    letter = about_order(shop, order_id)
    state = GrantState.ACTIVE if ending == "delivered" else GrantState.REVOKED
    late = tuple(letter.deliveries[line - 1] for line in lines)
    return replace(letter, deliveries=late) if {each.state for each in late} == {state} else None


def about_payment(shop: Shop, order_id: str, payment_id: str) -> PaymentLetter | None:
    """What to write about this payment, or None if it went back by now: then there is nothing more to say."""
    with shop.reading() as session:
        order, payment = session.get_one(Order, order_id), session.get_one(Payment, payment_id)
    if payment.amount_refunded >= payment.amount:
        return None
    return PaymentLetter(order.email, order.number, Money(payment.amount, payment.currency), payment.paid_at)


def with_code(shop: Shop, code_id: str) -> CodeLetter | None:
    """What to write with this code, or None if it was used, has run out, or a newer one goes too: then it need not be sent."""
    with shop.reading() as session:
        code = session.get(codes.SignInCode, code_id)
        overtaken = code is not None and codes.is_overtaken(session, code)
    if code is None or overtaken or code.used_at or code.expires_at < shop.now():
        return None
    digits = codes.digits_of(code.id, signing_key=shop.signing_key)
    return CodeLetter(code.email, digits, codes.CODE_MINUTES, code.about)


def invitation(shop: Shop, member_id: str) -> InvitationLetter | None:
    """What to write to somebody who was invited, or None if they were removed since."""
    with shop.reading() as session:
        member = session.get(StaffMember, member_id)
    if member is None or member.removed_at:
        return None
    return InvitationLetter(member.email, member.role, member.invited_by, f"{shop.settings.public_url}/owner")


def seat_invitation(shop: Shop, seat_id: str, time: str) -> SeatLetter | None:
    """What to write to somebody who is asked to take a seat; None if they have it, lost it, or a newer letter is owed."""
    with shop.reading() as session:
        seat = session.get(Seat, seat_id)
        if seat is None or seat.state is not SeatState.INVITED or seat.invited_at is None:
            return None
        if outbox.stamp(seat.invited_at) != time:
            return None
        offer = invitations.offer_of(session, seat_id)
    digits = invitations.digits_of(seat, signing_key=shop.signing_key)
    url = f"{shop.settings.public_url}/seat?id={seat.id}"
    return SeatLetter(seat.email, offer.product, offer.by, digits, seat.invited_at + invitations.LASTS, url)


def to_owners(shop: Shop, order_id: str, topic: str) -> NoticeLetter | None:
    """What to write to the owners about this order, or None if it was overtaken. Raises NoOwners.

    `topic` names what happened, and to what, such as `disputed:dp_…`.
    """
    if not shop.settings.owners:
        raise NoOwners
    name, _, subject = topic.partition(":")
    with shop.reading() as session:
        order = session.get_one(Order, order_id)
        total = Money(order.amount_expected if order.amount_total is None else order.amount_total, order.currency)
        plain = NoticeLetter(shop.settings.owners, order.number, name, total, total)
        if name in (*Stage, "dispute"):
            dispute = session.get_one(disputes.Dispute, subject)
            book = ledger.read(session, order)
            payment = payments.named(book.payments, dispute.payment_id)
            return _of_dispute(dispute, plain, in_part=payment is not None and not book.is_gone(payment))
        if name in ("refund_failed", "refund_refused"):
            refund = session.get_one(refunds.Refund, subject)
            return replace(plain, detail=refund.failure, amount=Money(refund.amount, refund.currency))
        if name == "fraud_warning":
            return _of_warning(session, session.get_one(disputes.FraudWarning, subject), plain)
        if name == "paid_after_end":
            return _of_payment(session.get_one(Payment, subject), plain)
        if name == "not_billed":
            return _of_unbilled(session, order_id, subject, plain)
        if name == "plan_bills_on" and not session.get_one(Subscription, subject.partition(":")[0]).bills_on:
            return None
    return replace(plain, detail=order.attention.partition("\n")[0]) if name == "blocked" else plain


def _of_payment(payment: Payment, plain: NoticeLetter) -> NoticeLetter | None:
    gone = payment.amount_refunded >= payment.amount
    return None if gone else replace(plain, amount=Money(payment.amount, payment.currency))


def _of_warning(session: Session, warning: disputes.FraudWarning, plain: NoticeLetter) -> NoticeLetter | None:
    if not warning.actionable:
        return None
    received = payments.of_order(session, warning.order_id)
    about = payments.named(received, warning.stripe_payment_intent_id, warning.stripe_charge_id)
    told = replace(plain, detail=warning.fraud_type)
    return _of_payment(about, told) if about else told


def _of_unbilled(session: Session, order_id: str, invoice: str, plain: NoticeLetter) -> NoticeLetter | None:
    found = plan_billing.unbilled(subscriptions.of_orders(session, [order_id]))
    row = next((each for each in found if each.unbilled_invoice == invoice), None)
    return replace(plain, amount=Money(row.amount, row.currency), detail=row.unbilled_reason or "") if row else None


def _of_dispute(dispute: disputes.Dispute, plain: NoticeLetter, *, in_part: bool) -> NoticeLetter | None:
    # Owed by the version before this one: "dispute", whatever had become of it.
    told = disputes.stage(dispute) if plain.topic == "dispute" else Stage(plain.topic)
    if not disputes.is_news(dispute, told):
        return None
    return replace(
        plain, topic=told, amount=Money(dispute.amount, dispute.currency or plain.total.currency),
        detail=dispute.reason, due_by=dispute.due_by, escalated=dispute.was_inquiry, withdrawn=dispute.withdrawn,
        in_part=in_part,
    )  # fmt: skip


def _line(line: OrderLine, times: Times | None) -> ReceiptLine:
    total = Money(line.unit_amount * line.quantity, line.currency)
    return ReceiptLine(line.name, line.quantity, total, line.interval, times)
