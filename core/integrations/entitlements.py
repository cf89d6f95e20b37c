"""Entitlements: what people may use right now, by what was bought and stands, worked out each time that it is asked.

Of several purchases of one product the best counts. Where money went back, or time has run out, the next answer says so.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import union_all
from sqlmodel import Session, col, select

from core.catalog.license_terms import OnExpiry
from core.catalog.products import Kind, Product
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseKey
from core.kinds.seats import Seat, SeatState
from core.orders.orders import Order
from core.orders.status import GrantState
from core.orders.subscriptions import Subscription
from core.people import purchases
from core.people.customers import CustomerAddress


class State(StrEnum):
    """What somebody may do with a product, the best first: use it, not for now, not any more since time ran out, or at all."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    REVOKED = "revoked"


_BEST_FIRST = tuple(State)
_OF_GRANT = {GrantState.ACTIVE: State.ACTIVE, GrantState.SUSPENDED: State.SUSPENDED, GrantState.REVOKED: State.REVOKED}


@dataclass(frozen=True)
class Entitlement:
    """One product. `until` is the end of what was paid for, as far as one is known, `grace` how long a payment that failed
    changes nothing. `quantity` is how many of it are theirs to use or to give."""

    product: str
    state: State
    quantity: int
    features: Mapping[str, Any]
    until: datetime | None
    grace: datetime | None
    orders: tuple[str, ...]


@dataclass(frozen=True)
class Entitlements:
    """All of one person's. `changes_at` is the next moment at which time alone changes them."""

    products: tuple[Entitlement, ...] = ()
    changes_at: datetime | None = None

    @property
    def digest(self) -> str:
        """The same for the same entitlements."""
        return sha256(orjson.dumps(self.listed(), option=orjson.OPT_SORT_KEYS)).hexdigest()

    def listed(self, product: str = "") -> list[dict[str, Any]]:
        """The products as they are told, or this one alone."""
        return [vars(each) for each in self.products if product in ("", each.product)]


@dataclass(frozen=True)
class _Part:
    """What one purchase, or one seat, gives of a product, or what keys do that came without an order."""

    state: State
    quantity: int
    order_id: str | None
    features: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None
    grace: datetime | None = None
    moments: tuple[datetime | None, ...] = ()


@dataclass
class _Facts:
    """What is read for several people at once: `keys` by their grants, and those that were given without any, by whom they were
    given to and for what."""

    products: dict[str, Product]
    plans: dict[str, list[Subscription]]
    keys: dict[str, list[LicenseKey]]
    held: dict[tuple[str, str], list[LicenseKey]]


def of(session: Session, customer_id: str, *, livemode: bool, now: datetime) -> Entitlements:
    """What this customer may use now."""
    return of_all(session, [customer_id], livemode=livemode, now=now)[customer_id]


def of_all(
    session: Session, customer_ids: Collection[str], *, livemode: bool, now: datetime
) -> dict[str, Entitlements]:
    """The same of several, in no more statements."""
    bought = _bought(session, customer_ids, livemode)
    given = _given(session, customer_ids, livemode)
    facts = _facts(session, [grant for grant, _ in bought] + [grant for grant, _, _ in given], customer_ids, livemode)
    parts: dict[str, dict[str, list[_Part]]] = {each: defaultdict(list) for each in customer_ids}
    for grant, person in bought:
        # Whoever gave the first seat of a plan away pays for it and does not use it.
        if grant.kind is not Kind.PLAN or grant.buyer_sits:
            parts[person][grant.product_id].append(_part(grant, facts, quantity=grant.quantity, now=now))
    for grant, person, seat in given:
        parts[person][grant.product_id].append(_part(grant, facts, quantity=1, seat=seat, now=now))
    for (person, product_id), keys in facts.held.items():
        part = _Part(State.ACTIVE, 1, None, facts.products[product_id].terms.get("features") or {})
        parts[person][product_id].append(_of_licenses(part, keys, now))
    return {person: _put_together(found, facts, now) for person, found in parts.items()}


def _bought(session: Session, customer_ids: Collection[str], livemode: bool) -> list[tuple[Grant, str]]:
    query = (
        select(Grant, Order.customer_id)
        .join(Order, col(Order.id) == Grant.order_id)
        .where(
            col(Order.customer_id).in_(customer_ids), col(Order.livemode).is_(livemode),
            col(Order.from_season).is_(False), Grant.state != GrantState.BLOCKED,
        )
    )  # fmt: skip
    return [(grant, str(person)) for grant, person in session.exec(query)]


def _given(session: Session, customer_ids: Collection[str], livemode: bool) -> list[tuple[Grant, str, SeatState]]:
    query = (
        select(Grant, Seat.customer_id, Seat.state)
        .join(Seat, col(Seat.grant_id) == Grant.id)
        .join(Order, col(Order.id) == Grant.order_id)
        .where(
            col(Seat.customer_id).in_(customer_ids), col(Order.livemode).is_(livemode),
            col(Order.from_season).is_(False), Grant.state != GrantState.BLOCKED,
            col(Seat.state).in_((SeatState.ACCEPTED, SeatState.SUSPENDED)),
        )
    )  # fmt: skip
    return [(grant, str(person), SeatState(state)) for grant, person, state in session.exec(query)]


def _facts(session: Session, grants: Collection[Grant], customer_ids: Collection[str], livemode: bool) -> _Facts:
    found = _Facts({}, {}, defaultdict(list), defaultdict(list))
    _read_keys(session, found, {grant.id for grant in grants if grant.kind is Kind.LICENSE}, customer_ids, livemode)
    wanted = {grant.product_id for grant in grants} | {product_id for _, product_id in found.held}
    if not wanted:
        return found
    products = select(Product).where(col(Product.id).in_(wanted))
    found.products = {row.id: row for row in session.exec(products)}
    if plans := {grant.order_line_id: grant.order_id for grant in grants if grant.kind is Kind.PLAN}:
        by_line = purchases.own_plans(session, plans)
        found.plans = {line_id: [each.row for each in billing] for line_id, billing in by_line.items()}
    return found


def _read_keys(
    session: Session, found: _Facts, grant_ids: Collection[str], customer_ids: Collection[str], livemode: bool
) -> None:
    """The keys of these grants, and those that these people were given without any, by an owner or with an import."""
    address, key = CustomerAddress.folded, LicenseKey.id
    owner = select(CustomerAddress.customer_id).where(address == LicenseKey.holder).scalar_subquery()
    held = select(key).join(CustomerAddress, col(address) == LicenseKey.holder).where(
        col(CustomerAddress.customer_id).in_(customer_ids), col(LicenseKey.grant_id).is_(None),
        col(LicenseKey.livemode).is_(livemode),
    )  # fmt: skip
    # Each looks in an index of its own: asked with one condition, PostgreSQL would read all.
    wanted = union_all(held, select(key).where(col(LicenseKey.grant_id).in_(grant_ids))) if grant_ids else held
    query = select(LicenseKey, owner).where(col(key).in_(wanted))
    for row, person in session.exec(query.order_by(col(LicenseKey.position), col(LicenseKey.created_at), col(key))):
        if row.grant_id:
            found.keys[row.grant_id].append(row)
        else:
            found.held[person, row.product_id].append(row)


def _part(grant: Grant, facts: _Facts, *, quantity: int, seat: SeatState = SeatState.ACCEPTED, now: datetime) -> _Part:
    state = _OF_GRANT[grant.state]
    if state is State.ACTIVE and (quantity < 1 or seat is SeatState.SUSPENDED):
        state = State.SUSPENDED
    features = facts.products[grant.product_id].terms.get("features") or {}
    part = _Part(state, quantity, grant.order_id, features)
    if grant.kind is Kind.PLAN:
        return _of_plan(part, facts.plans[grant.order_line_id], now)
    return _of_licenses(part, facts.keys[grant.id], now) if grant.kind is Kind.LICENSE else part


def _of_plan(part: _Part, billing: list[Subscription], now: datetime) -> _Part:
    """Until when it is paid for. Of several subscriptions that bill for it, the one says so by which it may be used longest."""
    alive = [each for each in billing if not each.is_over and each.fetched_at]
    if not alive:
        # Open all the same, it was given back for as long as it was paid for.
        ends = max((each.paid_until for each in billing if each.paid_until), default=None)
        return replace(part, until=ends, moments=(ends,)) if ends and part.state is State.ACTIVE else part
    open_ones = [each for each in alive if each.access_until is None or each.access_until > now]
    state = part.state if open_ones or part.state is not State.ACTIVE else State.SUSPENDED
    row = max(open_ones or alive, key=lambda each: (each.unpaid_since is None, _until(each) or each.created_at))
    grace = row.grace_until if row.unpaid_since else None
    until = row.paid_until if grace else _until(row)
    moments = tuple(at for each in alive for at in (each.access_until, each.grace_until))
    return _Part(state, part.quantity, part.order_id, part.features, until, grace, moments)


def _until(row: Subscription) -> datetime | None:
    return row.access_until or row.ends_at or row.paid_until or row.period_end


def _of_licenses(part: _Part, keys: list[LicenseKey], now: datetime) -> _Part:
    """Those of its keys that work. Where none does, the first says why."""
    if not keys:
        return part
    states = [_of_key(part.state, key, now) for key in keys]
    best = min(states, key=_BEST_FIRST.index)
    counted = [key for key, state in zip(keys, states, strict=True) if state is best]
    ends = [key.expires_at for key in counted if key.on_expiry is OnExpiry.STOP]
    until = max((each for each in ends if each), default=None) if len(ends) == len(counted) and all(ends) else None
    features = {**part.features, **counted[0].features}
    return _Part(best, len(counted), part.order_id, features, until, None, tuple(key.expires_at for key in keys))


def _of_key(state: State, key: LicenseKey, now: datetime) -> State:
    if state is not State.ACTIVE:
        return state
    if key.disabled_at:
        return State.SUSPENDED
    over = key.on_expiry is OnExpiry.STOP and key.expires_at is not None and key.expires_at <= now
    return State.EXPIRED if over else State.ACTIVE


def _put_together(found: Mapping[str, list[_Part]], facts: _Facts, now: datetime) -> Entitlements:
    moments = [at for parts in found.values() for part in parts for at in part.moments if at and at > now]
    products = tuple(_of_product(product, found[product]) for product in sorted(found))
    return Entitlements(products, min(moments, default=None))


def _of_product(product: str, parts: list[_Part]) -> Entitlement:
    best = min((part.state for part in parts), key=_BEST_FIRST.index)
    counted = [part for part in parts if part.state is best]
    ends = [part.until for part in counted]
    return Entitlement(
        product, best, sum(part.quantity for part in counted), counted[0].features,
        until=None if None in ends else max(_moments(ends)),
        grace=max(_moments(part.grace for part in counted), default=None),
        orders=tuple(sorted({part.order_id for part in parts if part.order_id})),
    )  # fmt: skip


def _moments(found: Any) -> Iterator[datetime]:
    return (each for each in found if each is not None)
