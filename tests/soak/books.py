"""The books: both sides as they stand, read once, so that the audit compares and asks nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlmodel import select

from core.catalog.products import Kind
from core.foundation.jobs import outbox
from core.kinds import deliverables, offers
from core.orders.disputes import Dispute
from core.owner import reports
from core.owner.needs import attention
from core.owner.needs.items import Item
from core.shop import Shop
from tests.journeys.stand import Stand
from tests.soak import stripe_side
from tests.soak.aftermath import Deed
from tests.soak.stripe_side import StripeSide

EVERYTHING = 10**7
WORKSHOPS = {"clinic": 12, "lecture": 10_000}

Row = dict[str, Any]


@dataclass
class Books:
    """Stripe's side, the letters that came, and the shop's side: `orders` as it prints them, with their disputes.

    `left` are the places that are free, `events` those that are not done with, and `deeds` what owners did without Stripe.
    """

    stripe: StripeSide
    letters: list[Row] = field(default_factory=list)
    orders: dict[str, Row] = field(default_factory=dict)
    keys: list[tuple[str, str]] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    attention: list[Item] = field(default_factory=list)
    deeds: dict[str, Deed] = field(default_factory=dict)


def read(stand: Stand, shop: Shop, deeds: dict[str, Deed]) -> Books:
    """Both sides as they stand now."""
    with shop.reading() as session:
        ids = [order["id"] for order in reports.order_list(session, limit=EVERYTHING)]
        orders = {order_id: {**reports.order_detail(session, order_id), "disputes": {}} for order_id in ids}
        for row in session.exec(select(Dispute)):
            orders[row.order_id]["disputes"][row.id] = (row.status, row.amount)
        shelf = offers.of_products(session, list(WORKSHOPS), now=shop.now())
        unfinished = [
            event
            for state in ("failed", "parked")
            for event in reports.event_list(session, state=state, limit=EVERYTHING)
        ]
    return Books(
        stripe=stripe_side.read(stand),
        letters=httpx.get(f"{stand.sandbox_url}/inbox.json", timeout=60).json(),
        orders=orders,
        keys=list(_keys(shop, orders)),
        left={offer.id: offer.left or 0 for offer in shelf},
        events=unfinished,
        # A crowd of which so many pay by cards that are declined looks like somebody who tries out stolen ones.
        attention=[item for item in attention.items(shop) if item.topic != "card_testing"],
        deeds=deeds,
    )


def _keys(shop: Shop, orders: dict[str, Row]) -> Iterator[tuple[str, str]]:
    """The number of each order with a licence in use, and its key."""
    in_use = ("license", "active")
    licensed = [
        order for order in orders.values() if in_use in {(grant["kind"], grant["state"]) for grant in order["grants"]}
    ]
    with shop.reading() as session:
        for order in licensed:
            for each in deliverables.deliveries(session, order["id"], signing_key=shop.signing_key):
                if each.kind is Kind.LICENSE:
                    # Without any it is named as missing.
                    yield from ((order["number"], text) for text in [key.key for key in each.licenses] or [""])


def jobs_left(shop: Shop) -> bool:
    """Whether jobs wait or are being done."""
    waiting = ["ENQUEUED", "PENDING", "DELAYED"]
    return bool(outbox.open_client(shop.engine).list_workflows(status=waiting, limit=1))
