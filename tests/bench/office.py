"""Times what each page of the owner's side asks of the database, as a script: `python -P tests/bench/office.py PLAN.json`.

All that a page asks is timed together, with what every page of that side asks before it. With a `seed` in the plan it fills the
database instead, and sums the days that are over as the worker does. Prints the median of each page in milliseconds, as JSON.
"""

import json
import runpy
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from core import tables  # noqa: F401
from core.catalog import products
from core.foundation import database
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.owner import setting_up
from core.owner.accounting import payout_list, tax_days
from core.owner.figures import closing, overview, received, rows, sums
from core.owner.figures.days import Days, day_of
from core.owner.figures.definitions import Figure
from core.owner.needs import set_aside
from core.owner.order_book import detail, filters, listing, lookup, views
from core.owner.shelves import listing as shelf_listing
from core.people import audit, staff
from core.registers import (
    customers,
    disputes,
    events,
    letters,
    licenses,
    machinery,
    refunds,
    subscriptions,
    webhooks,
    withdrawals,
    workshops,
)
from core.registers.paging import Place
from core.shop import Shop
from tests.bench.reads import milliseconds
from tests.fakes import FakeStripe

# When the first order of a seed was placed, and how long after it the second.
_BEGAN, _STEP = datetime(2025, 1, 1, 10, tzinfo=UTC), timedelta(seconds=30)
_TOP = Place()


def main(plan: dict[str, Any]) -> dict[str, float]:
    """Fill or read the database of this plan."""
    engine = database.connect(plan["database_url"])
    settings = Settings(
        database_url=plan["database_url"], storage_url=plan["storage_url"], secret_key=plan["secret_key"]
    )
    # On the evening of the last order: else all figures would be of days on which nothing happened.
    now = _BEGAN + _STEP * plan["orders"] + timedelta(hours=3)
    shop = Shop(settings, engine, FakeStripe(), Storage(settings.storage_url), lambda: now)
    if plan["seed"]:
        runpy.run_path(plan["seed"])["seed"](engine, plan["orders"])
        closing.keep_all(shop)
        database.keep_statistics(engine)
        return {}
    return {name: milliseconds(shop, page) for name, page in PAGES.items()}


def _days(shop: Shop, count: int) -> Days:
    today = day_of(shop.now(), shop.settings.zone)
    return Days(today - timedelta(days=count - 1), today, shop.settings.zone)


def _frame(shop: Shop) -> None:
    """What every page of the owner's side asks."""
    set_aside.needs(shop)


def _overview(count: int) -> Callable[[Shop], None]:
    def page(shop: Shop) -> None:
        _frame(shop)
        with shop.reading() as session:
            overview.of_days(session, _days(shop, count), livemode=False, now=shop.now())
            listing.newest(session, livemode=False, size=6)
            products.names(session)
        setting_up.steps(shop)

    return page


def _orders(**said: str) -> Callable[[Shop], None]:
    def page(shop: Shop) -> None:
        _frame(shop)
        with shop.reading() as session:
            listing.page(session, filters.read(said), shop.settings.zone, livemode=False)
            products.names(session)
            views.of(session, "owner@example.com")

    return page


def _order(shop: Shop) -> None:
    _frame(shop)
    with shop.reading() as session:
        found = lookup.exactly(session, "SEED-77")
    detail.sheet(shop, found or "")


def _figure(shop: Shop) -> None:
    _frame(shop)
    with shop.reading() as session:
        rows.of_figure(session, Figure.NET, _days(shop, 30), livemode=False, now=shop.now(), currency="eur")


def _money(shop: Shop) -> None:
    _frame(shop)
    days = _days(shop, 30)
    with shop.reading() as session:
        received.of_days(session, days, sums.ask(session, days.zone, livemode=False))
        tax_days.of_days(session, days, sums.ask(session, days.zone, livemode=False))
        payout_list.page(session, days.first, days.last, livemode=False, after="")


def _list(page: Callable[[Any, Shop], object]) -> Callable[[Shop], None]:
    """A page that is one list."""

    def whole(shop: Shop) -> None:
        _frame(shop)
        with shop.reading() as session:
            page(session, shop)

    return whole


def _health(shop: Shop) -> None:
    _frame(shop)
    with shop.reading() as session:
        events.page(session, "", place=_TOP)
        events.waiting(session)
    machinery.look(shop)


def _customer(shop: Shop) -> None:
    _frame(shop)
    customers.sheet(shop, "cus_77")


def _licenses(shop: Shop) -> None:
    _frame(shop)
    licenses.page(shop, "", "", place=_TOP)


def _products(session: Any, shop: Shop) -> object:
    return shelf_listing.rows(session, livemode=False, zone=shop.settings.zone, now=shop.now())


def _staff(shop: Shop) -> None:
    _frame(shop)
    with shop.reading() as session:
        staff.listed(session, owners=shop.settings.owners)
        audit.newest(session, limit=50)


PAGES: dict[str, Callable[[Shop], None]] = {
    "overview of 30 days": _overview(30),
    "overview of a year": _overview(365),
    "orders": _orders(),
    "orders of two states": _orders(status="refunded,fulfilled"),
    "orders of somebody": _orders(text="buyer77"),
    "orders of a product": _orders(product="guide"),
    "orders of old": _orders(sort="oldest", since=date(2025, 1, 2).isoformat()),
    "one order": _order,
    "the rows of a figure": _figure,
    "money": _money,
    "refunds": _list(lambda session, shop: refunds.page(session, "", livemode=False, now=shop.now(), place=_TOP)),
    "disputes": _list(lambda session, _: disputes.page(session, "", livemode=False, place=_TOP)),
    "subscriptions": _list(lambda session, _: subscriptions.page(session, "", livemode=False, place=_TOP)),
    "renewals": _list(
        lambda session, shop: subscriptions.renewals(session, livemode=False, now=shop.now(), place=_TOP)
    ),
    "customers": _list(lambda session, _: customers.page(session, "", livemode=False, place=_TOP)),
    "one customer": _customer,
    "licences": _licenses,
    "products": _list(_products),
    "workshops": _list(lambda session, shop: workshops.page(session, past=False, now=shop.now(), place=_TOP)),
    "withdrawals": _list(
        lambda session, shop: withdrawals.page(session, "", livemode=False, zone=shop.settings.zone, place=_TOP)
    ),
    "webhooks": _list(lambda session, _: (webhooks.listed(session), webhooks.page(session, place=_TOP))),
    "letters": _list(lambda session, _: letters.page(session, "", place=_TOP)),
    "health": _health,
    "staff": _staff,
}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(Path(sys.argv[1]).read_text()))))  # noqa: T201
