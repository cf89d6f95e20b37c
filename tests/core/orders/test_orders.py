"""What an order is made of, and how it is kept from others while it is changed."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session, select

from core.catalog.products import Kind
from core.orders import orders
from core.orders.orders import LineDraft, Order, OrderLine
from core.shop import Shop
from tests import builders
from tests.core.orders.rows import DAY
from tests.core.orders.stored import behind, locking, placed

LATER = DAY + timedelta(days=1)


def draft(product: str, **more: Any) -> LineDraft:
    known = {
        "kind": Kind.DOWNLOAD, "name": product.title(), "quantity": 1, "unit_amount": 2900, "currency": "eur",
        "interval": None, "image": "", "stripe_price_id": None, **more,
    }  # fmt: skip
    return LineDraft(product_id=product, price_id=f"{product}-eur", **known)


def added(session: Session, cart: str = "cart_1", **more: Any) -> Order:
    known = {
        "browser_id": "br_1", "email": "nora@lindqvist.example", "currency": "eur", "livemode": True, "prefix": "PC",
        "now": DAY, **more,
    }  # fmt: skip
    return orders.add(session, cart_id=cart, **known)


def test_an_order_begins_with_nothing_and_gets_the_next_number(shop: Shop) -> None:
    with shop.transaction() as session:
        first, second = added(session), added(session, "cart_2")
        assert first.id.startswith("ord_")
        assert len(first.id) == 30
        assert (int(first.number.removeprefix("PC-")) + 1, second.number.partition("-")[0]) == (
            int(second.number.removeprefix("PC-")), "PC",
        )  # fmt: skip
        kept = {name: getattr(first, name) for name in ("cart_id", "browser_id", "email", "currency", "livemode")}
        assert kept == {
            "cart_id": "cart_1", "browser_id": "br_1", "email": "nora@lindqvist.example", "currency": "eur",
            "livemode": True,
        }  # fmt: skip
        assert (first.amount_expected, first.status, first.created_at, first.updated_at) == (0, "pending", DAY, DAY)
        assert session.exec(select(Order.id).where(Order.cart_id == "cart_2")).one() == second.id


def test_the_lines_of_an_order_are_those_that_it_was_given_last(shop: Shop) -> None:
    with shop.transaction() as session:
        order, another = added(session), added(session, "cart_2")
        theirs = orders.write_lines(session, another, [draft("kit")], instead_of=[], now=DAY)
        older = orders.write_lines(session, order, [draft("kit")], instead_of=[], now=DAY)
        drafts = [draft("kit", unit_amount=7900, quantity=3), draft("guide"), draft("clinic")]
        written = orders.write_lines(session, order, drafts, instead_of=older, now=LATER)
        assert orders.lines(session, order.id) == written
        assert [orders.draft_of(line) for line in written] == drafts
        assert [(line.position, line.order_id, line.id[:3]) for line in written] == [
            (position, order.id, "ol_") for position in range(3)
        ]
        assert (orders.total_of(drafts), order.amount_expected) == (29500, 29500)
        assert (order.created_at, order.updated_at) == (DAY, LATER)
        assert orders.lines(session, another.id) == theirs
        written[0].position, written[2].position = 2, 0
        session.flush()
        assert [line.product_id for line in orders.lines(session, order.id)] == ["clinic", "guide", "kit"]
    assert {line.product_id for line in builders.rows(shop, OrderLine)} == {"kit", "guide", "clinic"}


def test_of_several_orders_those_that_there_are_are_locked_in_the_order_of_their_ids(shop: Shop) -> None:
    with shop.transaction() as session:
        for name in ("ord_3", "ord_1", "ord_4", "ord_2"):
            added(session, f"cart_{name}").id = name
            session.flush()
        with locking(session) as locked:
            found = orders.lock_all(session, ["ord_4", "ord_9", "ord_1", "ord_3"])
        assert ([*found], [order.id for order in found.values()]) == (["ord_1", "ord_3", "ord_4"],) * 2
        assert (orders.lock_all(session, []), locked) == ({}, ["orders"])


def test_an_order_is_locked_and_read_as_it_is_now(shop: Shop) -> None:
    order_id, another = placed(shop), placed(shop, "cart_2")
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        behind(session, Order, attention="looked at")
        with locking(session) as locked:
            assert orders.lock(session, order_id) is order
            assert orders.lock(session, "ord_9") is None
        assert (order.attention, locked) == ("looked at", ["orders", "orders"])
        assert orders.lock(session, another) is not order


def test_the_order_of_a_cart_is_locked_and_read_as_it_is_now(shop: Shop) -> None:
    order_id = placed(shop)
    placed(shop, "cart_2")
    with shop.transaction() as session:
        order = session.get_one(Order, order_id)
        behind(session, Order, attention="looked at")
        with locking(session) as locked:
            assert orders.lock_cart(session, "cart_1") is order
        assert (order.attention, locked) == ("looked at", ["orders"])
        assert orders.lock_cart(session, "cart_3") is None
