"""What delivers each kind of product, and what an order's lines hold and give by means of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Session, col, select

from core.catalog.products import Kind, Product
from core.kinds import downloads, licenses, seats
from core.kinds.grants import Delivery, Grant
from core.kinds.places import line_places
from core.orders import subscription_items
from core.orders.orders import OrderLine
from core.orders.status import GrantState


class Deliverable(Protocol):
    """What a module of core must do to deliver a kind of product. Each function may be called again at any time."""

    def hold(self, session: Session, line: OrderLine, *, now: datetime) -> None: ...
    def release(self, session: Session, line_id: str) -> None: ...
    def grant(self, session: Session, line: OrderLine, grant: Grant, *, now: datetime) -> str: ...
    def suspend(self, session: Session, grant: Grant, *, now: datetime) -> None: ...
    def revoke(self, session: Session, grant: Grant, *, now: datetime) -> None: ...
    def describe(
        self, session: Session, given: Sequence[tuple[Grant, Delivery]], *, signing_key: str
    ) -> list[Delivery]: ...


KINDS: Mapping[Kind, Deliverable] = {
    Kind.DOWNLOAD: downloads,
    Kind.LICENSE: licenses,
    Kind.PLAN: seats,
    Kind.WORKSHOP: line_places,
}


def lock_stock(session: Session, lines: Sequence[OrderLine]) -> None:
    """Lock, in one order for everybody, what these lines take from a stock: two orders crossed would wait for each other."""
    line_places.lock_of(session, lines)


def release_all(session: Session, lines: Sequence[OrderLine]) -> None:
    """Give back whatever these lines hold, because nobody can be paying for them any more."""
    lock_stock(session, lines)
    for line in lines:
        KINDS[line.kind].release(session, line.id)


def hold_all(session: Session, lines: list[OrderLine], *, now: datetime) -> None:
    """Hold what these lines need while their buyer pays. Raises SoldOut."""
    lock_stock(session, lines)
    for line in lines:
        KINDS[line.kind].hold(session, line, now=now)


def deliveries(session: Session, order_id: str, *, signing_key: str) -> tuple[Delivery, ...]:
    """What the order gives its buyer, line by line, with links that open for minutes."""
    return deliveries_of(session, [order_id], signing_key=signing_key)[order_id]


def deliveries_of(session: Session, order_ids: Collection[str], *, signing_key: str) -> dict[str, tuple[Delivery, ...]]:
    """The same of several orders, by order."""
    rows = session.exec(
        select(Grant, OrderLine)
        .join(OrderLine, col(Grant.order_line_id) == OrderLine.id)
        .where(col(Grant.order_id).in_(order_ids))
        .order_by(col(OrderLine.position))
    ).all()
    # Not joined: SQLite would go through all that was ever granted of each product.
    wanted = {grant.product_id for grant, _ in rows}
    products = {each.id: each for each in session.exec(select(Product).where(col(Product.id).in_(wanted)))}
    bases = [(grant, _base(grant, line, products[grant.product_id])) for grant, line in rows]
    described = _described(session, bases, signing_key=signing_key)
    found: dict[str, list[Delivery]] = {order_id: [] for order_id in order_ids}
    for grant, _ in bases:
        found[grant.order_id].append(described[grant.id])
    return {order_id: tuple(each) for order_id, each in found.items()}


def _described(
    session: Session, given: Sequence[tuple[Grant, Delivery]], *, signing_key: str
) -> dict[str, Delivery]:  # fmt: skip
    """Each delivery with what its kind adds, by its grant: as many statements for a hundred as for one."""
    found: dict[str, Delivery] = {}
    for kind in {grant.kind for grant, _ in given}:
        of_kind = [(grant, base) for grant, base in given if grant.kind is kind]
        for each in KINDS[kind].describe(session, of_kind, signing_key=signing_key):
            found[each.grant_id] = each
    return found


@dataclass(frozen=True)
class BilledPlan:
    """A plan that a subscription bills for: its line, the name that it has now, and what may be done with it."""

    line_id: str
    name: str
    state: GrantState


def plans_of(session: Session, order_id: str, subscription_id: str) -> list[BilledPlan]:
    """The plans of an order that one of its subscriptions bills for; where its items do not say, all of them."""
    items = {
        item.order_line_id: item.product_id
        for item in subscription_items.of_subscriptions(session, [subscription_id])
        if item.order_line_id
    }
    query = (
        select(OrderLine, Grant)
        .join(Grant, col(Grant.order_line_id) == OrderLine.id)
        .where(OrderLine.order_id == order_id, OrderLine.kind == Kind.PLAN)
    )
    given = session.exec(query.order_by(col(OrderLine.position))).all()
    # Another subscription for the same line may have become another plan.
    sold = [(line, grant, items.get(line.id) or grant.product_id) for line, grant in given]
    wanted = {product for line, _, product in sold if product != line.product_id}
    named = select(Product.id, Product.name).where(col(Product.id).in_(wanted))
    names = dict(session.exec(named).all()) if wanted else {}
    return [
        BilledPlan(line.id, names.get(product, line.name), grant.state)
        for line, grant, product in sold
        if not items or line.id in items
    ]


def _base(grant: Grant, line: OrderLine, product: Product) -> Delivery:
    # Under the name that it was bought by, unless its plan has been switched to another.
    switched = grant.product_id != line.product_id
    return Delivery(
        grant_id=grant.id, product_id=grant.product_id, product=product.name if switched else line.name,
        kind=grant.kind, state=grant.state, reason=grant.reason, quantity=grant.quantity,
        image=product.image if switched else line.image, line_id=line.id,
    )  # fmt: skip
