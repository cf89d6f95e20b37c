"""Prices on the shelves. An amount is never edited: another amount is another price, and the old one is archived, at Stripe too."""

from collections.abc import Collection
from datetime import datetime
from itertools import chain, count

from sqlmodel import Session, col, select, update

from core.catalog import plan_prices
from core.catalog.catalog_file import PriceEntry
from core.catalog.products import Price
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job


def bring(session: Session, product_id: str, entries: list[PriceEntry], *, now: datetime) -> None:
    """Have a product sold at these prices and no others.

    Where one has another amount than the price of its id, a price of its own is made: `guide-eur-2` after `guide-eur`. The same
    entries again find it again.
    """
    before = on_sale(session, product_id)
    session.exec(update(Price).where(col(Price.product_id) == product_id).values(active=False))
    named = [entry.id for entry in entries]
    for position, entry in enumerate(entries):
        row_id = free_id(session, product_id, entry, besides=named)
        at_stripe = _at_stripe(session, entry, row_id)
        _put(session, product_id, entry, row_id, position, stripe_price_id=at_stripe, now=now)
        for old in before:
            if _is_of(entry.id, old.id) and old.id != row_id and (old.id == entry.id or old.id not in named):
                archive(session, old, successor=row_id)


def on_sale(session: Session, product_id: str) -> list[Price]:
    """The prices at which a product is sold, in their order."""
    query = select(Price).where(Price.product_id == product_id, col(Price.active))
    return list(session.exec(query.order_by(col(Price.position), Price.id)))


def add(session: Session, product_id: str, entry: PriceEntry, *, position: int, now: datetime) -> str:
    """Have a product sold at this price as well; its id, which is another one if that of the entry is taken."""
    row_id = free_id(session, product_id, entry)
    _put(session, product_id, entry, row_id, position, stripe_price_id=None, now=now)
    return row_id


def make_known(session: Session, product_id: str, *, now: datetime) -> None:
    """Owe the job that has Stripe know a plan's prices, and its portal switch between them."""
    outbox.owe(session, Job.PLAN_PRICES, product_id, key=f"{product_id}:{outbox.stamp(now)}")


def archive(session: Session, price: Price, *, successor: str = "") -> None:
    """Sell at this price no more, and owe the job that archives it at Stripe if it is known there. With a `successor` that one
    is made known there instead; a plan's is by a job of its own."""
    price.active = False
    session.add(price)
    session.flush()
    if price.stripe_price_id or plan_prices.is_known(session, price.id):
        outbox.owe(
            session, Job.ARCHIVE_PRICE, price.id, successor, key=f"{price.id}:{price.stripe_price_id}:{successor}"
        )


def free_id(session: Session, product_id: str, entry: PriceEntry, *, besides: Collection[str] = ()) -> str:
    """The id under which this price stands, or will: its own, or its own with a number if that is of another amount."""
    terms = (product_id, entry.amount, entry.currency, entry.interval)
    numbered = (f"{entry.id}-{number}" for number in count(2))
    return next(
        candidate
        for candidate in chain([entry.id], (each for each in numbered if each not in besides))
        if (row := session.get(Price, candidate, populate_existing=True)) is None
        or (row.product_id, row.amount, row.currency, row.interval) == terms
    )


def _at_stripe(session: Session, entry: PriceEntry, row_id: str) -> str | None:
    """Which of Stripe's prices this one is: as the entry says. In place of another amount it is never the one of that, which
    charges what it always did, but the one that was made for it since."""
    named = session.get(Price, entry.id)
    if row_id == entry.id or named is None or entry.stripe_price_id not in (None, named.stripe_price_id):
        return entry.stripe_price_id
    known = session.get(Price, row_id)
    return known.stripe_price_id if known else None


def _is_of(name: str, price_id: str) -> bool:
    """Whether a price is the one of this name, or one that came to be in its place."""
    rest = price_id.removeprefix(name)
    return price_id.startswith(name) and (not rest or (rest[0] == "-" and rest[1:].isdecimal()))


def _put(
    session: Session, product_id: str, entry: PriceEntry, row_id: str, position: int, *,
    stripe_price_id: str | None, now: datetime,
) -> None:  # fmt: skip
    row = Price(
        id=row_id, product_id=product_id, amount=entry.amount, currency=entry.currency, interval=entry.interval,
        stripe_price_id=stripe_price_id, lookup_key=row_id, tax_behavior=entry.tax_behavior, position=position, active=True,
        minimum=entry.minimum, sale_amount=entry.sale.amount if entry.sale else None,
        sale_until=entry.sale.ends(now) if entry.sale else None,
    )  # fmt: skip
    session.merge(row)
    session.flush()
