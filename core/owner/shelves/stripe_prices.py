"""Prices that Stripe knows as well: archived there when they are here, and looked at for what differs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Field, Session, col, select

from core.catalog import plan_prices
from core.catalog.products import Price, Product
from core.foundation.money import Money
from core.foundation.records import Record, minor_units
from core.foundation.writes.inserts import InsertOnce
from core.gateway.objects import id_of
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


class StripePrice(Record, table=True):
    """A price as Stripe had it when it was asked last. `missing` is one that Stripe does not have in this mode."""

    __tablename__ = "stripe_prices"

    id: str = Field(primary_key=True)
    missing: bool = False
    active: bool = False
    amount: int | None = minor_units(default=None, nullable=True)
    currency: str = ""
    interval: str | None = None
    product_name: str = ""
    product_active: bool = False
    seen_at: datetime


# The worker and an owner may ask at once: what was asked last stands.
_SAID = ("missing", "active", "amount", "currency", "interval", "product_name", "product_active", "seen_at")
_KEEP = InsertOnce(
    StripePrice,
    conflict=f"(id) do update set {', '.join(f'{each} = excluded.{each}' for each in _SAID)}"
    " where stripe_prices.seen_at <= excluded.seen_at",
)


@dataclass(frozen=True)
class AtStripe:
    """What differs at Stripe from a price that is on sale here: a sentence, and when Stripe was asked."""

    product_id: str
    price_id: str
    sentence: str
    seen_at: datetime


def archive(shop: Shop, price_id: str, successor: str) -> None:
    """Archive a price at Stripe, after the one that follows it was made known there. Safe to do again. Raises StripeTrouble.

    Of what Stripe does not have nothing is to be archived.
    """
    with shop.reading() as session:
        old, new = session.get_one(Price, price_id), session.get(Price, successor) if successor else None
        made = plan_prices.known(session, price_id, shop.settings.mode)
    name = old.stripe_price_id or (made.stripe_price_id if made else None)
    found = shop.stripe.find_price(name) if name else None
    if found is None or old.active:
        return
    if new is not None and not new.stripe_price_id and not new.interval:
        there = shop.stripe.create_price(_parameters(new, found), key=f"price:{shop.id}:{new.id}")
        with shop.transaction() as session:
            session.get_one(Price, new.id).stripe_price_id = there["id"]
    shop.stripe.archive_price(found["id"])


def compare(shop: Shop, *, deed: Deed) -> int:
    """Look, because somebody of the staff says so. Raises NotPermitted, DoneAlready or StripeTrouble."""
    with shop.transaction() as session:
        deeds.begin(
            session,
            shop.settings,
            deed,
            Action.SHELVES,
            subject="shelves",
            detail="compared with Stripe",
            now=shop.now(),
        )
    return look(shop)


def look(shop: Shop) -> int:
    """Ask Stripe about every price on sale that it knows; return how many those are. Raises StripeTrouble."""
    with shop.reading() as session:
        query = select(Price.stripe_price_id).where(col(Price.active), col(Price.stripe_price_id).is_not(None))
        named = sorted({str(each) for each in session.exec(query)})
    seen = [_seen(each, shop.stripe.find_price(each), now=shop.now()) for each in named]
    with shop.transaction() as session:
        _KEEP(session, [row.model_dump() for row in seen])
    return len(seen)


def differing(session: Session) -> list[AtStripe]:
    """What differs at Stripe from the prices that are on sale here, as Stripe was asked last."""
    query = (
        select(Price, Product, StripePrice)
        .join(Product, col(Product.id) == Price.product_id)
        .join(StripePrice, col(StripePrice.id) == Price.stripe_price_id)
        .where(col(Price.active), col(Product.active))
        .order_by(col(Price.product_id), col(Price.position))
    )
    return [
        AtStripe(product.id, price.id, sentence, seen.seen_at)
        for price, product, seen in session.exec(query)
        if (sentence := _sentence(price, product, seen))
    ]


def _parameters(price: Price, old: dict[str, Any]) -> dict[str, Any]:
    return {
        "product": id_of(old["product"]), "currency": price.currency, "unit_amount": price.amount,
        "metadata": {"price_id": price.id},
        **({"tax_behavior": price.tax_behavior} if price.tax_behavior else {}),
    }  # fmt: skip


def _seen(name: str, found: dict[str, Any] | None, *, now: datetime) -> StripePrice:
    if found is None:
        return StripePrice(id=name, missing=True, seen_at=now)
    product = found["product"] if isinstance(found["product"], dict) else {}
    return StripePrice(
        id=name, active=bool(found.get("active")), amount=found.get("unit_amount"), currency=found["currency"],
        interval=(found.get("recurring") or {}).get("interval"), product_name=product.get("name") or "",
        product_active=bool(product.get("active")), seen_at=now,
    )  # fmt: skip


def _sentence(price: Price, product: Product, seen: StripePrice) -> str:
    if seen.missing:
        return f"{seen.id} is not at Stripe, or in the other mode"
    if not seen.active:
        return f"{seen.id} is archived at Stripe, so nobody can pay it"
    if not seen.product_active:
        return f"the product of {seen.id} is archived at Stripe"
    if (seen.amount, seen.currency, seen.interval) != (price.amount, price.currency, price.interval):
        costs = Money(seen.amount, seen.currency).format() if seen.amount is not None else "no fixed amount"
        each = f" per {seen.interval}" if seen.interval else ""
        return f"{seen.id} costs {costs}{each} at Stripe, which is what buyers pay"
    if seen.product_name != product.name:
        return f"Stripe calls it {seen.product_name!r}"
    return ""
