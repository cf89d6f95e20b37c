"""The list of orders: everything that may be asked for, leafed to its end and back, each order once."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from core.foundation.money import Money
from core.journeys import refund, revocation
from core.orders.orders import Order
from core.orders.status import Handed, Status
from core.owner.order_book import filters, listing
from core.owner.order_book.filters import Filters, Mode, Sort
from core.owner.order_book.listing import OrderPage
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe


@pytest.fixture
def sold(shop: Shop, stripe: FakeStripe, clock: Clock) -> dict[str, str]:
    """Orders in several states, a minute apart; their ids by what they are."""
    found = {}
    for number, name in enumerate(("paid", "refunded", "partly", "revoked", "open")):
        prices = ("guide-eur", "kit-eur") if name == "partly" else ("guide-eur",)
        if name == "open":
            found[name] = builders.opened(shop, "kit-eur", cart=f"cart_{number}")[0]
        else:
            found[name] = builders.bought(shop, stripe, *prices, cart=f"cart_{number}")
        clock.pass_(minutes=1)
    refund.request(shop, found["refunded"], actor="owner")
    refund.request(shop, found["partly"], 100, actor="owner")
    revocation.revoke(shop, found["revoked"], reason="shared", actor="owner")
    with shop.transaction() as session:
        order = session.exec(select(Order).where(Order.id == found["paid"])).one()
        order.country, order.name = "DK", "Ada King"
    return found


def listed(shop: Shop, **said: str) -> OrderPage:
    with shop.reading() as session:
        return listing.page(session, filters.read(said), shop.settings.zone, livemode=shop.settings.livemode)


def names(sold: dict[str, str], page: OrderPage) -> list[str]:
    by_id = {order_id: name for name, order_id in sold.items()}
    return [by_id[row.id] for row in page.rows]


# What is asked for, and which orders are found by it.
ASKED: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["open", "revoked", "partly", "refunded", "paid"]),
    ({"sort": "oldest"}, ["paid", "refunded", "partly", "revoked", "open"]),
    ({"status": "refunded,partially_refunded"}, ["partly", "refunded"]),
    ({"status": "pending"}, ["open"]),
    ({"ids": "ord_none,<b>"}, []),
    ({"handed": "delivered"}, ["partly", "paid"]),
    ({"handed": "ended"}, ["revoked", "refunded"]),
    ({"handed": "nothing"}, ["open"]),
    ({"handed": "missing"}, []),
    ({"handed": "on_hold"}, []),
    ({"country": "dk"}, ["paid"]),
    ({"currency": "EUR"}, ["open", "revoked", "partly", "refunded", "paid"]),
    ({"currency": "usd"}, []),
    ({"product": "kit"}, ["open", "partly"]),
    ({"product": "kit", "status": "pending"}, ["open"]),
    ({"product": "kit", "sort": "oldest"}, ["partly", "open"]),
    ({"text": "ada k"}, ["paid"]),
    ({"text": "Nora"}, ["revoked", "partly", "refunded", "paid"]),
    ({"text": "nora@lindqvist.example"}, ["revoked", "partly", "refunded", "paid"]),
    ({"text": "nobody"}, []),
    ({"text": "100%_"}, []),
    ({"since": "2026-11-23", "until": "2026-11-23"}, ["open", "revoked", "partly", "refunded", "paid"]),
    ({"until": "2026-11-22"}, []),
    ({"since": "2026-11-24"}, []),
    ({"mode": "other"}, []),
]


def test_orders_are_found_by_what_is_asked_for(shop: Shop, sold: dict[str, str]) -> None:
    for said, found in ASKED:
        assert names(sold, listed(shop, **said)) == found, said


def test_what_is_withheld_is_found(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    dispute = stripe.dispute(builders.payment_of(shop, order_id))
    builders.deliver(shop, stripe.tell("charge.dispute.created", dispute))
    assert [row.handed for row in listed(shop, handed="on_hold").rows] == [Handed.ON_HOLD]
    assert listed(shop, handed="delivered").rows == ()


def test_orders_are_listed_by_name(shop: Shop, sold: dict[str, str]) -> None:
    page = listed(shop, ids=f"{sold['paid']},{sold['open']},{sold['paid']}")
    assert names(sold, page) == ["open", "paid"]
    assert len(filters.read({"ids": ",".join(f"ord_{number}" for number in range(500))}).ids) == filters.MOST_IDS


def test_trials_of_a_live_shop_are_hidden_until_asked_for(shop: Shop, sold: dict[str, str]) -> None:
    live = builders.live(shop)
    assert listed(live).rows == ()
    assert len(listed(live, mode="other").rows) == len(sold)


def test_a_row_says_what_a_list_needs(shop: Shop, sold: dict[str, str]) -> None:
    row = next(row for row in listed(shop).rows if row.id == sold["partly"])
    assert row.products == ("Field Guide", "Template Kit")
    assert (row.status, row.handed) == (Status.PARTIALLY_REFUNDED, Handed.DELIVERED)
    assert (row.total, row.refunded) == (Money(10800, "eur"), Money(100, "eur"))
    assert not row.livemode


@pytest.mark.parametrize("said", [{}, {"sort": "oldest"}, {"product": "guide"}])
def test_leafing_shows_each_order_once_to_the_end_and_back(
    shop: Shop, stripe: FakeStripe, said: dict[str, str], clock: Clock
) -> None:
    for number in range(7):
        # Two at a time were placed at the same instant.
        builders.opened(shop, "guide-eur", cart=f"cart_{number}")
        clock.pass_(minutes=number % 2)
    wanted, live = filters.read(said), shop.settings.livemode
    with shop.reading() as session:
        everything = [row.id for row in listing.page(session, wanted, shop.settings.zone, livemode=live).rows]
        page = listing.page(session, wanted, shop.settings.zone, livemode=live, size=3)
        assert page.before == ""
        pages = [page]
        while page.after:
            page = listing.page(session, wanted, shop.settings.zone, livemode=live, size=3, after=page.after)
            pages.append(page)
        assert [row.id for each in pages for row in each.rows] == everything
        assert [len(each.rows) for each in pages] == [3, 3, 1]
        back = listing.page(session, wanted, shop.settings.zone, livemode=live, size=3, before=page.before)
        assert back.rows == pages[1].rows
        first = listing.page(session, wanted, shop.settings.zone, livemode=live, size=3, before=back.before)
        assert (first.rows, first.before) == (pages[0].rows, "")


def test_a_page_that_nothing_is_left_of_begins_at_the_beginning(shop: Shop, sold: dict[str, str]) -> None:
    with shop.reading() as session:
        for place in ({"after": sold["paid"]}, {"before": sold["open"]}):
            page = listing.page(session, filters.read({}), shop.settings.zone, livemode=shop.settings.livemode, **place)
            assert (names(sold, page), page.before) == (["open", "revoked", "partly", "refunded", "paid"], "")


def test_an_order_that_nobody_knows_begins_at_the_beginning(shop: Shop, sold: dict[str, str]) -> None:
    with shop.reading() as session:
        for name in ("ord_of_nobody", "ord_\0", "\0", "x" * 5000):
            page = listing.page(session, Filters(), shop.settings.zone, livemode=False, after=name)
            assert names(sold, page)[0] == "open"


@pytest.mark.parametrize(
    "said",
    [
        {"status": "paid-ish,;drop table orders", "handed": "x", "country": "D1", "currency": "euros", "since": "now"},
        {"until": "2026-13-99", "mode": "both", "sort": "amount"},
        {"text": "   "},
        {"text": "\0", "product": "\0"},
        {"since": "0001-01-01", "until": "9999-12-31"},
        {"unknown": "1"},
    ],
)
def test_nonsense_in_an_address_counts_as_not_said(said: dict[str, str]) -> None:
    assert filters.read(said) == Filters()
    assert not filters.read(said).narrow


def test_filters_survive_an_address() -> None:
    said = {
        "text": "Ada & Co", "status": "fulfilled,refunded", "handed": "missing", "country": "DK", "currency": "eur",
        "product": "guide", "since": "2026-11-01", "until": "2026-11-30", "mode": "other", "sort": "oldest",
    }  # fmt: skip
    wanted = filters.read(said)
    assert wanted.query() == said
    assert (wanted.mode, wanted.sort) == (Mode.OTHER, Sort.OLDEST)
    assert wanted.until is not None
    assert wanted.until - timedelta(days=29) == wanted.since


def test_overlong_words_are_cut() -> None:
    assert len(filters.read({"text": "x" * 5000}).text) == 100


def test_days_are_those_of_the_zone_that_is_asked_for(shop: Shop, stripe: FakeStripe) -> None:
    builders.bought(shop, stripe)
    placed = shop.now()
    for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"):
        zone = ZoneInfo(name)
        day = placed.astimezone(zone).date()
        for offset in (-1, 0, 1):
            said = (day + timedelta(days=offset)).isoformat()
            with shop.reading() as session:
                wanted = filters.read({"since": said, "until": said})
                found = listing.page(session, wanted, zone, livemode=shop.settings.livemode)
            assert len(found.rows) == (offset == 0)
