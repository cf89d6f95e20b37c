"""Rebuilding: an order that was paid for and that the database does not have, or not as it was paid, is written again from the copy
that its Session carries. What follows from its payment is then admission's and fulfilment's to say, as for any other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from core.catalog import products, tax
from core.catalog.products import Interval, Kind, Price, Product
from core.foundation.database import SECRET, lock_names
from core.gateway.sessions import CheckoutState, SessionFacts
from core.journeys.checkout_sessions import lost_orders, order_copy
from core.journeys.checkout_sessions.order_copy import CopiedLine, OrderCopy
from core.kinds import deliverables
from core.kinds.places import line_places
from core.kinds.workshops import WorkshopDate
from core.languages import catalogs, sentences
from core.orders import checkouts, history, orders
from core.orders.checkouts import Checkout
from core.orders.orders import LineDraft, Order
from core.orders.status import Progress
from core.rights import clauses, consents
from core.rights.clauses import Asked

UNREADABLE = "it does not say what was bought, or not in this shop's hand"


@dataclass(frozen=True)
class _Missing(Exception):
    """What the order was of is not there."""

    what: str


def rebuild(session: Session, shop_id: str, facts: SessionFacts, *, actor: str, now: datetime) -> bool:
    """Write again what this Session was opened for, if that is ours and lost; return whether admission is to be asked again.

    What was paid for and cannot be rebuilt is kept among the lost orders. Of one that nobody has paid nothing is.
    """
    if not may_be_lost(shop_id, facts):
        return False
    # Two who are told of it at once would both find nothing.
    lock_names(session, f"order {facts.order_id}")
    order = orders.lock(session, facts.order_id)
    known = checkouts.of_order(session, order.id) if order else []
    if any(_is_opened_as(row, facts) for row in known):
        return True  # somebody else has just written it, or something else is the matter
    copy = order_copy.read(facts.metadata, session.info[SECRET])
    if copy is None and order:
        return False  # a stranger's, as far as anybody can tell
    try:
        if copy is None:
            raise _Missing(UNREADABLE)
        _write(session, order, known, copy, facts, actor=actor, now=now)
    except _Missing as missing:
        number = copy.number if copy else ""
        lost_orders.note(session, facts, number=number, reason=missing.what, now=now)
        return False
    lost_orders.clear(session, facts.id)
    return True


def may_be_lost(shop_id: str, facts: SessionFacts) -> bool:
    """Whether a Session that was not admitted may be of an order that is lost."""
    ours = facts.shop_id == shop_id and facts.order_id.startswith("ord_")
    return ours and facts.state is CheckoutState.COMPLETE


def _is_opened_as(row: Checkout, facts: SessionFacts) -> bool:
    """Whether it is known as what this Session was opened for: then it is not lost."""
    token = (row.parameters.get("metadata") or {}).get("token")
    return row.stripe_checkout_session_id == facts.id or (token is not None and token == facts.metadata.get("token"))


def _write(
    session: Session, order: Order | None, known: list[Checkout], copy: OrderCopy, facts: SessionFacts, *, actor: str,
    now: datetime,
) -> None:  # fmt: skip
    sold = _sold(session, copy)
    _check_dates(session, copy)
    drafts = [_draft(session, line, sold[line.product], facts.currency) for line in copy.lines]
    if order is None:
        order = orders.place_again(
            session, facts.order_id, number=copy.number, cart_id=facts.metadata.get("cart_id", ""),
            currency=facts.currency, livemode=facts.livemode, business=copy.business, placed_at=copy.placed_at,
        )  # fmt: skip
        order.language, asked = _asked(session, copy, sold.values())
        consents.record(session, order.id, asked, copy.agreed, known=False, now=copy.placed_at)
    order.attempts = max(order.attempts, facts.attempt)
    if checkouts.progress(known) not in (Progress.PAID, Progress.PROCESSING):
        _give_lines(session, order, drafts, facts, now=now)
    session.add(_attempt(order, copy, facts, now=now))
    session.flush()
    history.note(session, order.id, f"rebuilt:{facts.id}", actor=actor, now=now)


def _asked(session: Session, copy: OrderCopy, sold: Iterable[Product]) -> tuple[str, tuple[Asked, ...]]:
    """The clauses in the language in which they were agreed to, and which that is; empty if none of them says."""
    bought, texts = list(sold), products.texts(session)
    for language in catalogs.known():
        with sentences.spoken(language):
            found = clauses.asked(bought, texts)
        if copy.agreed and set(copy.agreed) <= {each.version for each in found}:
            return language, found
    with sentences.spoken(""):
        return "", clauses.asked(bought, texts)


def _give_lines(
    session: Session, order: Order, drafts: Sequence[LineDraft], facts: SessionFacts, *, now: datetime
) -> None:
    """Let it be the order that was paid for."""
    standing = orders.lines(session, order.id)
    deliverables.release_all(session, standing)
    order.currency = facts.currency
    lines = orders.write_lines(session, order, drafts, instead_of=standing, now=now)
    for line in lines:
        if line.kind is Kind.WORKSHOP:
            line_places.note_lapsed(session, line)


def _attempt(order: Order, copy: OrderCopy, facts: SessionFacts, *, now: datetime) -> Checkout:
    """The Session's row, or that of the expired one it was recovered from, as others may have been as well; with as much of
    what Stripe was asked for as anybody looks at later."""
    asked: dict[str, Any] = {"metadata": dict(facts.metadata), "allow_promotion_codes": True}
    if copy.taxed:
        asked["automatic_tax"] = {"enabled": True}
    if copy.invoiced:
        asked["invoice_creation"] = {"enabled": True}
    if copy.trial:
        asked["subscription_data"] = {"trial_period_days": copy.trial}
    opened = facts.recovered_from or facts.id
    return Checkout(
        id=opened, order_id=order.id, attempt=facts.attempt, stripe_checkout_session_id=opened, parameters=asked,
        state=CheckoutState.EXPIRED if facts.recovered_from else CheckoutState.OPEN, expires_at=facts.expires_at,
        created_at=copy.placed_at, ask_after=now,
    )  # fmt: skip


def _sold(session: Session, copy: OrderCopy) -> dict[str, Product]:
    wanted = {line.product for line in copy.lines}
    found = {each.id: each for each in session.exec(select(Product).where(col(Product.id).in_(wanted)))}
    if missing := sorted(wanted - found.keys()):
        raise _Missing(f"{missing[0]} is not in the catalogue")
    return found


def _check_dates(session: Session, copy: OrderCopy) -> None:
    wanted = {line.date for line in copy.lines if line.date}
    known = set(session.exec(select(WorkshopDate.id).where(col(WorkshopDate.id).in_(wanted)))) if wanted else set()
    if missing := sorted(wanted - known):
        raise _Missing(f"the date {missing[0]} is not in the catalogue")


def _draft(session: Session, line: CopiedLine, product: Product, currency: str) -> LineDraft:
    price = session.get(Price, line.price) or _price(session, line, currency)
    return LineDraft(
        product_id=product.id, price_id=price.id, kind=product.kind, name=product.name, quantity=line.quantity,
        unit_amount=line.amount, currency=currency, interval=line.interval or None, image=product.image,
        stripe_price_id=price.stripe_price_id, workshop_date_id=line.date or None,
        tax_code=tax.code_of(product.kind, product.tax_code), tax_behavior=price.tax_behavior or tax.INCLUSIVE,
    )  # fmt: skip


def _price(session: Session, line: CopiedLine, currency: str) -> Price:
    """A price that was made after the backup: as it was, and not on sale."""
    made = Price(
        id=line.price, product_id=line.product, amount=line.amount, currency=currency,
        interval=Interval(line.interval) if line.interval else None, lookup_key=f"lost:{line.price}", active=False,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made
