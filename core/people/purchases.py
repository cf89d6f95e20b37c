"""What buyers see of their orders: right after paying, and whenever they come back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from core.catalog.products import Kind
from core.foundation import addresses
from core.foundation.addresses import fold
from core.foundation.money import Money
from core.foundation.records import beside
from core.kinds import deliverables, standings, workshops
from core.kinds.grants import Delivery
from core.kinds.standings import Billing, PlanStanding
from core.kinds.workshops import Times
from core.orders import checkouts, orders, payments
from core.orders.checkouts import Checkout
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.orders.status import Status
from core.orders.subscriptions import Subscription
from core.people import customers
from core.people.customers import Customer, CustomerAddress
from core.people.receipts import order_links


@dataclass(frozen=True)
class PurchasedLine:
    """One line of a receipt."""

    name: str
    quantity: int
    total: Money
    interval: str | None
    product_id: str
    times: Times | None = None


@dataclass(frozen=True)
class PaidOnce:
    """Money that came in for an order at once, and what of it went back."""

    id: str
    paid_at: datetime
    amount: Money
    returned: Money


@dataclass(frozen=True)
class Viewer:
    """Who looks at an order: their browser, the address that is signed in on it, and the cookie of the orders that it has open by
    links in letters."""

    browser: str = ""
    email: str = ""
    cookie: str | None = None


@dataclass(frozen=True)
class Purchase:
    """An order as its buyer sees it. All but number, status and `total` is empty for anybody else (`mine` is False). Whoever has it
    open by a link alone (`by_link`) reads no address in full.

    `plans` are by line: how each subscription stands that bills for it and lives, or the last one that did. `plan` is the newest.
    `total` is what was really paid once it was, what is on its way while it settles, else what is due.
    """

    order_id: str
    number: str
    status: Status
    mine: bool
    total: Money
    email: str
    placed_at: datetime
    fulfilled_at: datetime | None
    cart_id: str
    lines: tuple[PurchasedLine, ...]
    deliveries: tuple[Delivery, ...]
    plan: PlanStanding | None = None
    plans: Mapping[str, tuple[PlanStanding, ...]] = field(default_factory=dict)
    paid: tuple[PaidOnce, ...] = ()
    by_link: bool = False


def seen(session: Session, order_id: str, viewer: Viewer, *, signing_key: str, now: datetime) -> Purchase | None:
    """The order as somebody may see it: whole on the browser that bought and for its customer who is signed in on any other;
    without addresses by a letter's link; else number and status alone."""
    order = session.get(Order, order_id)
    if order is None:
        return None
    if is_theirs(session, order, viewer):
        return _purchases(session, [order], signing_key=signing_key)[0]
    if not order_links.opens(session, viewer.cookie, order, signing_key=signing_key, now=now):
        return _purchase(order, mine=False)
    [found] = _purchases(session, [order], signing_key=signing_key)
    return _by_link(found)


def _by_link(whole: Purchase) -> Purchase:
    """An order without the addresses in it: its buyer's, which stands on Stripe's page of what they owe as well, and those of
    whoever has a seat."""
    return replace(
        whole, by_link=True, email=addresses.veiled(whole.email),
        deliveries=tuple(replace(each, seats=()) for each in whole.deliveries),
        plan=whole.plan and replace(whole.plan, pay_url=""),
        plans={line: tuple(replace(each, pay_url="") for each in found) for line, found in whole.plans.items()},
    )  # fmt: skip


def newest_here(session: Session, browser_id: str, *, since: datetime) -> str:
    """The id of the order that this browser has paid, or is paying, last since then; an empty string without one."""
    query = select(Order).where(
        Order.browser_id == browser_id,
        col(Order.created_at) >= since,
        col(Order.status).not_in((Status.PENDING, Status.CANCELED, Status.FAILED)),
    )
    order = session.exec(query.order_by(col(Order.created_at).desc()).limit(1)).first() if browser_id else None
    return order.id if order and is_theirs(session, order, Viewer(browser_id)) else ""


def is_theirs(session: Session, order: Order, viewer: Viewer) -> bool:
    """Whether it is the browser that bought, or the order's customer is signed in on it."""
    if viewer.email and _belongs_to(session, order, viewer.email):
        return True
    if not viewer.browser or order.browser_id != viewer.browser:
        return False
    owner = session.get(Customer, order.customer_id) if order.customer_id else None
    # Whoever signed out everywhere has signed out here as well.
    return owner is None or owner.links_since is None or order.created_at > owner.links_since


def _belongs_to(session: Session, order: Order, email: str) -> bool:
    if order.customer_id:
        return customers.whose(session, email) == order.customer_id
    return any(row.folded == fold(email) for row in _settling(session, [order]))


def _settling(session: Session, theirs: Sequence[Order]) -> list[Checkout]:
    return checkouts.settling(session, [order.id for order in theirs if order.status is Status.PROCESSING])


def library(session: Session, email: str, *, livemode: bool, signing_key: str) -> tuple[Purchase, ...]:
    """What the customer with this address paid for, under any of theirs, newest first, with what is on its way.

    Test money buys nothing in a shop that is live.
    """
    owner, theirs = customers.whose_with_all(session, email)
    coming = checkouts.settling_for(theirs)
    bought = and_(col(Order.customer_id) == owner, col(Order.status).not_in(_NEVER_PAID))
    settles = and_(col(Order.customer_id).is_(None), col(Order.status) == Status.PROCESSING, col(Order.id).in_(coming))
    query = (
        select(Order)
        .where(or_(bought, settles) if owner else settles, beside(Order.livemode) == livemode)
        .order_by(col(Order.created_at).desc())
    )
    return tuple(_purchases(session, session.exec(query).all(), signing_key=signing_key))


_NEVER_PAID = (Status.PENDING, Status.FAILED)


def _purchases(session: Session, theirs: Sequence[Order], *, signing_key: str) -> list[Purchase]:
    """These orders as their buyer sees them; what belongs to them is read for all at once."""
    ids = [order.id for order in theirs]
    lines = orders.lines_of(session, ids)
    times = workshops.times(session, [line for each in lines.values() for line in each])
    given = deliverables.deliveries_of(session, ids, signing_key=signing_key)
    others = others_sessions(session, theirs)
    of_plans = {line.id: line.order_id for each in lines.values() for line in each if line.kind is Kind.PLAN}
    by_line = own_plans(session, of_plans, others)
    standing = standings.of_lines(session, [line for each in lines.values() for line in each], by_line)
    plans = {each.row.order_id: each.row for billing in by_line.values() for each in billing}
    paid = _paid(session, theirs, others)
    settling = {row.order_id: row for row in _settling(session, theirs)}
    return [
        _purchase(
            order, mine=True, deliveries=_explained(order, lines[order.id], given[order.id], plans.get(order.id)),
            lines=tuple(_line(line, times.get(line.workshop_date_id)) for line in lines[order.id]),
            plan=plans.get(order.id), paid=paid[order.id], settling=settling.get(order.id),
            plans={line.id: standing.get(line.id, ()) for line in lines[order.id]},
        )
        for order in theirs
    ]  # fmt: skip


def _explained(
    order: Order, lines: Sequence[OrderLine], given: Sequence[Delivery], plan: Subscription | None
) -> tuple[Delivery, ...]:  # fmt: skip
    """The deliveries, each with why it does not open."""
    by_id = {line.id: line for line in lines}
    return tuple(replace(each, closing=standings.closing(order, by_id[each.line_id], each, plan)) for each in given)


def _purchase(
    order: Order, *, mine: bool, lines: tuple[PurchasedLine, ...] = (), deliveries: tuple[Delivery, ...] = (),
    plan: Subscription | None = None, paid: tuple[PaidOnce, ...] = (), settling: Checkout | None = None,
    plans: Mapping[str, tuple[PlanStanding, ...]] | None = None,
) -> Purchase:  # fmt: skip
    due = order.amount_expected if order.amount_total is None else order.amount_total
    email = order.email
    if settling:
        # What the payment page took, with codes and taxes, and where it said that letters go.
        due, email = due if settling.amount_total is None else settling.amount_total, settling.email or email
    return Purchase(
        order_id=order.id, number=order.number, status=order.status, mine=mine, total=Money(due, order.currency),
        email=email if mine else "", placed_at=order.created_at, fulfilled_at=order.fulfilled_at,
        cart_id=order.cart_id if mine else "", lines=lines, deliveries=deliveries,
        plan=standings.of_plan(plan) if plan else None, plans=plans or {}, paid=paid,
    )  # fmt: skip


def own_plans(
    session: Session, lines: Mapping[str, str], others: Sequence[Checkout] | None = None
) -> dict[str, list[Billing]]:
    """What bills the buyers of these plans' lines, each given with its order, oldest first: the subscriptions that live, or where
    none does the last one. What somebody else pays by one of the `others`' Sessions is theirs alone; these are looked for if they
    are not given."""
    found = standings.billing(session, set(lines.values()))
    if others is None:
        # What came with the Session that made the order theirs is nobody else's.
        others = _others_sessions_of(session, {each.row.order_id for each in found if not each.first})
    theirs = {row.stripe_subscription_id for row in others}
    return standings.by_line([each for each in found if each.row.id not in theirs], lines)


def _others_sessions_of(session: Session, order_ids: Collection[str]) -> list[Checkout]:
    found = session.exec(select(Order).where(col(Order.id).in_(order_ids))).all() if order_ids else []
    return others_sessions(session, found) if found else []


def _paid(session: Session, theirs: Sequence[Order], others: Sequence[Checkout]) -> dict[str, tuple[PaidOnce, ...]]:
    """What came in for each of these orders, newest first, but for what somebody else paid for it as well."""
    found: dict[str, tuple[PaidOnce, ...]] = {order.id: () for order in theirs}
    for row in payments.of_orders(session, list(found)):
        if row.amount and not is_anothers(row, others):
            found[row.order_id] = (_paid_once(row), *found[row.order_id])
    return found


def others_sessions(session: Session, theirs: Sequence[Order]) -> list[Checkout]:
    """The Sessions of these orders in which somebody else has paid: each has the address of none of the order's customer, and
    is not what made the order theirs."""
    known = select(CustomerAddress.folded, CustomerAddress.customer_id).where(
        col(CustomerAddress.customer_id).in_({order.customer_id for order in theirs})
    )
    addresses = set(session.exec(known))
    by_id = {order.id: order for order in theirs}
    rows = session.exec(select(Checkout).where(col(Checkout.order_id).in_(by_id), col(Checkout.folded) != ""))
    return [row for row in rows if _is_anothers(row, by_id[row.order_id], addresses)]


def _is_anothers(row: Checkout, order: Order, addresses: Collection[tuple[str, str]]) -> bool:
    own = row.stripe_checkout_session_id and row.stripe_checkout_session_id == order.stripe_checkout_session_id
    return not own and (row.folded, order.customer_id) not in addresses


def is_anothers(payment: Payment, others: Sequence[Checkout]) -> bool:
    """Whether it came in by one of these Sessions of other people."""
    return any(
        (payment.stripe_checkout_session_id and payment.stripe_checkout_session_id == row.stripe_checkout_session_id)
        or (payment.stripe_payment_intent_id and payment.stripe_payment_intent_id == row.stripe_payment_intent_id)
        or (payment.stripe_subscription_id and payment.stripe_subscription_id == row.stripe_subscription_id)
        for row in others
    )


def _paid_once(row: Payment) -> PaidOnce:
    returned = Money(row.amount_refunded, row.currency)
    return PaidOnce(row.id, row.paid_at, Money(row.amount, row.currency), returned)


def _line(line: OrderLine, times: Times | None) -> PurchasedLine:
    total = Money(line.unit_amount * line.quantity, line.currency)
    return PurchasedLine(line.name, line.quantity, total, line.interval, line.product_id, times)
